/**
 * Packs what a record left in the value slots: a staged one into its shard's page, a rejected one into the block of
 * rejects. The formats are those of `src/kernel/pages.ts` and `src/kernel/parts.ts`, and so are the conditions under
 * which a page or a block counts as full: both kernels give the same bytes at the same calls.
 *
 * Texts are copied in vectors that may reach 15 bytes past their ends: into room of the same page or block, or into the
 * gap that follows every page.
 */
import { hashRef } from './hash.ts';
import {
  cents,
  CNPJ_TEXT,
  CODE_COUNTS,
  COLUMN_COUNT,
  constantBytes,
  cpf,
  documentKind,
  growth,
  hashSeed,
  line,
  NAME,
  offset,
  packedDate,
  pageBytes,
  pageVersion,
  REF,
  rejectsAt,
  REQUIRED_COLUMNS,
  SHARD_BYTES,
  shardCount,
  SHARDS,
  slabAt,
  VALUE_AT,
  VALUE_BYTES,
  warning,
} from './layout.ts';

/** Room after every page of the slab. */
export const PAGE_GAP_BYTES: u32 = 64;
const PAGE_HEADER_BYTES: u32 = 36;
const MAGIC: u32 = 0x47504d52;
const CNPJ_CHARACTERS: u32 = 14;
/** What a record takes at most, its texts left out: as `FIXED_BYTES_MAX` and `LENGTH_BYTES_MAX` of the pages' writer say. */
const RECORD_OVERHEAD_BYTES: u32 = 4 * 8 + 4 + 5 + 3 + 1 + 1 + (2 + COLUMN_COUNT - REQUIRED_COLUMNS) * 2;

const BLOCK_HEADER_BYTES: usize = 8;
const BLOCK_BYTES: usize = 64 * 1024;
const PART_VERSION: u8 = 1;
const REJECTED: u8 = 4;
const HAS_CENTS: u8 = 1;
const HAS_RAW: u8 = 8;

export let fullShard: i32 = -1;
/** Bytes in the block of rejects; 0 for none. */
export let rejectsUsed: usize = 0;
let rejectsLine: i64 = 0;

export let staged: u32 = 0;
export let rejected: u32 = 0;
/** Sums of cents, 128 bits each. */
export let stagedLow: u64 = 0;
export let stagedHigh: u64 = 0;
export let rejectedLow: u64 = 0;
export let rejectedHigh: u64 = 0;

export function beginOutput(): void {
  fullShard = -1;
  rejectsUsed = 0;
  staged = rejected = 0;
  stagedLow = stagedHigh = rejectedLow = rejectedHigh = 0;
  memory.fill(CODE_COUNTS, 0, 256 << 2);
  memory.fill(SHARDS, 0, <usize>shardCount * SHARD_BYTES);
}

/** Gives back a page that was taken: bytes it used, or 0. */
export function takePage(shard: u32): u32 {
  const state = SHARDS + <usize>shard * SHARD_BYTES;
  const used = load<u32>(state);
  store<u32>(state, 0);
  if (fullShard == <i32>shard) fullShard = -1;
  return used;
}

export function takeRejects(): usize {
  const used = rejectsUsed;
  rejectsUsed = 0;
  return used;
}

@inline
export function rejectsFull(): bool {
  return rejectsUsed >= BLOCK_BYTES;
}

/** Appends the record whose values stand ready; `false` where its page has no room, and then nothing was counted. */
export function stage(rawBytes: usize): bool {
  const refAt: usize = load<u32>(VALUE_AT + (REF << 2));
  const refBytes = load<u32>(VALUE_BYTES + (REF << 2));
  const nameBytes = load<u32>(VALUE_BYTES + (NAME << 2));
  const hash = hashRef(refAt, refBytes, hashSeed);
  const shard = <u32>((<u64>hash * shardCount) >> 32);
  const state = SHARDS + <usize>shard * SHARD_BYTES;
  const base = slabAt + <usize>shard * (pageBytes + PAGE_GAP_BYTES);
  let used = load<u32>(state);
  if (used == 0) {
    store<u32>(base, MAGIC, 0);
    store<u32>(base, pageVersion, 8);
    store<u32>(base, shard, 16);
    store<f64>(base, <f64>line, 20);
    store<f64>(base, <f64>offset, 28);
    store<u32>(state, 0, 4);
    store<i64>(state, line, 16);
    store<i64>(state, offset, 24);
    used = PAGE_HEADER_BYTES;
  } else if (
    used + RECORD_OVERHEAD_BYTES + <u32>rawBytes * growth + constantBytes > pageBytes &&
    used + neededBytes() > pageBytes
  ) {
    // The values together are never longer than that, so that their sum is seldom needed: a CNPJ that is padded is longer
    // than its field, but by less than what the amount, the day and the separators take.
    fullShard = shard;
    return false;
  }
  let out = base + used;
  out = putVarint(out, line - load<i64>(state, 16));
  out = putVarint(out, offset - load<i64>(state, 24));
  out = putVarint(out, rawBytes);
  store<u32>(out, hash);
  store<u64>(out, cpf, 4);
  out = putVarint(out + 9, cents);
  const mask = out + 4;
  store<u32>(out, packedDate | (warning << 24));
  // Written whether there is one or not: the kinds of documents come in no order that could be foreseen.
  v128.store(mask + 1, v128.load(CNPJ_TEXT));
  out = putText(mask + 1 + <usize>cnpjBytes(), refAt, refBytes);
  out = putText(out, load<u32>(VALUE_AT + (NAME << 2)), nameBytes);
  let present: u32 = 0;
  for (let column: u32 = REQUIRED_COLUMNS; column < COLUMN_COUNT; column++) {
    // An empty text is written too, and then written over: cheaper than a branch that is mispredicted every other time.
    const bytes = load<u32>(VALUE_BYTES + (column << 2));
    const next = putText(out, load<u32>(VALUE_AT + (column << 2)), bytes);
    present |= (bytes == 0 ? 0 : 1) << (column - REQUIRED_COLUMNS);
    out = bytes == 0 ? out : next;
  }
  store<u8>(mask, present | (documentKind << 7));
  store<u32>(state, <u32>(out - base));
  store<u32>(state, load<u32>(state, 4) + 1, 4);
  store<u32>(state, load<u32>(state, 8) + 1, 8);
  store<i64>(state, line, 16);
  store<i64>(state, offset, 24);
  staged++;
  stagedLow += cents;
  if (stagedLow < <u64>cents) stagedHigh++;
  return true;
}

/** What the record's CNPJ takes, where its document is one: kinds are 0 and 1. */
@inline
function cnpjBytes(): u32 {
  return <u32>documentKind * CNPJ_CHARACTERS;
}

function neededBytes(): u32 {
  let needed = RECORD_OVERHEAD_BYTES + cnpjBytes();
  needed += load<u32>(VALUE_BYTES + (REF << 2)) + load<u32>(VALUE_BYTES + (NAME << 2));
  for (let column: u32 = REQUIRED_COLUMNS; column < COLUMN_COUNT; column++) {
    needed += load<u32>(VALUE_BYTES + (column << 2));
  }
  return needed;
}

/** Appends a rejected record, `[start, end)`, to the block. The host saw to it that the block has room for the longest. */
export function reject(code: u32, column: u32, start: usize, end: usize): void {
  if (rejectsUsed == 0) {
    store<u8>(rejectsAt + BLOCK_HEADER_BYTES, PART_VERSION);
    rejectsUsed = BLOCK_HEADER_BYTES + 1;
    rejectsLine = 0;
  }
  const readable = cents >= 0;
  let out = putVarint(rejectsAt + rejectsUsed, line - rejectsLine);
  store<u8>(out, REJECTED, 0);
  store<u8>(out, code, 1);
  store<u8>(out, column, 2);
  store<u8>(out, readable ? HAS_CENTS | HAS_RAW : HAS_RAW, 3);
  out += 4;
  if (readable) out = putVarint(out, cents);
  out = putText(out, start, end - start);
  out = putText(out, load<u32>(VALUE_AT + (REF << 2)), load<u32>(VALUE_BYTES + (REF << 2)));
  rejectsUsed = out - rejectsAt;
  rejectsLine = line;
  rejected++;
  if (readable) {
    rejectedLow += cents;
    if (rejectedLow < <u64>cents) rejectedHigh++;
  }
  const count = CODE_COUNTS + (code << 2);
  store<u32>(count, load<u32>(count) + 1);
}

/**
 * Seven bits a byte, the lowest first, the high bit set on all but the last. Up to 28 bits, which is nearly always, the
 * groups are spread and stored at once: a loop would be mispredicted once a number.
 */
@inline
function putVarint(out: usize, value: u64): usize {
  if (value >= 0x1000_0000) return putLongVarint(out, value);
  const v = <u32>value;
  const spread = (v & 0x7f) | ((v & 0x3f80) << 1) | ((v & 0x1f_c000) << 2) | ((v & 0xfe0_0000) << 3);
  // Bytes that follow the first: one for each seven bits that are needed beyond seven.
  const more = (31 - clz<u32>(v | 1)) / 7;
  store<u32>(out, spread | (0x80808080 & ((1 << (more << 3)) - 1)));
  return out + more + 1;
}

function putLongVarint(out: usize, value: u64): usize {
  let rest = value;
  while (rest > 127) {
    store<u8>(out++, rest | 128);
    rest >>>= 7;
  }
  store<u8>(out, rest);
  return out + 1;
}

@inline
function putText(out: usize, from: usize, bytes: usize): usize {
  if (bytes > 32) return putLongText(out, from, bytes);
  store<u8>(out, bytes);
  v128.store(out, v128.load(from), 1);
  v128.store(out, v128.load(from, 16), 17);
  return out + 1 + bytes;
}

function putLongText(out: usize, from: usize, bytes: usize): usize {
  const at = putVarint(out, bytes);
  for (let i: usize = 0; i < bytes; i += 16) v128.store(at + i, v128.load(from + i));
  return at + bytes;
}
