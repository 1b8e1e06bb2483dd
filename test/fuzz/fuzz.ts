/**
 * The fuzz harness: made inputs, thousands of them, against judges that know what is right.
 *
 * A target makes an input from a seed and judges it. Each input has a seed of its own, so a failure names the one input.
 * Inputs are data that JSON can hold (bytes as text of one character each): what failed once is kept as it was in
 * `corpus/TARGET.json` and tried first ever after, whatever becomes of the generator.
 *
 * Every target has plants: broken subjects in the place of the real one. The judge must find each (canary.test.ts), or
 * its silence about the real one says nothing.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../oracle/random.ts';

export interface Target<Input> {
  make(random: Random): Input;
  /** What is wrong with what became of it, or nothing. Whatever it throws is wrong as well. */
  judge(input: Input): string | undefined | Promise<string | undefined>;
  close?(): Promise<void>;
}

/** A target of any input: what it makes is all that it is given. */
export type AnyTarget = Target<unknown>;

export interface TargetSource {
  readonly name: string;
  /** The real subject, or the one that is planted under this name. */
  open(plant?: string): Promise<AnyTarget>;
  readonly plants: readonly string[];
}

/** A source whose inputs are of one type. */
export function targetSource<Input>(source: {
  readonly name: string;
  readonly plants: readonly string[];
  open(plant?: string): Promise<Target<Input>>;
}): TargetSource {
  return { ...source, open: async (plant) => (await source.open(plant)) as AnyTarget };
}

export interface Found {
  readonly input: unknown;
  readonly says: string;
  /** Of a made input; none for one of the corpus. */
  readonly seed?: number;
}

export interface Tried {
  readonly inputs: number;
  readonly found?: Found;
}

/** Tries inputs of the seeds `from`, `from + 1`, … until time or number is used up, or one is wrong. */
export async function fuzz(
  target: AnyTarget,
  bounds: { readonly from: number; readonly inputsMax?: number; readonly msMax?: number },
): Promise<Tried> {
  const { from, inputsMax = Number.POSITIVE_INFINITY, msMax = Number.POSITIVE_INFINITY } = bounds;
  const startedMs = performance.now();
  for (let inputs = 0; inputs < inputsMax; inputs++) {
    if (performance.now() - startedMs > msMax) return { inputs };
    const seed = (from + inputs) >>> 0;
    const input = made(target, seed);
    const says = await verdict(target, input);
    if (says !== undefined) return { inputs: inputs + 1, found: { input, says, seed } };
  }
  return { inputs: inputsMax };
}

function made(target: AnyTarget, seed: number): unknown {
  try {
    return target.make(new Random(seed));
  } catch (error) {
    throw new Error(`a bug of the generator, seed ${seed}`, { cause: error });
  }
}

/** Tries what failed once. */
export async function retry(target: AnyTarget, inputs: readonly unknown[]): Promise<Tried> {
  for (const [at, input] of inputs.entries()) {
    const says = await verdict(target, input);
    if (says !== undefined) return { inputs: at + 1, found: { input, says } };
  }
  return { inputs: inputs.length };
}

async function verdict(target: AnyTarget, input: unknown): Promise<string | undefined> {
  try {
    return await target.judge(input);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

const CORPUS = join(import.meta.dirname, 'corpus');

interface Kept {
  /** What it found. */
  readonly found: string;
  readonly input: unknown;
}

export function corpusOf(name: string): readonly Kept[] {
  const file = join(CORPUS, `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept[]) : [];
}

/** Adds a failing input to what is tried first; answers the file. */
export function keep(name: string, { input, says }: Found): string {
  const file = join(CORPUS, `${name}.json`);
  const kept = [...corpusOf(name), { found: says.split('\n', 1)[0]?.slice(0, 300) ?? '', input }];
  writeFileSync(file, `${JSON.stringify(kept, null, 1)}\n`);
  return file;
}

/** The seed that is set, or another one every time. */
export function freshSeed(): number {
  const set = process.env['REMESSA_FUZZ_SEED'];
  return set === undefined || set === '' ? Math.floor(Math.random() * 2 ** 31) : Number(set) >>> 0;
}
