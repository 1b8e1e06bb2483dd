/**
 * The range kernel on a WebAssembly module: what `RangeKernel` promises, with the same bytes out at the same calls.
 *
 * One range at a time in one memory: beginning another takes the memory over, and the kernel before it may not be used
 * any more. Input that stands in the memory is read in place; other input is copied in.
 */
import { assert } from '../../core/assert.ts';
import { recordCodeName } from '../../core/codes.ts';
import { IGNORED_COLUMN, REQUIRED_COLUMNS } from '../columns.ts';
import { crc32 } from '../crc.ts';
import type { RangeKernel, RangeTotals } from '../kernel.ts';
import { PAGE_BYTES_MIN } from '../pages.ts';
import { BLOCK_HEADER_BYTES } from '../parts.ts';
import type { RecordPlan } from '../plan.ts';
import { assertDialect } from '../records.ts';
import type { WasmGlobal } from './api.ts';
import { GAP_BYTES, type KernelMemory, numberOf } from './memory.ts';

/** What readers of a range use of either kernel. */
export type RangeParser = Pick<RangeKernel, 'full' | 'feed' | 'takePage' | 'takeRejects' | 'flush' | 'totals'>;

const REQUIRED = Array.from({ length: REQUIRED_COLUMNS }, (_, column) => column);
const CODES = 256;
/** Where in a shard's state the records of all its pages are counted, and those of the open page. */
const SHARD_PAGE_RECORDS = 4;
const SHARD_RECORDS = 8;

/** Whether the memory has room for a plan, and the plan names the columns that every record has. */
export function fitsPlan(memory: KernelMemory, plan: RecordPlan, pageBytes: number): boolean {
  const { bounds } = memory;
  return (
    plan.reading === undefined &&
    !plan.fields.includes(IGNORED_COLUMN) &&
    plan.shards <= bounds.shards &&
    plan.shards * pageBytes <= bounds.pagesBytes &&
    plan.recordBytesMax <= Math.min(bounds.recordBytes, bounds.inputBytes) &&
    REQUIRED.every((column) => plan.fields.includes(column))
  );
}

export class WasmRangeKernel implements RangeParser {
  readonly #memory: KernelMemory;
  readonly #owner: { current: object | undefined };
  readonly #shards: number;
  readonly #pageBytes: number;
  readonly #pagesByShard: number[];
  #flushing = -1;

  /** `owner` remembers which kernel the memory serves. Asks for a plan that fits. */
  constructor(
    memory: KernelMemory,
    owner: { current: object | undefined },
    plan: RecordPlan,
    firstLine: number,
    startOffset: number,
    pageBytes: number,
  ) {
    const { dialect, fields, shards } = plan;
    assertDialect(dialect);
    assert(fitsPlan(memory, plan, pageBytes), 'the memory has room for the plan');
    assert(pageBytes >= PAGE_BYTES_MIN && Number.isInteger(pageBytes), `a page has at least ${PAGE_BYTES_MIN} bytes`);
    assert(shards >= 1 && new Set(fields).size === fields.length, 'a plan names each column once');
    this.#memory = memory;
    this.#owner = owner;
    this.#shards = shards;
    this.#pageBytes = pageBytes;
    this.#pagesByShard = new Array<number>(shards).fill(0);
    owner.current = this;
    memory.exports.begin(
      dialect.delimiter,
      dialect.quote,
      fields.length,
      shards,
      pageBytes,
      plan.hashSeed,
      BigInt(firstLine),
      BigInt(startOffset),
    );
    fields.forEach((column, field) => {
      memory.exports.setColumn(field, column);
    });
  }

  get full(): boolean {
    const { exports } = this.#memory;
    return exports.pageFull() >= 0 || exports.rejectsFull() !== 0;
  }

  feed(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    this.#assertOwner();
    assert(!this.full && this.#flushing < 0, 'output is taken before more is fed');
    const memory = this.#memory;
    if (memory.holds(bytes)) return this.#read(bytes.byteOffset + from, bytes.byteOffset + to, last) - bytes.byteOffset;
    const { inputBytes } = memory.bounds;
    let at = from;
    while (at < to) {
      const size = Math.min(to - at, inputBytes);
      memory.bytes.set(bytes.subarray(at, at + size), memory.inputAt);
      const whole = at + size === to;
      const read = this.#read(memory.inputAt, memory.inputAt + size, last && whole) - memory.inputAt;
      assert(read > 0 || whole || this.full, 'a record fits in the input');
      at += read;
      if (whole || this.full) break;
    }
    return at;
  }

  #read(from: number, to: number, last: boolean): number {
    const at = this.#memory.exports.feed(from, to, last ? 1 : 0);
    assert(at !== 0, 'no record is longer than the scan lets through');
    return at;
  }

  takePage(): { shard: number; bytes: Uint8Array; records: number } | undefined {
    this.#assertOwner();
    const { exports, view, slabAt } = this.#memory;
    let shard = exports.pageFull();
    if (shard < 0) {
      if (this.#flushing < 0) return undefined;
      while (this.#flushing < this.#shards && view.getUint32(this.#shardAt(this.#flushing), true) === 0) {
        this.#flushing++;
      }
      if (this.#flushing === this.#shards) return undefined;
      shard = this.#flushing++;
    }
    const records = view.getUint32(this.#shardAt(shard) + SHARD_PAGE_RECORDS, true);
    const start = slabAt + shard * (this.#pageBytes + GAP_BYTES);
    const bytes = this.#memory.bytes.subarray(start, start + exports.takePage(shard));
    view.setUint32(start + 12, records, true);
    view.setUint32(start + 4, crc32(bytes.subarray(8)), true);
    this.#pagesByShard[shard] = (this.#pagesByShard[shard] as number) + 1;
    return { shard, bytes, records };
  }

  takeRejects(): Uint8Array | undefined {
    this.#assertOwner();
    const { exports, bytes, view, rejectsAt } = this.#memory;
    if (this.#flushing < 0 && exports.rejectsFull() === 0) return undefined;
    const used = exports.takeRejects();
    if (used === 0) return undefined;
    const block = bytes.subarray(rejectsAt, rejectsAt + used);
    view.setUint32(rejectsAt, used - BLOCK_HEADER_BYTES, true);
    view.setUint32(rejectsAt + 4, crc32(block.subarray(BLOCK_HEADER_BYTES)), true);
    return block;
  }

  flush(): void {
    if (this.#flushing < 0) this.#flushing = 0;
  }

  totals(): RangeTotals {
    this.#assertOwner();
    const { exports, view } = this.#memory;
    const counts = numberOf(exports.CODE_COUNTS);
    const rejectedBy: Record<string, number> = {};
    for (let code = 0; code < CODES; code++) {
      const records = view.getUint32(counts + code * 4, true);
      const name = recordCodeName(code);
      if (records > 0 && name !== undefined) rejectedBy[name] = records;
    }
    const staged = numberOf(exports.staged) >>> 0;
    const rejected = numberOf(exports.rejected) >>> 0;
    return {
      records: staged + rejected,
      staged,
      rejected,
      centsStaged: sumOf(exports.stagedLow, exports.stagedHigh),
      centsRejected: sumOf(exports.rejectedLow, exports.rejectedHigh),
      rejectedBy,
      pagesByShard: [...this.#pagesByShard],
      recordsByShard: this.#pagesByShard.map((_, shard) => view.getUint32(this.#shardAt(shard) + SHARD_RECORDS, true)),
    };
  }

  #shardAt(shard: number): number {
    const { exports } = this.#memory;
    return numberOf(exports.SHARDS) + shard * numberOf(exports.SHARD_BYTES);
  }

  #assertOwner(): void {
    assert(this.#owner.current === this, 'a worker reads one range at a time');
  }
}

function sumOf(low: WasmGlobal, high: WasmGlobal): bigint {
  return (BigInt.asUintN(64, high.value as bigint) << 64n) | BigInt.asUintN(64, low.value as bigint);
}
