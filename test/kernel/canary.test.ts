/**
 * The canary: known bugs, planted. Each must be found by the very judges and generators that clear the kernel, and
 * soon; else these prove nothing.
 */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { scanPiece } from '../../src/kernel/scan.ts';
import { SplitFold, type SplitPlan } from '../../src/kernel/split.ts';
import { type Driver, driveKernel, judgeRecords } from '../oracle/drive.ts';
import { fileInput, splitInput } from '../oracle/generate.ts';
import { judgeSplit, kernelSplitter, type SplitInput, type Splitter } from '../oracle/judge.ts';
import { oracleFile } from '../oracle/oracle.ts';
import { Random } from '../oracle/random.ts';

const SPLITS_MAX = 2000;
const FILES_MAX = 60;

/** The kernel's scan and fold with another byte as what follows each piece. */
const withLookahead =
  (next: (bytes: Uint8Array, to: number) => number): Splitter =>
  ({ bytes, start, firstLine, rangeBytes, recordBytesMax, cuts }) => {
    const fold = new SplitFold({ start, firstLine, rangeBytes, recordBytesMax });
    let from = start;
    for (const to of cuts) {
      const piece = bytes.slice(from, to);
      const follows = to === bytes.length ? -1 : next(bytes, to);
      const fault = fold.add(scanPiece(piece, piece.length, follows, from, DEFAULT_DIALECT, recordBytesMax));
      if (fault !== undefined) return fault;
      from = to;
    }
    return fold.finish();
  };

/** Changes the plan of the kernel; faults stay. */
const withPlan =
  (change: (plan: SplitPlan, input: SplitInput) => SplitPlan): Splitter =>
  (input) => {
    const answer = kernelSplitter(input);
    return 'code' in answer ? answer : change(answer, input);
  };

/** Record starts by the parity of quotes alone, as naive splitters find them. */
const quoteParity: Splitter = ({ bytes, start, firstLine }) => {
  let open = false;
  let fresh = true;
  let lines = 0;
  let records = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    const empty: boolean = fresh && (byte === 0x0a || (byte === 0x0d && bytes[at + 1] === 0x0a));
    if (fresh && !empty) records++;
    fresh = fresh && empty;
    if (byte === 0x22) open = !open;
    if (byte === 0x0a) {
      lines++;
      if (!open) fresh = true;
    }
  }
  if (open) return { code: 'QUOTE_UNCLOSED', line: firstLine, byte: start };
  const range = { start, end: bytes.length, records, firstLine, crc: crc32(bytes.subarray(start)) };
  return { ranges: records === 0 ? [] : [range], records, lines };
};

/** Forgets at each cut in which state the piece before it ended. */
const forgetful: Splitter = (input) => {
  const plan: { ranges: SplitPlan['ranges'][number][]; records: number; lines: number } = {
    ranges: [],
    records: 0,
    lines: 0,
  };
  let start = input.start;
  for (const to of input.cuts) {
    const firstLine = input.firstLine + plan.lines;
    const part = kernelSplitter({ ...input, bytes: input.bytes.subarray(0, to), start, firstLine, cuts: [to] });
    if ('code' in part) return part;
    plan.ranges.push(...part.ranges);
    plan.records += part.records;
    plan.lines += part.lines;
    start = to;
  }
  return plan;
};

const brokenSplitters: { name: string; splitter: Splitter }[] = [
  { name: 'counts quotes', splitter: quoteParity },
  { name: 'forgets the state at a cut', splitter: forgetful },
  { name: 'does not look behind a CR at the end of a piece', splitter: withLookahead(() => -1) },
  { name: 'takes every CR at the end of a piece for a line end', splitter: withLookahead(() => 0x0a) },
  {
    name: 'loses the record that a cut touches',
    splitter: withPlan((plan, { cuts }) => {
      const ranges = plan.ranges.map((range) =>
        cuts.includes(range.start) ? { ...range, records: range.records - 1 } : range,
      );
      return { ...plan, ranges };
    }),
  },
  {
    name: 'counts no line end inside a range that begins with a quote',
    splitter: withPlan((plan, { bytes }) => {
      const off = plan.ranges.findIndex((range) => bytes[range.start] === 0x22);
      const moved = plan.ranges.map((range, i) =>
        off >= 0 && i > off ? { ...range, firstLine: range.firstLine - 1 } : range,
      );
      return { ...plan, ranges: moved };
    }),
  },
  {
    name: 'begins a range one byte late',
    splitter: withPlan((plan) => {
      const ranges = plan.ranges.map((range, i) => (i === 1 ? { ...range, start: range.start + 1 } : range));
      return { ...plan, ranges };
    }),
  },
  {
    name: 'drops the empty lines at the end',
    splitter: withPlan((plan, { bytes }) => {
      const last = plan.ranges.at(-1);
      if (last === undefined || bytes.at(-1) !== 0x0a || bytes.at(-2) !== 0x0a) return plan;
      return { ...plan, ranges: [...plan.ranges.slice(0, -1), { ...last, end: last.end - 1 }] };
    }),
  },
  {
    name: 'takes the CRC of the first range for all',
    splitter: withPlan((plan) => ({
      ...plan,
      ranges: plan.ranges.map((range) => ({ ...range, crc: plan.ranges[0]!.crc })),
    })),
  },
  { name: 'knows no limit of a record', splitter: (input) => kernelSplitter({ ...input, recordBytesMax: 1 << 18 }) },
  {
    name: 'allows a record one byte more',
    splitter: (input) => kernelSplitter({ ...input, recordBytesMax: input.recordBytesMax + 1 }),
  },
  { name: 'makes one range of everything', splitter: (input) => kernelSplitter({ ...input, rangeBytes: 1 << 20 }) },
];

describe('a broken splitter is found', () => {
  it.each(brokenSplitters)('that $name', ({ splitter }) => {
    const random = new Random(11);
    let judged = 0;
    let found: string | undefined;
    while (found === undefined && judged < SPLITS_MAX) {
      judged++;
      const input = splitInput(random);
      // The same judge clears the kernel on the same input, so what it finds is the planted bug.
      expect(judgeSplit(input)).toBeUndefined();
      found = judgeSplit(input, splitter);
    }
    expect(found).toBeTypeOf('string');
  });
});

/** The kernel reading other bytes in the place of some, as one that is too lenient or too strict would. */
const seeing =
  (change: (byte: number, next: number) => number): Driver =>
  (drive) =>
    driveKernel({
      ...drive,
      bytes: drive.bytes.map((byte, at) => (at < drive.start ? byte : change(byte, drive.bytes[at + 1] ?? -1))),
    });

/** Changes each record's answer; a record is the list that the judge compares. */
const answering =
  (change: (record: unknown[]) => unknown[]): Driver =>
  (drive) => {
    const driven = driveKernel(drive);
    return { ...driven, records: driven.records.map((text) => JSON.stringify(change(JSON.parse(text)))) };
  };

const isRejected = (record: unknown[]) => record[1] === 'rejected';

const brokenDrivers: { name: string; driver: Driver }[] = [
  { name: 'takes NUL for a letter', driver: seeing((byte) => (byte === 0 ? 0x61 : byte)) },
  { name: 'takes invalid UTF-8 for a letter', driver: seeing((byte) => (byte === 0xff ? 0x61 : byte)) },
  {
    name: 'takes a CR for a blank everywhere',
    driver: seeing((byte, next) => (byte === 0x0d && next !== 0x0a ? 0x20 : byte)),
  },
  { name: 'loses the last byte of the range', driver: (drive) => driveKernel({ ...drive, end: drive.end - 1 }) },
  { name: 'counts lines from the next', driver: (drive) => driveKernel({ ...drive, firstLine: drive.firstLine + 1 }) },
  {
    name: 'exchanges two columns',
    driver: (drive) => {
      const [first, second, ...rest] = drive.plan.fields;
      return driveKernel({ ...drive, plan: { ...drive.plan, fields: [second!, first!, ...rest] } });
    },
  },
  { name: 'loses the last record', driver: (drive) => lost(driveKernel(drive)) },
  { name: 'doubles a record', driver: (drive) => doubled(driveKernel(drive)) },
  { name: 'forgets the amounts of rejected records', driver: answering((r) => (isRejected(r) ? r.with(4, -1) : r)) },
  { name: 'forgets the references of rejected records', driver: answering((r) => (isRejected(r) ? r.with(5, '') : r)) },
  { name: 'names no column', driver: answering((r) => (isRejected(r) ? r.with(3, '') : r)) },
  { name: 'forgets warnings', driver: answering((r) => (isRejected(r) ? r : r.with(5, ''))) },
  {
    name: 'keeps amounts in 32 bits',
    driver: answering((r) =>
      isRejected(r) ? r : r.with(4, (r[4] as string[]).with(3, String(Number((r[4] as string[])[3]) | 0))),
    ),
  },
  {
    name: 'drops the line ends of rejected records',
    driver: answering((r) => (isRejected(r) ? r.with(6, (r[6] as string).trimEnd()) : r)),
  },
  { name: 'sums no cents', driver: (drive) => ({ ...driveKernel(drive), totals: '[0,0,0,"0","0",[]]' }) },
];

function lost<T extends { records: readonly string[] }>(driven: T): T {
  return { ...driven, records: driven.records.slice(0, -1) };
}

function doubled<T extends { records: readonly string[] }>(driven: T): T {
  return { ...driven, records: [...driven.records, driven.records.at(-1)!] };
}

describe('a broken reader of records is found', () => {
  it.each(brokenDrivers)('that $name', ({ driver }) => {
    const random = new Random(12);
    let found: string | undefined;
    for (let judged = 0; found === undefined && judged < FILES_MAX; judged++) {
      const { bytes, drive } = fileInput(random, 30);
      const read = oracleFile(bytes, { recordBytesMax: drive.recordBytesMax });
      if (read.fault !== undefined) throw new Error(`bug of the generator: ${read.fault}`);
      expect(judgeRecords(drive.of(read), read.records)).toBeUndefined();
      found = judgeRecords(drive.of(read), read.records, driver);
    }
    expect(found).toBeTypeOf('string');
  });
});
