/**
 * The judges: drive the kernel as the pipeline does and compare all that it says with the oracle.
 *
 * A judge answers `undefined` where both agree, else what they disagree on. Engines are parameters, so that the canary
 * can put a broken one in the kernel's place.
 */
import { crc32 as zlibCrc32 } from 'node:zlib';
import { DEFAULT_DIALECT, type Dialect, type RecordPlan } from '../../src/kernel/plan.ts';
import { scanPiece } from '../../src/kernel/scan.ts';
import { type RangePlan, type SplitFault, SplitFold, type SplitPlan } from '../../src/kernel/split.ts';
import { byteString, oracleRecords, type RawRecord } from './grammar.ts';

export interface SplitInput {
  readonly bytes: Uint8Array;
  /** The first byte behind the header, and its line. */
  readonly start: number;
  readonly firstLine: number;
  readonly recordBytesMax: number;
  readonly rangeBytes: number;
  /** Ends of the pieces, ascending; the last one is the end of the input. */
  readonly cuts: readonly number[];
  /** The default one where none is given. */
  readonly dialect?: Dialect;
}

export type Splitter = (input: SplitInput) => SplitPlan | SplitFault;

/** Each piece is scanned from the middle of a buffer, where foreign bytes follow it, as in a reader's reused buffer. */
export const kernelSplitter: Splitter = (input) => {
  const { bytes, start, firstLine, rangeBytes, recordBytesMax, cuts, dialect = DEFAULT_DIALECT } = input;
  const fold = new SplitFold({ start, firstLine, rangeBytes, recordBytesMax });
  let from = start;
  for (const to of cuts) {
    const length = to - from;
    const piece = new Uint8Array(2 * POISON.length + length).subarray(POISON.length);
    piece.set(bytes.subarray(from, to));
    piece.set(POISON, length);
    const fault = fold.add(scanPiece(piece, length, bytes[to] ?? -1, from, dialect, recordBytesMax));
    if (fault !== undefined) return fault;
    from = to;
  }
  return fold.finish();
};

// Whoever reads past the end of its bytes finds quotes and line ends there.
const POISON = Uint8Array.of(0x22, 0x0a, 0x22, 0x2c, 0x22, 0x0a, 0x0a, 0x22);

/** What a split must find, from the records of the oracle. */
function expectedFault(records: readonly RawRecord[], recordBytesMax: number): SplitFault | undefined {
  for (const { line, start, end, unclosed } of records) {
    if (end - start > recordBytesMax) return { code: 'RECORD_TOO_LONG', line, byte: start };
    if (unclosed) return { code: 'QUOTE_UNCLOSED', line, byte: start };
  }
  return undefined;
}

const countLf = (bytes: Uint8Array, from: number, to: number) => {
  let count = 0;
  for (let at = from; at < to; at++) if (bytes[at] === 0x0a) count++;
  return count;
};

export function judgeSplit(input: SplitInput, splitter: Splitter = kernelSplitter): string | undefined {
  const { bytes, start, firstLine, recordBytesMax, dialect = DEFAULT_DIALECT } = input;
  const { delimiter, quote } = dialect;
  const oracleDialect = { delimiter: String.fromCharCode(delimiter), quote: String.fromCharCode(quote) };
  const records = oracleRecords(byteString(bytes), start, firstLine, oracleDialect);
  const answer = splitter(input);
  const fault = expectedFault(records, recordBytesMax);
  if (fault !== undefined || 'code' in answer) {
    const says = 'code' in answer ? `${answer.code} line ${answer.line} byte ${answer.byte}` : 'a plan';
    const wanted = fault === undefined ? 'a plan' : `${fault.code} line ${fault.line} byte ${fault.byte}`;
    return says === wanted ? undefined : `${says} instead of ${wanted}`;
  }
  if (answer.records !== records.length) return `${answer.records} records instead of ${records.length}`;
  const lines = countLf(bytes, start, bytes.length);
  if (answer.lines !== lines) return `${answer.lines} line ends instead of ${lines}`;
  return judgeRanges(input, records, answer.ranges);
}

/** `lineAt`: the physical line of a byte; by LFs where it is not given. */
export function judgeRanges(
  input: SplitInput,
  records: readonly Pick<RawRecord, 'start'>[],
  ranges: readonly RangePlan[],
  lineAt = (byte: number): number => input.firstLine + countLf(input.bytes, input.start, byte),
): string | undefined {
  const { bytes, start } = input;
  if (records.length === 0) return ranges.length === 0 ? undefined : 'ranges without records';
  const starts = new Set(records.map((record) => record.start));
  let at = start;
  for (const [index, range] of ranges.entries()) {
    const name = `range ${index} [${range.start}, ${range.end})`;
    if (range.start !== at) return `${name} does not begin at ${at}`;
    if (range.end <= range.start || range.end > bytes.length) return `${name} has no such end`;
    if (index > 0 && !starts.has(range.start)) return `${name} does not begin at a record`;
    const inside = records.filter((record) => record.start >= range.start && record.start < range.end);
    if (range.records !== inside.length) return `${name} counts ${range.records} of ${inside.length} records`;
    const line = lineAt(range.start);
    if (range.firstLine !== line) return `${name} begins on line ${line}, not ${range.firstLine}`;
    if (range.crc !== zlibCrc32(bytes.subarray(range.start, range.end))) return `${name} has another CRC`;
    at = range.end;
  }
  if (at !== bytes.length) return `the ranges end at ${at}, the input at ${bytes.length}`;
  const begun = ranges.map((range) => range.start).join();
  const wanted = expectedStarts(input, records).join();
  return begun === wanted ? undefined : `ranges begin at ${begun} instead of ${wanted}`;
}

/** Where ranges begin: at the first record of the first piece in which that lies `rangeBytes` behind the range's start. */
function expectedStarts(input: SplitInput, records: readonly Pick<RawRecord, 'start'>[]): number[] {
  const starts = [input.start];
  let from = input.start;
  for (const to of input.cuts) {
    const first = records.find((record) => record.start >= from && record.start < to);
    const current = starts.at(-1)!;
    // A range has a record before it ends: empty lines alone close none.
    const hasRecord = records.some((record) => record.start >= current && record.start < from);
    if (first !== undefined && hasRecord && first.start - current >= input.rangeBytes) starts.push(first.start);
    from = to;
  }
  return starts;
}

/** The same size for every piece but the last. */
export function evenCuts(start: number, end: number, pieceBytes: number): number[] {
  const cuts: number[] = [];
  for (let at = start; at < end; ) cuts.push((at = Math.min(end, at + pieceBytes)));
  return cuts;
}

export function planOf(fields: readonly number[], recordBytesMax: number, shards: number): RecordPlan {
  return { dialect: DEFAULT_DIALECT, fields, recordBytesMax, shards, hashSeed: 0x5eed };
}

/** A byte string as one can paste it into a case. */
export function show(bytes: Uint8Array): string {
  return JSON.stringify(byteString(bytes)).replace(/[\u007f-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
}
