/**
 * Scans one piece of a file for record boundaries, for each state that it could begin in: the counterpart of
 * `src/kernel/scan.ts`, where states, lanes and groups are explained. Where one group alone is in S, whole records are
 * leapt over, quotes and all; where others are in Q, lines up to the next quote; the rest is read byte by byte.
 *
 * Positions count from the piece's first byte; -1 is none. A lane is nine i32: end state, records, first start and the
 * LFs before it, last start and the LFs before it, end of the record that was open, start of the first record that is
 * too long and the LFs before it. The host reads the lanes where `SCAN_LANES` stands.
 */
import { CR, LF, SCAN_GROUPS, SCAN_LANES } from './layout.ts';
import { equals64 } from './window.ts';

const RECORD_START: i32 = 0;
const FIELD_START: i32 = 1;
const UNQUOTED: i32 = 2;
const QUOTED: i32 = 3;
const QUOTE_IN_QUOTED: i32 = 4;
const STATES: i32 = 5;

const LANE_BYTES: usize = 36;
const GROUP_BYTES: usize = 44;

/** A record of nine numbers, of a lane or gathered in a group since its lanes met. */
@unmanaged
class Tally {
  state: i32;
  records: i32;
  first: i32;
  firstLfs: i32;
  last: i32;
  lastLfs: i32;
  openEnd: i32;
  long: i32;
  longLfs: i32;
}

/** `state` is the group's own. */
@unmanaged
class Group extends Tally {
  /** Start of the record in progress, where it began in this piece. */
  open: i32;
  /** Bit i: lane i is here. 0: the group has gone into another. */
  lanes: i32;
}

let base: usize = 0;
let length: i32 = 0;
let following: i32 = -1;
let delimiter: u8 = 0;
let quote: u8 = 0;
let limit: i32 = 0;
let lfs: i32 = 0;
/** Groups that are left. */
let groups: i32 = 0;

@inline
function lane(index: i32): Tally {
  return changetype<Tally>(SCAN_LANES + <usize>index * LANE_BYTES);
}

@inline
function group(index: i32): Group {
  return changetype<Group>(SCAN_GROUPS + <usize>index * GROUP_BYTES);
}

/**
 * @param next the byte after the piece, -1 at the end of the input
 * @returns the LFs of the piece; the lanes stand ready
 */
export function scan(
  at: usize,
  bytes: i32,
  next: i32,
  delimiterByte: u32,
  quoteByte: u32,
  recordBytesMax: i32,
): i32 {
  base = at;
  length = bytes;
  following = next;
  delimiter = <u8>delimiterByte;
  quote = <u8>quoteByte;
  limit = recordBytesMax;
  lfs = 0;
  groups = STATES;
  for (let state = 0; state < STATES; state++) {
    clear(lane(state), state);
    const one = group(state);
    clear(one, state);
    one.open = -1;
    one.lanes = 1 << state;
  }
  let position = 0;
  while (position < length) {
    if (resting()) position = leap(position);
    position = crawl(position);
  }
  for (let state = 0; state < STATES; state++) settle(group(state));
  return lfs;
}

function clear(tally: Tally, state: i32): void {
  tally.state = state;
  tally.records = 0;
  tally.first = tally.last = tally.openEnd = tally.long = -1;
  tally.firstLfs = tally.lastLfs = tally.longLfs = 0;
}

/** Gives a group's numbers to its lanes. */
function settle(from: Group): void {
  for (let index = 0; index < STATES; index++) {
    if ((from.lanes & (1 << index)) == 0) continue;
    const to = lane(index);
    to.state = from.state;
    to.records += from.records;
    if (to.first < 0 && from.first >= 0) {
      to.first = from.first;
      to.firstLfs = from.firstLfs;
    }
    if (from.last >= 0) {
      to.last = from.last;
      to.lastLfs = from.lastLfs;
    }
    if (to.long < 0 && from.long >= 0) {
      to.long = from.long;
      to.longLfs = from.longLfs;
    }
    if (from.openEnd >= 0) to.openEnd = from.openEnd;
  }
  clear(from, from.state);
}

@inline
function byteAt(position: i32): u8 {
  return load<u8>(base + position);
}

/** Whether every group is in S or Q. At most one is in S, since groups there become one. */
function resting(): bool {
  for (let index = 0; index < STATES; index++) {
    const one = group(index);
    if (one.lanes != 0 && one.state != RECORD_START && one.state != QUOTED) return false;
  }
  return true;
}

/** From where all groups rest to where the next byte must be read by each. */
function leap(from: i32): i32 {
  for (let index = 0; index < STATES; index++) {
    const one = group(index);
    if (one.lanes != 0 && one.state == RECORD_START) return leapRecords(one, from, groups == 1);
  }
  return leapText(from);
}

/** To the next quote, or the piece's end. */
function leapText(from: i32): i32 {
  const lines = i8x16.splat(LF);
  const quotes = i8x16.splat(quote);
  for (let at = from; at < length; at += 64) {
    const p = base + at;
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const c = v128.load(p, 32);
    const d = v128.load(p, 48);
    const inside = insideOf(at);
    const marks = equals64(a, b, c, d, quotes) & inside;
    const lineFeeds = equals64(a, b, c, d, lines) & inside;
    if (marks != 0) {
      lfs += <i32>popcnt(lineFeeds & ((marks & -marks) - 1));
      return at + <i32>ctz(marks);
    }
    lfs += <i32>popcnt(lineFeeds);
  }
  return length;
}

/** Which of the 64 bytes at a position belong to the piece. */
@inline
function insideOf(at: i32): u64 {
  return length - at < 64 ? ((<u64>1) << (length - at)) - 1 : u64.MAX_VALUE;
}

/** Where the walk over whole records stands. */
let start: i32 = 0;
let startLfs: i32 = 0;
/** LFs before the walk's place. */
let seen: i32 = 0;
let quoted: bool = false;
/** The byte before the block closed a quote: a quote at the block's first byte doubles it. */
let closed: bool = false;

/**
 * Reads whole records, up to the last that ends in the piece; where the group is not alone, whole lines, up to one that
 * holds a quote. Returns the position after them: a record start.
 */
function leapRecords(one: Group, from: i32, alone: bool): i32 {
  const lines = i8x16.splat(LF);
  const quotes = i8x16.splat(quote);
  const delimiters = i8x16.splat(delimiter);
  start = from;
  startLfs = seen = lfs;
  quoted = closed = false;
  for (let at = from; at < length; at += 64) {
    const p = base + at;
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const c = v128.load(p, 32);
    const d = v128.load(p, 48);
    const inside = insideOf(at);
    const lineFeeds = equals64(a, b, c, d, lines) & inside;
    const marks = equals64(a, b, c, d, quotes) & inside;
    if (marks == 0 && !quoted) {
      closed = false;
      endRecords(one, at, lineFeeds, lineFeeds);
      continue;
    }
    if (!alone) {
      endRecords(one, at, lineFeeds & ((marks & -marks) - 1), lineFeeds);
      break;
    }
    // Bit i: byte i stands inside quotes, an opening quote too, if every quote opens or closes.
    const quotedText = parity(marks) ^ (quoted ? u64.MAX_VALUE : 0);
    const closings = marks & ~quotedText;
    const before = (equals64(a, b, c, d, delimiters) | lineFeeds | closings) << 1;
    const first: u64 = closed || at == start || byteAt(at - 1) == delimiter ? 1 : 0;
    if ((marks & quotedText & ~(before | first)) == 0) {
      // Each quote that opens stands at a field's start or doubles the one before it.
      endRecords(one, at, lineFeeds & ~quotedText, lineFeeds);
      quoted = quotedText >>> 63 != 0;
      closed = closings >>> 63 != 0;
    } else walkQuotes(one, at, marks, lineFeeds);
  }
  lfs = startLfs;
  return start;
}

/** Bit i: whether an odd number of bits are set from bit 0 to bit i. */
@inline
function parity(bits: u64): u64 {
  let x = bits;
  x ^= x << 1;
  x ^= x << 2;
  x ^= x << 4;
  x ^= x << 8;
  x ^= x << 16;
  return x ^ (x << 32);
}

/** Ends records, or passes empty lines, at the bits of `ends` in the block at `at`; `lineFeeds` has all LFs of the block. */
@inline
function endRecords(one: Group, at: i32, ends: u64, lineFeeds: u64): void {
  for (let rest = ends; rest != 0; rest &= rest - 1) {
    const position = at + <i32>ctz(rest);
    if (position - start > 1 || (position - start == 1 && byteAt(start) != CR)) {
      if (one.first < 0) {
        one.first = start;
        one.firstLfs = startLfs;
      }
      if (position + 1 - start > limit && one.long < 0) {
        one.long = start;
        one.longLfs = startLfs;
      }
      one.records++;
      one.last = start;
      one.lastLfs = startLfs;
    }
    startLfs = seen + <i32>popcnt(lineFeeds & (rest ^ (rest - 1)));
    start = position + 1;
  }
  seen += <i32>popcnt(lineFeeds);
}

/** A block with quotes that neither open nor close, bit by bit. */
function walkQuotes(one: Group, at: i32, allMarks: u64, lineFeeds: u64): void {
  let marks = allMarks;
  let ends: u64 = 0;
  let from = 0;
  let open = quoted;
  // The start of the record that each place belongs to moves with the line feeds outside of quotes.
  let recordStart = start;
  if (closed && (marks & 1) != 0) {
    open = true;
    marks &= marks - 1;
  }
  closed = false;
  for (;;) {
    const upTo = marks == 0 ? 64 : <i32>ctz(marks);
    if (!open) {
      const between = lineFeeds & rangeOf(from, upTo);
      ends |= between;
      if (between != 0) recordStart = at + 64 - <i32>clz(between);
    }
    if (marks == 0) break;
    marks &= marks - 1;
    const position = at + upTo;
    if (!open) open = position == recordStart || byteAt(position - 1) == delimiter;
    else if (upTo == 63 || position + 1 == length || byteAt(position + 1) != quote) {
      open = false;
      closed = upTo == 63;
    } else marks &= marks - 1;
    from = upTo;
  }
  quoted = open;
  endRecords(one, at, ends, lineFeeds);
}

/** Bits `from` to `to - 1`. */
@inline
function rangeOf(from: i32, to: i32): u64 {
  const below = to == 64 ? u64.MAX_VALUE : (<u64>1 << to) - 1;
  return below & (u64.MAX_VALUE << from);
}

/** Every group reads byte by byte, at least one, until all rest again or the piece ends. */
function crawl(from: i32): i32 {
  for (let at = from; at < length; at++) {
    const byte = byteAt(at);
    for (let index = 0; index < STATES; index++) {
      const one = group(index);
      if (one.lanes != 0) step(one, byte, at);
    }
    if (byte == LF) {
      lfs++;
      meet();
    } else if (byte != quote) continue;
    if (resting()) return at + 1;
  }
  return length;
}

@inline
function step(one: Group, byte: u8, at: i32): void {
  const state = one.state;
  if (state == QUOTED) {
    if (byte == quote) one.state = QUOTE_IN_QUOTED;
    return;
  }
  if (state == RECORD_START) {
    if (byte == LF) return;
    if (byte == CR && (at + 1 < length ? <i32>byteAt(at + 1) : following) == LF) return;
    begin(one, at);
  }
  if (byte == LF) end(one, at + 1);
  else if (byte == delimiter) one.state = FIELD_START;
  else one.state = byte == quote && state != UNQUOTED ? QUOTED : UNQUOTED;
}

function begin(one: Group, at: i32): void {
  one.records++;
  if (one.first < 0) {
    one.first = at;
    one.firstLfs = lfs;
  }
  one.last = at;
  one.lastLfs = lfs;
  one.open = at;
}

function end(one: Group, at: i32): void {
  if (one.open < 0) one.openEnd = at;
  else if (at - one.open > limit && one.long < 0) {
    one.long = one.open;
    one.longLfs = one.lastLfs;
  }
  one.open = -1;
  one.state = RECORD_START;
}

/** Groups that stand at a record start become one. */
function meet(): void {
  let kept = -1;
  for (let index = 0; index < STATES; index++) {
    const one = group(index);
    if (one.lanes == 0 || one.state != RECORD_START) continue;
    if (kept < 0) {
      kept = index;
      continue;
    }
    const into = group(kept);
    settle(into);
    settle(one);
    into.lanes |= one.lanes;
    one.lanes = 0;
    groups--;
  }
}
