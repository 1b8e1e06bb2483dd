/**
 * Reads whole records of a range: window by window it finds the separators, sends each record the quick way where its
 * fields are plain to see, else the exact way, and packs what comes out.
 *
 * Promise: what comes out depends on the bytes and the plan alone; a record that cannot be finished (its end or the room
 * for it is missing) leaves nothing behind and is read again.
 */
import { findSeparators } from './window.ts';
import {
  advance,
  CR,
  delimiter,
  FIELD_ENDS,
  FIELD_STARTS,
  fieldCount,
  LF,
  LINE_FEEDS,
  NONE,
  quote,
  QUOTES,
  recordBytesMax,
  SEPARATORS,
  WINDOW_BYTES,
} from './layout.ts';
import { fullShard, reject, rejectsFull, stage } from './pack.ts';
import { quick } from './quick.ts';
import { split, splitInnerLines } from './split.ts';
import { check, faultColumn } from './values.ts';

/** What the exact way did with a record. */
const TAKEN: i32 = 0;
const INCOMPLETE: i32 = 1;
const NO_ROOM: i32 = 2;
const TOO_LONG: i32 = 3;

/** Set where a record exceeds what the host prepared for: a fault of the plan, which the host raises. */
export let tooLong: bool = false;
/** Records that took the exact way: tells how ordinary a file is. */
export let exactRecords: u32 = 0;

let exactEnd: usize = 0;
/** Ends of the fields of a quoted record, found by `quotedFields`. */
let quotedEnd: usize = 0;

/** Position up to which whole records were consumed. Stops early where a page or the block of rejects is full. */
export function feed(from: usize, to: usize, last: bool): usize {
  let at = from;
  tooLong = false;
  while (at < to) {
    const windowEnd = min(at + WINDOW_BYTES, to);
    findSeparators(at, windowEnd);
    const next = readWindow(at, windowEnd, to, last);
    if (fullShard >= 0 || rejectsFull() || tooLong) return next;
    if (next == at) return at;
    at = next;
  }
  return at;
}

/** Reads the records that end in the window, and at least one, be it longer than the window. */
function readWindow(from: usize, windowEnd: usize, to: usize, last: bool): usize {
  let at = from;
  let separator = SEPARATORS;
  let lineFeed = LINE_FEEDS;
  let mark = QUOTES;
  const lastField = (fieldCount - 1) << 2;
  while (at < windowEnd) {
    const lineEnd: usize = load<u32>(lineFeed);
    const firstMark: usize = load<u32>(mark);
    if (lineEnd == NONE && at != from) return at;
    if (firstMark > lineEnd) {
      if (lineEnd - at < 2 && (lineEnd == at || load<u8>(at) == CR)) {
        advance(lineEnd + 1 - at, 1);
        at = lineEnd + 1;
        separator += 4;
        lineFeed += 4;
        continue;
      }
      if (<usize>load<u32>(separator + lastField) == lineEnd) {
        // As many separators as fields, and no quote: the separators are the fields' ends, each before the next field.
        store<u32>(separator - 4, at - 1);
        if (load<u8>(lineEnd - 1) == CR) store<u32>(separator + lastField, lineEnd - 1);
        if (quick(separator - 4, separator)) {
          const end = lineEnd + 1;
          if (!stage(end - at)) return at;
          advance(end - at, 1);
          at = end;
          separator += lastField + 4;
          lineFeed += 4;
          continue;
        }
      }
    } else if (firstMark != NONE && quotedFields(at, to, separator, mark) && quick(FIELD_STARTS, FIELD_ENDS)) {
      if (!stage(quotedEnd - at)) return at;
      advance(quotedEnd - at, 1);
      at = quotedEnd;
      separator = firstFrom(separator, at);
      lineFeed = firstFrom(lineFeed, at);
      mark = firstFrom(mark, at);
      continue;
    }
    const done = exact(at, to, last);
    if (done != TAKEN) {
      if (done == TOO_LONG) tooLong = true;
      return at;
    }
    at = exactEnd;
    if (rejectsFull()) return at;
    separator = firstFrom(separator, at);
    lineFeed = firstFrom(lineFeed, at);
    mark = firstFrom(mark, at);
  }
  return at;
}

/** The entry of an ascending list from which on positions are not below `at`. */
@inline
function firstFrom(list: usize, at: usize): usize {
  let entry = list;
  while (<usize>load<u32>(entry) < at) entry += 4;
  return entry;
}

/** Takes one record byte by byte, or one empty line that the window's end cut. */
function exact(at: usize, to: usize, last: bool): i32 {
  const first = load<u8>(at);
  if (first == LF || first == CR) {
    const lineEnd = first == LF ? at : at + 1;
    if (lineEnd == to && !last) return INCOMPLETE;
    if (lineEnd < to && load<u8>(lineEnd) == LF) {
      exactEnd = lineEnd + 1;
      advance(exactEnd - at, 1);
      return TAKEN;
    }
  }
  const end = split(at, to, last);
  if (end == 0) return INCOMPLETE;
  if (end - at > recordBytesMax) return TOO_LONG;
  const code = check();
  if (code != 0) reject(code, faultColumn, at, end);
  else if (!stage(end - at)) return NO_ROOM;
  exactRecords++;
  exactEnd = end;
  advance(end - at, splitInnerLines + 1);
  return TAKEN;
}

/**
 * Finds the fields of a record that holds quotes, as many as the plan has, each unquoted or quoted from end to end with
 * no quote inside. `false` for any other record, and for one that the window's end cuts.
 */
function quotedFields(from: usize, to: usize, firstSeparator: usize, firstMark: usize): bool {
  let at = from;
  let separator = firstSeparator;
  let mark = firstMark;
  for (let field: u32 = 0; field < fieldCount; field++) {
    const slot = field << 2;
    let end: usize;
    if (load<u8>(at) == quote) {
      const closing: usize = load<u32>(mark + 4);
      if (closing == NONE) return false;
      mark += 8;
      store<u32>(FIELD_STARTS + slot, at);
      store<u32>(FIELD_ENDS + slot, closing);
      end = closing + 1;
      // What is read past the input's end leads past it, and so to no.
      if (load<u8>(end) == CR && load<u8>(end, 1) == LF) end++;
      if (end >= to) return false;
    } else {
      separator = firstFrom(separator, at);
      end = load<u32>(separator);
      if (end == NONE || <usize>load<u32>(mark) < end) return false;
      store<u32>(FIELD_STARTS + slot, at - 1);
      store<u32>(FIELD_ENDS + slot, end > at && load<u8>(end) == LF && load<u8>(end - 1) == CR ? end - 1 : end);
    }
    const byte = load<u8>(end);
    at = end + 1;
    if (byte == LF) {
      quotedEnd = at;
      return field + 1 == fieldCount;
    }
    if (byte != delimiter) return false;
  }
  return false;
}
