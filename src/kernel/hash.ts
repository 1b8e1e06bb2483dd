/**
 * The keyed hash of a reference, and the shard it deals the record to.
 *
 * Promises: MurmurHash3 (x86, 32 bits) over the bytes, little-endian, whatever the machine: stores keep these hashes, so
 * the function never changes. The seed keys it, so that a client who does not know the seed cannot aim at one shard.
 * A shard is a contiguous interval of hashes: sorting by hash sorts by shard.
 */

/** Hash of `bytes[start..end)`; both seed and result are unsigned 32-bit integers. */
export function hashRef(bytes: Uint8Array, start: number, end: number, seed: number): number {
  const size = end - start;
  const blocksEnd = start + (size & ~3);
  let hash = seed | 0;
  for (let i = start; i < blocksEnd; i += 4) {
    hash ^= scramble(bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = end - 1; i >= blocksEnd; i--) tail = (tail << 8) | bytes[i];
  hash ^= scramble(tail);
  hash ^= size;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(block: number): number {
  const k = Math.imul(block, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}

/** The shard, in `[0, shards)`, of an unsigned 32-bit hash. */
export function shardOf(hash: number, shards: number): number {
  return Math.floor((hash * shards) / 0x1_0000_0000);
}
