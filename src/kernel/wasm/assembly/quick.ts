/**
 * The quick way through a record whose fields are known: every value is checked by a few vector instructions where it
 * stands, and its place is noted. Nearly all records of real files take it.
 *
 * Promise: a record that passes here passes the exact way with the same values. Anything out of the ordinary (a fault, a
 * blank to trim or fold, a value above 64 bytes, characters beyond two bytes that do not decode) answers `false`, and the
 * exact way decides. So each check may be stricter than its rule, never laxer.
 */
import { kindOf, takeAnyDocument, takeCpf } from './documents.ts';
import { isDay } from './exact.ts';
import {
  ABSENT,
  ACCOUNT_TYPE,
  AMOUNT,
  AMOUNT_SHAPES,
  AMOUNT_SIZES,
  anyDocument,
  CREDITOR,
  dateForm,
  decimal,
  DOCUMENT,
  DUE_DATE,
  EMAIL,
  INSTALLMENT,
  ISO,
  KEEP_SHAPES,
  kindSlot,
  NAME,
  oneByte,
  PHONE,
  place,
  PLAN_SLOTS,
  REF,
  required,
  scratchAt,
  setCents,
  setDocumentKind,
  setPackedDate,
  thousands,
} from './layout.ts';
import { beginRecoding, eightDigits, placeRecoded, takeGrouped, takeLocalDate } from './local.ts';
import { codePoints } from './utf8';

const ODD: i32 = -1;
const TEXT_BYTES_MAX: u32 = 64;
const PHONE_ROOM_BYTES: usize = 64;

/**
 * Checks a record of as many fields as the plan has. Column after column, whatever their order in the file: a loop over
 * fields with a switch costs a mispredicted jump every few fields.
 * @param before list of the position before each field's first byte, u32 each
 * @param ends list of the position after each field's last byte, u32 each
 */
export function quick(before: usize, ends: usize): bool {
  // A telephone has the beginning of the scratch.
  if (oneByte) beginRecoding(scratchAt + PHONE_ROOM_BYTES);
  return (
    isRef(before, ends) &&
    isName(before, ends, NAME) &&
    takeDocument(before, ends) &&
    takeAmount(before, ends) &&
    takeDate(before, ends) &&
    isEmail(before, ends) &&
    takePhone(before, ends) &&
    isName(before, ends, CREDITOR) &&
    isAccountType(before, ends) &&
    isInstallment(before, ends)
  );
}

/** Where a column's field stands in the lists; ABSENT where the file has no such column. */
@inline
function slotOf(column: u32): u32 {
  return load<u32>(PLAN_SLOTS + (column << 2));
}

@inline
function startOf(before: usize, slot: u32): usize {
  return <usize>load<u32>(before + slot) + 1;
}

@inline
function sizeOf(ends: usize, slot: u32, at: usize): u32 {
  return load<u32>(ends + slot) - <u32>at;
}

/** Of a required text an empty one is odd, and so is any of more than 64 bytes. */
@inline
function isRef(before: usize, ends: usize): bool {
  const slot = slotOf(REF);
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  place(REF, at, size);
  return size - 1 < TEXT_BYTES_MAX && lengthOf(at, size, false) > 0 && isUtf8(REF, at, size);
}

@inline
function isName(before: usize, ends: usize, column: u32): bool {
  const slot = slotOf(column);
  if (slot == ABSENT) return true;
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  place(column, at, size);
  if (size == 0) return mayLack(column);
  return size <= TEXT_BYTES_MAX && lengthOf(at, size, true) > 1 && isUtf8(column, at, size);
}

@inline
function isAccountType(before: usize, ends: usize): bool {
  const slot = slotOf(ACCOUNT_TYPE);
  if (slot == ABSENT) return true;
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  place(ACCOUNT_TYPE, at, size);
  if (size == 0) return mayLack(ACCOUNT_TYPE);
  if (size > TEXT_BYTES_MAX) return false;
  const length = lengthOf(at, size, false);
  return length > 0 && length <= 40 && isUtf8(ACCOUNT_TYPE, at, size);
}

@inline
function mayLack(column: u32): bool {
  return ((required >>> column) & 1) == 0;
}

/** The text is placed; where it is of one byte a character, as UTF-8. */
@inline
function isUtf8(column: u32, at: usize, size: u32): bool {
  return !oneByte || placeRecoded(column, at, size);
}

/**
 * Code points of a text of 1 to 64 bytes without blanks at its ends or control characters, and, where it `folds`,
 * without a run of blanks; ODD for one that the exact way must judge.
 */
@inline
function lengthOf(at: usize, size: u32, folds: bool): i32 {
  return size <= 32 ? textOf32(at, size, folds) : textOf64(at, size, folds);
}

function textOf32(at: usize, size: u32, folds: bool): i32 {
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const inside: u32 = 0xffffffff >>> (32 - size);
  const high = bits32(a, b) & inside;
  const space = i8x16.splat(0x20);
  const del = i8x16.splat(0x7f);
  // Signed: bytes from 0x80 up count as below a space, and are told apart by `high`.
  const low = bits32(v128.or(i8x16.lt_s(a, space), i8x16.eq(a, del)), v128.or(i8x16.lt_s(b, space), i8x16.eq(b, del)));
  const blank = bits32(i8x16.eq(a, space), i8x16.eq(b, space)) & inside;
  let odd = (low & inside) ^ high;
  odd |= blank & (1 | (1 << (size - 1)));
  if (folds) odd |= blank & (blank << 1);
  if (odd != 0) return ODD;
  if (oneByte) return size;
  // Characters of two bytes, as Portuguese has them, or none; all others decode one by one. Not asking first whether
  // there are any saves a branch that half of all names would mispredict.
  const two = i8x16.splat(<i8>0xc2);
  const span = i8x16.splat(0x1e);
  const lead = bits32(i8x16.lt_u(i8x16.sub(a, two), span), i8x16.lt_u(i8x16.sub(b, two), span)) & inside;
  const bound = i8x16.splat(-64);
  const next = bits32(i8x16.lt_s(a, bound), i8x16.lt_s(b, bound)) & inside;
  // A lead of 0xc2 may begin a control character.
  const c2 = bits32(i8x16.eq(a, two), i8x16.eq(b, two)) & inside;
  if ((lead | next) == high && lead << 1 == next && lead >> (size - 1) == 0 && c2 == 0) return size - popcnt(next);
  return codePoints(at, at + size);
}

@inline
function bits32(a: v128, b: v128): u32 {
  return <u32>i8x16.bitmask(a) | (<u32>i8x16.bitmask(b) << 16);
}

function textOf64(at: usize, size: u32, folds: bool): i32 {
  let high: u64 = 0;
  let low: u64 = 0;
  let blank: u64 = 0;
  const space = i8x16.splat(0x20);
  for (let i: u32 = 0; i < size; i += 16) {
    const v = v128.load(at + i);
    high |= <u64>(<u32>i8x16.bitmask(v)) << i;
    low |= <u64>(<u32>i8x16.bitmask(v128.or(i8x16.lt_s(v, space), i8x16.eq(v, i8x16.splat(0x7f))))) << i;
    blank |= <u64>(<u32>i8x16.bitmask(i8x16.eq(v, space))) << i;
  }
  const inside: u64 = u64.MAX_VALUE >>> (64 - size);
  high &= inside;
  blank &= inside;
  let odd = (low & inside) ^ high;
  odd |= blank & (1 | (<u64>1 << (size - 1)));
  if (folds) odd |= blank & (blank << 1);
  if (odd != 0) return ODD;
  return high == 0 || oneByte ? size : codePoints(at, at + size);
}

/** A CPF, or what else the plan has. */
@inline
function takeDocument(before: usize, ends: usize): bool {
  const slot = slotOf(DOCUMENT);
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  if (!anyDocument) return takeCpf(at, size);
  if (kindSlot != ABSENT) {
    const kindAt = startOf(before, kindSlot);
    setDocumentKind(kindOf(kindAt, sizeOf(ends, kindSlot, kindAt)));
  }
  return takeAnyDocument(at, at + size);
}

/** Whether some byte is not 0 to 9. */
@inline
function notDigits(bytes: u64): bool {
  return (((bytes + 0x7676_7676_7676_7676) | bytes) & 0x8080_8080_8080_8080) != 0;
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/** Up to 16 bytes. The digits are moved to where an amount with two decimals has them, and read as one number. */
@inline
function takeAmount(before: usize, ends: usize): bool {
  const slot = slotOf(AMOUNT);
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  const end = at + size;
  if (thousands != 0 && size > 7 && load<u8>(end - 7) == thousands) return takeGrouped(at, size);
  const shape = (load<u8>(end - 2) == decimal ? 1 : 0) | (load<u8>(end - 3) == decimal ? 2 : 0);
  if (size > 16 || size < load<u8>(AMOUNT_SIZES + shape)) return false;
  const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const mine = i8x16.ge_s(places, i8x16.splat(<i8>(16 - size)));
  const text = v128.and(i8x16.sub(v128.load(end - 16), i8x16.splat(0x30)), mine);
  const d = i8x16.swizzle(text, v128.load(AMOUNT_SHAPES + (shape << 4)));
  // A digit in the first place would make 10^13 or more.
  if (v128.any_true(i8x16.gt_u(d, i8x16(0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9)))) return false;
  const total = eightDigits(i64x2.extract_lane(d, 0)) * 100_000_000 + eightDigits(i64x2.extract_lane(d, 1));
  if (total == 0) return false;
  setCents(total);
  return true;
}

@inline
function takeDate(before: usize, ends: usize): bool {
  const slot = slotOf(DUE_DATE);
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  if (dateForm != ISO) return takeLocalDate(at, size);
  if (size != 10) return false;
  const head = load<u64>(at);
  if ((head & 0xff00_00ff_0000_0000) != 0x2d00_002d_0000_0000) return false;
  const text = (head & 0xffff_ffff) | (((head >>> 40) & 0xffff) << 32) | ((<u64>load<u16>(at, 8)) << 48);
  const digits = text ^ ZEROS;
  if (notDigits(digits)) return false;
  const pairs = digits * 10 + (digits >>> 8);
  const year = <u32>(pairs & 0xff) * 100 + <u32>((pairs >>> 16) & 0xff);
  const month = <u32>((pairs >>> 32) & 0xff);
  const day = <u32>((pairs >>> 48) & 0xff);
  if (!isDay(year, month, day)) return false;
  setPackedDate((year << 9) + (month << 5) + day);
  return true;
}

/** An address of up to 64 bytes: the lengths of its parts are then inside their bounds. */
@inline
function isEmail(before: usize, ends: usize): bool {
  const slot = slotOf(EMAIL);
  if (slot == ABSENT) return true;
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  place(EMAIL, at, size);
  if (size == 0) return mayLack(EMAIL);
  if (size > TEXT_BYTES_MAX) return false;
  let atom: u64 = 0;
  let label: u64 = 0;
  let dot: u64 = 0;
  let sign: u64 = 0;
  let hyphen: u64 = 0;
  for (let i: u32 = 0; i < size; i += 16) {
    const v = v128.load(at + i);
    // Rows 0x20 to 0x70 of the ASCII table have a bit each; a byte is of a class where its column has its row's bit.
    const nibble = i8x16.splat(0x0f);
    const column = v128.and(v, nibble);
    const row = i8x16.swizzle(
      i8x16(0, 0, 1, 2, 4, 8, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0),
      v128.and(i16x8.shr_u(v, 4), nibble),
    );
    const atoms = i8x16.swizzle(i8x16(58, 63, 62, 63, 63, 63, 63, 63, 62, 62, 61, 53, 52, 55, 60, 31), column);
    const labels = i8x16.swizzle(i8x16(42, 62, 62, 62, 62, 62, 62, 62, 62, 62, 60, 20, 20, 21, 20, 20), column);
    const zero = i8x16.splat(0);
    atom |= <u64>(<u32>i8x16.bitmask(i8x16.ne(v128.and(atoms, row), zero))) << i;
    label |= <u64>(<u32>i8x16.bitmask(i8x16.ne(v128.and(labels, row), zero))) << i;
    dot |= <u64>(<u32>i8x16.bitmask(i8x16.eq(v, i8x16.splat(0x2e)))) << i;
    sign |= <u64>(<u32>i8x16.bitmask(i8x16.eq(v, i8x16.splat(0x40)))) << i;
    hyphen |= <u64>(<u32>i8x16.bitmask(i8x16.eq(v, i8x16.splat(0x2d)))) << i;
  }
  const inside: u64 = u64.MAX_VALUE >>> (64 - size);
  sign &= inside;
  dot &= inside;
  hyphen &= inside;
  // One sign; before it atoms and dots, behind it labels and dots. A second one is neither.
  if (sign == 0) return false;
  const local = sign - 1;
  const domain = inside & ~(local | sign);
  if (((atom | dot) & local) != local || ((label | dot) & domain) != domain) return false;
  // What no dot may touch: another dot, the sign, either end; what no hyphen of the domain may touch: the same.
  const last = inside ^ (inside >>> 1);
  const edges = (sign << 1) | (sign >>> 1) | 1 | last;
  if ((dot & (edges | (dot << 1))) != 0 || (local & inside) == 0 || domain == 0) return false;
  if ((hyphen & domain & ((sign << 1) | last | (dot << 1) | (dot >>> 1))) != 0) return false;
  // A dot in the domain, the last label being of two bytes or more.
  return (dot & domain) != 0 && (dot & (last >>> 1)) == 0;
}

/** Up to 24 bytes: 8 to 15 digits, after a `+` if there is one, copied without the marks among them. */
@inline
function takePhone(before: usize, ends: usize): bool {
  const slot = slotOf(PHONE);
  if (slot == ABSENT) return true;
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  place(PHONE, at, 0);
  if (size == 0) return mayLack(PHONE);
  if (size > 24) return false;
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const inside: u32 = 0xffffffff >>> (32 - size);
  const zero = i8x16.splat(0x30);
  const ten = i8x16.splat(10);
  const digits = inside & bits32(i8x16.lt_u(i8x16.sub(a, zero), ten), i8x16.lt_u(i8x16.sub(b, zero), ten));
  if (popcnt(digits) - 8 > 7) return false;
  const keep = digits | (load<u8>(at) == 0x2b ? 1 : 0);
  const marks = bits32(phoneMarks(a), phoneMarks(b));
  if (((keep | marks) & inside) != inside) return false;
  const end = keepBytes(keepBytes(keepBytes(scratchAt, at, keep), at + 8, keep >>> 8), at + 16, keep >>> 16);
  place(PHONE, scratchAt, end - scratchAt);
  return true;
}

/** Copies those of 8 bytes that have a bit in `keep`; returns the end of the copy. */
@inline
function keepBytes(out: usize, from: usize, keep: u32): usize {
  const bits = keep & 0xff;
  const moved = i8x16.swizzle(v128.load64_zero(from), v128.load64_zero(KEEP_SHAPES + (bits << 3)));
  v128.store64_lane(out, moved, 0);
  return out + popcnt(bits);
}

/** `3` or `3/12`: one to three digits each, the first above zero, the second not below the first. */
@inline
function isInstallment(before: usize, ends: usize): bool {
  const slot = slotOf(INSTALLMENT);
  if (slot == ABSENT) return true;
  const at = startOf(before, slot);
  const size = sizeOf(ends, slot, at);
  place(INSTALLMENT, at, size);
  if (size == 0) return mayLack(INSTALLMENT);
  if (size > 7) return false;
  const text = load<u64>(at);
  const other = text ^ 0x2f2f_2f2f_2f2f_2f2f;
  const slash = <u32>ctz((other - 0x0101_0101_0101_0101) & ~other & 0x8080_8080_8080_8080) >>> 3;
  const digits = min(slash, size);
  const rest = size - digits - 1;
  const single = slash >= size;
  if (digits - 1 > 2 || (!single && rest - 1 > 2)) return false;
  const first = (text ^ ZEROS) << (64 - (digits << 3));
  const drop = single ? 0 : 64 - (rest << 3);
  const second = single ? first : ((load<u64>(at + size - 8) ^ ZEROS) >>> drop) << drop;
  if (notDigits(first) || notDigits(second)) return false;
  const number = lastThree(first);
  return number > 0 && lastThree(second) >= number;
}

/** The digits of the three highest bytes as a number. */
@inline
function lastThree(digits: u64): u32 {
  return (<u32>(digits >>> 40) & 0xff) * 100 + (<u32>(digits >>> 48) & 0xff) * 10 + <u32>(digits >>> 56);
}

/** Blank, brackets, hyphen and dot. */
@inline
function phoneMarks(v: v128): v128 {
  const brackets = i8x16.eq(v128.and(v, i8x16.splat(-2)), i8x16.splat(0x28));
  const others = v128.or(i8x16.eq(v, i8x16.splat(0x2d)), i8x16.eq(v, i8x16.splat(0x2e)));
  return v128.or(v128.or(brackets, others), i8x16.eq(v, i8x16.splat(0x20)));
}

/** Fills the tables that say where the bytes of a value go. Once, before any record is read. */
export function fillShapes(): void {
  // Without a point, with one decimal, with two; a point in both places is no amount.
  memory.fill(AMOUNT_SHAPES, 0x80, 64);
  for (let i: u32 = 0; i < 14; i++) {
    store<u8>(AMOUNT_SHAPES + i, i + 2);
    store<u8>(AMOUNT_SHAPES + 16 + i, i);
    if (i > 0) store<u8>(AMOUNT_SHAPES + 32 + i, i - 1);
  }
  store<u8>(AMOUNT_SHAPES + 16 + 14, 15);
  store<u8>(AMOUNT_SHAPES + 32 + 14, 14);
  store<u8>(AMOUNT_SHAPES + 32 + 15, 15);
  store<u8>(AMOUNT_SIZES, 1, 0);
  store<u8>(AMOUNT_SIZES, 3, 1);
  store<u8>(AMOUNT_SIZES, 4, 2);
  store<u8>(AMOUNT_SIZES, 255, 3);
  // The bytes of a group of eight that a mask keeps, moved together.
  for (let mask: u32 = 0; mask < 256; mask++) {
    let out = KEEP_SHAPES + (mask << 3);
    for (let i: u32 = 0; i < 8; i++) if ((mask >> i) & 1) store<u8>(out++, i);
  }
}
