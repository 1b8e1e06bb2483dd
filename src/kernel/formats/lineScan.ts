/**
 * Scans one piece of a file whose records are lines (or, of CNAB, runs of lines), without knowing in which state the piece
 * begins: a lane for each state, as `../scan.ts` does it for CSV, and the same summaries, so that `../split.ts` folds them.
 *
 * A line belongs to the piece that holds its first byte. To tell the kind of a line and whether one begins with the piece,
 * the scan looks at one byte before it and at `lookAheadBytes` behind it. Lanes come together at the first line that leaves
 * all of them in one state, which mostly is one of the first three.
 */
import { crc32 } from '../crc.ts';
import { LINE_BYTES_MAX, type RecordFormat } from '../plan.ts';
import { LOOK_AHEAD_BYTES } from '../reader.ts';
import { addPrefixCrcs, emptyLane, Group, type LaneSummary, type PieceSummary } from '../scan.ts';
import { FrameWatch } from './cnabFrames.ts';
import { BETWEEN, beginsRecord, LF, LINE_STATES, lineKind, stateAfter } from './lineFormat.ts';

export interface LinePiece {
  /** The piece is `[from, to)` of `bytes`, of which `[from - 1, end)` are there: up to `lookAheadBytes` behind the piece. */
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly end: number;
  /** Whether the input ends at `end`. */
  readonly complete: boolean;
  /** Absolute offset of the piece's first byte, and of the first line of all. */
  readonly offset: number;
  readonly base: number;
}

/** Is told of every line that begins in the piece. `at` is its place in the piece's bytes, `lfs` the lines ended before it. */
export interface LineWatch {
  line(kind: number, at: number, lfs: number): void;
}

/** How much behind a piece its scan wants to see. */
export function lookAheadBytes(format: RecordFormat): number {
  return format.kind === 'json-lines'
    ? LOOK_AHEAD_BYTES
    : Math.max(LOOK_AHEAD_BYTES, format.lineBytes + LINE_END_BYTES_MAX);
}

const LINE_END_BYTES_MAX = 2;
/** The most that a scan wants to see around its piece, in all. */
export const LOOK_AROUND_BYTES_MAX = 1 + LINE_BYTES_MAX + LINE_END_BYTES_MAX;

/** The summary of a piece of any file whose records are lines. */
export function scanLinePiece(piece: LinePiece, format: RecordFormat, recordBytesMax: number): PieceSummary {
  if (format.kind === 'json-lines' || format.kind === 'fixed-width') return scanLines(piece, format, recordBytesMax);
  const watch = new FrameWatch(piece, format);
  const summary = scanLines(piece, format, recordBytesMax, watch);
  return { ...summary, frames: watch.result() };
}

function scanLines(piece: LinePiece, format: RecordFormat, recordBytesMax: number, watch?: LineWatch): PieceSummary {
  const { from, to, offset } = piece;
  const bytes = Buffer.from(piece.bytes.buffer, piece.bytes.byteOffset, piece.bytes.length);
  const lanes = LINE_STATES.map(emptyLane);
  let groups = LINE_STATES.map((state) => new Group(state, lanes[state] as LaneSummary));
  const lines =
    format.kind === 'json-lines' || format.lineEnds
      ? new LfLines(bytes, piece)
      : new BareLines(piece, format.lineBytes);
  for (let at = lines.next(); at < to; at = lines.next()) {
    const kind = lineKind(format, bytes, at, piece.end, piece.complete);
    watch?.line(kind, at, lines.ended);
    for (const group of groups) step(group, kind, at, lines.ended, recordBytesMax);
    if (groups.length > 1) groups = met(groups);
  }
  for (const group of groups) group.settle();
  const own = bytes.subarray(from, to);
  for (const lane of lanes) place(lane, from);
  addPrefixCrcs(lanes, own);
  for (const lane of lanes) place(lane, -offset);
  return { offset, bytes: to - from, lfs: lines.total(), crc: crc32(own), lanes };
}

function step(group: Group, kind: number, at: number, lfs: number, recordBytesMax: number): void {
  const { state } = group;
  const after = stateAfter(kind, state);
  const begins = beginsRecord(kind, state);
  if ((begins || after === BETWEEN) && state !== BETWEEN) group.end(at, recordBytesMax);
  if (begins) group.begin(at, lfs);
  group.state = after;
}

/** Groups in one state, with the same record in progress, become one. */
function met(groups: readonly Group[]): Group[] {
  const left: Group[] = [];
  for (const group of groups) {
    const same = left.find((one) => one.state === group.state && one.open === group.open);
    if (same === undefined) {
      left.push(group);
      continue;
    }
    same.settle();
    group.settle();
    same.lanes.push(...group.lanes);
  }
  return left;
}

/** Positions, moved by so much towards the beginning. */
function place(lane: LaneSummary, by: number): void {
  if (lane.firstStart >= 0) lane.firstStart -= by;
  if (lane.lastStart >= 0) lane.lastStart -= by;
  if (lane.openEnd >= 0) lane.openEnd -= by;
  if (lane.longStart >= 0) lane.longStart -= by;
}

/** The beginnings of lines that end with LF. */
class LfLines {
  /** LFs of the piece before the line that was given last. */
  ended = 0;
  readonly #bytes: Buffer;
  readonly #to: number;
  #at: number;
  #lfs = 0;

  constructor(bytes: Buffer, { from, to, offset, base }: LinePiece) {
    this.#bytes = bytes;
    this.#to = to;
    this.#at = offset === base || bytes[from - 1] === LF ? from : this.#after(from);
  }

  /** Where the next line begins; not below the piece's end where none does. */
  next(): number {
    const at = this.#at;
    this.ended = this.#lfs;
    if (at < this.#to) this.#at = this.#after(at);
    return at;
  }

  total(): number {
    return this.#lfs;
  }

  #after(from: number): number {
    const lf = this.#bytes.indexOf(LF, from);
    if (lf < 0 || lf >= this.#to) return this.#to;
    this.#lfs++;
    return lf + 1;
  }
}

/** The beginnings of lines of one size that follow one another. */
class BareLines {
  ended = 0;
  readonly #piece: LinePiece;
  readonly #lineBytes: number;
  #at: number;

  constructor(piece: LinePiece, lineBytes: number) {
    this.#piece = piece;
    this.#lineBytes = lineBytes;
    const behind = (piece.offset - piece.base) % lineBytes;
    this.#at = piece.from + (behind === 0 ? 0 : lineBytes - behind);
  }

  next(): number {
    const at = this.#at;
    this.ended = this.#endedBefore(at);
    this.#at += this.#lineBytes;
    return at;
  }

  total(): number {
    return this.#endedBefore(this.#piece.to);
  }

  #endedBefore(at: number): number {
    const { from, offset, base } = this.#piece;
    const before = Math.floor((offset - base) / this.#lineBytes);
    return Math.floor((offset + at - from - base) / this.#lineBytes) - before;
  }
}
