/**
 * Entries from several parts, merged by line, and by `sub` where a line has several. Each part is in that order; memory is
 * one block a part.
 *
 * `advance` is synchronous inside a block and only waits at its end, so that merging millions of entries costs no promise
 * an entry.
 */
import { Fault } from '../../core/faults.ts';
import type { ObjectPin, ObjectStore, RangeReader } from '../../io/ports/objects.ts';
import { BLOCK_HEADER_BYTES, EntryReader } from '../../kernel/parts.ts';

export interface PartObject extends ObjectPin {
  readonly bytes: number;
}

/** Blocks of a part: its bytes `[start, end)`, by default all. */
export interface PartStretch extends PartObject {
  readonly start?: number;
  readonly end?: number;
}

/** Where a part's blocks come from, one after another; `undefined` at the end. A block is valid until the next is asked for. */
export type BlockSource = () => Promise<Uint8Array | undefined>;

/** The blocks of stretches of stored parts, read one part after another. */
export function storedBlocks(
  objects: ObjectStore,
  parts: readonly PartStretch[],
): BlockSource & { close(): Promise<void> } {
  const header = new Uint8Array(BLOCK_HEADER_BYTES);
  let block = new Uint8Array(0);
  let next = 0;
  let reader: RangeReader | undefined;
  const read = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      if (reader === undefined) {
        const part = parts[next];
        if (part === undefined) return undefined;
        next += 1;
        const { start = 0, end = part.bytes } = part;
        if (start === end) continue;
        reader = await objects.openRange(part, start, end);
      }
      const got = await reader.read(header);
      if (got === 0) {
        await reader.close();
        reader = undefined;
        continue;
      }
      if (got !== header.length) throw new Fault('STORE_CORRUPT', 'a part ends inside a block');
      const size = EntryReader.blockBytes(header);
      if (block.length < size) block = new Uint8Array(size);
      block.set(header);
      if ((await reader.read(block.subarray(header.length, size))) !== size - header.length) {
        throw new Fault('STORE_CORRUPT', 'a part ends inside a block');
      }
      return block.subarray(0, size);
    }
  };
  return Object.assign(read, { close: async () => reader?.close() });
}

/** Blocks that are in memory, side by side. */
export function heldBlocks(bytes: Uint8Array): BlockSource {
  let at = 0;
  return async () => {
    if (at === bytes.length) return undefined;
    const size = EntryReader.blockBytes(bytes.subarray(at, at + BLOCK_HEADER_BYTES));
    const block = bytes.subarray(at, at + size);
    at += size;
    return block;
  };
}

class Cursor {
  readonly entry = new EntryReader();
  readonly #source: BlockSource;

  constructor(source: BlockSource) {
    this.#source = source;
  }

  /** Goes to the next entry inside the block; `false` at its end. */
  step(): boolean {
    return this.entry.next();
  }

  /** Loads blocks until one has an entry; `false` at the end of the part. */
  async load(): Promise<boolean> {
    for (;;) {
      const block = await this.#source();
      if (block === undefined) return false;
      this.entry.load(block);
      if (this.entry.next()) return true;
    }
  }
}

/** Calls `take` with every entry of all sources, in order: each has a line and sub of its own. */
export async function mergeEntries(
  sources: readonly BlockSource[],
  take: (entry: EntryReader) => void,
  between: () => Promise<void> | undefined,
): Promise<void> {
  const heap: Cursor[] = [];
  for (const source of sources) {
    const cursor = new Cursor(source);
    if (await cursor.load()) heap.push(cursor);
  }
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i);
  let last = 0;
  let lastSub = 0;
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    const { line, sub } = top.entry;
    if (line < last || sub !== (line === last ? lastSub + 1 : 0)) {
      throw new Fault('OUTCOMES_DISAGREE', 'a record has two outcomes, or a part is out of order', { line });
    }
    last = line;
    lastSub = sub;
    take(top.entry);
    const pause = between();
    if (pause !== undefined) await pause;
    if (!top.step() && !(await top.load())) {
      const moved = heap.pop();
      if (moved !== undefined && heap.length > 0) heap[0] = moved;
    }
    sink(heap, 0);
  }
}

function sink(heap: Cursor[], from: number): void {
  const moving = heap[from];
  if (moving === undefined) return;
  let at = from;
  for (;;) {
    let child = 2 * at + 1;
    let below = heap[child];
    if (below === undefined) break;
    const right = heap[child + 1];
    if (right !== undefined && isBefore(right.entry, below.entry)) {
      child += 1;
      below = right;
    }
    if (!isBefore(below.entry, moving.entry)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = moving;
}

function isBefore(one: EntryReader, other: EntryReader): boolean {
  return one.line < other.line || (one.line === other.line && one.sub < other.sub);
}
