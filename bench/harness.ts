/**
 * Runs a plan: makes or takes the files, checks the outputs, then measures in rounds (A B C, C B A, A B C, …), so that
 * whatever disturbs the machine for a while disturbs every case alike.
 */
import type { Facts } from './facts.ts';
import { givenInput, type Input, madeInput } from './input.ts';
import { type BenchOptions, WrongUsage } from './options.ts';
import { type BenchPlan, labelOf, type Measurement } from './plan.ts';
import type { Sample } from './runCase.ts';
import { CaseFailed, takeSample } from './samples.ts';
import { verifiedFacts } from './verify.ts';

export interface Measured {
  readonly measurement: Measurement;
  readonly bytes: number;
  readonly records: number;
  readonly samples: readonly Sample[];
  /** Why it was not measured; only peers may fail. */
  readonly failed: string | undefined;
}

export interface BenchRun {
  readonly title: string;
  readonly measured: readonly Measured[];
}

/** Shorter passes are repeated within a run until they took so long. */
const MEASURE_MS = 500;

type Tell = (text: string) => void;

interface Subject {
  readonly measurement: Measurement;
  readonly path: string;
  readonly bytes: number;
  readonly truth: string | undefined;
  readonly facts: Partial<Facts>;
  readonly samples: Sample[];
  failed: string | undefined;
}

/** Throws `WrongOutput` where an output is wrong, `CaseFailed` where a case of ours cannot be measured. */
export async function runPlan(plan: BenchPlan, options: BenchOptions, tell: Tell): Promise<BenchRun> {
  const { title, subjects } = await prepare(plan, options, tell);
  for (let round = 0; round < options.runs; round++) {
    tell(`round ${round + 1} of ${options.runs}`);
    for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) await measure(subject, tell);
  }
  return {
    title,
    measured: subjects.map(({ measurement, bytes, facts, samples, failed }) => ({
      measurement,
      bytes,
      records: facts.records ?? 0,
      samples,
      failed,
    })),
  };
}

async function prepare(plan: BenchPlan, options: BenchOptions, tell: Tell) {
  const { file, lines, seed, threads } = options;
  if (file !== undefined && plan.measurements.some((one) => one.group === 'scaling')) {
    throw new WrongUsage('the scaling series needs made files of several sizes; --file is one');
  }
  const inputs = new Map<number, Input>();
  const checked = new Map<string, Partial<Facts>>();
  const subjects: Subject[] = [];
  for (const measurement of plan.measurements) {
    const count = Math.round(lines * measurement.share);
    const input = inputs.get(count) ?? (file === undefined ? await madeInput(count, seed) : givenInput(file));
    inputs.set(count, input);
    const { path, bytes, truth } = input[measurement.file];
    if (!checked.has(path)) {
      tell(`checking the output of a whole ingest of ${input.title} (${measurement.file})`);
      checked.set(path, await verifiedFacts(input[measurement.file], threads));
    }
    subjects.push({
      measurement,
      path,
      bytes,
      truth,
      facts: checked.get(path) ?? {},
      samples: [],
      failed: undefined,
    });
  }
  const whole = inputs.get(lines) ?? [...inputs.values()][0];
  return { title: whole?.title ?? '', subjects };
}

const OURS: ReadonlySet<string> = new Set(['scan', 'records', 'staging', 'ingest']);

async function measure(subject: Subject, tell: Tell): Promise<void> {
  if (subject.failed !== undefined) return;
  const { measurement, path, bytes, truth, facts } = subject;
  const { name, threads } = measurement;
  try {
    subject.samples.push(
      await takeSample({ name, threads, path, bytes, truth, facts, burn: 0, measureMs: MEASURE_MS }),
    );
  } catch (error) {
    if (!(error instanceof CaseFailed) || OURS.has(name)) throw error;
    subject.failed = error.message;
    tell(`${labelOf(measurement)} is not measured: ${error.message}`);
  }
}
