/**
 * What the kernels take on one thread for files whose debtors have CPFs, CPFs and CNPJs as a field says, or CNPJs alone:
 * the reading with every check and the packing into pages. `npm run bench:documents -- --lines 1000000 --passes 9`.
 *
 * The same made debts in each file, 2 % of them bad: of those whose CPF is right, two fifths, or all, have a CNPJ in its
 * place instead, drawn at random, every third with letters, with marks where the CPF had them. Before anything is timed
 * both kernels must give the same bytes. Passes take turns; told are medians of the processor time, and what share of
 * the default format's MB/s by the module on WebAssembly each reaches. Exit 1 where that is below what is asked of it.
 */
import { createHash } from 'node:crypto';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { cnpjOf } from '../src/cli/fixture/cnpj.ts';
import { Draws } from '../src/cli/fixture/random.ts';
import { FIXTURE_DEFAULTS, profileBlocks } from '../src/cli/fixture.ts';
import { assert } from '../src/core/assert.ts';
import { builtKernel } from '../src/engine/kernelModule.ts';
import { readProfile } from '../src/engine/profiles.ts';
import { DOCUMENT } from '../src/kernel/columns.ts';
import { checkCpf } from '../src/kernel/fields.ts';
import { readOpening } from '../src/kernel/opening.ts';
import type { RecordPlan } from '../src/kernel/plan.ts';
import { defaultProfile } from '../src/kernel/profile.ts';
import { RecordSplitter } from '../src/kernel/records.ts';
import { createKernelEngine, type KernelEngine, plainEngine } from '../src/kernel/wasm/engine.ts';
import { AS_OF } from './input.ts';
import { medianOf } from './statistics.ts';

const CHUNK_BYTES = 4 << 20;
const RECORD_BYTES_MAX = 256 * 1024;
const PAGE_BYTES = 64 * 1024;
const SHARDS = 16;
const FIELDS = 10;
/** Of the default format's MB/s. */
const SHARE_MIN = 0.7;

interface Kind {
  readonly name: string;
  readonly json: string;
  /** Of the records whose CPF is right. */
  readonly cnpjShare: number;
  readonly saysKind: boolean;
}

const WORDS = { cpf: ['F'], cnpj: ['J'] };
const columns = (document: string) => Object.fromEntries(headerOf(document, false).map((name) => [name, {}] as const));
const KINDS: readonly Kind[] = [
  { name: 'CPF (default)', json: JSON.stringify({ format: 1 }), cnpjShare: 0, saysKind: false },
  {
    name: 'CPF and CNPJ',
    json: JSON.stringify({ format: 1, document: { kindFrom: WORDS }, columns: columns('document') }),
    cnpjShare: 0.4,
    saysKind: true,
  },
  {
    name: 'CNPJ',
    json: JSON.stringify({ format: 1, document: { kind: 'cnpj' }, columns: columns('cnpj') }),
    cnpjShare: 1,
    saysKind: false,
  },
];

interface Subject {
  readonly name: string;
  readonly bytes: Buffer;
  readonly start: number;
  readonly plan: RecordPlan;
}

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '1000000' }, passes: { type: 'string', default: '9' } },
});
const [lines, passes] = [Number(values.lines), Number(values.passes)];
if (![lines, passes].every((number) => Number.isInteger(number) && number > 0)) {
  process.stderr.write('bench:documents: --lines and --passes take whole numbers above zero\n');
  process.exit(2);
}
process.exitCode = await measure();

async function measure(): Promise<number> {
  const bounds = { inputBytes: CHUNK_BYTES, pagesBytes: 8 << 20, shards: 64, recordBytes: RECORD_BYTES_MAX };
  const wasm = createKernelEngine((await builtKernel()).module, bounds);
  const plain = plainEngine();
  const made = madeLines();
  const runs: { subject: Subject; engine: KernelEngine; seconds: number[] }[] = [];
  for (const kind of KINDS) {
    const subject = await subjectOf(kind, made);
    const outputs = [plain, wasm].map((engine) => digestOf(subject, engine));
    assert(outputs[0] === outputs[1], `${kind.name}: both kernels give the same bytes`);
    for (const engine of [plain, wasm]) runs.push({ subject, engine, seconds: [] });
  }
  for (let pass = 0; pass < passes; pass++) {
    for (const { subject, engine, seconds } of pass % 2 === 0 ? runs : [...runs].reverse()) {
      const before = process.cpuUsage();
      readAll(subject, engine);
      const { user, system } = process.cpuUsage(before);
      seconds.push((user + system) / 1e6);
    }
  }
  const rates = runs.map(({ subject, seconds }) => subject.bytes.length / 1e6 / medianOf(seconds));
  const base = rates[1] as number;
  process.stdout.write('documents        kernel        MB      MB/s  of the default\n');
  for (const [index, { subject, engine }] of runs.entries()) {
    const rate = rates[index] as number;
    const numbers = [subject.bytes.length / 1e6, rate].map((number) => number.toFixed(0).padStart(10)).join('');
    const share = `${((rate / base) * 100).toFixed(0)} %`.padStart(16);
    process.stdout.write(`${subject.name.padEnd(17)}${engine.kind.padEnd(6)}${numbers}${share}\n`);
  }
  const least = Math.min(...rates.filter((_, index) => index % 2 === 1)) / base;
  return least >= SHARE_MIN ? 0 : 1;
}

function headerOf(document: string, saysKind: boolean): string[] {
  const names = ['external_ref', 'debtor_name', document, 'amount', 'due_date'];
  const optional = ['debtor_email', 'debtor_phone', 'creditor_name', 'account_type', 'installment'];
  return [...names, ...optional, ...(saysKind ? ['document_kind'] : [])];
}

/** The records of the default format's file, its header left out. */
function madeLines(): Buffer<ArrayBuffer> {
  const options = { ...FIXTURE_DEFAULTS, lines, seed: 5, asOf: AS_OF };
  const blocks = [...profileBlocks(options, defaultProfile(), { quoteAll: false, crlf: false })];
  const file = Buffer.concat(blocks.map((block) => block.file));
  assert(file.subarray(0, file.indexOf(0x0a)).toString() === headerOf('cpf', false).join(','), 'the default header');
  return file.subarray(file.indexOf(0x0a) + 1);
}

async function subjectOf(kind: Kind, made: Buffer<ArrayBuffer>): Promise<Subject> {
  const { compiled } = await readProfile(kind.json);
  const document = compiled.reading?.document;
  const name = document === undefined ? 'cpf' : document.kind === 'by field' ? 'document' : document.kind;
  const parts = [Buffer.from(`${headerOf(name, kind.saysKind).join(',')}\n`)];
  const splitter = new RecordSplitter(compiled.dialect, FIELDS);
  const draws = new Draws();
  for (let at = 0, index = 0; at < made.length; index++) {
    const end = splitter.split(made, at, made.length, true);
    draws.start(7, index);
    parts.push(...recordOf(kind, made, at, end, splitter, draws));
    at = end;
  }
  const bytes = Buffer.concat(parts);
  const opening = readOpening(bytes, 4096, false, compiled);
  assert(opening.kind === 'header', 'a made file begins well');
  const { dialect, reading } = compiled;
  const plan: RecordPlan = {
    dialect,
    fields: opening.fields,
    recordBytesMax: RECORD_BYTES_MAX,
    shards: SHARDS,
    hashSeed: 1,
    ...(reading === undefined ? {} : { reading }),
  };
  return { name: kind.name, bytes, start: opening.end, plan };
}

function recordOf(
  kind: Kind,
  made: Buffer<ArrayBuffer>,
  at: number,
  end: number,
  { starts, ends, fault }: RecordSplitter,
  draws: Draws,
): Buffer<ArrayBuffer>[] {
  const [from, to] = [starts[DOCUMENT] as number, ends[DOCUMENT] as number];
  const isRight = fault === 0 && checkCpf(made, from, to) >= 0;
  const hasCnpj = isRight && draws.below(1000) < kind.cnpjShare * 1000;
  const before = hasCnpj ? made.subarray(at, from) : made.subarray(at, end - 1);
  const document = hasCnpj ? [Buffer.from(madeCnpj(draws, to - from === 14)), made.subarray(to, end - 1)] : [];
  return [before, ...document, Buffer.from(kind.saysKind ? (hasCnpj ? ',J\n' : ',F\n') : '\n')];
}

function madeCnpj(draws: Draws, marked: boolean): string {
  const digits = String(1 + draws.below(9999)).padStart(4, '0') + String(draws.below(10_000)).padStart(4, '0');
  const letters = String.fromCharCode(0x41 + draws.below(26), 0x41 + draws.below(26));
  const bare = cnpjOf(`${draws.below(3) === 0 ? letters + digits.slice(2) : digits}0001`);
  return marked ? bare.replace(/^(..)(...)(...)(....)(..)$/, '$1.$2.$3/$4-$5') : bare;
}

/** Reads a file chunk by chunk, what was left of one before the next, as workers do. */
function readAll({ bytes, start, plan }: Subject, engine: KernelEngine, take?: (part: Uint8Array) => void): string {
  const kernel = engine.range(plan, 2, start, PAGE_BYTES);
  const buffer = engine.buffer(CHUNK_BYTES);
  const drain = (): void => {
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) take?.(page.bytes);
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) take?.(block);
  };
  let filled = 0;
  for (let read = start; read < bytes.length; ) {
    const size = Math.min(CHUNK_BYTES - filled, bytes.length - read);
    buffer.set(bytes.subarray(read, read + size), filled);
    filled += size;
    read += size;
    const last = read === bytes.length;
    let at = 0;
    for (;;) {
      const to = kernel.feed(buffer, at, filled, last);
      const isDone = !kernel.full;
      drain();
      at = to;
      if (isDone) break;
    }
    buffer.copyWithin(0, at, filled);
    filled -= at;
  }
  kernel.flush();
  drain();
  return JSON.stringify(kernel.totals(), (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

function digestOf(subject: Subject, engine: KernelEngine): string {
  const hash = createHash('sha256');
  const totals = readAll(subject, engine, (part) => void hash.update(part));
  return `${hash.digest('hex')} ${totals}`;
}
