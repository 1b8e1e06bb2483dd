/**
 * Staged records of one shard, unpacked: what registering holds while it decides, and what it decided. Records keep their
 * order. No object per record.
 *
 * What is read record after record stands in arrays side by side. What is read in the order of the hashes, when records
 * go to the store, stands together in the arena, `RECORD_HEAD_BYTES` and the texts: found through arrays side by side, a
 * record cost fifteen cache misses, which was three times as long as all other work of encoding it.
 *
 * In the arena, from `starts[i]` on, big-endian: u48 line, u64 cents, u32 hash, u40 the CPF's digits as a number or 2^39
 * for a CNPJ, u24 packed day, u16 bytes of each text (external_ref, debtor_name, the optional columns; 0 where a column
 * has no value); then the texts themselves, UTF-8, one after another; then the 14 characters of a CNPJ.
 *
 * Memory: about 66 bytes a record and the arena, all made at construction; `add` answers `false` when either is full.
 */
import { COLUMN_COUNT, REQUIRED_COLUMNS } from './columns.ts';
import { CNPJ_CHARACTERS, CPF_DIGITS } from './documents.ts';
import type { PageReader } from './pages.ts';

const OPTIONAL_COLUMNS = COLUMN_COUNT - REQUIRED_COLUMNS;
const TEXTS = 2 + OPTIONAL_COLUMNS;
const DOCUMENT_AT = 18;
/** First byte of the document of a CNPJ: above that of every CPF. */
const IS_CNPJ = 0x80;
const SIZES_AT = 26;
const SIZE_BYTES = 2;
/** What a record takes of the arena beside its texts. */
export const RECORD_HEAD_BYTES = SIZES_AT + TEXTS * SIZE_BYTES;
/** Of a record in an array of positions and hashes. */
const NUMBERS = 2 ** 20;
/** More records than a chunk may hold. */
export const CHUNK_RECORDS_MAX = NUMBERS;

export class RecordChunk {
  readonly capacity: number;
  count = 0;
  /** Physical line and absolute offset and size of the raw record. */
  readonly lines: Float64Array;
  /** Which of the records of its line it is, from 0. */
  readonly subs: Uint8Array;
  readonly offsets: Float64Array;
  readonly rawBytes: Int32Array;
  readonly hashes: Uint32Array;
  /** Integer cents, the packed day, the warning's id. */
  readonly cents: Float64Array;
  readonly days: Int32Array;
  readonly warnings: Uint8Array;
  /** Bit k: the record does not have optional column `REQUIRED_COLUMNS + k`, and keeps what is stored. */
  readonly kept: Uint8Array;
  readonly arena: Uint8Array;
  /** Where the record begins in the arena, and where its reference ends, which begins after the head. */
  readonly starts: Int32Array;
  readonly refEnds: Int32Array;
  /** What registering decides of each: its outcome, its code, and for a duplicate the line of the winner. */
  readonly outcomes: Uint8Array;
  readonly codes: Uint8Array;
  readonly winners: Float64Array;
  readonly #keys: Float64Array;
  readonly #order: Int32Array;
  #arenaUsed = 0;

  constructor(capacity: number, arenaBytes: number) {
    this.capacity = capacity;
    this.lines = new Float64Array(capacity);
    this.subs = new Uint8Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.rawBytes = new Int32Array(capacity);
    this.hashes = new Uint32Array(capacity);
    this.cents = new Float64Array(capacity);
    this.days = new Int32Array(capacity);
    this.warnings = new Uint8Array(capacity);
    this.kept = new Uint8Array(capacity);
    this.arena = new Uint8Array(arenaBytes);
    this.starts = new Int32Array(capacity);
    this.refEnds = new Int32Array(capacity);
    this.outcomes = new Uint8Array(capacity);
    this.codes = new Uint8Array(capacity);
    this.winners = new Float64Array(capacity);
    this.#keys = new Float64Array(capacity);
    this.#order = new Int32Array(capacity);
  }

  clear(): void {
    this.count = 0;
    this.#arenaUsed = 0;
  }

  /** Takes the reader's current record; `false` where there is no room, and then nothing was taken. */
  add(page: PageReader): boolean {
    const i = this.count;
    const start = this.#arenaUsed;
    // The page's lengths stand between the texts: they are left out here, so this is enough.
    const textBytes = Math.max(page.nameEnd, page.optionalEnd[OPTIONAL_COLUMNS - 1] as number) - page.refStart;
    const { arena } = this;
    const { bytes, cents, cpf, cnpjStart, refHash, packedDate } = page;
    const cnpjBytes = cnpjStart === 0 ? 0 : CNPJ_CHARACTERS;
    if (i === this.capacity || start + RECORD_HEAD_BYTES + textBytes + cnpjBytes > arena.length) return false;
    let at = putU48(arena, start, page.line);
    at = putU32(arena, at, Math.floor(cents / 0x1_0000_0000));
    at = putU32(arena, at, cents);
    at = putU32(arena, at, refHash);
    arena[at] = cnpjStart === 0 ? Math.floor(cpf / 0x1_0000_0000) : IS_CNPJ;
    at = putU32(arena, at + 1, cpf);
    arena[at] = packedDate >> 16;
    arena[at + 1] = packedDate >> 8;
    arena[at + 2] = packedDate;
    at = putText(arena, start, 0, start + RECORD_HEAD_BYTES, bytes, page.refStart, page.refEnd);
    this.refEnds[i] = at;
    at = putText(arena, start, 1, at, bytes, page.nameStart, page.nameEnd);
    for (let k = 0; k < OPTIONAL_COLUMNS; k++) {
      at = putText(arena, start, 2 + k, at, bytes, page.optionalStart[k] as number, page.optionalEnd[k] as number);
    }
    for (let from = cnpjStart; from < cnpjStart + cnpjBytes; from++) arena[at++] = bytes[from] as number;
    this.#arenaUsed = at;
    this.lines[i] = page.line;
    this.subs[i] = page.sub;
    this.offsets[i] = page.offset;
    this.rawBytes[i] = page.rawBytes;
    this.hashes[i] = refHash;
    this.cents[i] = cents;
    this.days[i] = packedDate;
    this.warnings[i] = page.warning;
    this.kept[i] = page.kept;
    this.starts[i] = start;
    this.count = i + 1;
    return true;
  }

  /** The text of optional column `REQUIRED_COLUMNS + k` of record i; `null` where it is empty. */
  optional(i: number, k: number): string | null {
    return this.#text(i, 2 + k) || null;
  }

  ref(i: number): string {
    return this.#text(i, 0);
  }

  name(i: number): string {
    return this.#text(i, 1);
  }

  /** Eleven digits of a CPF, or the fourteen characters of a CNPJ. */
  document(i: number): string {
    const at = (this.starts[i] as number) + DOCUMENT_AT;
    if (this.arena[at] !== IS_CNPJ) {
      return String(Buffer.from(this.arena.buffer, at, 5).readUIntBE(0, 5)).padStart(CPF_DIGITS, '0');
    }
    return Buffer.from(this.arena.buffer, this.#textAt(i, TEXTS), CNPJ_CHARACTERS).toString('latin1');
  }

  /** Decodes arena bytes, which were proved to be UTF-8 when they were staged. */
  #text(i: number, text: number): string {
    const size = this.#head(i).readUInt16BE(SIZES_AT + text * SIZE_BYTES);
    return Buffer.from(this.arena.buffer, this.#textAt(i, text), size).toString('utf8');
  }

  /** Where a text begins; what follows the last one where `text` is their number. */
  #textAt(i: number, text: number): number {
    const head = this.#head(i);
    let at = (this.starts[i] as number) + RECORD_HEAD_BYTES;
    for (let t = 0; t < text; t++) at += head.readUInt16BE(SIZES_AT + t * SIZE_BYTES);
    return at;
  }

  #head(i: number): Buffer {
    return Buffer.from(this.arena.buffer, this.starts[i], RECORD_HEAD_BYTES);
  }

  /**
   * Record numbers in the order of their hashes (records of equal hash keep their order), of those `chosen`; valid until
   * the next call.
   */
  byHash(chosen: (i: number) => boolean): Int32Array {
    // Hash and number side by side in one double (32 + 20 bits) sort natively, without a comparator.
    const keys = this.#keys;
    let n = 0;
    for (let i = 0; i < this.count; i++) if (chosen(i)) keys[n++] = (this.hashes[i] as number) * NUMBERS + i;
    keys.subarray(0, n).sort();
    for (let k = 0; k < n; k++) {
      const key = keys[k] as number;
      this.#order[k] = key - Math.floor(key / NUMBERS) * NUMBERS;
    }
    return this.#order.subarray(0, n);
  }
}

function putU32(out: Uint8Array, at: number, value: number): number {
  const bits = value >>> 0;
  out[at] = bits >>> 24;
  out[at + 1] = bits >>> 16;
  out[at + 2] = bits >>> 8;
  out[at + 3] = bits;
  return at + 4;
}

function putU48(out: Uint8Array, at: number, value: number): number {
  const high = Math.floor(value / 0x1_0000_0000);
  out[at] = high >>> 8;
  out[at + 1] = high;
  return putU32(out, at + 2, value);
}

/** Writes the text and, in the record's head, its size; short texts, so a loop beats `set` on a subarray. */
function putText(
  arena: Uint8Array,
  record: number,
  text: number,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const size = end - start;
  const sizeAt = record + SIZES_AT + text * SIZE_BYTES;
  arena[sizeAt] = size >> 8;
  arena[sizeAt + 1] = size;
  let to = at;
  for (let from = start; from < end; from++, to++) arena[to] = bytes[from] as number;
  return to;
}
