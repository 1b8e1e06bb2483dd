/**
 * Pages: staged records of one shard, packed together in line order. The writer keeps one open page a shard.
 *
 * Layout, little-endian. Header, 36 bytes:
 *   0  u32  magic «RMPG»         4  u32  CRC-32 of bytes 8 to the end
 *   8  u32  format version       12 u32  records
 *   16 u32  shard                20 f64  base line         28 f64  base offset
 * then each record:
 *   varint line, less the line before it (the base line for the first)
 *   varint offset of its first raw byte, less the offset before it (the base offset for the first)
 *   varint raw bytes, line end included
 *   u32    hash of the reference
 *   40 bits CPF, its eleven digits as a number; zeros where the document is a CNPJ
 *   varint cents
 *   u24    due date, year × 512 + month × 32 + day
 *   u8     id of the warning, 0 for none
 *   u8     bit i: optional column 5 + i has a value, or, where its length is 0, is not in the record at all; bit 7: the
 *          document is a CNPJ, whose 14 characters follow; bit 6: then a varint follows, the record's sub
 *   varint length and bytes: external_ref, debtor_name, then each optional column that has a value, in column order
 * Texts are as they will be stored: unquoted, trimmed, folded. A page of version 1 has CPFs alone, and is what is written
 * where the plan knows no others: builds that know of no CNPJ read it too. Several records may have a line, where a module
 * made several of one: they are told apart by `sub`, from 0. A page that may have subs above 0 is of version 3.
 *
 * Memory: the writer holds `shards × pageBytes`, in one slab, of which the system commits what is touched. Who writes one
 * range after another passes the same slab again: made anew each time, slabs piled up before they were collected.
 */
import { assert } from '../core/assert.ts';
import { Fault } from '../core/faults.ts';
import { COLUMN_COUNT, DOCUMENT, NAME, REF, REQUIRED_COLUMNS } from './columns.ts';
import { crc32 } from './crc.ts';
import { CNPJ_CHARACTERS, CNPJ_KIND } from './documents.ts';
import {
  ACCOUNT_TYPE_LENGTH,
  EMAIL_BYTES_MAX,
  INSTALLMENT_BYTES_MAX,
  NAME_LENGTH,
  PHONE_DIGITS_MAX,
  REF_LENGTH,
} from './fields.ts';
import type { RecordPlan } from './plan.ts';
import type { RecordValues } from './values.ts';
import { putVarint, VARINT_BYTES_MAX, VarintCursor } from './varint.ts';

const MAGIC = 0x47504d52;
/** By what the records may hold. */
const CPFS_ALONE = 1;
const ANY_DOCUMENT = 2;
const SEVERAL_A_LINE = 3;
const HAS_CNPJ = 0x80;
const HAS_SUB = 0x40;
const HEADER_BYTES = 36;
const OPTIONAL_COLUMNS = COLUMN_COUNT - REQUIRED_COLUMNS;

/** Line, offset, raw bytes, hash, CPF, cents, date, warning, mask. */
const FIXED_BYTES_MAX = 4 * VARINT_BYTES_MAX + 4 + 5 + 3 + 1 + 1;
/** Every text that the checks let through is below 2^14 bytes. */
const LENGTH_BYTES_MAX = 2;
const UTF8_BYTES_MAX = 4;
/** The most bytes that a record takes in a page: follows from the lengths that the checks let through. */
export const STAGED_RECORD_BYTES_MAX =
  FIXED_BYTES_MAX +
  VARINT_BYTES_MAX + // sub
  CNPJ_CHARACTERS +
  (2 + OPTIONAL_COLUMNS) * LENGTH_BYTES_MAX +
  (REF_LENGTH.max + 2 * NAME_LENGTH.max + ACCOUNT_TYPE_LENGTH.max) * UTF8_BYTES_MAX +
  EMAIL_BYTES_MAX +
  (1 + PHONE_DIGITS_MAX) +
  INSTALLMENT_BYTES_MAX;
export const PAGE_BYTES_MIN = 4096;
const SLAB_BYTES_MAX = 2 ** 30;

/** The format of the pages of a plan. */
export function pageVersion({ reading, code }: Pick<RecordPlan, 'reading' | 'code'>): number {
  if (code !== undefined && code.recordsMax > 1) return SEVERAL_A_LINE;
  const document = reading?.document;
  return document === undefined || document.kind === 'cpf' ? CPFS_ALONE : ANY_DOCUMENT;
}

export class PageWriter {
  readonly #pageBytes: number;
  readonly #shards: number;
  readonly #slab: Uint8Array;
  /** Per shard: bytes used in the open page (0 for none), its records, and the last record's line and offset. */
  readonly #used: Int32Array;
  readonly #records: Int32Array;
  readonly #lines: Float64Array;
  readonly #offsets: Float64Array;
  readonly #version: number;
  #fullShard = -1;
  #flushing = -1;

  /** `slab`: at least `shards × pageBytes` long, whatever its contents; it is the writer's from now on. */
  constructor(shards: number, pageBytes: number, slab?: Uint8Array, version: number = CPFS_ALONE) {
    assert(pageBytes >= PAGE_BYTES_MIN && Number.isInteger(pageBytes), `a page has at least ${PAGE_BYTES_MIN} bytes`);
    assert(HEADER_BYTES + STAGED_RECORD_BYTES_MAX <= PAGE_BYTES_MIN, 'any staged record fits in an empty page');
    assert(shards >= 1 && shards * pageBytes <= SLAB_BYTES_MAX, 'the open pages fit in one slab');
    this.#version = version;
    this.#shards = shards;
    this.#pageBytes = pageBytes;
    this.#slab = slab ?? new Uint8Array(shards * pageBytes);
    assert(this.#slab.length >= shards * pageBytes, 'the slab has room for all open pages');
    this.#used = new Int32Array(shards);
    this.#records = new Int32Array(shards);
    this.#lines = new Float64Array(shards);
    this.#offsets = new Float64Array(shards);
  }

  /** Whether a page must be taken before the next record is appended. */
  get full(): boolean {
    return this.#fullShard >= 0;
  }

  /**
   * Appends a record that passed its checks. `false`: its page has no room; the writer is now `full`, nothing was
   * written, and the record is to be appended again once the page was taken.
   * @param line physical, 1-based; lines and offsets never go down
   * @param offset absolute, of the record's first raw byte
   * @param sub which of the records that a module made of that one it is, from 0; above 0 only in a page that has subs
   */
  append(
    shard: number,
    line: number,
    offset: number,
    rawBytes: number,
    refHash: number,
    bytes: Uint8Array,
    values: RecordValues,
    sub = 0,
  ): boolean {
    assert(sub === 0 || this.#version === SEVERAL_A_LINE, 'a page that has subs says so');
    const { starts, ends } = values;
    let needed = FIXED_BYTES_MAX + (2 + OPTIONAL_COLUMNS) * LENGTH_BYTES_MAX;
    needed += ends[REF] - starts[REF] + ends[NAME] - starts[NAME];
    let present = 0;
    for (let i = 0; i < OPTIONAL_COLUMNS; i++) {
      const size = ends[REQUIRED_COLUMNS + i] - starts[REQUIRED_COLUMNS + i];
      needed += size;
      if (size > 0) present |= 1 << i;
    }
    present |= values.kept;
    const isCnpj = values.documentKind === CNPJ_KIND;
    if (isCnpj) needed += CNPJ_CHARACTERS;
    if (sub > 0) needed += VARINT_BYTES_MAX;
    const base = shard * this.#pageBytes;
    let used = this.#used[shard];
    if (used === 0) used = this.#begin(shard, line, offset);
    else if (used + needed > this.#pageBytes) {
      this.#fullShard = shard;
      return false;
    }
    const out = this.#slab;
    let at = base + used;
    at = putVarint(out, at, line - this.#lines[shard]);
    at = putVarint(out, at, offset - this.#offsets[shard]);
    at = putVarint(out, at, rawBytes);
    at = putU32(out, at, refHash);
    const cpf = isCnpj ? 0 : values.cpf;
    at = putU32(out, at, cpf >>> 0);
    out[at++] = Math.floor(cpf / 0x1_0000_0000);
    at = putVarint(out, at, values.cents);
    const day = values.packedDate;
    out[at] = day;
    out[at + 1] = day >> 8;
    out[at + 2] = day >> 16;
    out[at + 3] = values.warning;
    out[at + 4] = present | (isCnpj ? HAS_CNPJ : 0) | (sub > 0 ? HAS_SUB : 0);
    at += 5;
    if (isCnpj) at = putCharacters(out, at, values.source(bytes, DOCUMENT), starts[DOCUMENT], ends[DOCUMENT]);
    if (sub > 0) at = putVarint(out, at, sub);
    at = putText(out, at, bytes, values, REF);
    at = putText(out, at, bytes, values, NAME);
    for (let i = 0; i < OPTIONAL_COLUMNS; i++) {
      if ((present & (1 << i)) !== 0) at = putText(out, at, bytes, values, REQUIRED_COLUMNS + i);
    }
    this.#used[shard] = at - base;
    this.#records[shard]++;
    this.#lines[shard] = line;
    this.#offsets[shard] = offset;
    return true;
  }

  #begin(shard: number, line: number, offset: number): number {
    const view = new DataView(this.#slab.buffer, this.#slab.byteOffset + shard * this.#pageBytes, HEADER_BYTES);
    view.setUint32(0, MAGIC, true);
    view.setUint32(8, this.#version, true);
    view.setUint32(16, shard, true);
    view.setFloat64(20, line, true);
    view.setFloat64(28, offset, true);
    this.#records[shard] = 0;
    this.#lines[shard] = line;
    this.#offsets[shard] = offset;
    return HEADER_BYTES;
  }

  /** From now on every page that holds records can be taken; nothing more is appended. */
  flush(): void {
    if (this.#flushing < 0) this.#flushing = 0;
  }

  /** The full page; after `flush`, one page after another, by shard. Its bytes stay as they are until the next append. */
  take(): { shard: number; bytes: Uint8Array; records: number } | undefined {
    let shard = this.#fullShard;
    this.#fullShard = -1;
    if (shard < 0) {
      if (this.#flushing < 0) return undefined;
      while (this.#flushing < this.#shards && this.#used[this.#flushing] === 0) this.#flushing++;
      if (this.#flushing === this.#shards) return undefined;
      shard = this.#flushing++;
    }
    const start = shard * this.#pageBytes;
    const bytes = this.#slab.subarray(start, start + this.#used[shard]);
    const records = this.#records[shard];
    const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
    view.setUint32(12, records, true);
    view.setUint32(4, crc32(bytes.subarray(8)), true);
    this.#used[shard] = 0;
    return { shard, bytes, records };
  }
}

function putU32(out: Uint8Array, at: number, value: number): number {
  out[at] = value;
  out[at + 1] = value >>> 8;
  out[at + 2] = value >>> 16;
  out[at + 3] = value >>> 24;
  return at + 4;
}

/** Short texts: a loop beats `set` on a subarray, which makes an object a field. */
function putText(out: Uint8Array, at: number, bytes: Uint8Array, values: RecordValues, column: number): number {
  const start = values.starts[column];
  const end = values.ends[column];
  const source = values.source(bytes, column);
  return putCharacters(out, putVarint(out, at, end - start), source, start, end);
}

function putCharacters(out: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  let position = at;
  for (let i = start; i < end; i++) out[position++] = source[i];
  return position;
}

/** Reads one page after another; the fields are those of the current record and change with `next`. */
export class PageReader {
  /** The page: texts are `[start, end)` in it. */
  bytes: Uint8Array = new Uint8Array(0);
  shard = 0;
  /** Records of the whole page. */
  records = 0;
  /** Whether several records may have one line. */
  isSeveral = false;
  /** Physical, 1-based. */
  line = 0;
  /** Which of the records of its line it is, from 0. */
  sub = 0;
  /** Absolute, of the record's first raw byte. */
  offset = 0;
  rawBytes = 0;
  refHash = 0;
  /** Integer cents below 10^15. */
  cents = 0;
  /** `year × 512 + month × 32 + day`. */
  packedDate = 0;
  /** Id of the warning, 0 for none. */
  warning = 0;
  /** Of a CPF up to eleven digits as a number: leading zeros are to be put back. */
  cpf = 0;
  /** Where the 14 characters of a CNPJ begin; 0 where the document is a CPF. */
  cnpjStart = 0;
  refStart = 0;
  refEnd = 0;
  nameStart = 0;
  nameEnd = 0;
  /** Bit i: optional column 5 + i has a value. */
  present = 0;
  /** Bit i: the record does not have optional column 5 + i, and keeps what is stored. */
  kept = 0;
  readonly optionalStart = new Int32Array(OPTIONAL_COLUMNS);
  readonly optionalEnd = new Int32Array(OPTIONAL_COLUMNS);

  readonly #cursor = new VarintCursor();
  #left = 0;

  /** Opens a page. Throws `STORE_CORRUPT` where it is not one, is of another format or fails its CRC. */
  load(page: Uint8Array): void {
    const damaged = (what: string) => new Fault('STORE_CORRUPT', `a staged page: ${what}`);
    if (page.length < HEADER_BYTES) throw damaged('too short');
    const view = new DataView(page.buffer, page.byteOffset, page.length);
    if (view.getUint32(0, true) !== MAGIC) throw damaged('not a page');
    if (view.getUint32(4, true) !== crc32(page.subarray(8))) throw damaged('its CRC does not match');
    const version = view.getUint32(8, true);
    this.isSeveral = version === SEVERAL_A_LINE;
    if (version < CPFS_ALONE || version > SEVERAL_A_LINE) throw damaged('of another format version');
    this.bytes = page;
    this.records = view.getUint32(12, true);
    this.shard = view.getUint32(16, true);
    this.line = view.getFloat64(20, true);
    this.offset = view.getFloat64(28, true);
    this.#left = this.records;
    this.#cursor.bytes = page;
    this.#cursor.at = HEADER_BYTES;
  }

  /** Goes to the next record; `false` after the last. */
  next(): boolean {
    const cursor = this.#cursor;
    const { bytes } = this;
    if (this.#left === 0) {
      assert(cursor.at === bytes.length, 'the records of a page end with the page');
      return false;
    }
    this.#left--;
    this.line += cursor.next();
    this.offset += cursor.next();
    this.rawBytes = cursor.next();
    this.refHash = u32(bytes, cursor.at);
    this.cpf = u32(bytes, cursor.at + 4) + bytes[cursor.at + 8] * 0x1_0000_0000;
    cursor.at += 9;
    this.cents = cursor.next();
    const { at } = cursor;
    this.packedDate = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
    this.warning = bytes[at + 3];
    const flags = bytes[at + 4];
    const told = flags & ~(HAS_CNPJ | HAS_SUB);
    this.present = told;
    this.kept = 0;
    cursor.at = at + 5;
    this.cnpjStart = 0;
    if ((flags & HAS_CNPJ) !== 0) {
      this.cnpjStart = cursor.at;
      cursor.at += CNPJ_CHARACTERS;
    }
    this.sub = (flags & HAS_SUB) !== 0 ? cursor.next() : 0;
    const ref = cursor.next();
    this.refStart = cursor.at;
    this.refEnd = cursor.at += ref;
    const name = cursor.next();
    this.nameStart = cursor.at;
    this.nameEnd = cursor.at += name;
    for (let i = 0; i < OPTIONAL_COLUMNS; i++) {
      const isTold = (told & (1 << i)) !== 0;
      const size = isTold ? cursor.next() : 0;
      if (isTold && size === 0) {
        this.present &= ~(1 << i);
        this.kept |= 1 << i;
      }
      this.optionalStart[i] = cursor.at;
      this.optionalEnd[i] = cursor.at += size;
    }
    return true;
  }
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
