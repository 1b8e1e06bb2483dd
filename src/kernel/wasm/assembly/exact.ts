/**
 * The rule of each column on one value: trimmed, not empty, valid UTF-8, free of control characters. The counterpart of
 * `src/kernel/fields.ts`. Each check answers at least 0 where the value passes, else a record code's id, negated.
 */
import {
  AMOUNT_FORMAT,
  AMOUNT_NOT_POSITIVE,
  AMOUNT_TOO_LARGE,
  CPF_CHECK_DIGITS,
  CPF_FORMAT,
  CPF_REPEATED,
  DATE_FORMAT,
  DATE_NOT_REAL,
  EMAIL_CLASSES,
  EMAIL_FORMAT,
  INSTALLMENT_FORMAT,
  PHONE_FORMAT,
} from './layout.ts';

const ZERO: u8 = 0x30;
const PLUS: u8 = 0x2b;
const HYPHEN: u8 = 0x2d;
const DOT: u8 = 0x2e;
const SLASH: u8 = 0x2f;
const AT: u8 = 0x40;

@inline
function digitAt(at: usize): u32 {
  return <u32>load<u8>(at) - ZERO;
}

/** The 11 digits as one number. Weights 10..2 over nine digits, then 11..2 over ten; r = sum × 10 mod 11, 10 is 0. */
export function exactCpf(start: usize, end: usize): i64 {
  const size = <u32>(end - start);
  const masked = size == 14;
  if (masked) {
    if (load<u8>(start, 3) != DOT || load<u8>(start, 7) != DOT || load<u8>(start, 11) != HYPHEN) return -CPF_FORMAT;
  } else if (size < 9 || size > 11) return -CPF_FORMAT;
  const padding: u32 = size < 11 ? 11 - size : 0;
  let value: i64 = 0;
  let sum: u32 = 0;
  let plain: u32 = 0;
  let first: u32 = 0;
  let same = true;
  let at = start;
  let tenth: u32 = 0;
  let eleventh: u32 = 0;
  for (let i: u32 = 0; i < 11; i++) {
    let digit: u32 = 0;
    if (i >= padding) {
      if (masked && (i == 3 || i == 6 || i == 9)) at++;
      digit = digitAt(at++);
      if (digit > 9) return -CPF_FORMAT;
    }
    if (i == 0) first = digit;
    else if (digit != first) same = false;
    value = value * 10 + digit;
    if (i < 9) {
      sum += digit * (10 - i);
      plain += digit;
    } else if (i == 9) tenth = digit;
    else eleventh = digit;
  }
  if (same) return -CPF_REPEATED;
  if (tenth != checkDigit(sum) || eleventh != checkDigit(sum + plain + tenth * 2)) return -CPF_CHECK_DIGITS;
  return value;
}

@inline
export function checkDigit(sum: u32): u32 {
  return ((sum * 10) % 11) % 10;
}

/** Integer cents in `[1, 10^15)`. */
export function exactAmount(start: usize, end: usize): i64 {
  if (end - start > 40) return -AMOUNT_FORMAT;
  let units: i64 = 0;
  let at = start;
  for (; at < end; at++) {
    const digit = digitAt(at);
    if (digit > 9) break;
    units = min<i64>(units * 10 + digit, 10_000_000_000_000);
  }
  if (at == start) return -AMOUNT_FORMAT;
  let hundredths: u32 = 0;
  if (at < end) {
    const decimals = end - at - 1;
    if (load<u8>(at) != DOT || decimals < 1 || decimals > 2) return -AMOUNT_FORMAT;
    const first = digitAt(at + 1);
    const second = decimals == 2 ? digitAt(at + 2) : 0;
    if (first > 9 || second > 9) return -AMOUNT_FORMAT;
    hundredths = first * 10 + second;
  }
  if (units >= 10_000_000_000_000) return -AMOUNT_TOO_LARGE;
  const total = units * 100 + hundredths;
  return total == 0 ? -AMOUNT_NOT_POSITIVE : total;
}

/** The packed day: `year × 512 + month × 32 + day`. */
export function exactDate(start: usize, end: usize): i32 {
  if (end - start != 10 || load<u8>(start, 4) != HYPHEN || load<u8>(start, 7) != HYPHEN) return -DATE_FORMAT;
  const century = twoDigits(start);
  const years = twoDigits(start + 2);
  const month = twoDigits(start + 5);
  const day = twoDigits(start + 8);
  if (century < 0 || years < 0 || month < 0 || day < 0) return -DATE_FORMAT;
  const year = century * 100 + years;
  return isDay(year, month, day) ? year * 512 + month * 32 + day : -DATE_NOT_REAL;
}

function twoDigits(at: usize): i32 {
  const high = digitAt(at);
  const low = digitAt(at + 1);
  return high > 9 || low > 9 ? -1 : high * 10 + low;
}

/** Whether a day exists in the proleptic Gregorian calendar, years from 1. */
@inline
export function isDay(year: u32, month: u32, day: u32): bool {
  if (year == 0 || month - 1 > 11 || day == 0) return false;
  return day <= 28 || day <= daysInMonth(year, month);
}

function daysInMonth(year: u32, month: u32): u32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

const ATOM: u8 = 1;
const LABEL: u8 = 2;

/** Fills the table of e-mail characters: which may stand in an atom, which in a label. Once, before any record is read. */
export function fillEmailClasses(): void {
  for (let byte: u8 = 0x21; byte < 0x7f; byte++) {
    const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    const digit = byte >= ZERO && byte <= 0x39;
    let kind: u8 = letter || digit || byte == HYPHEN ? ATOM | LABEL : ATOM;
    // Of the printable ones, no atom holds: " ( ) , . : ; < > @ [ \ ]
    if (byte == 0x22 || byte == 0x28 || byte == 0x29 || byte == 0x2c || byte == DOT) kind = 0;
    if (byte == 0x3a || byte == 0x3b || byte == 0x3c || byte == 0x3e || byte == AT) kind = 0;
    if (byte >= 0x5b && byte <= 0x5d) kind = 0;
    store<u8>(EMAIL_CLASSES + byte, kind);
  }
}

export function exactEmail(start: usize, end: usize): i32 {
  if (end - start > 254) return -EMAIL_FORMAT;
  let at = start;
  let atom = start;
  for (; at < end && load<u8>(at) != AT; at++) {
    if (load<u8>(at) == DOT) {
      if (at == atom) return -EMAIL_FORMAT;
      atom = at + 1;
    } else if ((load<u8>(EMAIL_CLASSES + load<u8>(at)) & ATOM) == 0) return -EMAIL_FORMAT;
  }
  if (at == end || at == atom || at - start > 64) return -EMAIL_FORMAT;
  let label = ++at;
  let dots: u32 = 0;
  for (; at < end; at++) {
    if (load<u8>(at) == DOT) {
      if (!isLabel(label, at)) return -EMAIL_FORMAT;
      dots++;
      label = at + 1;
    } else if ((load<u8>(EMAIL_CLASSES + load<u8>(at)) & LABEL) == 0) return -EMAIL_FORMAT;
  }
  return dots > 0 && end >= label + 2 && isLabel(label, end) ? 0 : -EMAIL_FORMAT;
}

function isLabel(start: usize, end: usize): bool {
  if (end <= start || end - start > 63) return false;
  return load<u8>(start) != HYPHEN && load<u8>(end - 1) != HYPHEN;
}

/** Answers how many digits the number has. */
export function exactPhone(start: usize, end: usize): i32 {
  let digits: i32 = 0;
  for (let at = load<u8>(start) == PLUS ? start + 1 : start; at < end; at++) {
    const byte = load<u8>(at);
    if (digitAt(at) <= 9) digits++;
    else if (byte != 0x20 && byte != 0x28 && byte != 0x29 && byte != HYPHEN && byte != DOT) return -PHONE_FORMAT;
  }
  return digits < 8 || digits > 15 ? -PHONE_FORMAT : digits;
}

export function exactInstallment(start: usize, end: usize): i32 {
  let slash = start;
  while (slash < end && load<u8>(slash) != SLASH) slash++;
  const first = smallNumber(start, slash);
  if (first < 1) return -INSTALLMENT_FORMAT;
  if (slash < end && smallNumber(slash + 1, end) < first) return -INSTALLMENT_FORMAT;
  return 0;
}

/** One to three digits as a number, or -1. */
function smallNumber(start: usize, end: usize): i32 {
  if (end <= start || end - start > 3) return -1;
  let value: u32 = 0;
  for (let at = start; at < end; at++) {
    const digit = digitAt(at);
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Copies a telephone to `out`: its digits, after its `+` if it has one. Returns the end there. */
export function keepDigits(start: usize, end: usize, out: usize): usize {
  for (let at = start; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == PLUS || digitAt(at) <= 9) store<u8>(out++, byte);
  }
  return out;
}
