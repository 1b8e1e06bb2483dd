/**
 * The rule of each column, on the bytes of one value: trimmed, not empty, valid UTF-8 and free of control characters
 * (`values.ts` sees to that first). No string is made.
 *
 * Each check answers a number: at least 0 is the value it read (0 where there is none to give), below 0 is a record
 * code's id, negated.
 */
import { RECORD_CODES } from '../core/codes.ts';

const LENGTH = -RECORD_CODES.LENGTH.id;
const CPF_FORMAT = -RECORD_CODES.CPF_FORMAT.id;
const CPF_REPEATED = -RECORD_CODES.CPF_REPEATED.id;
const CPF_CHECK_DIGITS = -RECORD_CODES.CPF_CHECK_DIGITS.id;
const AMOUNT_FORMAT = -RECORD_CODES.AMOUNT_FORMAT.id;
const AMOUNT_NOT_POSITIVE = -RECORD_CODES.AMOUNT_NOT_POSITIVE.id;
const AMOUNT_TOO_LARGE = -RECORD_CODES.AMOUNT_TOO_LARGE.id;
const DATE_FORMAT = -RECORD_CODES.DATE_FORMAT.id;
const DATE_NOT_REAL = -RECORD_CODES.DATE_NOT_REAL.id;
const EMAIL_FORMAT = -RECORD_CODES.EMAIL_FORMAT.id;
const PHONE_FORMAT = -RECORD_CODES.PHONE_FORMAT.id;
const INSTALLMENT_FORMAT = -RECORD_CODES.INSTALLMENT_FORMAT.id;

/** Bounds of texts, in code points, both inclusive. */
export const REF_LENGTH = { min: 1, max: 64 } as const;
export const NAME_LENGTH = { min: 2, max: 120 } as const;
export const ACCOUNT_TYPE_LENGTH = { min: 1, max: 40 } as const;
/** Bounds of ASCII values, in bytes. */
export const EMAIL_BYTES_MAX = 254;
export const PHONE_DIGITS_MAX = 15;
export const INSTALLMENT_BYTES_MAX = 7;
const PHONE_DIGITS_MIN = 8;
export const AMOUNT_BYTES_MAX = 40;
const AMOUNT_UNITS_LIMIT = 1e13;
export const AMOUNT_CENTS_LIMIT = AMOUNT_UNITS_LIMIT * 100;
const EMAIL_LOCAL_BYTES_MAX = 64;
const LABEL_BYTES_MAX = 63;
const CPF_BYTES = 11;
const MASKED_CPF_BYTES = 14;
const PADDED_CPF_BYTES_MIN = 9;

const ZERO = 0x30;
const PLUS = 0x2b;
const HYPHEN = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const AT = 0x40;

export function checkLength(codePoints: number, bounds: { readonly min: number; readonly max: number }): number {
  return codePoints < bounds.min || codePoints > bounds.max ? LENGTH : 0;
}

/** Whether a CPF that passed was shorter than 11 digits: only bare ones of 9 or 10 digits are padded. */
export function isPaddedCpf(start: number, end: number): boolean {
  return end - start < CPF_BYTES;
}

/** The 11 digits as one number. Weights 10..2 over nine digits, then 11..2 over ten; r = sum × 10 mod 11, 10 is 0. */
export function checkCpf(bytes: Uint8Array, start: number, end: number): number {
  const size = end - start;
  const masked = size === MASKED_CPF_BYTES;
  if (masked) {
    if (bytes[start + 3] !== DOT || bytes[start + 7] !== DOT || bytes[start + 11] !== HYPHEN) return CPF_FORMAT;
  } else if (size < PADDED_CPF_BYTES_MIN || size > CPF_BYTES) return CPF_FORMAT;
  // Digits are named by their place; a mask widens the gaps between groups, padding puts the first before the start.
  const gap = masked ? 1 : 0;
  const first = masked ? start : end - CPF_BYTES;
  const a = size < CPF_BYTES ? 0 : bytes[first] - ZERO;
  const b = size < CPF_BYTES - 1 ? 0 : bytes[first + 1] - ZERO;
  const c = bytes[first + 2] - ZERO;
  const d = bytes[first + gap + 3] - ZERO;
  const e = bytes[first + gap + 4] - ZERO;
  const f = bytes[first + gap + 5] - ZERO;
  const g = bytes[first + 2 * gap + 6] - ZERO;
  const h = bytes[first + 2 * gap + 7] - ZERO;
  const i = bytes[first + 2 * gap + 8] - ZERO;
  const j = bytes[first + 3 * gap + 9] - ZERO;
  const k = bytes[first + 3 * gap + 10] - ZERO;
  if (!(isDigit(a) && isDigit(b) && isDigit(c) && isDigit(d) && isDigit(e) && isDigit(f))) return CPF_FORMAT;
  if (!(isDigit(g) && isDigit(h) && isDigit(i) && isDigit(j) && isDigit(k))) return CPF_FORMAT;
  const head = ((((a * 10 + b) * 10 + c) * 10 + d) * 10 + e) * 10 + f;
  const tail = (((g * 10 + h) * 10 + i) * 10 + j) * 10 + k;
  if (head === a * 111_111 && tail === a * 11_111) return CPF_REPEATED;
  const sum = a * 10 + b * 9 + c * 8 + d * 7 + e * 6 + f * 5 + g * 4 + h * 3 + i * 2;
  const nine = a + b + c + d + e + f + g + h + i;
  if (j !== checkDigit(sum) || k !== checkDigit(sum + nine + j * 2)) return CPF_CHECK_DIGITS;
  return head * 100_000 + tail;
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9;
}

function checkDigit(sum: number): number {
  return ((sum * 10) % 11) % 10;
}

/** Integer cents in `[1, 10^15)`. */
export function checkAmount(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > AMOUNT_BYTES_MAX) return AMOUNT_FORMAT;
  let i = start;
  let units = 0;
  for (; i < end; i++) {
    const digit = bytes[i] - ZERO;
    if (digit < 0 || digit > 9) break;
    units = units * 10 + digit;
  }
  return i === start ? AMOUNT_FORMAT : withDecimals(bytes, i, end, units, DOT);
}

/**
 * The cents of an amount whose units are read: `[at, end)` is empty, or the mark of the decimals and one or two digits.
 * Below 0 a code.
 */
export function withDecimals(bytes: Uint8Array, at: number, end: number, units: number, mark: number): number {
  let cents = 0;
  if (at < end) {
    const decimals = end - at - 1;
    if (bytes[at] !== mark || decimals < 1 || decimals > 2) return AMOUNT_FORMAT;
    const tenths = bytes[at + 1] - ZERO;
    const hundredths = decimals === 2 ? bytes[at + 2] - ZERO : 0;
    if (tenths < 0 || tenths > 9 || hundredths < 0 || hundredths > 9) return AMOUNT_FORMAT;
    cents = tenths * 10 + hundredths;
  }
  if (units >= AMOUNT_UNITS_LIMIT) return AMOUNT_TOO_LARGE;
  const total = units * 100 + cents;
  return total === 0 ? AMOUNT_NOT_POSITIVE : total;
}

/** The packed day: `year × 512 + month × 32 + day`. */
export function checkDate(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 10 || bytes[start + 4] !== HYPHEN || bytes[start + 7] !== HYPHEN) return DATE_FORMAT;
  const century = twoDigits(bytes, start);
  const years = twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  if (century < 0 || years < 0 || month < 0 || day < 0) return DATE_FORMAT;
  const year = century * 100 + years;
  if (year === 0 || month === 0 || month > 12 || day === 0) return DATE_NOT_REAL;
  if (day > 28 && day > daysInMonth(year, month)) return DATE_NOT_REAL;
  return year * 512 + month * 32 + day;
}

/** Two digits as a number, or -1. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const high = bytes[at] - ZERO;
  const low = bytes[at + 1] - ZERO;
  return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
}

/** Of the proleptic Gregorian calendar. */
export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

const ATOM = 1;
const LABEL = 2;
const EMAIL_CLASSES = emailClasses();

function emailClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  const add = (characters: string, kind: number) => {
    for (const character of characters) classes[character.charCodeAt(0)] |= kind;
  };
  add('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-', ATOM | LABEL);
  add("!#$%&'*+/=?^_`{|}~", ATOM);
  return classes;
}

export function checkEmail(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > EMAIL_BYTES_MAX) return EMAIL_FORMAT;
  let i = start;
  let atom = start; // where the current run between dots began
  for (; i < end && bytes[i] !== AT; i++) {
    if (bytes[i] === DOT) {
      if (i === atom) return EMAIL_FORMAT;
      atom = i + 1;
    } else if ((EMAIL_CLASSES[bytes[i]] & ATOM) === 0) return EMAIL_FORMAT;
  }
  if (i === end || i === atom || i - start > EMAIL_LOCAL_BYTES_MAX) return EMAIL_FORMAT;
  let label = ++i;
  let dots = 0;
  for (; i < end; i++) {
    if (bytes[i] === DOT) {
      if (!isLabel(bytes, label, i)) return EMAIL_FORMAT;
      dots++;
      label = i + 1;
    } else if ((EMAIL_CLASSES[bytes[i]] & LABEL) === 0) return EMAIL_FORMAT;
  }
  return dots > 0 && end - label >= 2 && isLabel(bytes, label, end) ? 0 : EMAIL_FORMAT;
}

function isLabel(bytes: Uint8Array, start: number, end: number): boolean {
  const size = end - start;
  return size >= 1 && size <= LABEL_BYTES_MAX && bytes[start] !== HYPHEN && bytes[end - 1] !== HYPHEN;
}

/** Answers how many digits the number has. */
export function checkPhone(bytes: Uint8Array, start: number, end: number): number {
  let digits = 0;
  for (let i = bytes[start] === PLUS ? start + 1 : start; i < end; i++) {
    const byte = bytes[i];
    if (byte >= ZERO && byte <= ZERO + 9) digits++;
    else if (byte !== 0x20 && byte !== 0x28 && byte !== 0x29 && byte !== HYPHEN && byte !== DOT) return PHONE_FORMAT;
  }
  return digits < PHONE_DIGITS_MIN || digits > PHONE_DIGITS_MAX ? PHONE_FORMAT : digits;
}

export function checkInstallment(bytes: Uint8Array, start: number, end: number): number {
  let slash = start;
  while (slash < end && bytes[slash] !== SLASH) slash++;
  const first = smallNumber(bytes, start, slash);
  if (first < 1) return INSTALLMENT_FORMAT;
  if (slash < end && smallNumber(bytes, slash + 1, end) < first) return INSTALLMENT_FORMAT;
  return 0;
}

/** One to three digits as a number, or -1. */
function smallNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 1 || end - start > 3) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
