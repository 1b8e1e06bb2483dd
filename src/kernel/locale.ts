/**
 * Values as other formats than the default write them: amounts with another decimal mark and groups of thousands, days in
 * another order, texts in an encoding of one byte a character. The counterparts of the checks in `fields.ts` and
 * `utf8.ts`, with the same answers: at least 0 is the value, below 0 a record code's id, negated.
 */
import { RECORD_CODES } from '../core/codes.ts';
import { AMOUNT_BYTES_MAX, AMOUNT_CENTS_LIMIT, daysInMonth, withDecimals } from './fields.ts';
import type { DateForm, Encoding } from './plan.ts';

const AMOUNT_FORMAT = -RECORD_CODES.AMOUNT_FORMAT.id;
const AMOUNT_NOT_POSITIVE = -RECORD_CODES.AMOUNT_NOT_POSITIVE.id;
const AMOUNT_TOO_LARGE = -RECORD_CODES.AMOUNT_TOO_LARGE.id;
const DATE_FORMAT = -RECORD_CODES.DATE_FORMAT.id;
const DATE_NOT_REAL = -RECORD_CODES.DATE_NOT_REAL.id;
const CONTROL = -RECORD_CODES.CHARACTER_INVALID.id;

const ZERO = 0x30;
/** Digits of a group between two marks of thousands, and the most before the first mark. */
const GROUP_DIGITS = 3;

/**
 * Integer cents in `[1, 10^15)`. Either no mark of thousands stands in the amount or all of them do.
 * @param decimal byte before the decimals
 * @param thousands byte between groups of three digits; 0 for none
 */
export function checkLocalAmount(
  bytes: Uint8Array,
  start: number,
  end: number,
  decimal: number,
  thousands: number,
): number {
  if (end - start > AMOUNT_BYTES_MAX) return AMOUNT_FORMAT;
  let units = 0;
  let digits = 0;
  let grouped = false;
  let i = start;
  for (; i < end; i++) {
    const byte = bytes[i];
    const digit = byte - ZERO;
    if (digit >= 0 && digit <= 9) {
      units = units * 10 + digit;
      digits++;
      continue;
    }
    if (byte !== thousands || thousands === 0) break;
    if (grouped ? digits !== GROUP_DIGITS : digits === 0 || digits > GROUP_DIGITS) return AMOUNT_FORMAT;
    grouped = true;
    digits = 0;
  }
  if (digits === 0 || (grouped && digits !== GROUP_DIGITS)) return AMOUNT_FORMAT;
  return withDecimals(bytes, i, end, units, decimal);
}

/** Integer cents in `[1, 10^15)` of digits alone, the last `decimals` (0 to 2) of which are decimals. */
export function checkImpliedAmount(bytes: Uint8Array, start: number, end: number, decimals: number): number {
  if (end - start > AMOUNT_BYTES_MAX) return AMOUNT_FORMAT;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i] - ZERO;
    if (digit < 0 || digit > 9) return AMOUNT_FORMAT;
    value = value * 10 + digit;
  }
  // Beyond the limit a double may no longer be exact, but it is beyond the limit.
  const cents = value * 10 ** (2 - decimals);
  if (cents >= AMOUNT_CENTS_LIMIT) return AMOUNT_TOO_LARGE;
  return cents === 0 ? AMOUNT_NOT_POSITIVE : cents;
}

/** Where year, month and day stand in a day that is written so, which bytes are marks, and how long it is. */
interface DateShape {
  readonly bytes: number;
  readonly mark: number;
  readonly marks: readonly number[];
  /** Of a year with two digits -1. */
  readonly century: number;
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

const HYPHEN = 0x2d;
const SLASH = 0x2f;

const DATE_SHAPES: Readonly<Record<DateForm, DateShape>> = {
  'YYYY-MM-DD': { bytes: 10, mark: HYPHEN, marks: [4, 7], century: 0, year: 2, month: 5, day: 8 },
  'DD/MM/YYYY': { bytes: 10, mark: SLASH, marks: [2, 5], century: 6, year: 8, month: 3, day: 0 },
  YYYYMMDD: { bytes: 8, mark: 0, marks: [], century: 0, year: 2, month: 4, day: 6 },
  DDMMYYYY: { bytes: 8, mark: 0, marks: [], century: 4, year: 6, month: 2, day: 0 },
  DDMMYY: { bytes: 6, mark: 0, marks: [], century: -1, year: 4, month: 2, day: 0 },
};

/**
 * The packed day: `year × 512 + month × 32 + day`.
 * @param pivot of two digits, a year below it is of 2000 to 2099, another of 1900 to 1999
 */
export function checkLocalDate(bytes: Uint8Array, start: number, end: number, form: DateForm, pivot: number): number {
  const shape = DATE_SHAPES[form];
  if (end - start !== shape.bytes) return DATE_FORMAT;
  for (const mark of shape.marks) if (bytes[start + mark] !== shape.mark) return DATE_FORMAT;
  const years = twoDigits(bytes, start + shape.year);
  const century = shape.century >= 0 ? twoDigits(bytes, start + shape.century) : years < pivot ? 20 : 19;
  const month = twoDigits(bytes, start + shape.month);
  const day = twoDigits(bytes, start + shape.day);
  if (century < 0 || years < 0 || month < 0 || day < 0) return DATE_FORMAT;
  const year = century * 100 + years;
  if (year === 0 || month === 0 || month > 12 || day === 0 || day > daysInMonth(year, month)) return DATE_NOT_REAL;
  return year * 512 + month * 32 + day;
}

/** Two digits as a number, or -1. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const high = bytes[at] - ZERO;
  const low = bytes[at + 1] - ZERO;
  return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
}

/**
 * The code point of each byte. Windows-1252 as the WHATWG Encoding Standard has it: five bytes that stand for nothing are
 * the control characters of the same number, which no value may hold.
 */
export function codePointTable(encoding: Exclude<Encoding, 'utf-8'>): Uint16Array {
  const table = Uint16Array.from({ length: 256 }, (_, byte) => byte);
  if (encoding === 'windows-1252') table.set(WINDOWS_1252_C1, 0x80);
  return table;
}

const WINDOWS_1252_C1 = [
  0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f,
  0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178,
] as const;

/** Characters in `[start, end)`: one a byte; or, negated, the id of `CHARACTER_INVALID` where one is a control character. */
export function oneByteCharacters(bytes: Uint8Array, start: number, end: number, table: Uint16Array): number {
  for (let i = start; i < end; i++) {
    const point = table[bytes[i]];
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return CONTROL;
  }
  return end - start;
}

/** Most bytes of UTF-8 that a character of one byte becomes. */
export const UTF8_GROWTH_MAX = 3;

/** Writes `[start, end)` of one byte a character to `out` as UTF-8; returns the position after it. */
export function toUtf8(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: Uint16Array,
  out: Uint8Array,
  to: number,
): number {
  let at = to;
  for (let i = start; i < end; i++) {
    const point = table[bytes[i]];
    if (point < 0x80) out[at++] = point;
    else if (point < 0x800) {
      out[at++] = 0xc0 | (point >> 6);
      out[at++] = 0x80 | (point & 63);
    } else {
      out[at++] = 0xe0 | (point >> 12);
      out[at++] = 0x80 | ((point >> 6) & 63);
      out[at++] = 0x80 | (point & 63);
    }
  }
  return at;
}
