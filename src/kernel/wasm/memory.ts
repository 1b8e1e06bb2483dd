/**
 * The linear memory of one worker's kernel: sized once for the largest plan it serves and never grown, so that views on
 * it stay good. The system commits only what is touched.
 *
 * Regions: fixed tables (see `assembly/layout.ts`), the shards' table, scratch for one record, the block of rejects, the
 * slab of open pages, the input. All sizes are bytes.
 */
import { assert } from '../../core/assert.ts';
import { REJECTS_BLOCK_BYTES } from '../kernel.ts';
import { createMemory, instantiate, type WasmGlobal, type WasmModule } from './api.ts';

/** What a worker's kernel must have room for. A plan that asks for more is read by the plain kernel. */
export interface KernelBounds {
  /** The longest input given at once. */
  readonly inputBytes: number;
  /** All open pages together, and how many. */
  readonly pagesBytes: number;
  readonly shards: number;
  /** The longest record. */
  readonly recordBytes: number;
}

export interface KernelExports {
  readonly SHARDS: WasmGlobal;
  readonly SHARD_BYTES: WasmGlobal;
  readonly CODE_COUNTS: WasmGlobal;
  readonly SCAN_LANES: WasmGlobal;
  readonly RECODED: WasmGlobal;
  readonly CONSTANTS: WasmGlobal;
  readonly CONSTANTS_BYTES_MAX: WasmGlobal;
  readonly WORDS: WasmGlobal;
  readonly WORD_ENTRY_BYTES: WasmGlobal;
  readonly WORD_BYTES_MAX: WasmGlobal;
  readonly WORDS_MAX: WasmGlobal;
  readonly staged: WasmGlobal;
  readonly rejected: WasmGlobal;
  readonly stagedLow: WasmGlobal;
  readonly stagedHigh: WasmGlobal;
  readonly rejectedLow: WasmGlobal;
  readonly rejectedHigh: WasmGlobal;
  open(scratch: number, rejects: number, slab: number, recordBytes: number): void;
  begin(
    delimiter: number,
    quote: number,
    fields: number,
    shards: number,
    pageBytes: number,
    hashSeed: number,
    line: bigint,
    offset: bigint,
  ): void;
  setColumn(field: number, column: number): void;
  setReading(
    oneByte: number,
    decimal: number,
    thousands: number,
    dateForm: number,
    pivot: number,
    required: number,
    constantBytes: number,
  ): void;
  setDocuments(any: number, kind: number, zeroPadded: number, words: number, pageVersion: number): void;
  fixColumn(column: number, at: number, bytes: number): void;
  feed(from: number, to: number, last: number): number;
  pageFull(): number;
  rejectsFull(): number;
  takePage(shard: number): number;
  takeRejects(): number;
  exactTaken(): number;
  scan(at: number, bytes: number, next: number, delimiter: number, quote: number, recordBytesMax: number): number;
}

const WASM_PAGE_BYTES = 64 * 1024;
/** Addresses stay positive in signed 32 bits. */
const MEMORY_BYTES_MAX = 2 ** 31 - WASM_PAGE_BYTES;
/** Between regions, and after each page of the slab: as `PAGE_GAP_BYTES` of the module. */
export const GAP_BYTES = 64;
/** An entry's numbers and its reference, beside the raw record. */
const ENTRY_BYTES = 1024;

export class KernelMemory {
  readonly exports: KernelExports;
  readonly bounds: KernelBounds;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly inputAt: number;
  readonly rejectsAt: number;
  readonly slabAt: number;

  constructor(module: WasmModule, bounds: KernelBounds) {
    const sizes = memorySizes(bounds);
    const pages = Math.ceil(sizes.totalBytes / WASM_PAGE_BYTES);
    const memory = createMemory(pages);
    this.exports = instantiate(module, memory) as KernelExports;
    this.bounds = bounds;
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    const shardsEnd = numberOf(this.exports.SHARDS) + bounds.shards * numberOf(this.exports.SHARD_BYTES);
    assert(shardsEnd <= FIXED_BYTES + bounds.shards * SHARD_STATE_BYTES, 'the tables end where they were said to');
    const scratchAt = sizes.scratchAt;
    this.rejectsAt = sizes.rejectsAt;
    this.slabAt = sizes.slabAt;
    this.inputAt = sizes.inputAt;
    this.exports.open(scratchAt, this.rejectsAt, this.slabAt, bounds.recordBytes);
  }

  /** Whether `bytes` stands in this memory: it then need not be copied. */
  holds(bytes: Uint8Array): boolean {
    return bytes.buffer === this.bytes.buffer;
  }
}

/** All tables of a fixed size, rounded up. */
const FIXED_BYTES = 0x39000;
/** What a record's texts have more than the record where they become UTF-8. */
const RECODED_BYTES_MAX = 4096;
const SHARD_STATE_BYTES = 32;

function memorySizes(bounds: KernelBounds) {
  const scratchAt = aligned(FIXED_BYTES + bounds.shards * SHARD_STATE_BYTES);
  const rejectsAt = aligned(scratchAt + bounds.recordBytes + RECODED_BYTES_MAX);
  const slabAt = aligned(rejectsAt + REJECTS_BLOCK_BYTES + bounds.recordBytes + ENTRY_BYTES);
  const inputAt = aligned(slabAt + bounds.pagesBytes + bounds.shards * GAP_BYTES);
  const totalBytes = aligned(inputAt + bounds.inputBytes);
  assert(totalBytes <= MEMORY_BYTES_MAX, 'the memory of a kernel fits in 31 bits');
  return { scratchAt, rejectsAt, slabAt, inputAt, totalBytes };
}

/** What the kernel of one worker holds at most. */
export function kernelMemoryBytes(bounds: KernelBounds): number {
  return memorySizes(bounds).totalBytes;
}

/** The next multiple of 64 that leaves a gap of 64 to 127 bytes. */
function aligned(end: number): number {
  return (Math.ceil(end / GAP_BYTES) + 1) * GAP_BYTES;
}

export function numberOf(global: WasmGlobal): number {
  return global.value as number;
}
