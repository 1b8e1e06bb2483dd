/**
 * The references of one shard that already passed every check, each with a line: by default that of its first record. How
 * duplicates inside a batch are found. Exact: equal hashes are told apart by the reference's bytes.
 *
 * Memory: grows with the distinct references of the shard (about 16 bytes and the reference each), never with repeats.
 */
import { assert } from '../core/assert.ts';

const SLOTS_MIN = 1024;
/** Ends of references are kept as 32-bit integers. */
const REF_BYTES_MAX = 2 ** 31 - 1;

export class RefTable {
  #count = 0;
  /** Slot → entry + 1; 0 for empty. Linear probing; at most half of the slots are taken. */
  #slots = new Int32Array(SLOTS_MIN);
  #hashes = new Uint32Array(SLOTS_MIN / 2);
  #lines = new Float64Array(SLOTS_MIN / 2);
  #refEnds = new Int32Array(SLOTS_MIN / 2);
  #refs = new Uint8Array(SLOTS_MIN * 8);
  #refsUsed = 0;

  get count(): number {
    return this.#count;
  }

  /** Forgets all references and keeps the room for the next shard's, which are about as many. */
  clear(): void {
    this.#count = 0;
    this.#refsUsed = 0;
    this.#slots.fill(0);
  }

  /**
   * The line that is kept for this reference; 0 where there was none, and then this one is from now on.
   * The reference is `[start, end)` of `bytes`.
   */
  claim(hash: number, bytes: Uint8Array, start: number, end: number, line: number): number {
    const entry = this.#entryOf(hash, bytes, start, end, line);
    return entry < 0 ? 0 : (this.#lines[entry] as number);
  }

  /** Keeps this line for the reference from now on. */
  replace(hash: number, bytes: Uint8Array, start: number, end: number, line: number): void {
    const entry = this.#entryOf(hash, bytes, start, end, line);
    if (entry >= 0) this.#lines[entry] = line;
  }

  /** The entry of the reference; -1 where there was none, and then one was made with the line. */
  #entryOf(hash: number, bytes: Uint8Array, start: number, end: number, line: number): number {
    const mask = this.#slots.length - 1;
    // The high bits are alike within a shard, so the low ones choose the slot.
    let slot = hash & mask;
    for (let entry = this.#slots[slot] as number; entry !== 0; entry = this.#slots[slot] as number) {
      if (this.#hashes[entry - 1] === hash && this.#equals(entry - 1, bytes, start, end)) {
        return entry - 1;
      }
      slot = (slot + 1) & mask;
    }
    this.#append(hash, bytes, start, end, line);
    this.#slots[slot] = this.#count;
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    return -1;
  }

  #equals(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = entry === 0 ? 0 : (this.#refEnds[entry - 1] as number);
    if ((this.#refEnds[entry] as number) - from !== end - start) return false;
    for (let i = start, at = from; i < end; i++, at++) if (this.#refs[at] !== bytes[i]) return false;
    return true;
  }

  #append(hash: number, bytes: Uint8Array, start: number, end: number, line: number): void {
    const needed = this.#refsUsed + end - start;
    if (needed > this.#refs.length) {
      assert(needed <= REF_BYTES_MAX, 'the references of a shard fit in the table');
      const grown = new Uint8Array(Math.min(REF_BYTES_MAX, Math.max(needed, this.#refs.length * 2)));
      grown.set(this.#refs);
      this.#refs = grown;
    }
    for (let i = start; i < end; i++) this.#refs[this.#refsUsed++] = bytes[i] as number;
    this.#hashes[this.#count] = hash;
    this.#lines[this.#count] = line;
    this.#refEnds[this.#count] = this.#refsUsed;
    this.#count += 1;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#count; entry++) {
      let slot = (this.#hashes[entry] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
    this.#hashes = resized(this.#hashes, slots.length / 2);
    this.#lines = resized(this.#lines, slots.length / 2);
    this.#refEnds = resized(this.#refEnds, slots.length / 2);
  }
}

function resized<T extends Uint32Array | Int32Array | Float64Array>(from: T, length: number): T {
  const to = new (from.constructor as new (length: number) => T)(length);
  to.set(from);
  return to;
}
