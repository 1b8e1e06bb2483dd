/**
 * Splits one record of any kind into fields, byte by byte: the exact way, taken by records that the quick one leaves.
 * The counterpart of `src/kernel/records.ts`, whose grammar and invariant hold here too.
 */
import {
  CR,
  delimiter,
  FIELD_ENDS,
  FIELD_FLAGS,
  FIELD_STARTS,
  fieldCount,
  LF,
  quote,
  QUOTED_CLASSES,
  SPACE,
  UNQUOTED_CLASSES,
} from './layout.ts';

/** Flags of a field. */
export const HIGH: u32 = 1;
export const CONTROL: u32 = 2;
export const DOUBLED: u32 = 4;
export const MALFORMED: u32 = 8;
export const RUN: u32 = 16;

const IS_HIGH: u8 = 1;
const IS_CONTROL: u8 = 2;
const IS_QUOTE: u8 = 3;
const IS_DELIMITER: u8 = 4;
const IS_LF: u8 = 5;
const IS_CR: u8 = 6;
const IS_SPACE: u8 = 7;

/** Fields of the record, be they more than were kept; LFs inside of it; its first malformed field, -1 for none. */
export let splitFields: u32 = 0;
export let splitInnerLines: u32 = 0;
export let splitMalformed: i32 = -1;

let quotedFlag: u32 = 0;
let innerLines: u32 = 0;

/** Position after the record that begins at `from`, its line end included; 0 where `to` comes first. */
export function split(from: usize, to: usize, last: bool): usize {
  let fields: u32 = 0;
  let malformed: i32 = -1;
  let at = from;
  innerLines = 0;
  for (;;) {
    let start = at;
    let flag: u32 = 0;
    let end: usize = 0;
    if (at < to && load<u8>(at) == quote) {
      const closing = skipQuoted(at + 1, to, last);
      if (closing == 0) return 0;
      flag = quotedFlag;
      start = at + 1;
      end = closing;
      at = min(closing + 1, to);
      if (at < to && load<u8>(at) != delimiter && load<u8>(at) != LF) {
        if (load<u8>(at) == CR && at + 1 < to && load<u8>(at, 1) == LF) at++;
        else if (load<u8>(at) == CR && at + 1 == to && !last) return 0;
        else {
          flag |= MALFORMED;
          end = 0;
        }
      }
    }
    if (end == 0) {
      for (; at < to; at++) {
        const kind = load<u8>(UNQUOTED_CLASSES + load<u8>(at));
        if (kind == 0) continue;
        if (kind == IS_DELIMITER || kind == IS_LF) break;
        if (kind == IS_CR) {
          if (at + 1 < to && load<u8>(at, 1) == LF) break;
          flag |= CONTROL;
        } else if (kind == IS_SPACE) {
          if (at + 1 < to && load<u8>(at, 1) == SPACE) flag |= RUN;
        } else if (kind == IS_QUOTE) flag |= MALFORMED;
        else flag |= kind;
      }
      end = at;
      if (at < to && load<u8>(at) == CR) at++;
    }
    if (at >= to && !last) return 0;
    if ((flag & MALFORMED) != 0 && malformed < 0) malformed = fields;
    if (fields < fieldCount) {
      store<u32>(FIELD_STARTS + (fields << 2), start - 1);
      store<u32>(FIELD_ENDS + (fields << 2), end);
      store<u32>(FIELD_FLAGS + (fields << 2), flag);
    }
    fields++;
    if (at < to && load<u8>(at) == delimiter) {
      at++;
      continue;
    }
    splitFields = fields;
    splitMalformed = malformed;
    splitInnerLines = innerLines;
    return at < to ? at + 1 : to;
  }
}

/** From after an opening quote to the closing one; `to` where the input ends first, 0 for more. */
function skipQuoted(from: usize, to: usize, last: bool): usize {
  let flag: u32 = 0;
  let at = from;
  for (;;) {
    if (at >= to) {
      if (!last) return 0;
      flag |= MALFORMED;
      break;
    }
    const byte = load<u8>(at);
    const kind = load<u8>(QUOTED_CLASSES + byte);
    if (kind == IS_QUOTE) {
      if (at + 1 >= to || load<u8>(at, 1) != quote) break;
      flag |= DOUBLED;
      at += 2;
      continue;
    }
    if (kind == IS_SPACE) {
      if (at + 1 < to && load<u8>(at, 1) == SPACE) flag |= RUN;
    } else flag |= kind;
    if (byte == LF) innerLines++;
    at++;
  }
  quotedFlag = flag;
  return at;
}

/** Fills the tables of classes for the dialect. */
export function fillClasses(): void {
  fill(UNQUOTED_CLASSES);
  store<u8>(UNQUOTED_CLASSES + delimiter, IS_DELIMITER);
  store<u8>(UNQUOTED_CLASSES + LF, IS_LF);
  store<u8>(UNQUOTED_CLASSES + CR, IS_CR);
  fill(QUOTED_CLASSES);
}

function fill(table: usize): void {
  memory.fill(table, 0, 0x80);
  memory.fill(table, IS_CONTROL, 0x20);
  store<u8>(table + 0x7f, IS_CONTROL);
  memory.fill(table + 0x80, IS_HIGH, 0x80);
  store<u8>(table + SPACE, IS_SPACE);
  store<u8>(table + quote, IS_QUOTE);
}
