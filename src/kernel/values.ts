/**
 * Checks a record and leaves its values, transformed: unquoted, trimmed, folded, telephone digits only.
 *
 * A value stays where it stands in the record's bytes wherever it can; only what had to be changed is written to a
 * scratch buffer, which never needs more than the record itself.
 *
 * Order of checks: the record's shape; then the fields as the file has them, the first faulty one giving code and
 * column. Amount and reference are read even then, because receipts sum rejected amounts and name references.
 */
import { RECORD_CODES } from '../core/codes.ts';
import {
  ACCOUNT_TYPE,
  AMOUNT,
  COLUMN_COUNT,
  CPF,
  CREDITOR,
  DUE_DATE,
  EMAIL,
  INSTALLMENT,
  NAME,
  NO_COLUMN,
  PHONE,
  REF,
  REQUIRED_COLUMNS,
} from './columns.ts';
import {
  ACCOUNT_TYPE_LENGTH,
  checkAmount,
  checkCpf,
  checkDate,
  checkEmail,
  checkInstallment,
  checkLength,
  checkPhone,
  isPaddedCpf,
  NAME_LENGTH,
  REF_LENGTH,
} from './fields.ts';
import { CENTS_UNREAD } from './parts.ts';
import { CONTROL, DOUBLED, HIGH, type RecordSplitter } from './records.ts';
import { codePoints } from './utf8.ts';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const PLUS = 0x2b;

export class RecordValues {
  /** Text values by column: `[start, end)` in the record's bytes or, where `inScratch`, in `scratch`; empty for none. */
  readonly starts = new Int32Array(COLUMN_COUNT);
  readonly ends = new Int32Array(COLUMN_COUNT);
  readonly inScratch = new Uint8Array(COLUMN_COUNT);
  scratch = new Uint8Array(4096);
  /** Column of the fault, or NO_COLUMN. */
  column = NO_COLUMN;
  /** Integer cents, or CENTS_UNREAD. */
  cents = CENTS_UNREAD;
  /** `year × 512 + month × 32 + day`. */
  packedDate = 0;
  /** The 11 digits as a number. */
  cpf = 0;
  /** Id of a warning; 0 for none. */
  warning = 0;

  readonly #quote: number;
  readonly #fields: readonly number[];
  #scratchUsed = 0;

  constructor(quote: number, fields: readonly number[]) {
    this.#quote = quote;
    this.#fields = fields;
  }

  /**
   * Checks the record that `record` has just split, `recordBytes` long.
   * @returns 0 where it passes; else the id of the code, with `column`, and `cents` and the reference if they are readable
   */
  check(bytes: Uint8Array, record: RecordSplitter, recordBytes: number): number {
    const fields = this.#fields;
    this.warning = 0;
    this.cents = CENTS_UNREAD;
    this.starts[REF] = this.ends[REF] = 0;
    if (record.malformed >= 0 || record.fields !== fields.length) return this.#badShape(record);
    this.#scratchUsed = 0;
    if (recordBytes > this.scratch.length) this.scratch = new Uint8Array(2 ** Math.ceil(Math.log2(recordBytes)));

    let fault = 0;
    for (let field = 0; field < fields.length; field++) {
      const column = fields[field];
      if (fault !== 0 && column !== AMOUNT && column !== REF) continue;
      const code = this.#checkField(bytes, column, record.starts[field], record.ends[field], record.flags[field]);
      if (code < 0 && fault === 0) {
        fault = -code;
        this.column = column;
      }
    }
    return fault;
  }

  #badShape(record: RecordSplitter): number {
    const { malformed } = record;
    this.column = malformed >= 0 && malformed < this.#fields.length ? this.#fields[malformed] : NO_COLUMN;
    return malformed >= 0 ? RECORD_CODES.QUOTE_MALFORMED.id : RECORD_CODES.FIELD_COUNT.id;
  }

  /** Below 0 is a code, negated. */
  #checkField(bytes: Uint8Array, column: number, from: number, to: number, flags: number): number {
    let source = bytes;
    let start = from;
    let end = to;
    let scratched = 0;
    if ((flags & DOUBLED) !== 0) {
      start = this.#scratchUsed;
      end = this.#unescape(bytes, from, to);
      source = this.scratch;
      scratched = 1;
    }
    const isName = column === NAME || column === CREDITOR;
    const blanks = isName ? isNameBlank : isBlank;
    while (start < end && blanks(source[start])) start++;
    while (end > start && blanks(source[end - 1])) end--;
    if (start === end) {
      this.starts[column] = this.ends[column] = 0;
      return column < REQUIRED_COLUMNS ? -RECORD_CODES.REQUIRED.id : 0;
    }
    if (isName && mustFold(source, start, end)) {
      const target = scratched === 1 ? start : this.#scratchUsed;
      end = this.#fold(source, start, end, target);
      start = target;
      source = this.scratch;
      scratched = 1;
    }
    let length = end - start;
    if ((flags & (HIGH | CONTROL)) !== 0) {
      length = codePoints(source, start, end);
      if (length < 0) return length;
    }
    const code = this.#checkColumn(source, column, start, end, length);
    if (code < 0) return code;
    if (column === PHONE && code !== end - start) {
      const target = scratched === 1 ? start : this.#scratchUsed;
      end = this.#digits(source, start, end, target);
      start = target;
      scratched = 1;
    }
    this.starts[column] = start;
    this.ends[column] = end;
    this.inScratch[column] = scratched;
    return 0;
  }

  /** `length` in code points. Below 0 is a code, negated; for a telephone, how many digits it has. */
  #checkColumn(source: Uint8Array, column: number, start: number, end: number, length: number): number {
    switch (column) {
      case REF:
        return checkLength(length, REF_LENGTH);
      case NAME:
      case CREDITOR:
        return checkLength(length, NAME_LENGTH);
      case CPF: {
        const cpf = checkCpf(source, start, end);
        this.cpf = cpf;
        if (cpf >= 0 && isPaddedCpf(start, end)) this.warning = RECORD_CODES.CPF_PADDED.id;
        return cpf;
      }
      case AMOUNT: {
        const cents = checkAmount(source, start, end);
        if (cents >= 0) this.cents = cents;
        return cents;
      }
      case DUE_DATE:
        return (this.packedDate = checkDate(source, start, end));
      case EMAIL:
        return checkEmail(source, start, end);
      case PHONE:
        return checkPhone(source, start, end);
      case ACCOUNT_TYPE:
        return checkLength(length, ACCOUNT_TYPE_LENGTH);
      case INSTALLMENT:
        return checkInstallment(source, start, end);
      default:
        return 0;
    }
  }

  /** Copies a quoted field to scratch, each doubled quote as one; returns the end there. */
  #unescape(bytes: Uint8Array, from: number, to: number): number {
    const { scratch } = this;
    const quote = this.#quote;
    let out = this.#scratchUsed;
    for (let i = from; i < to; i++) {
      const byte = bytes[i];
      scratch[out++] = byte;
      if (byte === quote) i++;
    }
    return (this.#scratchUsed = out);
  }

  /** Writes a name with each run of blanks as one space at `target`; returns the end there. In place is fine. */
  #fold(source: Uint8Array, start: number, end: number, target: number): number {
    const { scratch } = this;
    let out = target;
    let blank = false;
    for (let i = start; i < end; i++) {
      const byte = source[i];
      const isBlankHere = isNameBlank(byte);
      if (!isBlankHere) scratch[out++] = byte;
      else if (!blank) scratch[out++] = SPACE;
      blank = isBlankHere;
    }
    if (out > this.#scratchUsed) this.#scratchUsed = out;
    return out;
  }

  /** Writes a telephone's digits, after its `+` if it has one, at `target`; returns the end there. */
  #digits(source: Uint8Array, start: number, end: number, target: number): number {
    const { scratch } = this;
    let out = target;
    for (let i = start; i < end; i++) {
      const byte = source[i];
      if (byte === PLUS || (byte >= 0x30 && byte <= 0x39)) scratch[out++] = byte;
    }
    if (out > this.#scratchUsed) this.#scratchUsed = out;
    return out;
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

function isNameBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === LF || byte === CR;
}

/** Whether a trimmed name holds a blank other than a space, or two in a row. */
function mustFold(source: Uint8Array, start: number, end: number): boolean {
  let previous = 0;
  for (let i = start; i < end; i++) {
    const byte = source[i];
    if (byte <= SPACE && (byte === previous || (byte !== SPACE && isNameBlank(byte)))) return true;
    previous = byte;
  }
  return false;
}
