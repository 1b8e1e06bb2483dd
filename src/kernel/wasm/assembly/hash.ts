/** MurmurHash3 (x86, 32 bits): the function of `src/kernel/hash.ts`, where its promises stand. */

/** Hash of `[start, start + size)`. */
export function hashRef(start: usize, size: u32, seed: u32): u32 {
  const blocksEnd = start + (size & ~3);
  let hash = seed;
  for (let at = start; at < blocksEnd; at += 4) {
    hash ^= scramble(load<u32>(at));
    hash = rotl<u32>(hash, 13) * 5 + 0xe6546b64;
  }
  // The load reaches past the value; what is not of it is shifted out.
  const rest = size & 3;
  if (rest != 0) hash ^= scramble(load<u32>(blocksEnd) & (0xffffffff >>> (32 - (rest << 3))));
  hash ^= size;
  hash = (hash ^ (hash >>> 16)) * 0x85ebca6b;
  hash = (hash ^ (hash >>> 13)) * 0xc2b2ae35;
  return hash ^ (hash >>> 16);
}

@inline
function scramble(block: u32): u32 {
  return rotl<u32>(block * 0xcc9e2d51, 15) * 0x1b873593;
}
