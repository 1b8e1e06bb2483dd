/**
 * Finds separators (delimiters and line feeds), line feeds and quotes in a window of the input, 64 bytes at a time, and
 * lists their positions. Whether a separator stands inside quotes is the reader's business.
 *
 * Invariants: lists ascend; each ends with NONE, the separators with enough of them for a whole record.
 */
import { delimiter, FIELDS_MAX, LF, LINE_FEEDS, NONE, quote, QUOTES, SEPARATORS } from './layout.ts';

/** Bit i: byte i of the 64 at `at` equals the byte that `pattern` repeats. */
@inline
export function equals64(a: v128, b: v128, c: v128, d: v128, pattern: v128): u64 {
  const low = <u32>i8x16.bitmask(i8x16.eq(a, pattern)) | (<u32>i8x16.bitmask(i8x16.eq(b, pattern)) << 16);
  const high = <u32>i8x16.bitmask(i8x16.eq(c, pattern)) | (<u32>i8x16.bitmask(i8x16.eq(d, pattern)) << 16);
  return <u64>low | (<u64>high << 32);
}

export function findSeparators(from: usize, to: usize): void {
  const delimiters = i8x16.splat(delimiter);
  const lineFeeds = i8x16.splat(LF);
  const quoteMarks = i8x16.splat(quote);
  let separator = SEPARATORS;
  let lineFeed = LINE_FEEDS;
  let mark = QUOTES;
  for (let at = from; at < to; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    let lines = equals64(a, b, c, d, lineFeeds);
    let fields = equals64(a, b, c, d, delimiters) | lines;
    let marks = equals64(a, b, c, d, quoteMarks);
    if (to - at < 64) {
      const inside = ((<u64>1) << (to - at)) - 1;
      lines &= inside;
      fields &= inside;
      marks &= inside;
    }
    const found = <usize>popcnt(fields);
    // Eight at once, be they there or not: what is too much is written over by the next block or by NONE.
    fields = put4(separator, at, fields);
    fields = put4(separator + 16, at, fields);
    for (let more: usize = 8; more < found; more += 4) fields = put4(separator + (more << 2), at, fields);
    separator += found << 2;
    // Most blocks have one line feed or none.
    const ended = <usize>popcnt(lines);
    store<u32>(lineFeed, at + <usize>ctz(lines));
    for (let more: usize = 1; more < ended; more++) {
      lines &= lines - 1;
      store<u32>(lineFeed + (more << 2), at + <usize>ctz(lines));
    }
    lineFeed += ended << 2;
    for (; marks != 0; marks &= marks - 1, mark += 4) store<u32>(mark, at + <usize>ctz(marks));
  }
  for (let i: usize = 0; i <= FIELDS_MAX; i++) store<u32>(separator + (i << 2), NONE);
  store<u32>(lineFeed, NONE);
  store<u32>(mark, NONE);
  store<u32>(mark, NONE, 4);
}

@inline
function put4(out: usize, at: usize, bits: u64): u64 {
  let rest = bits;
  store<u32>(out, at + <usize>ctz(rest), 0);
  rest &= rest - 1;
  store<u32>(out, at + <usize>ctz(rest), 4);
  rest &= rest - 1;
  store<u32>(out, at + <usize>ctz(rest), 8);
  rest &= rest - 1;
  store<u32>(out, at + <usize>ctz(rest), 12);
  return rest & (rest - 1);
}
