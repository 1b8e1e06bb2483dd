/**
 * Splits one record into fields: positions and flags, no copies.
 *
 * Grammar: an opening quote only at a field's start; quotes inside are doubled; LF outside quotes ends the record and a
 * CR directly before it belongs to the line end. Whatever breaks the rules of quotes is read on as literal text and the
 * field is flagged malformed. Nothing here throws on data.
 *
 * Invariant: with the same bytes up to the record's end, the result is the same whatever follows and however often an
 * incomplete record was tried before.
 */
import { assert } from '../core/assert.ts';
import { RECORD_CODES } from '../core/codes.ts';
import type { Dialect } from './plan.ts';

/** Flags of a field. */
export const HIGH = 1; // holds bytes above 0x7f
export const CONTROL = 2; // holds control characters of ASCII, among them TAB, CR and LF
export const DOUBLED = 4; // holds doubled quotes: what stands between start and end is still to be unescaped
export const MALFORMED = 8;
export const RUN = 16; // holds two spaces in a row
export const ABSENT = 32; // the record does not have the field at all
export const PLAIN_NUMBER = 64; // an amount in it is written as the default format has it, whatever the profile says

const QUOTE_MALFORMED = RECORD_CODES.QUOTE_MALFORMED.id;
const FIELD_COUNT = RECORD_CODES.FIELD_COUNT.id;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** Classes of bytes; 0 is text of no interest. */
const IS_HIGH = 1;
const IS_CONTROL = 2;
const IS_QUOTE = 3;
const IS_DELIMITER = 4;
const IS_LF = 5;
const IS_CR = 6;
const IS_SPACE = 7;

export class RecordSplitter {
  /** Content of each field, quotes left out: `[start, end)` in the bytes given; valid for the first `capacity` fields. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly flags: Uint8Array;
  /** How many fields the record has, be they more than were kept. */
  fields = 0;
  /** LFs inside the record, the one that ends it left out. */
  innerLines = 0;
  /** Index of the first malformed field; -1 for none. */
  malformed = -1;
  /** As `RecordFields` has them, where `capacity` is the number of fields that a record must have. */
  fault = 0;
  faultField = -1;
  readonly readable = false;
  /** Whether the input ended inside quotes; the field is then malformed as well. */
  unclosed = false;

  readonly #delimiter: number;
  readonly #quote: number;
  readonly #capacity: number;
  readonly #unquoted: Uint8Array;
  readonly #quoted: Uint8Array;
  /** Bytes from here to 0x7e are text of no interest, in quotes or not: two comparisons beat the table. */
  readonly #plainFrom: number;
  #flag = 0;
  #lines = 0;

  /** `capacity`: fields beyond it are counted and not kept. */
  constructor(dialect: Dialect, capacity: number) {
    assertDialect(dialect);
    this.#delimiter = dialect.delimiter;
    this.#quote = dialect.quote;
    this.#capacity = capacity;
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.#plainFrom = Math.max(dialect.delimiter, dialect.quote, SPACE) + 1;
    this.#unquoted = classes(dialect, true);
    this.#quoted = classes(dialect, false);
  }

  /**
   * Splits the record that begins at `from`, which is neither `to` nor the start of an empty line.
   * @param last whether the input ends at `to`: the record then needs no line end
   * @returns the position after the record, its line end included; -1 where `to` comes first
   */
  split(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    const capacity = this.#capacity;
    const table = this.#unquoted;
    const plainFrom = this.#plainFrom;
    const { starts, ends, flags } = this;
    let fields = 0;
    let malformed = -1;
    let at = from;
    this.#lines = 0;
    this.unclosed = false;
    for (;;) {
      let start = at;
      let flag = 0;
      let end = -1;
      if (at < to && bytes[at] === quote) {
        const closing = this.#skipQuoted(bytes, at + 1, to, last);
        if (closing < 0) return -1;
        flag = this.#flag;
        start = at + 1;
        end = closing;
        at = Math.min(closing + 1, to);
        if (at < to && bytes[at] !== delimiter && bytes[at] !== LF) {
          if (bytes[at] === CR && at + 1 < to && bytes[at + 1] === LF) at++;
          else if (bytes[at] === CR && at + 1 === to && !last) return -1;
          else {
            flag |= MALFORMED;
            end = -1;
          }
        }
      }
      if (end < 0) {
        for (;;) {
          let byte = 0;
          while (at < to && (byte = bytes[at]) >= plainFrom && byte < 0x7f) at++;
          const kind = table[byte]; // looked up before the check: measured a little faster
          if (at >= to) break;
          if (kind === IS_DELIMITER || kind === IS_LF) break;
          if (kind === IS_CR) {
            if (at + 1 < to && bytes[at + 1] === LF) break;
            flag |= CONTROL;
          } else if (kind === IS_SPACE) {
            if (at + 1 < to && bytes[at + 1] === SPACE) flag |= RUN;
          } else if (kind === IS_QUOTE) flag |= MALFORMED;
          else flag |= kind;
          at++;
        }
        end = at;
        if (at < to && bytes[at] === CR) at++;
      }
      if (at >= to && !last) return -1;
      if ((flag & MALFORMED) !== 0 && malformed < 0) malformed = fields;
      if (fields < capacity) {
        starts[fields] = start;
        ends[fields] = end;
        flags[fields] = flag;
      }
      fields++;
      if (at < to && bytes[at] === delimiter) {
        at++;
        continue;
      }
      this.fields = fields;
      this.malformed = this.faultField = malformed;
      this.fault = malformed >= 0 ? QUOTE_MALFORMED : fields !== capacity ? FIELD_COUNT : 0;
      this.innerLines = this.#lines;
      return at < to ? at + 1 : to;
    }
  }

  /** From after an opening quote to the position of the closing one; `to` where the input ends first, -1 for more. */
  #skipQuoted(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    const quote = this.#quote;
    const table = this.#quoted;
    const plainFrom = this.#plainFrom;
    let flag = 0;
    let at = from;
    for (;;) {
      let byte = 0;
      while (at < to && (byte = bytes[at]) >= plainFrom && byte < 0x7f) at++;
      if (at >= to) {
        if (!last) return -1;
        flag |= MALFORMED;
        this.unclosed = true;
        break;
      }
      const kind = table[byte];
      if (kind === IS_QUOTE) {
        if (at + 1 >= to || bytes[at + 1] !== quote) break;
        flag |= DOUBLED;
        at += 2;
        continue;
      }
      if (kind === IS_SPACE) {
        if (at + 1 < to && bytes[at + 1] === SPACE) flag |= RUN;
      } else flag |= kind;
      if (bytes[at] === LF) this.#lines++;
      at++;
    }
    this.#flag = flag;
    return at;
  }
}

/** The flags of a text that stands alone. */
export function textFlags(bytes: Uint8Array, start: number, end: number): number {
  let flags = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte >= 0x80) flags |= HIGH;
    else if (byte < SPACE || byte === 0x7f) flags |= CONTROL;
    else if (byte === SPACE && i + 1 < end && bytes[i + 1] === SPACE) flags |= RUN;
  }
  return flags;
}

/** Bytes that a dialect cannot use: line ends, and what is part of a longer character. */
export function assertDialect({ delimiter, quote }: Dialect): void {
  const usable = (byte: number) => Number.isInteger(byte) && byte > 0 && byte < 0x80 && byte !== LF && byte !== CR;
  assert(usable(delimiter) && usable(quote) && delimiter !== quote, 'delimiter and quote are two ASCII bytes');
}

function classes({ delimiter, quote }: Dialect, unquoted: boolean): Uint8Array {
  const table = new Uint8Array(256);
  table.fill(IS_CONTROL, 0, 0x20);
  table[0x7f] = IS_CONTROL;
  table.fill(IS_HIGH, 0x80);
  table[SPACE] = IS_SPACE;

  table[quote] = IS_QUOTE;
  if (unquoted) {
    table[delimiter] = IS_DELIMITER;
    table[LF] = IS_LF;
    table[CR] = IS_CR;
  }
  return table;
}
