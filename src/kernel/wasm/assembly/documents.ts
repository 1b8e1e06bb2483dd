/**
 * Documents of debtors: of which kind one is, and whether it is one. The counterpart of `src/kernel/documents.ts`, where the
 * rules stand, and the quick ways, which may be stricter than the exact ones, never laxer. A CNPJ that passes is left in
 * `CNPJ_TEXT`, fourteen characters; a CPF as a number.
 */
import { checkDigit, exactCpf } from './exact.ts';
import {
  CNPJ_CHECK_DIGITS,
  CNPJ_FORMAT,
  CNPJ_KIND,
  CNPJ_PADDED,
  CNPJ_SHAPES,
  CNPJ_TAILS,
  CNPJ_TEXT,
  CNPJ_ZEROS,
  CPF_KIND,
  CPF_PADDED,
  CPF_SHAPES,
  documentKind,
  setCpf,
  setWarning,
  UNKNOWN_KIND,
  WORD_BYTES_MAX,
  WORD_ENTRY_BYTES,
  WORDS,
  wordsEnd,
  zeroPadded,
} from './layout.ts';
import { eightDigits } from './local.ts';

const CPF_DIGITS: usize = 11;
const CNPJ_CHARACTERS: usize = 14;
const MASKED_CNPJ_BYTES: u32 = 18;
const ZERO: u8 = 0x30;
/** A letter's value: its code less that of `0`. */
const A: u32 = 17;
const Z: u32 = 42;

/** The kind that the content of a field stands for; UNKNOWN_KIND where it is none of the words. */
export function kindOf(start: usize, size: u32): i32 {
  if (size > WORD_BYTES_MAX) return UNKNOWN_KIND;
  for (let entry = WORDS; entry < wordsEnd; entry += WORD_ENTRY_BYTES) {
    if (load<u32>(entry, 0) == size && isWord(entry + 16, start, size)) return load<i32>(entry, 4);
  }
  return UNKNOWN_KIND;
}

/** `word` is filled up with zeros. */
@inline
function isWord(word: usize, start: usize, size: u32): bool {
  const places = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (let i: u32 = 0; i < size; i += 16) {
    const mine = i8x16.lt_u(places, i8x16.splat(<i8>min<u32>(size - i, 16)));
    if (v128.any_true(v128.xor(v128.and(v128.load(start + i), mine), v128.load(word + i)))) return false;
  }
  return true;
}

/** Where the document begins in a number that is filled up with zeros to a fixed width. */
@inline
function afterZeros(start: usize, end: usize): usize {
  if (!zeroPadded) return start;
  const from = end - (documentKind == CNPJ_KIND ? CNPJ_CHARACTERS : CPF_DIGITS);
  for (let at = start; at < from; at++) if (load<u8>(at) != ZERO) return start;
  return max(start, from);
}

/** By the kind of the record's document; of one whose kind is unknown nothing can be said. Below 0 a code, negated. */
export function exactDocument(from: usize, end: usize): i32 {
  if (documentKind == UNKNOWN_KIND) return 0;
  const start = afterZeros(from, end);
  if (documentKind == CNPJ_KIND) return exactCnpj(start, end);
  const value = exactCpf(start, end);
  if (value < 0) return <i32>value;
  setCpf(value);
  if (end - start < CPF_DIGITS) setWarning(CPF_PADDED);
  return 0;
}

function exactCnpj(start: usize, end: usize): i32 {
  const size = <u32>(end - start);
  const masked = size == MASKED_CNPJ_BYTES;
  if (masked) {
    if (load<u8>(start, 2) != 0x2e || load<u8>(start, 6) != 0x2e) return -CNPJ_FORMAT;
    if (load<u8>(start, 10) != 0x2f || load<u8>(start, 15) != 0x2d) return -CNPJ_FORMAT;
  } else if (size < 12 || size > 14) return -CNPJ_FORMAT;
  const padding: u32 = size < 14 ? 14 - size : 0;
  let at = start;
  let any: u32 = 0;
  let first: u32 = 0;
  let second: u32 = 0;
  for (let i: u32 = 0; i < 12; i++) {
    let value: u32 = 0;
    if (i >= padding) {
      if (masked && (i == 2 || i == 5 || i == 8)) at++;
      value = <u32>load<u8>(at++) - ZERO;
      if (value > 9 && (padding != 0 || value < A || value > Z)) return -CNPJ_FORMAT;
    }
    store<u8>(CNPJ_TEXT + i, value + ZERO);
    any |= value;
    // From the right, weights go 2 to 9 and begin again.
    first += value * (2 + ((11 - i) & 7));
    second += value * (2 + ((12 - i) & 7));
  }
  const given = <u32>load<u8>(end - 2) - ZERO;
  const last = <u32>load<u8>(end - 1) - ZERO;
  if (given > 9 || last > 9) return -CNPJ_FORMAT;
  if ((any | given | last) == 0) return -CNPJ_ZEROS;
  if (given != checkDigit(first) || last != checkDigit(second + given * 2)) return -CNPJ_CHECK_DIGITS;
  store<u8>(CNPJ_TEXT, load<u8>(end - 2), 12);
  store<u8>(CNPJ_TEXT, load<u8>(end - 1), 13);
  setCpf(0);
  if (padding != 0) setWarning(CNPJ_PADDED);
  return 0;
}

/** The quick way of a plan that knows other documents than bare CPFs. The kind of the record's document is told. */
export function takeAnyDocument(from: usize, end: usize): bool {
  const at = afterZeros(from, end);
  const size = <u32>(end - at);
  if (documentKind == CNPJ_KIND) return takeCnpj(at, size);
  return documentKind == CPF_KIND && takeCpf(at, size);
}

/** Fourteen characters, bare or masked, or twelve to thirteen digits that are padded. */
@inline
function takeCnpj(at: usize, size: u32): bool {
  if (size > MASKED_CNPJ_BYTES) return false;
  const zeros = i8x16.splat(0x30);
  const text = i8x16.sub(v128.load(at), zeros);
  // `.`, `/` and `-` less `0`, where a mask has them.
  const marks = i8x16.eq(text, i8x16(0, 0, -2, 0, 0, 0, -2, 0, 0, 0, -1, 0, 0, 0, 0, -3));
  const needed: i32 = size == MASKED_CNPJ_BYTES ? 0x8444 : 0;
  if ((i8x16.bitmask(marks) & needed) != needed) return false;
  // Of a size that no CNPJ has, all places take zeros, and those are none.
  const d = v128.or(
    i8x16.swizzle(text, v128.load(CNPJ_SHAPES + (size << 4))),
    i8x16.swizzle(i8x16.sub(v128.load(at, 2), zeros), v128.load(CNPJ_TAILS + (size << 4))),
  );
  const digits = i8x16.bitmask(i8x16.lt_u(d, i8x16.splat(10)));
  const letters = i8x16.bitmask(i8x16.lt_u(i8x16.sub(d, i8x16.splat(17)), i8x16.splat(26)));
  if ((digits | (letters & (size < 14 ? 0 : 0xfff))) != 0xffff || !v128.any_true(d)) return false;
  const sums = pairSums(
    weighted(d, i16x8(5, 4, 3, 2, 9, 8, 7, 6), i16x8(5, 4, 3, 2, 0, 0, 0, 0)),
    weighted(d, i16x8(6, 5, 4, 3, 2, 9, 8, 7), i16x8(6, 5, 4, 3, 2, 0, 0, 0)),
  );
  const first = checkDigit(i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1));
  const second = checkDigit(i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3));
  if (first != <u32>i8x16.extract_lane_u(d, 12) || second != <u32>i8x16.extract_lane_u(d, 13)) return false;
  v128.store(CNPJ_TEXT, i8x16.add(d, zeros));
  setCpf(0);
  setWarning(size < 14 ? CNPJ_PADDED : 0);
  return true;
}

/** Sixteen values by their weights, eight and eight: four numbers whose sum is the weighted sum. */
@inline
function weighted(values: v128, first: v128, last: v128): v128 {
  return i32x4.add(
    i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(values), first),
    i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(values), last),
  );
}

/** Of either four numbers, their sum in two parts: lanes 0 and 1, lanes 2 and 3. */
@inline
function pairSums(a: v128, b: v128): v128 {
  return i32x4.add(v128.shuffle<i32>(a, b, 0, 1, 4, 5), v128.shuffle<i32>(a, b, 2, 3, 6, 7));
}

/** Eleven digits, bare or masked, or nine to ten that are padded. */
@inline
export function takeCpf(at: usize, size: u32): bool {
  if (size > 15) return false;
  const text = i8x16.sub(v128.load(at), i8x16.splat(0x30));
  // `.` and `-` less `0`, where a mask has them.
  const marks = i8x16.eq(text, i8x16(0, 0, 0, -2, 0, 0, 0, -2, 0, 0, 0, -3, 0, 0, 0, 0));
  const needed: i32 = size == 14 ? 0x888 : 0;
  if ((i8x16.bitmask(marks) & needed) != needed) return false;
  // Of a size that no CPF has, all places take zeros, and one digit repeated is none.
  const d = i8x16.swizzle(text, v128.load(CPF_SHAPES + (size << 4)));
  if (v128.any_true(i8x16.gt_u(d, i8x16.splat(9)))) return false;
  const first = i8x16.splat(i8x16.extract_lane_s(d, 0));
  if ((i8x16.bitmask(i8x16.eq(d, first)) & 0x7ff) == 0x7ff) return false;
  const sums = pairSums(
    weighted(d, i16x8(10, 9, 8, 7, 6, 5, 4, 3), i16x8(2, 0, 0, 0, 0, 0, 0, 0)),
    weighted(d, i16x8(11, 10, 9, 8, 7, 6, 5, 4), i16x8(3, 2, 0, 0, 0, 0, 0, 0)),
  );
  const tenth = checkDigit(i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1));
  const eleventh = checkDigit(i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3));
  const lastThree = i64x2.extract_lane(d, 1);
  if (tenth != <u32>((lastThree >> 8) & 0xff) || eleventh != <u32>((lastThree >> 16) & 0xff)) return false;
  const tail = <i64>((lastThree & 0xff) * 100 + tenth * 10 + eleventh);
  setCpf(<i64>eightDigits(i64x2.extract_lane(d, 0)) * 1000 + tail);
  setWarning(size < 11 ? CPF_PADDED : 0);
  return true;
}

/** Fills the tables that say which byte each of 16 places takes, 0x80 for a zero. Once, before any record is read. */
export function fillDocumentShapes(): void {
  memory.fill(CPF_SHAPES, 0x80, 16 << 4);
  for (let i: u32 = 0; i < 11; i++) {
    for (let size: u32 = 9; size <= 11; size++) {
      if (i + size >= 11) store<u8>(CPF_SHAPES + (size << 4) + i, i + size - 11);
    }
    store<u8>(CPF_SHAPES + (14 << 4) + i, i + i / 3);
  }
  memory.fill(CNPJ_SHAPES, 0x80, (MASKED_CNPJ_BYTES + 1) << 4);
  memory.fill(CNPJ_TAILS, 0x80, (MASKED_CNPJ_BYTES + 1) << 4);
  for (let i: u32 = 0; i < 14; i++) {
    for (let size: u32 = 12; size <= 14; size++) {
      if (i + size >= 14) store<u8>(CNPJ_SHAPES + (size << 4) + i, i + size - 14);
    }
    // Two characters, three, three, four, and the two check digits, which stand behind the first 16 bytes.
    if (i < 12) store<u8>(CNPJ_SHAPES + (MASKED_CNPJ_BYTES << 4) + i, i + (i < 2 ? 0 : i < 5 ? 1 : i < 8 ? 2 : 3));
    else store<u8>(CNPJ_TAILS + (MASKED_CNPJ_BYTES << 4) + i, i + 2);
  }
}
