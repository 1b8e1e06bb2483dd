/**
 * The process in which a figure of the kernel and its yardstick are measured in turns of some tens of milliseconds, so
 * close to each other that whatever disturbs one disturbs the other. Takes a `PairsTask` as JSON in its one argument,
 * prints the ratios, ours to the yardstick's, of processor time.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { deriveLimits } from '../../src/config/limits.ts';
import { openKernel } from '../../src/engine/kernelModule.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import type { CompiledProfile } from '../../src/kernel/profile.ts';
import type { PieceSummary } from '../../src/kernel/scan.ts';
import { type RangePlan, SplitFold } from '../../src/kernel/split.ts';
import type { WasmModule } from '../../src/kernel/wasm/api.ts';
import { factsOfRanges, type RangeSum } from '../cases/rangeTotals.ts';
import { open, readRange } from '../cases/recordsWorker.ts';
import { kernelModule, settingsFor } from '../engine.ts';
import { differences, type Facts } from '../facts.ts';
import { burn } from '../meter.ts';
import { splitFile } from '../splitFile.ts';
import { compiledProfile } from './otherNotation.ts';
import { PlainRecords, walkLines } from './yardsticks.ts';

/** A file and what is true of it. */
export interface MeasuredFile {
  readonly path: string;
  readonly facts: Partial<Facts>;
}

/** `file` is one of the default format; `other` one of another notation, whose reading is held against that of `file`. */
export type PairsTask = HowMeasured &
  (
    | { readonly figure: 'scan' | 'records'; readonly file: MeasuredFile }
    | { readonly figure: 'profile'; readonly file: MeasuredFile; readonly other: MeasuredFile }
  );

interface HowMeasured {
  /** At least so many ratios are taken. */
  readonly pairs: number;
  /** A planted slowdown, as a share of ours. */
  readonly burn: number;
}

/** Ours and the yardstick over a part of their files; `check` throws where a whole pass found something else. */
interface Subject {
  readonly parts: number;
  ours(part: number): Promise<void>;
  yardstick(part: number): void | Promise<void>;
  /** Bytes of ours to those of the yardstick, where these are not the same. */
  bytesRatio?(part: number): number;
  check(): void;
}

/** Short pieces and ranges, so that there are many parts. */
const PART_BYTES = 4 * 1024 * 1024;
const WARM_UP_PASSES = 3;
/** The scan of a part takes a millisecond or two: too little to be told from a clock tick. */
const SCANS = 16;

async function pairs(task: PairsTask): Promise<number[]> {
  const kernel = await kernelModule();
  const subject = await subjectOf(task, kernel);
  const ratios: number[] = [];
  for (let pass = 0; pass < WARM_UP_PASSES || ratios.length < task.pairs; pass++) {
    for (let part = 0; part < subject.parts; part++) {
      const oursFirst = (pass + part) % 2 === 0;
      const before = oursFirst ? 0 : await yardstickMs(subject, part);
      const ours = await oursMs(subject, part, task.burn);
      const yardstick = oursFirst ? await yardstickMs(subject, part) : before;
      const bytesRatio = subject.bytesRatio?.(part) ?? 1;
      if (pass >= WARM_UP_PASSES) ratios.push(ours / yardstick / bytesRatio);
    }
    subject.check();
  }
  return ratios;
}

async function oursMs(subject: Subject, part: number, share: number): Promise<number> {
  const from = process.cpuUsage();
  await subject.ours(part);
  if (share > 0) burn(spentSince(from) * share);
  return spentSince(from);
}

async function yardstickMs(subject: Subject, part: number): Promise<number> {
  const from = process.cpuUsage();
  await subject.yardstick(part);
  return spentSince(from);
}

/** User and system: over so short a time Linux does not know one from the other, but their sum is exact. */
function spentSince(from: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
}

async function subjectOf(task: PairsTask, kernel: WasmModule): Promise<Subject> {
  if (task.figure === 'profile') return profileSubject(task.file, task.other, await compiledProfile(), kernel);
  return task.figure === 'scan' ? scanSubject(task.file, kernel) : recordsSubject(task.file, kernel);
}

function scanSubject({ path, facts }: MeasuredFile, module: WasmModule): Subject {
  const bytes = readFileSync(path);
  const settings = settingsFor(join(path, '..'), 1);
  const { recordBytesMax } = settings;
  const { header } = splitFile(path, bytes.length, settings);
  const engine = openKernel(module, settings, deriveLimits(settings));
  const rest = bytes.subarray(header.end);
  const parts = Math.ceil(rest.length / PART_BYTES);
  const partOf = (part: number): Buffer => rest.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
  const digests = new Digests();
  const summaries = new Map<number, PieceSummary>();
  return {
    parts,
    async ours(part) {
      // Where the engine reads a piece to: the kernel's own memory.
      const piece = engine.buffer(PART_BYTES + 1).subarray(0, partOf(part).length);
      piece.set(partOf(part));
      const end = part * PART_BYTES + piece.length;
      const next = end < rest.length ? (rest[end] as number) : -1;
      const offset = header.end + part * PART_BYTES;
      for (let i = 0; i < SCANS; i++) {
        summaries.set(part, engine.scanPiece(piece, piece.length, next, offset, DEFAULT_DIALECT, recordBytesMax));
      }
    },
    yardstick(part) {
      for (let i = 0; i < SCANS; i++) digests.see(part, walkLines(partOf(part)));
    },
    check() {
      const options = { start: header.end, firstLine: header.nextLine, rangeBytes: PART_BYTES, recordBytesMax };
      const fold = new SplitFold(options);
      for (let part = 0; part < parts; part++) fold.add(summaries.get(part) as PieceSummary);
      const split = fold.finish();
      if ('code' in split) throw new Error(`the scan says ${split.code}`);
      refuse({ records: split.records, lfs: header.nextLine - 1 + split.lines }, facts);
    },
  };
}

function recordsSubject(file: MeasuredFile, kernel: WasmModule): Subject {
  const bytes = readFileSync(file.path);
  const reading = new FileReading(file, kernel);
  const plain = new PlainRecords();
  const digests = new Digests();
  return {
    parts: reading.parts,
    ours: (part) => reading.read(part),
    yardstick(part) {
      const { start, end } = reading.range(part);
      digests.see(part, plain.read(bytes.subarray(start, end)));
    },
    check: () => reading.check(),
  };
}

/** Parts of both files take turns; the one that has fewer of them begins anew. */
function profileSubject(
  file: MeasuredFile,
  other: MeasuredFile,
  profile: CompiledProfile,
  kernel: WasmModule,
): Subject {
  const ours = new FileReading(other, kernel, profile);
  const yardstick = new FileReading(file, kernel);
  const bytesOf = (reading: FileReading, part: number): number => {
    const { start, end } = reading.range(part);
    return end - start;
  };
  return {
    parts: Math.max(ours.parts, yardstick.parts),
    ours: (part) => ours.read(part),
    yardstick: (part) => yardstick.read(part),
    bytesRatio: (part) => bytesOf(ours, part) / bytesOf(yardstick, part),
    check() {
      ours.check();
      yardstick.check();
    },
  };
}

/** The kernel's reading of a file, range by range; beyond the last one it begins anew. */
class FileReading {
  readonly #ranges: readonly RangePlan[];
  readonly #opened: ReturnType<typeof open>;
  readonly #facts: Partial<Facts>;
  readonly #sums: RangeSum[] = [];

  constructor({ path, facts }: MeasuredFile, kernel: WasmModule, profile?: CompiledProfile) {
    const settings = { ...settingsFor(join(path, '..'), 1), rangeBytes: PART_BYTES };
    const { plan, pageBytes, ranges } = splitFile(path, statSync(path).size, settings, profile);
    this.#opened = open({ path, plan, pageBytes, settings, kernel });
    this.#ranges = ranges;
    this.#facts = facts;
  }

  get parts(): number {
    return this.#ranges.length;
  }

  range(part: number): RangePlan {
    return this.#ranges[part % this.#ranges.length] as RangePlan;
  }

  async read(part: number): Promise<void> {
    this.#sums[part % this.#ranges.length] = await readRange(this.#opened, this.range(part));
  }

  check(): void {
    refuse(factsOfRanges(this.#sums), this.#facts);
  }
}

function refuse(found: Partial<Facts>, facts: Partial<Facts>): void {
  const wrong = differences(found, facts);
  if (wrong.length > 0) throw new Error(`the output is wrong: ${wrong.join('; ')}`);
}

/** A yardstick's work is the same every time, or it is none. */
class Digests {
  readonly #seen = new Map<number, number>();

  see(part: number, digest: number): void {
    const before = this.#seen.get(part) ?? digest;
    if (before !== digest) throw new Error('the yardstick did other work than before');
    this.#seen.set(part, digest);
  }
}

try {
  process.stdout.write(JSON.stringify(await pairs(JSON.parse(process.argv[2] ?? '') as PairsTask)));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
