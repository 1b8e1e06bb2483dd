/**
 * The picker's work in a thread: looking at the beginning of an object, and scanning one piece of it.
 *
 * Promises: what is not text is refused with what it seems to be; an object small enough to be one range is
 * read once and split at once. A piece reads as much around itself as is needed to tell the lines at its edges.
 */
import { detail } from '../core/catalogue.ts';
import { Fault } from '../core/faults.ts';
import { sniff } from '../engine/sniff.ts';
import type { ObjectPin } from '../io/ports/objects.ts';
import { createFold } from '../kernel/formats/folds.ts';
import { lookAheadBytes, scanLinePiece } from '../kernel/formats/lineScan.ts';
import { type Opening, type OpeningLayout, readOpening } from '../kernel/opening.ts';
import type { Dialect, RecordFormat } from '../kernel/plan.ts';
import type { PieceSummary } from '../kernel/scan.ts';
import type { SplitFault, SplitPlan } from '../kernel/split.ts';
import type { TaskContext } from './taskContext.ts';

export interface SourceObject extends ObjectPin {
  readonly bytes: number;
}

export interface InspectedText {
  readonly kind: 'text';
  readonly header: Opening;
  /** The whole split, where the object is small enough to be one range. */
  readonly split: SplitPlan | SplitFault | null;
}

export async function inspect(
  args: {
    readonly source: SourceObject;
    readonly inflated: boolean;
    readonly opening: OpeningLayout;
  },
  context: TaskContext,
): Promise<InspectedText | { readonly kind: 'gzip' }> {
  const { source } = args;
  const { recordBytesMax, smallBytesMax, rangeBytes } = context.settings;
  const small = source.bytes <= Math.min(smallBytesMax, rangeBytes);
  const headerBytesMax = Math.min(source.bytes, recordBytesMax + HEADER_SLACK_BYTES);
  const want = small ? source.bytes : headerBytesMax;
  const bytes = context.scratch.buffer(want);
  const length = await readAll(context, source, 0, want, bytes);
  if (length === 0) throw new Fault('FILE_EMPTY', args.inflated ? detail('INFLATES_TO_NOTHING') : '');
  const looks = sniff(bytes, length);
  if (looks === 'gzip') {
    if (args.inflated) throw new Fault('GZIP_NESTED');
    return { kind: 'gzip' };
  }
  if (looks !== undefined) throw looks;
  // The header is sought within the same bytes whether or not more of the object is in hand.
  const header = readOpening(bytes, headerBytesMax, headerBytesMax === source.bytes, args.opening);
  const tooLong = (line: number, byte: number): Fault =>
    new Fault('HEADER_TOO_LONG', detail('MORE_THAN_BYTES', recordBytesMax), { line, byte });
  if (header.kind === 'more') throw tooLong(1, 0);
  if (header.kind === 'fault') throw new Fault(header.code, header.detail, { line: header.line, byte: header.byte });
  if (header.end - header.start > recordBytesMax) throw tooLong(header.line, header.start);
  if (!small) return { kind: 'text', header, split: null };
  const { end, nextLine, format } = header;
  const fold = createFold({ start: end, firstLine: nextLine, rangeBytes, recordBytesMax }, format);
  const piece = { start: end, end: length, base: end, dialect: args.opening.dialect, format };
  const fault = length === end ? undefined : fold.add(scanRead(piece, bytes.subarray(0, length), 0, length, context));
  return { kind: 'text', header, split: fault ?? fold.finish() };
}

/** Room for a byte order mark and the empty lines that may stand before a header. */
const HEADER_SLACK_BYTES = 4096;

/** A piece of a file: its bytes `[start, end)`, where the records of the file begin, and how they are to be found. */
export interface PieceToScan {
  readonly start: number;
  readonly end: number;
  readonly base: number;
  readonly dialect: Dialect;
  /** As `RecordPlan` has it. */
  readonly format: RecordFormat | undefined;
}

export async function scan(
  args: PieceToScan & { readonly source: SourceObject },
  context: TaskContext,
): Promise<PieceSummary> {
  const { source, start, end, base, format } = args;
  const from = format === undefined || start === base ? start : start - 1;
  const to = Math.min(source.bytes, end + (format === undefined ? 1 : lookAheadBytes(format)));
  const bytes = context.scratch.buffer(to - from);
  await readAll(context, source, from, to, bytes);
  return scanRead(args, bytes, from, source.bytes, context);
}

/** Scans a piece of which `bytes` holds the file from `offset` on, what is to be seen around the piece included. */
function scanRead(
  { start, end, base, dialect, format }: PieceToScan,
  bytes: Uint8Array,
  offset: number,
  fileBytes: number,
  context: TaskContext,
): PieceSummary {
  const { recordBytesMax } = context.settings;
  const from = start - offset;
  const to = end - offset;
  if (format === undefined) {
    const next = end < fileBytes ? (bytes[to] as number) : -1;
    return context.scratch.kernel.scanPiece(bytes.subarray(from), to - from, next, start, dialect, recordBytesMax);
  }
  const seen = Math.min(fileBytes - offset, to + lookAheadBytes(format));
  const piece = { bytes, from, to, end: seen, complete: seen === fileBytes - offset, offset: start, base };
  return scanLinePiece(piece, format, recordBytesMax);
}

/** Reads `[start, end)` to the front of `target`. */
export async function readAll(
  context: Pick<TaskContext, 'objects'>,
  source: ObjectPin,
  start: number,
  end: number,
  target: Uint8Array,
): Promise<number> {
  const reader = await context.objects.openRange(source, start, end);
  try {
    const length = await reader.read(target.subarray(0, end - start));
    if (length !== end - start)
      throw new Fault('OBJECT_CHANGED', detail('BYTES_OF', length, end - start), { byte: start });
    return length;
  } finally {
    await reader.close();
  }
}
