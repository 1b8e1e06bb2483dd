/**
 * Records as the bytes of a SQLite database, so that SQL can take thousands of them without an object, a string or a
 * bound parameter a row: `INSERT … SELECT … FROM image.rows`. Against binding parameters this is three times as fast.
 *
 * The image is one table, `rows`; its row n (from 1) is the n-th record of the order asked. Page 1, the schema, is made
 * by SQLite itself; the pages of the table are written here after the file format (https://sqlite.org/fileformat.html §1.6,
 * §2): leaf cells are `varint bytes, varint rowid, record`, from the end of the page down; one interior root above them.
 * SQLite only reads the image.
 *
 * Memory: `bytesMax`, and 12 bytes a row, made once; `fill` stops where it is full.
 */
import { DatabaseSync } from 'node:sqlite';
import { assert } from '../../../core/assert.ts';
import type { DebtRecords } from '../../ports/debts.ts';
import { cnpjNumber } from './documentRuns.ts';

/** Columns of `image.rows`; those of a debt stand under the same names as in `debts`. */
const SCHEMA = `CREATE TABLE rows (
  n INTEGER PRIMARY KEY, line INTEGER, amount_cents INTEGER, ref_hash INTEGER, document TEXT, due_date TEXT,
  external_ref TEXT, debtor_name TEXT, debtor_email TEXT, debtor_phone TEXT, creditor_name TEXT, account_type TEXT,
  installment TEXT)`;

const PAGE_BYTES = 32_768;
const LEAF = 13;
const INTERIOR = 5;
const LEAF_HEADER_BYTES = 8;
const INTERIOR_HEADER_BYTES = 12;
const POINTER_BYTES = 2;
/** Left child and key, with their pointer. */
const INTERIOR_CELL_BYTES_MAX = 4 + 4 + POINTER_BYTES;
/** Offsets in page 1: pages of the file. */
const FILE_PAGES_AT = 28;

/** A record in the arena (`DebtRecords`). */
const TEXTS = 7;
const CENTS_AT = 6;
const HASH_AT = 14;
const DOCUMENT_AT = 18;
/** First byte of the document of a CNPJ, whose characters stand behind the texts. */
const IS_CNPJ = 0x80;
const DAY_AT = 23;
const SIZES_AT = 26;
const HEAD_BYTES = SIZES_AT + 2 * TEXTS;

const CPF_DIGITS = 11;
const CNPJ_CHARACTERS = 14;
const DAY_DIGITS = 10;
/** Serial types: NULL, integers of six and eight bytes; a text of n bytes is 13 + 2n. */
const NULL_TYPE = 0;
const INT48 = 5;
const INT64 = 6;
const TEXT_TYPE = 13;
/** Of `n` (NULL: it is the rowid), line, amount_cents, ref_hash, document and due_date. */
const FIXED_TYPES = [NULL_TYPE, INT48, INT64, INT48, TEXT_TYPE + 2 * CPF_DIGITS, TEXT_TYPE + 2 * DAY_DIGITS] as const;
const DOCUMENT_TYPE = 4;
const CNPJ_TYPE = TEXT_TYPE + 2 * CNPJ_CHARACTERS;
/** Bytes of the header, its own size included, but for the types of the texts; of the body but for the texts. */
const HEADER_FIXED_BYTES = 1 + FIXED_TYPES.length;
const BODY_FIXED_BYTES = 6 + 8 + 6 + CPF_DIGITS + DAY_DIGITS;
/** What a CNPJ takes more of the body. */
const CNPJ_MORE_BYTES = CNPJ_CHARACTERS - CPF_DIGITS;
/** A longer cell would need an overflow page, which the image never has: (page − 35) bytes of payload stay in a leaf. */
const PAYLOAD_BYTES_MAX = PAGE_BYTES - 35;

export class DebtImage {
  readonly #pagesMax: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  /** The largest rowid of each leaf. */
  readonly #lastRows: Int32Array;
  /** The texts' serial types of the record being added. */
  readonly #types = new Int32Array(TEXTS);
  /** Of each row: its document as a number (documentRuns.ts), and its hash; known here without another way to a far part of memory. */
  readonly documents: Float64Array;
  readonly hashes: Uint32Array;
  #leaves = 0;
  /** Of the open leaf: start of its page, its cells, where its lowest cell begins. */
  #page = 0;
  #cells = 0;
  #low = 0;

  /** An image takes no more bytes and no more rows than that. */
  constructor(bytesMax: number, rowsMax: number) {
    this.#pagesMax = Math.max(3, Math.floor(bytesMax / PAGE_BYTES));
    assert(
      (this.#pagesMax - 2) * INTERIOR_CELL_BYTES_MAX + INTERIOR_HEADER_BYTES <= PAGE_BYTES,
      'one interior page holds the keys of all leaves',
    );
    this.#bytes = new Uint8Array(this.#pagesMax * PAGE_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
    this.#lastRows = new Int32Array(this.#pagesMax);
    this.documents = new Float64Array(rowsMax);
    this.hashes = new Uint32Array(rowsMax);
    this.#bytes.set(schemaPage());
  }

  /**
   * Makes the image of the records that `order[from..]` names, as many as there is room for.
   * @returns the position in `order` after the last record taken: past `from`, unless nothing was left
   */
  fill(records: DebtRecords, order: Int32Array, from: number): number {
    this.#leaves = 0;
    this.#openLeaf();
    let at = from;
    const { arena, starts } = records;
    const end = Math.min(order.length, from + this.documents.length);
    while (at < end && this.#add(arena, starts[order[at]], at - from + 1)) at++;
    this.#closeLeaf(at - from);
    return at;
  }

  /** The database; valid until the next `fill`. */
  bytes(): Uint8Array {
    const pages = this.#writeRoot();
    this.#view.setUint32(FILE_PAGES_AT, pages);
    return this.#bytes.subarray(0, pages * PAGE_BYTES);
  }

  /** Leaves stand from page 3 on; page 2 is the root. */
  #openLeaf(): void {
    this.#page = (this.#leaves + 2) * PAGE_BYTES;
    this.#cells = 0;
    this.#low = PAGE_BYTES;
  }

  #closeLeaf(lastRow: number): void {
    const view = this.#view;
    const page = this.#page;
    this.#bytes[page] = LEAF;
    view.setUint16(page + 1, 0);
    view.setUint16(page + 3, this.#cells);
    view.setUint16(page + 5, this.#low);
    this.#bytes[page + 7] = 0;
    this.#lastRows[this.#leaves++] = lastRow;
  }

  /** Pages of the whole file. A root without keys may not be: one leaf is the root itself. */
  #writeRoot(): number {
    const root = PAGE_BYTES;
    const bytes = this.#bytes;
    const view = this.#view;
    if (this.#leaves === 1) {
      bytes.copyWithin(root, 2 * PAGE_BYTES, 3 * PAGE_BYTES);
      return 2;
    }
    let low = PAGE_BYTES;
    for (let leaf = 0; leaf < this.#leaves - 1; leaf++) {
      const key = this.#lastRows[leaf];
      low -= 4 + varintBytes(key);
      view.setUint32(root + low, leaf + 3);
      putVarint(bytes, root + low + 4, key);
      view.setUint16(root + INTERIOR_HEADER_BYTES + leaf * POINTER_BYTES, low);
    }
    bytes[root] = INTERIOR;
    view.setUint16(root + 1, 0);
    view.setUint16(root + 3, this.#leaves - 1);
    view.setUint16(root + 5, low);
    bytes[root + 7] = 0;
    view.setUint32(root + 8, this.#leaves + 2);
    return this.#leaves + 2;
  }

  /** `false`: there is no room for the record, and nothing was taken. */
  #add(arena: Uint8Array, record: number, row: number): boolean {
    const types = this.#types;
    let header = HEADER_FIXED_BYTES;
    let texts = 0;
    for (let t = 0, sizeAt = record + SIZES_AT; t < TEXTS; t++, sizeAt += 2) {
      const size = ((arena[sizeAt] as number) << 8) | (arena[sizeAt + 1] as number);
      const type = size === 0 ? NULL_TYPE : TEXT_TYPE + 2 * size;
      types[t] = type;
      header += type < 0x80 ? 1 : 2;
      texts += size;
    }
    const isCnpj = arena[record + DOCUMENT_AT] === IS_CNPJ;
    const payload = header + BODY_FIXED_BYTES + texts + (isCnpj ? CNPJ_MORE_BYTES : 0);
    assert(payload <= PAYLOAD_BYTES_MAX, 'a record fits in a page');
    const cell = varintBytes(payload) + varintBytes(row) + payload;
    if (this.#low - cell < LEAF_HEADER_BYTES + (this.#cells + 1) * POINTER_BYTES) {
      if (this.#leaves + 3 === this.#pagesMax) return false;
      this.#closeLeaf(row - 1);
      this.#openLeaf();
    }
    this.#low -= cell;
    const bytes = this.#bytes;
    const pointer = this.#page + LEAF_HEADER_BYTES + this.#cells++ * POINTER_BYTES;
    bytes[pointer] = this.#low >> 8;
    bytes[pointer + 1] = this.#low;

    let at = putVarint(bytes, this.#page + this.#low, payload);
    at = putVarint(bytes, at, row);
    bytes[at++] = header;
    for (let i = 0; i < FIXED_TYPES.length; i++) bytes[at + i] = FIXED_TYPES[i] as number;
    if (isCnpj) bytes[at + DOCUMENT_TYPE] = CNPJ_TYPE;
    at += FIXED_TYPES.length;
    for (let t = 0; t < TEXTS; t++) {
      const type = types[t] as number;
      if (type >= 0x80) bytes[at++] = 0x80 | (type >> 7);
      bytes[at++] = type & 0x7f;
    }
    // The line and the cents stand there as SQLite wants them.
    for (let from = record; from < record + CENTS_AT + 8; from++) bytes[at++] = arena[from] as number;
    bytes[at++] = 0;
    bytes[at++] = 0;
    for (let from = record + HASH_AT; from < record + HASH_AT + 4; from++) bytes[at++] = arena[from] as number;
    const textsAt = record + HEAD_BYTES;
    this.hashes[row - 1] = arenaHash(arena, record);
    if (isCnpj) {
      const cnpjAt = textsAt + texts;
      this.documents[row - 1] = cnpjNumber(arena, cnpjAt);
      for (let from = cnpjAt; from < cnpjAt + CNPJ_CHARACTERS; from++) bytes[at++] = arena[from] as number;
    } else {
      const cpf = arenaCpf(arena, record);
      this.documents[row - 1] = cpf;
      at = putCpf(bytes, at, cpf);
    }
    at = putDay(bytes, at, arenaDay(arena, record));
    for (let from = textsAt; from < textsAt + texts; from++) bytes[at++] = arena[from] as number;
    return true;
  }
}

/** Page 1 of a database with the table `rows`, whose root is page 2. */
function schemaPage(): Uint8Array {
  const db = new DatabaseSync(':memory:');
  try {
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = 0; ${SCHEMA}`);
    return db.serialize().subarray(0, PAGE_BYTES);
  } finally {
    db.close();
  }
}

/** SQLite's own varints: seven bits a byte, the highest first. Up to four bytes are ever needed here. */
function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

function putVarint(out: Uint8Array, at: number, value: number): number {
  const size = varintBytes(value);
  if (size === 1) {
    out[at] = value;
    return at + 1;
  }
  for (let i = size - 1, rest = value; i >= 0; i--, rest >>>= 7) {
    out[at + i] = (rest & 0x7f) | (i === size - 1 ? 0 : 0x80);
  }
  return at + size;
}

/** The CPF of a record, its digits as a number. */
function arenaCpf(arena: Uint8Array, record: number): number {
  return arena[record + DOCUMENT_AT] * 0x1_0000_0000 + u32(arena, record + DOCUMENT_AT + 1);
}

function arenaHash(arena: Uint8Array, record: number): number {
  return u32(arena, record + HASH_AT);
}

function u32(arena: Uint8Array, at: number): number {
  return ((arena[at] << 24) | (arena[at + 1] << 16) | (arena[at + 2] << 8) | arena[at + 3]) >>> 0;
}

function arenaDay(arena: Uint8Array, record: number): number {
  const at = record + DAY_AT;
  return (arena[at] << 16) | (arena[at + 1] << 8) | arena[at + 2];
}

function putDigits(out: Uint8Array, at: number, value: number, digits: number): number {
  for (let i = at + digits - 1, rest = value | 0; i >= at; i--) {
    const tenth = (rest / 10) | 0;
    out[i] = 0x30 + rest - tenth * 10;
    rest = tenth;
  }
  return at + digits;
}

/** Eleven digits; above 31 bits, so in two parts. */
function putCpf(out: Uint8Array, at: number, cpf: number): number {
  const high = Math.floor(cpf / 1_000_000);
  return putDigits(out, putDigits(out, at, high, 5), cpf - high * 1_000_000, 6);
}

/** `YYYY-MM-DD`. */
function putDay(out: Uint8Array, at: number, packed: number): number {
  out[putDigits(out, at, packed >>> 9, 4)] = 0x2d;
  out[putDigits(out, at + 5, (packed >>> 5) & 15, 2)] = 0x2d;
  return putDigits(out, at + 8, packed & 31, 2);
}
