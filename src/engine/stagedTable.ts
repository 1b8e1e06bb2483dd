/**
 * The staged table of a batch: which attempt won each range, and how many pages of each shard it wrote. Made once, when
 * the last range is staged; registering a shard reads its own row and nothing else, so its cost does not grow with the
 * number of ranges times shards.
 *
 * Layout, little-endian: u32 magic, u32 version, u32 ranges, u32 shards; then for each range the id of the attempt
 * (ATTEMPT_BYTES of ASCII, padded with blanks); then for each shard a row: f64 records, and for each range u32 pages.
 */
import { assert } from '../core/assert.ts';
import { Fault } from '../core/faults.ts';

const MAGIC = 0x54534d52;
const VERSION = 1;
const HEADER_BYTES = 16;
const ATTEMPT_BYTES = 16;
const RECORDS_BYTES = 8;
const PAGES_BYTES = 4;

export interface StagedSource {
  readonly range: number;
  readonly attempt: string;
  readonly pages: number;
}

export class StagedTableWriter {
  readonly #ranges: number;
  readonly #shards: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;

  constructor(ranges: number, shards: number) {
    this.#ranges = ranges;
    this.#shards = shards;
    this.#bytes = new Uint8Array(rowOffset(ranges, shards));
    this.#view = new DataView(this.#bytes.buffer);
    for (const [at, value] of [MAGIC, VERSION, ranges, shards].entries()) this.#view.setUint32(at * 4, value, true);
  }

  /** Enters a range's result; each range once. */
  add(range: number, attempt: string, pagesByShard: readonly number[], recordsByShard: readonly number[]): void {
    assert(range < this.#ranges && attempt.length <= ATTEMPT_BYTES, 'a range and its attempt fit in the table');
    new TextEncoder().encodeInto(
      attempt.padEnd(ATTEMPT_BYTES),
      this.#bytes.subarray(HEADER_BYTES + range * ATTEMPT_BYTES),
    );
    for (let shard = 0; shard < this.#shards; shard++) {
      const row = rowOffset(this.#ranges, shard);
      this.#view.setFloat64(row, this.#view.getFloat64(row, true) + (recordsByShard[shard] ?? 0), true);
      this.#view.setUint32(row + RECORDS_BYTES + range * PAGES_BYTES, pagesByShard[shard] ?? 0, true);
    }
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }
}

function rowOffset(ranges: number, shard: number): number {
  return HEADER_BYTES + ranges * ATTEMPT_BYTES + shard * (RECORDS_BYTES + ranges * PAGES_BYTES);
}

/** The two stretches of a stored table that hold what one shard needs: `[start, end)` offsets. */
export function stretchesOf(
  ranges: number,
  shard: number,
): { readonly head: number; readonly row: readonly [number, number] } {
  return { head: HEADER_BYTES + ranges * ATTEMPT_BYTES, row: [rowOffset(ranges, shard), rowOffset(ranges, shard + 1)] };
}

/** Reads a shard's sources, in range order, and its records. Throws `STORE_CORRUPT` where the table is not this batch's. */
export function readShardRow(
  head: Uint8Array,
  row: Uint8Array,
  ranges: number,
): { readonly records: number; readonly sources: StagedSource[] } {
  const headView = new DataView(head.buffer, head.byteOffset, head.length);
  if (headView.getUint32(0, true) !== MAGIC || headView.getUint32(4, true) !== VERSION) {
    throw new Fault('STORE_CORRUPT', 'the table of staged ranges is not one');
  }
  if (headView.getUint32(8, true) !== ranges) throw new Fault('STORE_CORRUPT', 'the table of staged ranges is another');
  const view = new DataView(row.buffer, row.byteOffset, row.length);
  const decoder = new TextDecoder();
  const sources: StagedSource[] = [];
  for (let range = 0; range < ranges; range++) {
    const pages = view.getUint32(RECORDS_BYTES + range * PAGES_BYTES, true);
    if (pages === 0) continue;
    const at = HEADER_BYTES + range * ATTEMPT_BYTES;
    sources.push({ range, attempt: decoder.decode(head.subarray(at, at + ATTEMPT_BYTES)).trimEnd(), pages });
  }
  return { records: view.getFloat64(0, true), sources };
}
