/**
 * Which lines of a file make up a record: the one answer that scan and readers share, for every kind of file whose records
 * are lines.
 *
 * A line has a kind, told from its first `LOOK_AHEAD_BYTES` bytes and from where it ends if that is among them. Where a line
 * begins there is a state: whether a record is in progress, and which lines may still join it. Kind and state say whether
 * a record begins, goes on or has ended before the line. Both are small numbers, so that a scan which does not know in
 * which state its piece begins can follow all of them.
 */
import type { CnabFormat, FixedWidthFormat, LineShape, RecordFormat } from '../plan.ts';

/** No record is in progress. */
export const BETWEEN = 0;
/** The line that begins a debt was the last; its mate may follow. */
export const WANTS_MATE = 1;
/** The mate stands too; further lines may belong to the debt. */
export const HAS_MATE = 2;
/** A record that no other line joins. */
export const ALONE = 3;
const STATES = 4;
export const LINE_STATES: readonly number[] = [BETWEEN, WANTS_MATE, HAS_MATE, ALONE];

export const EMPTY = 0;
/** Header or trailer, of file or lot. */
export const FRAME = 1;
/** Passed over as the profile has it. */
export const SKIPPED = 2;
/** A record by itself. */
export const SINGLE = 3;
/** Begins a debt. */
export const MAIN = 4;
/** Follows the main line of its debt. */
export const MATE = 5;
/** Of the same debt as the lines before it. */
export const FURTHER = 6;
/** No line of the format: a record by itself, to be refused. */
export const UNKNOWN = 7;
const KINDS = 8;

/** By kind × STATES + state: the state after the line; and 1 where the line begins a record. */
const AFTER = new Uint8Array(KINDS * STATES);
const BEGINS = new Uint8Array(KINDS * STATES);
fill(SINGLE, [ALONE, ALONE, ALONE, ALONE], [1, 1, 1, 1]);
fill(MAIN, [WANTS_MATE, WANTS_MATE, WANTS_MATE, WANTS_MATE], [1, 1, 1, 1]);
fill(MATE, [HAS_MATE, HAS_MATE, HAS_MATE, HAS_MATE], [1, 0, 1, 1]);
fill(FURTHER, [ALONE, WANTS_MATE, HAS_MATE, ALONE], [1, 0, 0, 1]);
fill(UNKNOWN, [ALONE, ALONE, ALONE, ALONE], [1, 1, 1, 1]);

function fill(kind: number, after: readonly number[], begins: readonly number[]): void {
  AFTER.set(after, kind * STATES);
  BEGINS.set(begins, kind * STATES);
}

/** The state after a line. EMPTY, FRAME and SKIPPED lines are of no record and end the one in progress. */
export function stateAfter(kind: number, state: number): number {
  return AFTER[kind * STATES + state];
}

export function beginsRecord(kind: number, state: number): boolean {
  return BEGINS[kind * STATES + state] === 1;
}

export const LF = 0x0a;
export const CR = 0x0d;
/** Old programs end their files with it. */
const END_OF_FILE = 0x1a;

/**
 * The kind of the line that begins at `at`; -1 where more bytes are needed to tell.
 * @param end bytes up to here are there
 * @param complete whether the input ends there
 */
export function lineKind(format: RecordFormat, bytes: Uint8Array, at: number, end: number, complete: boolean): number {
  if (format.kind === 'json-lines') return emptyKind(bytes, at, end, complete, SINGLE);
  const byte = bytes[at];
  if (byte === LF || byte === CR || byte === END_OF_FILE) {
    const kind = format.lineEnds ? oddKind(bytes, at, end, complete) : restKind(format, at, end, complete);
    if (kind !== SINGLE) return kind;
  }
  if (format.kind === 'fixed-width') return skippedKind(format, bytes, at, end, complete);
  return format.kind === 'cnab-400' ? kindOf400(format, byte) : kindOf240(format, bytes, at, end, complete);
}

/** EMPTY for a line end; else what is told. A CR counts only before LF. */
function emptyKind(bytes: Uint8Array, at: number, end: number, complete: boolean, other: number): number {
  const byte = bytes[at];
  if (byte === LF) return EMPTY;
  if (byte !== CR) return other;
  if (at + 1 >= end) return complete ? other : -1;
  return bytes[at + 1] === LF ? EMPTY : other;
}

/** EMPTY for a line that is empty or the end of an old program's file; SINGLE for any other. */
function oddKind(bytes: Uint8Array, at: number, end: number, complete: boolean): number {
  if (bytes[at] !== END_OF_FILE) return emptyKind(bytes, at, end, complete, SINGLE);
  if (at + 1 >= end) return complete ? EMPTY : -1;
  return bytes[at + 1] === LF || bytes[at + 1] === CR ? EMPTY : SINGLE;
}

/** Without line ends, such a byte may stand behind the last line: EMPTY for what is less than a line. */
function restKind({ lineBytes }: LineShape, at: number, end: number, complete: boolean): number {
  if (end - at >= lineBytes) return SINGLE;
  return complete ? EMPTY : -1;
}

function skippedKind(
  { skip }: FixedWidthFormat,
  bytes: Uint8Array,
  at: number,
  end: number,
  complete: boolean,
): number {
  for (const prefix of skip) {
    let matched = 0;
    while (matched < prefix.length && at + matched < end && bytes[at + matched] === prefix.charCodeAt(matched)) {
      matched++;
    }
    if (matched === prefix.length) return SKIPPED;
    if (at + matched >= end && !complete) return -1;
  }
  return SINGLE;
}

const ZERO = 0x30;
const NINE = 0x39;
/** Where a line of CNAB 240 says its type and, of a detail, its segment. */
const TYPE_AT = 7;
const SEGMENT_AT = 13;
const DETAIL = 0x33;

function kindOf400({ main }: CnabFormat, type: number): number {
  if (type === ZERO || type === NINE) return FRAME;
  if (type === main.charCodeAt(0)) return MAIN;
  return type > ZERO && type < NINE ? FURTHER : UNKNOWN;
}

function kindOf240({ main, mate }: CnabFormat, bytes: Uint8Array, at: number, end: number, complete: boolean): number {
  for (let i = at; i <= at + SEGMENT_AT; i++) {
    if (i >= end) return complete ? UNKNOWN : -1;
    const byte = bytes[i];
    if (byte === LF) return UNKNOWN;
    if (i === at + TYPE_AT && byte !== DETAIL) {
      return byte === ZERO || byte === 0x31 || byte === 0x35 || byte === NINE ? FRAME : UNKNOWN;
    }
  }
  const segment = bytes[at + SEGMENT_AT];
  if (segment === main.charCodeAt(0)) return MAIN;
  if (segment === mate.charCodeAt(0)) return MATE;
  return segment >= 0x41 && segment <= 0x5a ? FURTHER : UNKNOWN;
}

/** Position after the line that begins at `at`, its end included; -1 where more bytes are needed. */
export function lineAfter(format: RecordFormat, bytes: Uint8Array, at: number, end: number, complete: boolean): number {
  if (format.kind !== 'json-lines' && !format.lineEnds) {
    const next = at + format.lineBytes;
    if (next <= end) return next;
    return complete ? end : -1;
  }
  const lf = bytes.indexOf(LF, at);
  if (lf >= 0 && lf < end) return lf + 1;
  return complete ? end : -1;
}

/** Bytes of the line's content: its end, if it has one, left out. */
export function contentBytes(format: LineShape, bytes: Uint8Array, at: number, next: number): number {
  if (!format.lineEnds || next === at || bytes[next - 1] !== LF) return next - at;
  const crlf = next - at > 1 && bytes[next - 2] === CR;
  return next - at - (crlf ? 2 : 1);
}
