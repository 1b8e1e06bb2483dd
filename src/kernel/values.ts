/**
 * Checks a record and leaves its values, transformed: unquoted, trimmed, folded, telephone digits only.
 *
 * A value stays where it stands in the record's bytes wherever it can; only what had to be changed is written to a
 * scratch buffer, which never needs more than the record itself.
 *
 * Order of checks: the record's shape; then the fields as the file has them, the first faulty one giving code and
 * column. Amount and reference are read even then, because receipts sum rejected amounts and name references. Where a
 * field says of which kind the document is, that is read before all: it may stand behind the document.
 */
import { RECORD_CODES } from '../core/codes.ts';
import {
  ACCOUNT_TYPE,
  AMOUNT,
  COLUMN_COUNT,
  CREDITOR,
  DOCUMENT,
  DUE_DATE,
  EMAIL,
  IGNORED_COLUMN,
  INSTALLMENT,
  KIND_COLUMN,
  NAME,
  NO_COLUMN,
  PHONE,
  REF,
  REQUIRED_COLUMNS,
} from './columns.ts';
import { type Constant, readConstants } from './constants.ts';
import {
  afterZeros,
  CNPJ_CHARACTERS,
  CNPJ_KIND,
  CPF_KIND,
  checkCnpj,
  isPaddedCnpj,
  KindWords,
  kindWords,
  putCnpj,
  UNKNOWN_KIND,
} from './documents.ts';
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
import {
  checkImpliedAmount,
  checkLocalAmount,
  checkLocalDate,
  codePointTable,
  oneByteCharacters,
  toUtf8,
  UTF8_GROWTH_MAX,
} from './locale.ts';
import { CENTS_UNREAD } from './parts.ts';
import type { Reading } from './plan.ts';
import type { RecordFields } from './reader.ts';
import { ABSENT, CONTROL, DOUBLED, HIGH, PLAIN_NUMBER, RUN } from './records.ts';
import { codePoints } from './utf8.ts';

/** Room for what grows where texts of one byte a character become UTF-8: only texts that passed their bounds do. */
const RECODED_BYTES_MAX = COLUMN_COUNT * NAME_LENGTH.max * UTF8_GROWTH_MAX;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const PLUS = 0x2b;

export class RecordValues {
  /** Text values by column: `[start, end)` in the record's bytes or in `scratch`; empty for none. */
  readonly starts = new Int32Array(COLUMN_COUNT);
  readonly ends = new Int32Array(COLUMN_COUNT);
  /** Bit i: the value of column i stands in `scratch`. */
  scratched = 0;
  scratch = new Uint8Array(4096);
  /** Bit i: the record does not have optional column `REQUIRED_COLUMNS + i`, and keeps what is stored. */
  kept = 0;
  /** Column of the fault, or NO_COLUMN. */
  column = NO_COLUMN;
  /** Integer cents, or CENTS_UNREAD. */
  cents = CENTS_UNREAD;
  /** `year × 512 + month × 32 + day`. */
  packedDate = 0;
  /** CPF_KIND or CNPJ_KIND; of a record that was refused perhaps UNKNOWN_KIND. */
  documentKind = CPF_KIND;
  /** Of a CPF the 11 digits as a number. A CNPJ is the text of its column, 14 characters. */
  cpf = 0;
  /** Id of a warning; 0 for none. */
  warning = 0;

  readonly #quote: number;
  readonly #fields: readonly number[];
  /** Absent: the values are written as the default format has it. */
  readonly #reading: Reading | undefined;
  /** Of an encoding of one byte a character: the code point of each. */
  readonly #table: Uint16Array | undefined;
  readonly #nulls: readonly Uint8Array[];
  readonly #fixed: readonly Constant[];
  readonly #defaults: readonly (Constant | undefined)[];
  readonly #zeroPadded: boolean;
  /** The field that says the kind of the document, or -1, and its words. */
  readonly #kindField: number;
  readonly #kindWords: KindWords | undefined;
  /** Texts of fixed values and defaults: they stand at the front of `scratch`, in every record. */
  readonly #constants: Uint8Array;
  #scratchUsed = 0;
  #plainNumber = false;

  constructor(quote: number, fields: readonly number[], reading?: Reading) {
    this.#quote = quote;
    this.#fields = fields;
    this.#reading = reading;
    const { encoding = 'utf-8', nulls = [], fixed = [], defaults = [], document } = reading ?? {};
    this.#table = encoding === 'utf-8' ? undefined : codePointTable(encoding);
    this.#nulls = nulls.map((text) => Buffer.from(text, 'latin1'));
    this.#zeroPadded = document?.zeroPadded ?? false;
    this.#kindField = fields.indexOf(KIND_COLUMN);
    this.#kindWords = document?.kind === 'by field' ? new KindWords(kindWords(document, encoding)) : undefined;
    this.documentKind = document?.kind === 'cnpj' ? CNPJ_KIND : CPF_KIND;
    const constants = readConstants([...fixed, ...defaults], document?.kind === 'cnpj' ? 'cnpj' : 'cpf');
    this.#fixed = constants.list.slice(0, fixed.length);
    const byColumn = new Array<Constant | undefined>(COLUMN_COUNT);
    for (const constant of constants.list.slice(fixed.length)) byColumn[constant.column] = constant;
    this.#defaults = byColumn;
    this.#constants = constants.bytes;
  }

  /**
   * Checks a record, `recordBytes` long, whose fields stand in `bytes`.
   * @returns 0 where it passes; else the id of the code, with `column`, and `cents` and the reference if they are readable
   */
  check(bytes: Uint8Array, record: RecordFields, recordBytes: number): number {
    const fields = this.#fields;
    this.warning = 0;
    this.cents = CENTS_UNREAD;
    this.scratched = 0;
    this.kept = 0;
    this.starts[REF] = this.ends[REF] = 0;
    let fault = record.fault;
    if (fault !== 0) {
      this.column = this.#columnAt(record.faultField);
      if (!record.readable) return fault;
    }
    if (this.#reading === undefined) {
      this.#scratchUsed = 0;
      if (recordBytes > this.scratch.length) this.scratch = new Uint8Array(2 ** Math.ceil(Math.log2(recordBytes)));
    } else this.#placeFixed(recordBytes);
    if (this.#kindWords !== undefined) this.documentKind = this.#readKind(this.#kindWords, bytes, record);

    for (let field = 0; field < fields.length; field++) {
      const column = fields[field];
      if ((fault !== 0 && column !== AMOUNT && column !== REF) || column === IGNORED_COLUMN) continue;
      const code = this.#checkField(bytes, column, record.starts[field], record.ends[field], record.flags[field]);
      if (code >= 0) continue;
      if (column === REF) this.#place(REF, 0, 0);
      if (fault !== 0) continue;
      fault = -code;
      this.column = column;
    }
    return fault;
  }

  #columnAt(field: number): number {
    const column = field >= 0 && field < this.#fields.length ? this.#fields[field] : NO_COLUMN;
    return column === IGNORED_COLUMN ? NO_COLUMN : column;
  }

  /** The kind that the record's own field says, or UNKNOWN_KIND. */
  #readKind(words: KindWords, bytes: Uint8Array, { starts, ends, flags }: RecordFields): number {
    const field = this.#kindField;
    const doubled = (flags[field] & DOUBLED) !== 0;
    const source = doubled ? this.scratch : bytes;
    let start = doubled ? this.#scratchUsed : starts[field];
    let end = doubled ? this.#unescape(bytes, starts[field], ends[field]) : ends[field];
    while (start < end && isBlank(source[start], false)) start++;
    while (end > start && isBlank(source[end - 1], false)) end--;
    return words.kindOf(source, start, end);
  }

  /** Below 0 is a code, negated. */
  #checkField(bytes: Uint8Array, column: number, start: number, end: number, flags: number): number {
    if (this.#reading !== undefined) return this.#checkLocal(this.#reading, bytes, column, start, end, flags);
    if ((flags & ~HIGH) === 0 && start < end && bytes[start] !== SPACE && bytes[end - 1] !== SPACE) {
      // Nearly every field: nothing to unescape, trim or fold.
      this.#place(column, start, end);
      const length = flags === 0 ? end - start : codePoints(bytes, start, end);
      return length < 0 ? length : this.#checkColumn(bytes, column, start, end, length);
    }
    const length = this.#prepare(bytes, column, start, end, flags);
    if (length < 0) return length;
    if (length === 0) {
      if ((flags & ABSENT) !== 0) this.#keep(column);
      return column < REQUIRED_COLUMNS ? -RECORD_CODES.REQUIRED.id : 0;
    }
    const source = this.source(bytes, column);
    return this.#checkColumn(source, column, this.starts[column], this.ends[column], length);
  }

  /** The same under a reading of its own. */
  #checkLocal(reading: Reading, bytes: Uint8Array, column: number, from: number, to: number, flags: number): number {
    if (column === KIND_COLUMN) {
      return this.documentKind === UNKNOWN_KIND ? -RECORD_CODES.DOCUMENT_KIND_UNKNOWN.id : 0;
    }
    const length = this.#prepare(bytes, column, from, to, flags);
    if (length < 0) return length;
    const source = this.source(bytes, column);
    const start = this.starts[column];
    const end = this.ends[column];
    if (length === 0 || this.#isNull(source, start, end)) {
      this.#place(column, 0, 0);
      const given = this.#defaults[column];
      if (given !== undefined) this.#placeConstant(given);
      else if ((reading.required & (1 << column)) !== 0) return -RECORD_CODES.REQUIRED.id;
      else if ((flags & ABSENT) !== 0) this.#keep(column);
      return 0;
    }
    this.#plainNumber = (flags & PLAIN_NUMBER) !== 0;
    const code = this.#checkColumn(source, column, start, end, length);
    const table = this.#table;
    if (code < 0 || table === undefined || (flags & HIGH) === 0 || column === DOCUMENT) return code;
    // Of the values that pass, only texts hold high bytes, and documents of no known kind, of any length, which are not kept.
    const out = this.#scratchUsed;
    this.#scratchUsed = toUtf8(source, start, end, table, this.scratch, out);
    this.#place(column, out, this.#scratchUsed);
    this.scratched |= 1 << column;
    return code;
  }

  #isNull(source: Uint8Array, start: number, end: number): boolean {
    return this.#nulls.some(
      (marker) => marker.length === end - start && marker.every((byte, index) => source[start + index] === byte),
    );
  }

  /** Makes room for a record behind the constants, and places those that are fixed. */
  #placeFixed(recordBytes: number): void {
    const constants = this.#constants;
    const needed = constants.length + recordBytes + RECODED_BYTES_MAX;
    if (needed > this.scratch.length) this.scratch = new Uint8Array(2 ** Math.ceil(Math.log2(needed)));
    this.scratch.set(constants);
    this.#scratchUsed = constants.length;
    for (const constant of this.#fixed) this.#placeConstant(constant);
  }

  #placeConstant({ column, start, end, number }: Constant): void {
    if (column === AMOUNT) this.cents = number;
    else if (column === DUE_DATE) this.packedDate = number;
    else if (column === DOCUMENT && this.documentKind === CPF_KIND) this.cpf = number;
    else {
      this.#place(column, start, end);
      this.scratched |= 1 << column;
    }
  }

  /** Where the value of a column stands: in the record's bytes or in scratch. */
  source(bytes: Uint8Array, column: number): Uint8Array {
    return (this.scratched & (1 << column)) === 0 ? bytes : this.scratch;
  }

  #place(column: number, start: number, end: number): void {
    this.starts[column] = start;
    this.ends[column] = end;
  }

  /**
   * Unescapes, trims and, in names, folds blanks, and places what is left.
   * @returns its code points; 0 where nothing is left; below 0 a code, negated
   */
  #prepare(bytes: Uint8Array, column: number, from: number, to: number, flags: number): number {
    const isName = column === NAME || column === CREDITOR;
    const doubled = (flags & DOUBLED) !== 0;
    const source = doubled ? this.scratch : bytes;
    let start = doubled ? this.#scratchUsed : from;
    let end = doubled ? this.#unescape(bytes, from, to) : to;
    if (doubled) this.scratched |= 1 << column;
    while (start < end && isBlank(source[start], isName)) start++;
    while (end > start && isBlank(source[end - 1], isName)) end--;
    if (start === end) {
      this.#place(column, 0, 0);
      return 0;
    }
    if (isName && (flags & (RUN | CONTROL)) !== 0) this.#fold(source, column, start, end);
    else this.#place(column, start, end);
    if ((flags & (HIGH | CONTROL)) === 0) return this.ends[column] - this.starts[column];
    const text = this.source(bytes, column);
    const [first, last] = [this.starts[column], this.ends[column]];
    return this.#table === undefined
      ? codePoints(text, first, last)
      : oneByteCharacters(text, first, last, this.#table);
  }

  /** `length` in code points. Below 0 is a code, negated. */
  #checkColumn(source: Uint8Array, column: number, start: number, end: number, length: number): number {
    switch (column) {
      case REF:
        return checkLength(length, REF_LENGTH);
      case NAME:
      case CREDITOR:
        return checkLength(length, NAME_LENGTH);
      case DOCUMENT:
        return this.#checkDocument(source, start, end);
      case AMOUNT: {
        const cents = this.#cents(source, start, end);
        if (cents >= 0) this.cents = cents;
        return cents;
      }
      case DUE_DATE:
        return (this.packedDate =
          this.#reading === undefined
            ? checkDate(source, start, end)
            : checkLocalDate(source, start, end, this.#reading.date, this.#reading.pivot));
      case EMAIL:
        return checkEmail(source, start, end);
      case PHONE: {
        const digits = checkPhone(source, start, end);
        if (digits >= 0 && digits !== end - start) this.#keepDigits(source, start, end);
        return digits;
      }
      case ACCOUNT_TYPE:
        return checkLength(length, ACCOUNT_TYPE_LENGTH);
      case INSTALLMENT:
        return checkInstallment(source, start, end);
      default:
        return 0;
    }
  }

  #cents(source: Uint8Array, start: number, end: number): number {
    const reading = this.#reading;
    if (reading === undefined || this.#plainNumber) return checkAmount(source, start, end);
    const { decimal, thousands, impliedDecimals } = reading;
    return impliedDecimals === undefined
      ? checkLocalAmount(source, start, end, decimal, thousands)
      : checkImpliedAmount(source, start, end, impliedDecimals);
  }

  #keep(column: number): void {
    if (column >= REQUIRED_COLUMNS) this.kept |= 1 << (column - REQUIRED_COLUMNS);
  }

  /** By the kind of the record's document; of one whose kind is unknown nothing can be said. */
  #checkDocument(source: Uint8Array, from: number, end: number): number {
    const kind = this.documentKind;
    const start = this.#zeroPadded ? afterZeros(source, from, end, kind) : from;
    if (kind === CNPJ_KIND) return this.#checkCnpj(source, start, end);
    if (kind === UNKNOWN_KIND) return 0;
    const cpf = checkCpf(source, start, end);
    this.cpf = cpf;
    if (cpf >= 0 && isPaddedCpf(start, end)) this.warning = RECORD_CODES.CPF_PADDED.id;
    return cpf;
  }

  /** Places the fourteen characters of one that passes. */
  #checkCnpj(source: Uint8Array, start: number, end: number): number {
    const code = checkCnpj(source, start, end);
    if (code < 0) return code;
    if (isPaddedCnpj(start, end)) this.warning = RECORD_CODES.CNPJ_PADDED.id;
    if (end - start === CNPJ_CHARACTERS) {
      this.#place(DOCUMENT, start, end);
      return code;
    }
    const target = this.#scratchUsed;
    putCnpj(source, start, end, this.scratch, target);
    this.#scratchUsed = target + CNPJ_CHARACTERS;
    this.#place(DOCUMENT, target, this.#scratchUsed);
    this.scratched |= 1 << DOCUMENT;
    return code;
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

  /** Places a name with each run of blanks as one space; what stands in scratch is folded in place. */
  #fold(source: Uint8Array, column: number, start: number, end: number): void {
    const { scratch } = this;
    const target = source === scratch ? start : this.#scratchUsed;
    let out = target;
    let afterBlank = false;
    for (let i = start; i < end; i++) {
      const byte = source[i];
      const blank = isBlank(byte, true);
      if (!blank) scratch[out++] = byte;
      else if (!afterBlank) scratch[out++] = SPACE;
      afterBlank = blank;
    }
    if (out > this.#scratchUsed) this.#scratchUsed = out;
    this.#place(column, target, out);
    this.scratched |= 1 << column;
  }

  /** Places a telephone's digits, after its `+` if it has one. */
  #keepDigits(source: Uint8Array, start: number, end: number): void {
    const { scratch } = this;
    const target = source === scratch ? start : this.#scratchUsed;
    let out = target;
    for (let i = start; i < end; i++) {
      const byte = source[i];
      if (byte === PLUS || (byte >= 0x30 && byte <= 0x39)) scratch[out++] = byte;
    }
    if (out > this.#scratchUsed) this.#scratchUsed = out;
    this.#place(PHONE, target, out);
    this.scratched |= 1 << PHONE;
  }
}

/** Line ends count as blanks in names, which may be quoted over two lines. */
function isBlank(byte: number, inName: boolean): boolean {
  return byte === SPACE || byte === TAB || (inName && (byte === LF || byte === CR));
}
