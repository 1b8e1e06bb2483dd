/**
 * Staged records of one shard, unpacked side by side: what registering holds while it decides. Records keep their order;
 * texts are copied into one arena. No object per record.
 *
 * Memory: about 90 bytes a record and the texts, both bounded at construction; `add` answers `false` when either is full.
 */
import { COLUMN_COUNT, REQUIRED_COLUMNS } from './columns.ts';
import type { PageReader } from './pages.ts';

const OPTIONAL_COLUMNS = COLUMN_COUNT - REQUIRED_COLUMNS;

export class RecordChunk {
  readonly capacity: number;
  count = 0;
  /** Physical line and absolute offset and size of the raw record. */
  readonly lines: Float64Array;
  readonly offsets: Float64Array;
  readonly rawBytes: Int32Array;
  readonly hashes: Uint32Array;
  /** Integer cents, the CPF's digits as a number, the packed day, the warning's id, the mask of optional columns. */
  readonly cents: Float64Array;
  readonly cpfs: Float64Array;
  readonly days: Int32Array;
  readonly warnings: Uint8Array;
  readonly present: Uint8Array;
  /** Texts are `[start, end)` of the arena; of optional column k of record i at index `i × 5 + k`. */
  readonly arena: Uint8Array;
  readonly refStarts: Int32Array;
  readonly refEnds: Int32Array;
  readonly nameStarts: Int32Array;
  readonly nameEnds: Int32Array;
  readonly optionalStarts: Int32Array;
  readonly optionalEnds: Int32Array;
  #arenaUsed = 0;

  constructor(capacity: number, arenaBytes: number) {
    this.capacity = capacity;
    this.lines = new Float64Array(capacity);
    this.offsets = new Float64Array(capacity);
    this.rawBytes = new Int32Array(capacity);
    this.hashes = new Uint32Array(capacity);
    this.cents = new Float64Array(capacity);
    this.cpfs = new Float64Array(capacity);
    this.days = new Int32Array(capacity);
    this.warnings = new Uint8Array(capacity);
    this.present = new Uint8Array(capacity);
    this.arena = new Uint8Array(arenaBytes);
    this.refStarts = new Int32Array(capacity);
    this.refEnds = new Int32Array(capacity);
    this.nameStarts = new Int32Array(capacity);
    this.nameEnds = new Int32Array(capacity);
    this.optionalStarts = new Int32Array(capacity * OPTIONAL_COLUMNS);
    this.optionalEnds = new Int32Array(capacity * OPTIONAL_COLUMNS);
  }

  clear(): void {
    this.count = 0;
    this.#arenaUsed = 0;
  }

  /** Takes the reader's current record; `false` where there is no room, and then nothing was taken. */
  add(page: PageReader): boolean {
    const i = this.count;
    const textStart = page.refStart;
    const textEnd = Math.max(page.nameEnd, page.optionalEnd[OPTIONAL_COLUMNS - 1] as number);
    const at = this.#arenaUsed;
    if (i === this.capacity || at + textEnd - textStart > this.arena.length) return false;
    const { arena } = this;
    const { bytes } = page;
    for (let from = textStart, to = at; from < textEnd; from++, to++) arena[to] = bytes[from] as number;
    this.#arenaUsed = at + textEnd - textStart;
    const shift = at - textStart;
    this.lines[i] = page.line;
    this.offsets[i] = page.offset;
    this.rawBytes[i] = page.rawBytes;
    this.hashes[i] = page.refHash;
    this.cents[i] = page.cents;
    this.cpfs[i] = page.cpf;
    this.days[i] = page.packedDate;
    this.warnings[i] = page.warning;
    this.present[i] = page.present;
    this.refStarts[i] = page.refStart + shift;
    this.refEnds[i] = page.refEnd + shift;
    this.nameStarts[i] = page.nameStart + shift;
    this.nameEnds[i] = page.nameEnd + shift;
    for (let k = 0; k < OPTIONAL_COLUMNS; k++) {
      this.optionalStarts[i * OPTIONAL_COLUMNS + k] = (page.optionalStart[k] as number) + shift;
      this.optionalEnds[i * OPTIONAL_COLUMNS + k] = (page.optionalEnd[k] as number) + shift;
    }
    this.count = i + 1;
    return true;
  }

  /** The text of optional column `REQUIRED_COLUMNS + k` of record i; `null` where it is empty. */
  optional(i: number, k: number): string | null {
    if (((this.present[i] as number) & (1 << k)) === 0) return null;
    const at = i * OPTIONAL_COLUMNS + k;
    return this.text(this.optionalStarts[at] as number, this.optionalEnds[at] as number);
  }

  ref(i: number): string {
    return this.text(this.refStarts[i] as number, this.refEnds[i] as number);
  }

  name(i: number): string {
    return this.text(this.nameStarts[i] as number, this.nameEnds[i] as number);
  }

  /** Decodes arena bytes, which were proved to be UTF-8 when they were staged. */
  text(start: number, end: number): string {
    return Buffer.from(this.arena.buffer, start, end - start).toString('utf8');
  }

  /** Record numbers in the order of their hashes (records of equal hash keep their order), of those `chosen`. */
  byHash(chosen: (i: number) => boolean): Int32Array {
    // Hash and number side by side in one double (32 + 20 bits) sort natively, without a comparator.
    const keys = new Float64Array(this.count);
    let n = 0;
    for (let i = 0; i < this.count; i++) if (chosen(i)) keys[n++] = (this.hashes[i] as number) * NUMBERS + i;
    keys.subarray(0, n).sort();
    const order = new Int32Array(n);
    for (let k = 0; k < n; k++) order[k] = (keys[k] as number) % NUMBERS;
    return order;
  }
}

/** More records than a chunk may hold. */
const NUMBERS = 2 ** 20;
export const CHUNK_RECORDS_MAX = NUMBERS;
