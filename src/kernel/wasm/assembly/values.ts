/**
 * Checks a record that `split` has read and places its values: unquoted, trimmed, folded. The exact way, taken by
 * records that the quick one leaves; the counterpart of `src/kernel/values.ts`, whose order of checks holds here too.
 */
import { exactDocument, kindOf } from './documents.ts';
import { exactAmount, exactDate, exactEmail, exactInstallment, exactPhone, keepDigits } from './exact.ts';
import {
  ABSENT,
  ACCOUNT_TYPE,
  AMOUNT,
  CR,
  CREDITOR,
  dateForm,
  decimal,
  DOCUMENT,
  DOCUMENT_KIND_UNKNOWN,
  documentKind,
  DUE_DATE,
  EMAIL,
  FIELD_COUNT,
  FIELD_ENDS,
  FIELD_FLAGS,
  FIELD_STARTS,
  fieldCount,
  IGNORED_COLUMN,
  ISO,
  INSTALLMENT,
  KIND_COLUMN,
  kindSlot,
  LENGTH,
  LF,
  NAME,
  NO_COLUMN,
  oneByte,
  PHONE,
  place,
  PLAN_COLUMNS,
  quote,
  QUOTE_MALFORMED,
  REF,
  REQUIRED,
  required,
  scratchAt,
  setCents,
  setDocumentKind,
  setPackedDate,
  setWarning,
  SPACE,
  TAB,
  thousands,
  UNKNOWN_KIND,
  VALUE_AT,
  VALUE_BYTES,
} from './layout.ts';
import { exactLocalAmount, exactLocalDate, oneByteCharacters, recode } from './local.ts';
import { CONTROL, DOUBLED, HIGH, RUN, splitFields, splitMalformed } from './split.ts';
import { codePoints } from './utf8';

/** Cents of a record whose amount could not be read. */
const CENTS_UNREAD: i64 = -1;

/** Column of the fault that `check` found. */
export let faultColumn: u32 = NO_COLUMN;

let scratchUsed: usize = 0;

/** 0 where the record passes, else the id of the code, with `faultColumn`, and cents and reference if they are readable. */
export function check(): i32 {
  setWarning(0);
  setCents(CENTS_UNREAD);
  place(REF, 0, 0);
  if (splitMalformed >= 0 || splitFields != fieldCount) return badShape();
  scratchUsed = scratchAt;
  if (kindSlot != ABSENT) readKind();
  let fault: i32 = 0;
  for (let field: u32 = 0; field < fieldCount; field++) {
    const column: u32 = load<u8>(PLAN_COLUMNS + field);
    if ((fault != 0 && column != AMOUNT && column != REF) || column == IGNORED_COLUMN) continue;
    const slot = field << 2;
    const start: usize = load<u32>(FIELD_STARTS + slot) + 1;
    const code = checkField(column, start, load<u32>(FIELD_ENDS + slot), load<u32>(FIELD_FLAGS + slot));
    if (code >= 0) continue;
    if (column == REF) place(REF, 0, 0);
    if (fault != 0) continue;
    fault = -code;
    faultColumn = column;
  }
  return fault;
}

function badShape(): i32 {
  const malformed = splitMalformed;
  const known = malformed >= 0 && <u32>malformed < fieldCount;
  faultColumn = known ? load<u8>(PLAN_COLUMNS + malformed) : NO_COLUMN;
  if (faultColumn == IGNORED_COLUMN) faultColumn = NO_COLUMN;
  return malformed >= 0 ? QUOTE_MALFORMED : FIELD_COUNT;
}

/** The kind that the record's own field says: read before all, for it may stand behind the document. */
function readKind(): void {
  const from: usize = load<u32>(FIELD_STARTS + kindSlot) + 1;
  const to: usize = load<u32>(FIELD_ENDS + kindSlot);
  const doubled = (load<u32>(FIELD_FLAGS + kindSlot) & DOUBLED) != 0;
  let start = doubled ? scratchUsed : from;
  let end = doubled ? unescape(from, to) : to;
  while (start < end && isBlank(load<u8>(start), false)) start++;
  while (end > start && isBlank(load<u8>(end - 1), false)) end--;
  setDocumentKind(kindOf(start, <u32>(end - start)));
}

/** Below 0 is a code, negated. */
function checkField(column: u32, start: usize, end: usize, flags: u32): i32 {
  if (column == KIND_COLUMN) return documentKind == UNKNOWN_KIND ? -DOCUMENT_KIND_UNKNOWN : 0;
  const length = prepare(column, start, end, flags);
  if (length < 0) return length;
  if (length == 0) return ((required >>> column) & 1) != 0 ? -REQUIRED : 0;
  const at: usize = load<u32>(VALUE_AT + (column << 2));
  const to = at + load<u32>(VALUE_BYTES + (column << 2));
  const code = checkColumn(column, at, to, length);
  if (code < 0 || !oneByte || (flags & HIGH) == 0 || column == DOCUMENT) return code;
  // Of the values that pass, only texts hold high bytes, and documents of no known kind, which are not kept.
  const out = scratchUsed;
  scratchUsed = recode(at, to, out);
  place(column, out, scratchUsed - out);
  return code;
}

/** Unescapes, trims and, in names, folds blanks, and places what is left. Returns its code points; below 0 a code. */
function prepare(column: u32, from: usize, to: usize, flags: u32): i32 {
  const isName = column == NAME || column == CREDITOR;
  const doubled = (flags & DOUBLED) != 0;
  let start = doubled ? scratchUsed : from;
  let end = doubled ? unescape(from, to) : to;
  while (start < end && isBlank(load<u8>(start), isName)) start++;
  while (end > start && isBlank(load<u8>(end - 1), isName)) end--;
  if (start == end) {
    place(column, 0, 0);
    return 0;
  }
  if (isName && (flags & (RUN | CONTROL)) != 0) {
    const out = doubled ? start : scratchUsed;
    end = fold(start, end, out);
    start = out;
  }
  place(column, start, end - start);
  if ((flags & (HIGH | CONTROL)) == 0) return <i32>(end - start);
  return oneByte ? oneByteCharacters(start, end) : codePoints(start, end);
}

/** `length` in code points. Below 0 is a code, negated. */
function checkColumn(column: u32, start: usize, end: usize, length: i32): i32 {
  switch (column) {
    case REF:
      return length > 64 ? -LENGTH : 0;
    case NAME:
    case CREDITOR:
      return length < 2 || length > 120 ? -LENGTH : 0;
    case DOCUMENT:
      return exactDocument(start, end);
    case AMOUNT: {
      const isOwn = decimal == 0x2e && thousands == 0;
      const value = isOwn ? exactAmount(start, end) : exactLocalAmount(start, end);
      if (value < 0) return <i32>value;
      setCents(value);
      return 0;
    }
    case DUE_DATE: {
      const day = dateForm == ISO ? exactDate(start, end) : exactLocalDate(start, end);
      setPackedDate(day);
      return day;
    }
    case EMAIL:
      return exactEmail(start, end);
    case PHONE: {
      const digits = exactPhone(start, end);
      if (digits < 0 || digits == <i32>(end - start)) return digits;
      const out = scratchUsed;
      scratchUsed = keepDigits(start, end, out);
      place(PHONE, out, scratchUsed - out);
      return digits;
    }
    case ACCOUNT_TYPE:
      return length > 40 ? -LENGTH : 0;
    case INSTALLMENT:
      return exactInstallment(start, end);
    default:
      return 0;
  }
}

/** Copies a quoted field to scratch, each doubled quote as one; returns the end there. */
function unescape(from: usize, to: usize): usize {
  let out = scratchUsed;
  for (let at = from; at < to; at++) {
    const byte = load<u8>(at);
    store<u8>(out++, byte);
    if (byte == quote) at++;
  }
  return (scratchUsed = out);
}

/** Copies a name with each run of blanks as one space, in place where `out` is its start; returns the end there. */
function fold(start: usize, end: usize, out: usize): usize {
  let afterBlank = false;
  for (let at = start; at < end; at++) {
    const byte = load<u8>(at);
    const blank = isBlank(byte, true);
    if (!blank) store<u8>(out++, byte);
    else if (!afterBlank) store<u8>(out++, SPACE);
    afterBlank = blank;
  }
  if (out > scratchUsed) scratchUsed = out;
  return out;
}

/** Line ends count as blanks in names, which may be quoted over two lines. */
function isBlank(byte: u8, inName: bool): bool {
  return byte == SPACE || byte == TAB || (inName && (byte == LF || byte == CR));
}
