/**
 * Parts: what is known of single records, in line order, in blocks that stand for themselves. The rejects of a range and
 * the outcomes of a shard are parts; a part is its blocks, one after another.
 *
 * Layout, little-endian. Block: u32 bytes of the payload, u32 CRC-32 of the payload, payload. Payload: u8 format version,
 * then each entry:
 *   varint line, less the line before it in the block (0 for the first)
 *   u8 outcome (index in OUTCOMES)   u8 code id   u8 column or NO_COLUMN   u8 flags: which of the following are there
 *   1: varint cents        2: varint line of the winner        4: varint offset, varint bytes of the record in the file
 *   8: varint length, the record's raw bytes             16: varint sub (in a block of version 2)
 *   varint length, the reference
 * Several entries may have a line where a module made several records of one: they are told apart by `sub`, from 0. A block
 * with a sub above 0 is of version 2, which builds that know of none refuse; others are of version 1.
 *
 * Memory: a writer holds `blockBytes` and one entry; a reader needs one block.
 */
import { assert } from '../core/assert.ts';
import { Fault } from '../core/faults.ts';
import { crc32 } from './crc.ts';
import { putVarint, VARINT_BYTES_MAX, VarintCursor } from './varint.ts';

export const BLOCK_HEADER_BYTES = 8;
/** A block that claims to be larger is damaged. */
export const BLOCK_BYTES_MAX = 64 * 1024 * 1024;
/** Cents of a record whose amount could not be read. */
export const CENTS_UNREAD = -1;

/** By what the entries may hold. */
const ONE_A_LINE = 1;
const SEVERAL_A_LINE = 2;
const HAS_CENTS = 1;
const HAS_WINNER = 2;
const HAS_SOURCE = 4;
const HAS_RAW = 8;
const HAS_SUB = 16;
/** All of an entry but the bytes of its texts. */
const FIXED_BYTES_MAX = 8 * VARINT_BYTES_MAX + 4;
const LOOP_BYTES_MAX = 64;

export class EntryWriter {
  readonly #blockBytes: number;
  #block: Uint8Array;
  #at = 0;
  #line = 0;
  #flushed = false;

  /** `blockBytes`: size, header included, at which a block counts as full. */
  constructor(blockBytes: number) {
    assert(blockBytes > BLOCK_HEADER_BYTES && blockBytes <= BLOCK_BYTES_MAX / 2, 'a block has a sane size');
    this.#blockBytes = blockBytes;
    this.#block = new Uint8Array(blockBytes + FIXED_BYTES_MAX + 256);
  }

  /** Whether the block should be taken; a writer that is full still takes entries, and grows. */
  get full(): boolean {
    return this.#at >= this.#blockBytes;
  }

  /**
   * Adds the outcome of a record. Lines never go down.
   * @param cents integer cents, or CENTS_UNREAD
   * @param ref bytes of which `[refStart, refEnd)` is the reference
   * @param winnerLine of the record that a duplicate repeats; 0 for none
   * @param sourceBytes size of the raw record at `sourceOffset` of the file; 0 where that is not told
   * @param sub which of the records of its line it is, from 0
   */
  add(
    line: number,
    outcome: number,
    code: number,
    column: number,
    cents: number,
    ref: Uint8Array,
    refStart: number,
    refEnd: number,
    winnerLine = 0,
    sourceOffset = 0,
    sourceBytes = 0,
    sub = 0,
  ): void {
    this.#reserve(refEnd - refStart);
    const flags =
      (cents >= 0 ? HAS_CENTS : 0) |
      (winnerLine > 0 ? HAS_WINNER : 0) |
      (sourceBytes > 0 ? HAS_SOURCE : 0) |
      (sub > 0 ? HAS_SUB : 0);
    this.#head(line, outcome, code, column, flags, cents);
    if (winnerLine > 0) this.#at = putVarint(this.#block, this.#at, winnerLine);
    if (sourceBytes > 0) {
      this.#at = putVarint(this.#block, this.#at, sourceOffset);
      this.#at = putVarint(this.#block, this.#at, sourceBytes);
    }
    if (sub > 0) {
      this.#at = putVarint(this.#block, this.#at, sub);
      this.#block[BLOCK_HEADER_BYTES] = SEVERAL_A_LINE;
    }
    this.#text(ref, refStart, refEnd);
  }

  /** Adds a record with its raw bytes, `[rawStart, rawEnd)` of `raw`. */
  addRaw(
    line: number,
    outcome: number,
    code: number,
    column: number,
    cents: number,
    ref: Uint8Array,
    refStart: number,
    refEnd: number,
    raw: Uint8Array,
    rawStart: number,
    rawEnd: number,
  ): void {
    this.#reserve(refEnd - refStart + rawEnd - rawStart);
    this.#head(line, outcome, code, column, (cents >= 0 ? HAS_CENTS : 0) | HAS_RAW, cents);
    this.#text(raw, rawStart, rawEnd);
    this.#text(ref, refStart, refEnd);
  }

  /** Lets the last block be taken, full or not. */
  flush(): void {
    this.#flushed = true;
  }

  /** The block, where it is full or was flushed and holds entries. Its bytes stay as they are until the next entry. */
  takeBlock(): Uint8Array | undefined {
    if (this.#at === 0 || (!this.full && !this.#flushed)) return undefined;
    const block = this.#block.subarray(0, this.#at);
    const view = new DataView(block.buffer, block.byteOffset, BLOCK_HEADER_BYTES);
    view.setUint32(0, block.length - BLOCK_HEADER_BYTES, true);
    view.setUint32(4, crc32(block.subarray(BLOCK_HEADER_BYTES)), true);
    this.#at = 0;
    return block;
  }

  #reserve(textBytes: number): void {
    if (this.#at === 0) {
      this.#block[BLOCK_HEADER_BYTES] = ONE_A_LINE;
      this.#at = BLOCK_HEADER_BYTES + 1;
      this.#line = 0;
    }
    const needed = this.#at + FIXED_BYTES_MAX + textBytes;
    if (needed <= this.#block.length) return;
    const grown = new Uint8Array(needed);
    grown.set(this.#block.subarray(0, this.#at));
    this.#block = grown;
  }

  #head(line: number, outcome: number, code: number, column: number, flags: number, cents: number): void {
    const block = this.#block;
    assert(line >= this.#line, 'entries come in line order');
    const at = putVarint(block, this.#at, line - this.#line);
    block[at] = outcome;
    block[at + 1] = code;
    block[at + 2] = column;
    block[at + 3] = flags;
    this.#at = cents >= 0 ? putVarint(block, at + 4, cents) : at + 4;
    this.#line = line;
  }

  #text(source: Uint8Array, start: number, end: number): void {
    const block = this.#block;
    let at = putVarint(block, this.#at, end - start);
    if (end - start > LOOP_BYTES_MAX) {
      block.set(source.subarray(start, end), at);
      at += end - start;
    } else for (let i = start; i < end; i++) block[at++] = source[i];
    this.#at = at;
  }
}

/** Reads one block after another; the fields are those of the current entry and change with `next`. */
export class EntryReader {
  /** The block: texts are `[start, end)` in it. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Physical, 1-based. */
  line = 0;
  /** Which of the records of its line it is, from 0. */
  sub = 0;
  /** Index in OUTCOMES. */
  outcome = 0;
  /** Id of a record code; 0 for none. */
  code = 0;
  /** Number of a column, or NO_COLUMN. */
  column = 0;
  /** Integer cents, or CENTS_UNREAD. */
  cents = CENTS_UNREAD;
  refStart = 0;
  refEnd = 0;
  /** 0 for none. */
  winnerLine = 0;
  /** Where the raw record stands in the file; `sourceBytes` is 0 where that is not told. */
  sourceOffset = 0;
  sourceBytes = 0;
  /** The raw record inside the block; -1 for none. */
  rawStart = -1;
  rawEnd = -1;

  readonly #cursor = new VarintCursor();

  /**
   * Size of a whole block, header included, from its first BLOCK_HEADER_BYTES bytes.
   * Throws `STORE_CORRUPT` where no block is that large.
   */
  static blockBytes(header: Uint8Array): number {
    const size = new DataView(header.buffer, header.byteOffset, BLOCK_HEADER_BYTES).getUint32(0, true);
    if (size > BLOCK_BYTES_MAX) throw damaged('a size beyond the limit');
    return BLOCK_HEADER_BYTES + size;
  }

  /** Opens a whole block. Throws `STORE_CORRUPT` where it is cut, fails its CRC or is of another format. */
  load(block: Uint8Array): void {
    if (block.length <= BLOCK_HEADER_BYTES || EntryReader.blockBytes(block) !== block.length) throw damaged('cut');
    const view = new DataView(block.buffer, block.byteOffset, BLOCK_HEADER_BYTES);
    if (view.getUint32(4, true) !== crc32(block.subarray(BLOCK_HEADER_BYTES))) throw damaged('its CRC does not match');
    const version = block[BLOCK_HEADER_BYTES] as number;
    if (version !== ONE_A_LINE && version !== SEVERAL_A_LINE) throw damaged('of another format version');
    this.bytes = block;
    this.line = 0;
    this.#cursor.bytes = block;
    this.#cursor.at = BLOCK_HEADER_BYTES + 1;
  }

  /** Goes to the next entry; `false` after the block's last, and where no block was loaded. */
  next(): boolean {
    const cursor = this.#cursor;
    const { bytes } = this;
    if (cursor.at >= bytes.length) return false;
    this.line += cursor.next();
    const { at } = cursor;
    this.outcome = bytes[at];
    this.code = bytes[at + 1];
    this.column = bytes[at + 2];
    const flags = bytes[at + 3];
    cursor.at = at + 4;
    this.cents = (flags & HAS_CENTS) !== 0 ? cursor.next() : CENTS_UNREAD;
    this.winnerLine = (flags & HAS_WINNER) !== 0 ? cursor.next() : 0;
    this.sourceOffset = (flags & HAS_SOURCE) !== 0 ? cursor.next() : 0;
    this.sourceBytes = (flags & HAS_SOURCE) !== 0 ? cursor.next() : 0;
    this.sub = (flags & HAS_SUB) !== 0 ? cursor.next() : 0;
    this.rawStart = -1;
    this.rawEnd = -1;
    if ((flags & HAS_RAW) !== 0) {
      const raw = cursor.next();
      this.rawStart = cursor.at;
      this.rawEnd = cursor.at += raw;
    }
    const ref = cursor.next();
    this.refStart = cursor.at;
    this.refEnd = cursor.at += ref;
    assert(cursor.at <= bytes.length, 'an entry ends inside its block');
    return true;
  }
}

function damaged(what: string): Fault {
  return new Fault('STORE_CORRUPT', `a block of a part: ${what}`);
}
