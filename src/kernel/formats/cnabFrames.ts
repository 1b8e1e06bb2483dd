/**
 * What a scan notes of the frame of a CNAB file: its headers and trailers with the numbers they give, the runs of other lines
 * between them, and, of CNAB 400, where the numbers that every line carries do not follow one another. `cnabFold.ts` judges it.
 *
 * Positions are absolute once `PieceFrames` is given out; `lfs` counts the lines that end in the piece before.
 */
import type { CnabFormat } from '../plan.ts';
import { contentBytes, EMPTY, FRAME, LF, lineAfter } from './lineFormat.ts';
import type { LinePiece, LineWatch } from './lineScan.ts';

/** A number that is not written in digits. */
export const NO_NUMBER = -1;

export interface LinePlace {
  readonly at: number;
  readonly lfs: number;
}

export interface FrameLine extends LinePlace {
  /** The digit of its type. */
  readonly type: number;
  /** Bytes of its content, of the format where it is right; and with its line end. */
  readonly bytes: number;
  readonly wholeBytes: number;
  /** Of CNAB 240: the lot it names, and its counts: of lines in a lot's trailer, of lots and lines in the file's. */
  readonly lot: number;
  readonly counts: readonly [number, number];
}

/** A run of lines that are no frames. */
export interface Stretch extends LinePlace {
  readonly lines: number;
  /** Of CNAB 240: the first of them that names a lot, and the first that names another. */
  readonly named: LotLine | null;
  readonly stray: LotLine | null;
}

export interface LotLine extends LinePlace {
  readonly lot: number;
}

/** A line's number, and how many lines of the piece stand before it. */
export interface NumberedLine extends LinePlace {
  readonly index: number;
  readonly number: number;
}

export interface PieceFrames {
  /** Lines that begin in the piece, empty ones left out. */
  readonly lines: number;
  /** Before the first frame, and behind each: one more than frames. Of more frames than a sound file has, the rest is left out. */
  readonly stretches: readonly Stretch[];
  readonly frames: readonly FrameLine[];
  /** Of CNAB 400: the first line with a number, and the first whose number does not follow from that. */
  readonly first: NumberedLine | null;
  readonly broken: NumberedLine | null;
}

/** Lots are numbered 1 to 9998, in ascending order: a sound piece has no more frames than their headers and trailers. */
const FRAMES_MAX = 2 * 9998 + 2;

export const SEQUENCE_LIMIT = 1_000_000;
/** Fields of CNAB 240, from 0. */
const LOT_AT = 3;
const LOT_DIGITS = 4;
const COUNT_AT = 17;
const SECOND_COUNT_AT = 23;
const COUNT_DIGITS = 6;
const TYPE_AT = 7;
/** Of CNAB 400. */
const SEQUENCE_AT = 394;

export class FrameWatch implements LineWatch {
  readonly #piece: LinePiece;
  readonly #format: CnabFormat;
  readonly #isOfLots: boolean;
  readonly #stretches: Stretch[] = [];
  readonly #frames: FrameLine[] = [];
  #lines = 0;
  #first: NumberedLine | null = null;
  #broken: NumberedLine | null = null;
  /** The stretch in progress. */
  #stretchLines = 0;
  #stretchAt = 0;
  #stretchLfs = 0;
  #named: LotLine | null = null;
  #stray: LotLine | null = null;

  constructor(piece: LinePiece, format: CnabFormat) {
    // Nothing behind what is in sight is read: the buffer may hold anything there.
    this.#piece = { ...piece, bytes: piece.bytes.subarray(0, piece.end) };
    this.#format = format;
    this.#isOfLots = format.kind === 'cnab-240';
  }

  line(kind: number, at: number, lfs: number): void {
    if (kind === EMPTY) return;
    if (!this.#isOfLots) this.#number(at, lfs);
    this.#lines++;
    if (kind === FRAME) this.#frame(at, lfs);
    else this.#other(at, lfs);
  }

  /** With absolute positions. */
  result(): PieceFrames {
    this.#endStretch();
    return {
      lines: this.#lines,
      stretches: this.#stretches,
      frames: this.#frames,
      first: this.#first,
      broken: this.#broken,
    };
  }

  #absolute(at: number): number {
    return at - this.#piece.from + this.#piece.offset;
  }

  #frame(at: number, lfs: number): void {
    if (this.#frames.length === FRAMES_MAX) return;
    this.#endStretch();
    const { bytes } = this.#piece;
    this.#frames.push({
      type: (bytes[at + (this.#isOfLots ? TYPE_AT : 0)] as number) - ZERO,
      bytes: this.#contentBytes(at),
      wholeBytes: this.#next(at) - at,
      lot: this.#isOfLots ? numberAt(bytes, at + LOT_AT, LOT_DIGITS) : NO_NUMBER,
      counts: [numberAt(bytes, at + COUNT_AT, COUNT_DIGITS), numberAt(bytes, at + SECOND_COUNT_AT, COUNT_DIGITS)],
      at: this.#absolute(at),
      lfs,
    });
  }

  #other(at: number, lfs: number): void {
    const lot = this.#lotNamed(at);
    if (this.#stretchLines === 0) {
      this.#stretchAt = this.#absolute(at);
      this.#stretchLfs = lfs;
    }
    this.#stretchLines++;
    if (lot === NO_NUMBER || lot === this.#named?.lot) return;
    if (this.#named === null) this.#named = { lot, at: this.#absolute(at), lfs };
    else this.#stray ??= { lot, at: this.#absolute(at), lfs };
  }

  #lotNamed(at: number): number {
    const { bytes } = this.#piece;
    if (!this.#isOfLots) return NO_NUMBER;
    for (let i = at; i < at + LOT_AT; i++) if (bytes[i] === LF) return NO_NUMBER;
    return numberAt(bytes, at + LOT_AT, LOT_DIGITS);
  }

  #endStretch(): void {
    this.#stretches.push({
      lines: this.#stretchLines,
      at: this.#stretchAt,
      lfs: this.#stretchLfs,
      named: this.#named,
      stray: this.#stray,
    });
    this.#stretchLines = 0;
    this.#named = this.#stray = null;
  }

  /** Lines of another length have no number: they are refused by themselves. */
  #number(at: number, lfs: number): void {
    if (this.#broken !== null || this.#contentBytes(at) !== this.#format.lineBytes) return;
    const number = numberAt(this.#piece.bytes, at + SEQUENCE_AT, COUNT_DIGITS);
    const line = { index: this.#lines, number, at: this.#absolute(at), lfs };
    if (this.#first === null) this.#first = line;
    else if (number !== followingNumber(this.#first, line.index)) this.#broken = line;
  }

  #contentBytes(at: number): number {
    return contentBytes(this.#format, this.#piece.bytes, at, this.#next(at));
  }

  /** Behind the line; what goes on behind all that is in sight is too long in any case. */
  #next(at: number): number {
    const { bytes, end, complete } = this.#piece;
    const next = lineAfter(this.#format, bytes, at, end, complete);
    return next < 0 ? end : next;
  }
}

const ZERO = 0x30;

/** The number that a line `index` lines behind the piece's beginning must have; six digits, and then they begin again. */
export function followingNumber(first: NumberedLine, index: number): number {
  if (first.number === NO_NUMBER) return NO_NUMBER;
  return (first.number + index - first.index) % SEQUENCE_LIMIT;
}

/** NO_NUMBER where not all of them are digits. */
export function numberAt(bytes: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NO_NUMBER;
    value = value * 10 + digit;
  }
  return value;
}
