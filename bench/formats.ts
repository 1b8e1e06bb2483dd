/**
 * What each kind of file takes on one thread: the scan, and the reading with every check and the packing into pages. Made files in
 * memory, 2 % of their records bad; what comes out is checked against their truth before anything is timed.
 * `npm run bench:formats -- --lines 300000 --passes 9`.
 *
 * Passes of all kinds take turns; told is the median of the processor time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { FIXTURE_DEFAULTS, profileBlocks } from '../src/cli/fixture.ts';
import { assert } from '../src/core/assert.ts';
import { readProfile } from '../src/engine/profiles.ts';
import { createFold } from '../src/kernel/formats/folds.ts';
import { lookAheadBytes, scanLinePiece } from '../src/kernel/formats/lineScan.ts';
import { RangeKernel } from '../src/kernel/kernel.ts';
import { readOpening } from '../src/kernel/opening.ts';
import type { RecordPlan } from '../src/kernel/plan.ts';
import type { CompiledProfile } from '../src/kernel/profile.ts';
import { scanPiece } from '../src/kernel/scan.ts';
import type { SplitPlan } from '../src/kernel/split.ts';

const PIECE_BYTES = 8 * 1024 * 1024;
const RECORD_BYTES_MAX = 256 * 1024;
const PAGE_BYTES = 64 * 1024;
const SHARDS = 4;
const AS_OF = '2026-08-03';
const PROFILES = join(import.meta.dirname, '../fixtures/profiles');
const MEBIBYTE = 1024 * 1024;
/** Rules of registering, which the kernel does not know. */
const RULES = ['DUE_DATE_NOT_PAST', 'DEBT_PRESCRIBED'];
/** The default format, read by the plain kernel too, is what the others are held against. */
const KINDS = ['default', 'json-lines', 'largura-fixa', 'cnab-240', 'cnab-400-itau', 'cnab-400-bradesco'];

interface Subject {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly records: number;
  readonly scan: () => SplitPlan;
  readonly read: () => { readonly records: number; readonly rejected: number; readonly cents: bigint };
}

const { values } = parseArgs({
  options: { lines: { type: 'string', default: '200000' }, passes: { type: 'string', default: '7' } },
});
const subjects: Subject[] = [];
for (const name of KINDS) subjects.push(await subjectOf(name, Number(values.lines)));
const times = subjects.map(() => ({ scan: [] as number[], read: [] as number[] }));
for (let pass = 0; pass < Number(values.passes); pass++) {
  for (const [index, subject] of subjects.entries()) {
    times[index]?.scan.push(cpuSeconds(subject.scan));
    times[index]?.read.push(cpuSeconds(subject.read));
  }
}
process.stdout.write('kind                 bytes/record   scan MiB/s   read MiB/s    records/s\n');
for (const [index, { name, bytes, records }] of subjects.entries()) {
  const { scan, read } = times[index] as { readonly scan: number[]; readonly read: number[] };
  const mebibytes = bytes.length / MEBIBYTE;
  const row = [bytes.length / records, mebibytes / median(scan), mebibytes / median(read), records / median(read)];
  process.stdout.write(`${name.padEnd(20)}${row.map((value) => String(Math.round(value)).padStart(13)).join('')}\n`);
}

async function subjectOf(name: string, lines: number): Promise<Subject> {
  const json = name === 'default' ? '{"format":1}' : readFileSync(join(PROFILES, `${name}.json`), 'utf8');
  const { compiled } = await readProfile(json);
  const options = { ...FIXTURE_DEFAULTS, lines, seed: 3, asOf: AS_OF };
  const blocks = [...profileBlocks(options, compiled, { quoteAll: false, crlf: true }, { truth: true })];
  const bytes = Uint8Array.from(Buffer.concat(blocks.map(({ file }) => file)));
  const truth = Buffer.concat(blocks.map(({ truth: rows }) => rows ?? new Uint8Array())).toString('utf8');
  const { plan, scan, start, firstLine } = splitOf(compiled, bytes);
  const read = () => readAll(plan, bytes, start, firstLine);
  check(name, truth, scan(), read());
  return { name, bytes, records: lines, scan, read };
}

function splitOf(profile: CompiledProfile, bytes: Uint8Array) {
  const opening = readOpening(bytes, bytes.length, true, profile);
  assert(opening.kind === 'header', 'a made file begins well');
  const { fields, format, end: start, nextLine: firstLine } = opening;
  const { dialect, reading } = profile;
  const plan: RecordPlan = {
    dialect,
    fields,
    recordBytesMax: RECORD_BYTES_MAX,
    shards: SHARDS,
    hashSeed: 1,
    ...(format === undefined ? {} : { format }),
    ...(reading === undefined ? {} : { reading }),
  };
  const scan = (): SplitPlan => {
    const fold = createFold({ start, firstLine, rangeBytes: PIECE_BYTES, recordBytesMax: RECORD_BYTES_MAX }, format);
    for (let from = start; from < bytes.length; from += PIECE_BYTES) {
      const to = Math.min(bytes.length, from + PIECE_BYTES);
      if (format === undefined) {
        fold.add(scanPiece(bytes.subarray(from), to - from, bytes[to] ?? -1, from, dialect, RECORD_BYTES_MAX));
        continue;
      }
      const end = Math.min(bytes.length, to + lookAheadBytes(format));
      const piece = { bytes, from, to, end, complete: end === bytes.length, offset: from, base: start };
      fold.add(scanLinePiece(piece, format, RECORD_BYTES_MAX));
    }
    const split = fold.finish();
    assert(!('code' in split), 'a made file can be split');
    return split;
  };
  return { plan, scan, start, firstLine };
}

function readAll(plan: RecordPlan, bytes: Uint8Array, start: number, firstLine: number) {
  const kernel = new RangeKernel(plan, firstLine, start, PAGE_BYTES);
  const drain = (): void => {
    while (kernel.takePage() !== undefined);
    while (kernel.takeRejects() !== undefined);
  };
  for (let at = start; at < bytes.length; drain()) at = kernel.feed(bytes, at, bytes.length, true);
  kernel.flush();
  drain();
  const { records, rejected, centsStaged, centsRejected } = kernel.totals();
  return { records, rejected, cents: centsStaged + centsRejected };
}

function check(name: string, truth: string, split: SplitPlan, found: ReturnType<typeof readAll>): void {
  const rows = truth.trimEnd().split('\n').slice(1);
  const cents = rows.reduce((sum, row) => sum + BigInt(row.slice(row.lastIndexOf(',') + 1) || '0'), 0n);
  const rejected = rows.filter((row) => row.includes(',rejected,') && !RULES.some((code) => row.includes(code)));
  assert(split.records === rows.length && found.records === rows.length, `${name}: records`);
  assert(found.rejected === rejected.length, `${name}: ${found.rejected} rejected, ${rejected.length} in truth`);
  assert(found.cents === cents, `${name}: cents`);
}

function cpuSeconds(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}
