/**
 * Values as a profile has them written: amounts with another decimal mark and groups of thousands, days in another order,
 * texts of one byte a character. The quick checks may be stricter than the exact ones, never laxer; the exact ones are
 * the counterparts of `src/kernel/locale.ts`.
 */
import { isDay } from './exact.ts';
import {
  AMOUNT_FORMAT,
  AMOUNT_NOT_POSITIVE,
  AMOUNT_TOO_LARGE,
  CHARACTER_INVALID,
  dateForm,
  DATE_FORMAT,
  DATE_NOT_REAL,
  DAY_FIRST,
  DAY_FIRST_DIGITS,
  DAY_FIRST_SHORT,
  decimal,
  ISO,
  pivot,
  place,
  RECODED,
  setCents,
  setPackedDate,
  thousands,
} from './layout.ts';

const ZEROS: u64 = 0x3030_3030_3030_3030;
const UNITS_LIMIT: i64 = 10_000_000_000_000;

@inline
function digitAt(at: usize): u32 {
  return <u32>load<u8>(at) - 0x30;
}

/** Integer cents in `[1, 10^15)`; below 0 a code, negated. */
export function exactLocalAmount(start: usize, end: usize): i64 {
  if (end - start > 40) return -AMOUNT_FORMAT;
  let units: i64 = 0;
  let digits: u32 = 0;
  let grouped = false;
  let at = start;
  for (; at < end; at++) {
    const digit = digitAt(at);
    if (digit <= 9) {
      units = min<i64>(units * 10 + digit, UNITS_LIMIT);
      digits++;
      continue;
    }
    if (thousands == 0 || load<u8>(at) != thousands) break;
    if (grouped ? digits != 3 : digits - 1 > 2) return -AMOUNT_FORMAT;
    grouped = true;
    digits = 0;
  }
  if (digits == 0 || (grouped && digits != 3)) return -AMOUNT_FORMAT;
  let hundredths: u32 = 0;
  if (at < end) {
    const decimals = end - at - 1;
    if (load<u8>(at) != decimal || decimals < 1 || decimals > 2) return -AMOUNT_FORMAT;
    const first = digitAt(at + 1);
    const second = decimals == 2 ? digitAt(at + 2) : 0;
    if (first > 9 || second > 9) return -AMOUNT_FORMAT;
    hundredths = first * 10 + second;
  }
  if (units >= UNITS_LIMIT) return -AMOUNT_TOO_LARGE;
  const total = units * 100 + hundredths;
  return total == 0 ? -AMOUNT_NOT_POSITIVE : total;
}

/** The packed day; below 0 a code, negated. */
export function exactLocalDate(start: usize, end: usize): i32 {
  const size = <u32>(end - start);
  const marked = dateForm == ISO || dateForm == DAY_FIRST;
  if (size != (marked ? 10 : dateForm == DAY_FIRST_SHORT ? 6 : 8)) return -DATE_FORMAT;
  let year: i32;
  let month: i32;
  let day: i32;
  if (dateForm == DAY_FIRST) {
    if (load<u8>(start, 2) != 0x2f || load<u8>(start, 5) != 0x2f) return -DATE_FORMAT;
    day = twoDigits(start);
    month = twoDigits(start + 3);
    year = fourDigits(start + 6);
  } else if (dateForm == ISO) {
    if (load<u8>(start, 4) != 0x2d || load<u8>(start, 7) != 0x2d) return -DATE_FORMAT;
    year = fourDigits(start);
    month = twoDigits(start + 5);
    day = twoDigits(start + 8);
  } else if (dateForm == DAY_FIRST_DIGITS || dateForm == DAY_FIRST_SHORT) {
    day = twoDigits(start);
    month = twoDigits(start + 2);
    year = dateForm == DAY_FIRST_DIGITS ? fourDigits(start + 4) : fullYear(twoDigits(start + 4));
  } else {
    year = fourDigits(start);
    month = twoDigits(start + 4);
    day = twoDigits(start + 6);
  }
  if (year < 0 || month < 0 || day < 0) return -DATE_FORMAT;
  return isDay(year, month, day) ? year * 512 + month * 32 + day : -DATE_NOT_REAL;
}

function fullYear(years: i32): i32 {
  return years < 0 ? -1 : years + (years < <i32>pivot ? 2000 : 1900);
}

function twoDigits(at: usize): i32 {
  const high = digitAt(at);
  const low = digitAt(at + 1);
  return high > 9 || low > 9 ? -1 : high * 10 + low;
}

function fourDigits(at: usize): i32 {
  const high = twoDigits(at);
  const low = twoDigits(at + 2);
  return high < 0 || low < 0 ? -1 : high * 100 + low;
}

/** Eight digits, 0 to 9 a byte, the first in the lowest byte, as a number. */
@inline
export function eightDigits(digits: u64): u64 {
  let t = digits * 10 + (digits >>> 8);
  t &= 0x00ff_00ff_00ff_00ff;
  t = t * 100 + (t >>> 16);
  t &= 0x0000_ffff_0000_ffff;
  return (t * 10_000 + (t >>> 32)) & 0xffff_ffff;
}

/** Up to 16 bytes with two decimals and every mark of thousands, one at least. */
export function takeGrouped(at: usize, size: u32): bool {
  const end = at + size;
  if (size > 16 || size < 8 || load<u8>(end - 3) != decimal) return false;
  const raw = v128.load(end - 16);
  const inside: i32 = (0xffff << (16 - size)) & 0xffff;
  const marks = i8x16.bitmask(i8x16.eq(raw, i8x16.splat(thousands))) & inside;
  // Where they stand, counted from the front of 16 bytes; none is the first byte.
  if (marks != (0x222 & inside) || ((0x222 >>> (16 - size)) & 1) != 0) return false;
  const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const mine = i8x16.ge_s(places, i8x16.splat(<i8>(16 - size)));
  const text = v128.and(i8x16.sub(raw, i8x16.splat(0x30)), mine);
  const d = i8x16.swizzle(text, i8x16(-1, -1, -1, -1, 0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15));
  if (v128.any_true(i8x16.gt_u(d, i8x16.splat(9)))) return false;
  const total = eightDigits(i64x2.extract_lane(d, 0)) * 100_000_000 + eightDigits(i64x2.extract_lane(d, 1));
  if (total == 0) return false;
  setCents(total);
  return true;
}

/** A day of any form but that of the default format. */
export function takeLocalDate(at: usize, size: u32): bool {
  const marked = dateForm == DAY_FIRST;
  if (size != (marked ? 10 : dateForm == DAY_FIRST_SHORT ? 6 : 8)) return false;
  const head = load<u64>(at);
  let text = head;
  if (marked) {
    if ((head & 0x0000_ff00_00ff_0000) != 0x0000_2f00_002f_0000) return false;
    text = (head & 0xffff) | (((head >>> 24) & 0xffff) << 16) | ((head >>> 48) << 32) | (<u64>load<u16>(at, 8) << 48);
  } else if (dateForm == DAY_FIRST_SHORT) text = (head & 0xffff_ffff_ffff) | 0x3030_0000_0000_0000;
  const digits = text ^ ZEROS;
  if ((((digits + 0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080) != 0) return false;
  const pairs = digits * 10 + (digits >>> 8);
  const a = <u32>(pairs & 0xff);
  const b = <u32>((pairs >>> 16) & 0xff);
  const c = <u32>((pairs >>> 32) & 0xff);
  const d = <u32>((pairs >>> 48) & 0xff);
  let year: u32;
  let month = b;
  let day = a;
  if (dateForm == DAY_FIRST_SHORT) year = <u32>fullYear(c);
  else if (dateForm == DAY_FIRST || dateForm == DAY_FIRST_DIGITS) year = c * 100 + d;
  else {
    year = a * 100 + b;
    month = c;
    day = d;
  }
  if (!isDay(year, month, day)) return false;
  setPackedDate((year << 9) + (month << 5) + day);
  return true;
}

/** Characters of one byte each; below 0 `CHARACTER_INVALID`, negated, where one is a control character. */
export function oneByteCharacters(start: usize, end: usize): i32 {
  for (let at = start; at < end; at++) if (load<u8>(RECODED + (<usize>load<u8>(at) << 2), 3) == 0) return -CHARACTER_INVALID;
  return <i32>(end - start);
}

/** Writes one byte a character as UTF-8; returns the end there. */
export function recode(start: usize, end: usize, to: usize): usize {
  let out = to;
  for (let at = start; at < end; at++) {
    const entry = load<u32>(RECODED + (<usize>load<u8>(at) << 2));
    store<u32>(out, entry);
    out += entry >>> 24;
  }
  return out;
}

/** Where the next text that is recoded the quick way goes. */
let quickOut: usize = 0;

@inline
export function beginRecoding(scratch: usize): void {
  quickOut = scratch;
}

/**
 * Places a text of up to 64 bytes, recoded where it holds high bytes: blocks are copied whole, and again behind each
 * character that grows. `false` for one that holds a control character.
 */
export function placeRecoded(column: u32, at: usize, size: u32): bool {
  const start = quickOut;
  let out = start;
  let any = false;
  for (let i: u32 = 0; i < size; i += 16) {
    const block = at + i;
    const bytes = min<u32>(16, size - i);
    const v = v128.load(block);
    let high = <u32>i8x16.bitmask(v) & ((1 << bytes) - 1);
    v128.store(out, v);
    let from: u32 = 0;
    while (high != 0) {
      const next = <u32>ctz(high);
      out += next - from;
      const entry = load<u32>(RECODED + (<usize>load<u8>(block + next) << 2));
      if (entry == 0) return false;
      store<u32>(out, entry);
      out += entry >>> 24;
      from = next + 1;
      v128.store(out, v128.load(block + from));
      high &= high - 1;
      any = true;
    }
    out += bytes - from;
  }
  if (!any) return true;
  quickOut = out;
  place(column, start, out - start);
  return true;
}
