/**
 * Scans one piece of a file for record boundaries without knowing in which state the piece begins: a lane for each state
 * it could begin in. `split.ts` folds the pieces in order and picks the true lanes.
 *
 * States: S record start, F field start, U unquoted, Q quoted, E quote seen inside quoted. A CR that is directly followed
 * by LF at a record start is an empty line and leaves the state S; the byte after the piece decides it for a CR that
 * ends the piece.
 *
 * Lanes that come together at a record start go on as one group. A quote opens only at a field's start, so after a line
 * or two there are mostly two groups left, one in S and one in Q. Where all groups rest in S or Q, whole lines without a
 * quote are leapt over (LF by LF; nothing happens in Q); all else is read byte by byte by every group.
 *
 * Measured on one thread, lines of 110 bytes: `Buffer.indexOf` from LF to LF 4.2 GB/s, the same of `Uint8Array` 1.8,
 * a byte loop 1.2.
 */
import { crc32 } from './crc.ts';
import type { PieceFrames } from './formats/cnabFrames.ts';
import type { Dialect } from './plan.ts';
import { assertDialect } from './records.ts';

export const RECORD_START = 0;
export const FIELD_START = 1;
export const UNQUOTED = 2;
export const QUOTED = 3;
export const QUOTE_IN_QUOTED = 4;
const STATES = [RECORD_START, FIELD_START, UNQUOTED, QUOTED, QUOTE_IN_QUOTED];

/** What a piece holds, were it to begin in the lane's state. Positions are absolute; -1 is none. Plain data. */
export interface LaneSummary {
  /** The state after the piece's last byte. */
  end: number;
  /** Records that begin in the piece. */
  records: number;
  /** First byte of the first of them, the LFs of the piece before it, and the CRC-32 of the piece's bytes before it. */
  firstStart: number;
  firstLfs: number;
  firstCrc: number;
  /** The same of the last of them. */
  lastStart: number;
  lastLfs: number;
  /** Position after the record that was in progress where the piece begins; -1 where it does not end in the piece. */
  openEnd: number;
  /** The first record that lies whole in the piece and exceeds the limit. */
  longStart: number;
  longLfs: number;
}

export interface PieceSummary {
  /** Absolute offset of the piece's first byte. */
  readonly offset: number;
  readonly bytes: number;
  readonly lfs: number;
  /** CRC-32 of the piece. */
  readonly crc: number;
  /** By the state in which the piece begins. */
  readonly lanes: readonly LaneSummary[];
  /** Of CNAB: what stands around the records. */
  readonly frames?: PieceFrames;
}

/**
 * @param next the byte after the piece; -1 at the end of the input
 * @param offset absolute offset of `bytes[0]`
 */
export function scanPiece(
  bytes: Uint8Array,
  length: number,
  next: number,
  offset: number,
  dialect: Dialect,
  recordBytesMax: number,
): PieceSummary {
  assertDialect(dialect);
  const piece = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  const scan = new PieceScan(piece, next, dialect, recordBytesMax);
  scan.run();
  const lanes = scan.lanes;
  addPrefixCrcs(lanes, piece);
  for (const lane of lanes) {
    if (lane.firstStart >= 0) lane.firstStart += offset;
    if (lane.lastStart >= 0) lane.lastStart += offset;
    if (lane.openEnd >= 0) lane.openEnd += offset;
    if (lane.longStart >= 0) lane.longStart += offset;
  }
  return { offset, bytes: length, lfs: scan.lfs, crc: crc32(piece), lanes };
}

/** Lanes mostly share their first record start: each prefix is read once, and continues the shorter one before it. */
export function addPrefixCrcs(lanes: readonly LaneSummary[], piece: Uint8Array): void {
  let crc = 0;
  let done = 0;
  for (const lane of lanes.filter((one) => one.firstStart >= 0).sort((a, b) => a.firstStart - b.firstStart)) {
    crc = crc32(piece.subarray(done, lane.firstStart), crc);
    done = lane.firstStart;
    lane.firstCrc = crc;
  }
}

/** Lanes that have met. What happened since they did is kept here once, and given to each lane by `settle`. */
export class Group {
  state: number;
  readonly lanes: LaneSummary[];
  records = 0;
  first = -1;
  firstLfs = 0;
  last = -1;
  lastLfs = 0;
  openEnd = -1;
  long = -1;
  longLfs = 0;
  /** Start of the record in progress, where it began in this piece. */
  open = -1;

  constructor(state: number, lane: LaneSummary) {
    this.state = state;
    this.lanes = [lane];
  }

  begin(at: number, lfs: number): void {
    this.records++;
    if (this.first < 0) {
      this.first = at;
      this.firstLfs = lfs;
    }
    this.last = at;
    this.lastLfs = lfs;
    this.open = at;
  }

  end(at: number, recordBytesMax: number): void {
    if (this.open < 0) this.openEnd = at;
    else if (at - this.open > recordBytesMax && this.long < 0) {
      this.long = this.open;
      this.longLfs = this.lastLfs;
    }
    this.open = -1;
    this.state = RECORD_START;
  }

  settle(): void {
    for (const lane of this.lanes) {
      lane.end = this.state;
      lane.records += this.records;
      if (lane.firstStart < 0 && this.first >= 0) {
        lane.firstStart = this.first;
        lane.firstLfs = this.firstLfs;
      }
      if (this.last >= 0) {
        lane.lastStart = this.last;
        lane.lastLfs = this.lastLfs;
      }
      if (lane.longStart < 0 && this.long >= 0) {
        lane.longStart = this.long;
        lane.longLfs = this.longLfs;
      }
      if (this.openEnd >= 0) lane.openEnd = this.openEnd;
    }
    this.records = 0;
    this.first = this.last = this.long = this.openEnd = -1;
  }
}

const LF = 0x0a;
const CR = 0x0d;

class PieceScan {
  readonly lanes: LaneSummary[] = STATES.map(emptyLane);
  lfs = 0;
  readonly #bytes: Buffer;
  readonly #next: number;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #recordBytesMax: number;
  #groups: Group[];
  /** Position of a quote, with none between the place it was searched from and there; the length where there is none. */
  #nextQuote = -1;

  constructor(bytes: Buffer, next: number, dialect: Dialect, recordBytesMax: number) {
    this.#bytes = bytes;
    this.#next = next;
    this.#delimiter = dialect.delimiter;
    this.#quote = dialect.quote;
    this.#recordBytesMax = recordBytesMax;
    this.#groups = STATES.map((state) => new Group(state, this.lanes[state]));
  }

  run(): void {
    let at = 0;
    while (at < this.#bytes.length) {
      if (this.#resting()) at = this.#leap(at);
      at = this.#crawl(at);
    }
    for (const group of this.#groups) group.settle();
  }

  /** Whether every group is in S or Q. At most one is in S, since groups there become one. */
  #resting(): boolean {
    return this.#groups.every((group) => group.state === RECORD_START || group.state === QUOTED);
  }

  /** From where all groups rest to where the next byte must be read by each. */
  #leap(from: number): number {
    const group = this.#groups.find((one) => one.state === RECORD_START);
    if (group !== undefined) return this.#leapLines(group, from, this.#groups.length === 1);
    const to = this.#quoteFrom(from);
    this.#countLfs(from, to);
    return to;
  }

  /** Reads whole lines, up to one that holds a quote; where the group is alone, whole records, quotes or not. */
  #leapLines(group: Group, from: number, alone: boolean): number {
    const bytes = this.#bytes;
    let at = from;
    let quoteAt = this.#quoteFrom(at);
    for (;;) {
      const lf = bytes.indexOf(LF, at);
      if (lf < 0) return at;
      if (quoteAt < at) quoteAt = this.#quoteFrom(at);
      if (quoteAt < lf) {
        if (!alone) return at;
        const lfs = this.lfs;
        const end = this.#recordEnd(at);
        if (end < 0) return at;
        group.begin(at, lfs);
        group.end(end, this.#recordBytesMax);
        at = end;
        continue;
      }
      if (lf > at + 1 || (lf === at + 1 && bytes[at] !== CR)) {
        group.begin(at, this.lfs);
        group.end(lf + 1, this.#recordBytesMax);
      }
      this.lfs++;
      at = lf + 1;
    }
  }

  /** Position after the record that begins at `from`, its LFs counted; -1, nothing counted, where the piece ends first. */
  #recordEnd(from: number): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    const quote = this.#quote;
    const delimiter = this.#delimiter;
    let lfs = 1;
    let at = from;
    while (at < length) {
      if (bytes[at] === quote) {
        do {
          for (at++; at < length && bytes[at] !== quote; at++) if (bytes[at] === LF) lfs++;
          at++;
        } while (at < length && bytes[at] === quote);
      }
      while (at < length && bytes[at] !== delimiter && bytes[at] !== LF) at++;
      if (at >= length) return -1;
      if (bytes[at++] !== LF) continue;
      this.lfs += lfs;
      return at;
    }
    return -1;
  }

  /** Every group reads byte by byte, at least one, until all rest again or the piece ends. */
  #crawl(from: number): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    for (let at = from; at < length; at++) {
      const byte = bytes[at];
      for (const group of this.#groups) this.#step(group, byte, at);
      if (byte === LF) {
        this.lfs++;
        this.#meet();
      } else if (byte !== this.#quote) continue;
      if (this.#resting()) return at + 1;
    }
    return length;
  }

  #step(group: Group, byte: number, at: number): void {
    const { state } = group;
    if (state === QUOTED) {
      if (byte === this.#quote) group.state = QUOTE_IN_QUOTED;
      return;
    }
    if (state === RECORD_START) {
      if (byte === LF) return;
      if (byte === CR && (at + 1 < this.#bytes.length ? this.#bytes[at + 1] : this.#next) === LF) return;
      group.begin(at, this.lfs);
    }
    if (byte === LF) group.end(at + 1, this.#recordBytesMax);
    else if (byte === this.#delimiter) group.state = FIELD_START;
    else group.state = byte === this.#quote && state !== UNQUOTED ? QUOTED : UNQUOTED;
  }

  /** Groups that stand at a record start become one. */
  #meet(): void {
    const [one, ...others] = this.#groups.filter((group) => group.state === RECORD_START);
    if (one === undefined || others.length === 0) return;
    one.settle();
    for (const other of others) {
      other.settle();
      one.lanes.push(...other.lanes);
    }
    this.#groups = this.#groups.filter((group) => !others.includes(group));
  }

  #quoteFrom(at: number): number {
    if (this.#nextQuote < at) {
      const found = this.#bytes.indexOf(this.#quote, at);
      this.#nextQuote = found < 0 ? this.#bytes.length : found;
    }
    return this.#nextQuote;
  }

  #countLfs(from: number, to: number): void {
    for (let at = this.#bytes.indexOf(LF, from); at >= 0 && at < to; at = this.#bytes.indexOf(LF, at + 1)) this.lfs++;
  }
}

export function emptyLane(state: number): LaneSummary {
  return {
    end: state,
    records: 0,
    firstStart: -1,
    firstLfs: 0,
    firstCrc: 0,
    lastStart: -1,
    lastLfs: 0,
    openEnd: -1,
    longStart: -1,
    longLfs: 0,
  };
}
