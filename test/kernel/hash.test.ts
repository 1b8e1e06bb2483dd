import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashRef, shardOf } from '../../src/kernel/hash.ts';

const text = (value: string) => new TextEncoder().encode(value);
const hash = (value: string, seed: number) => {
  const bytes = text(value);
  return hashRef(bytes, 0, bytes.length, seed);
};

describe('hashRef', () => {
  // Published vectors of MurmurHash3_x86_32: debts are stored under these hashes, so they must never change.
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['aa', 0x9747b28c, 0x5d211726],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['abc', 0, 0xb3dd93fa],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('%j under seed %d', (value, seed, expected) => {
    expect(hash(value, seed)).toBe(expected);
  });

  it('looks at nothing outside the slice', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), fc.uint8Array(), fc.nat(), (before, value, after, seed) => {
        const joined = Uint8Array.from([...before, ...value, ...after]);
        const start = before.length;
        expect(hashRef(joined, start, start + value.length, seed)).toBe(hashRef(value, 0, value.length, seed));
      }),
    );
  });
});

describe('shardOf', () => {
  it('cuts the hashes into intervals of equal size, in order', () => {
    expect(shardOf(0, 1)).toBe(0);
    expect(shardOf(0xffffffff, 1)).toBe(0);
    expect(shardOf(0x7fffffff, 2)).toBe(0);
    expect(shardOf(0x80000000, 2)).toBe(1);
    expect(shardOf(0xffffffff, 1000)).toBe(999);
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.integer({ min: 1, max: 4096 }), (a, b, shards) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        expect(shardOf(low, shards)).toBeLessThanOrEqual(shardOf(high, shards));
        expect(shardOf(high, shards)).toBeLessThan(shards);
      }),
    );
  });

  it('deals consecutive references evenly', () => {
    const shards = 16;
    const dealt = new Array<number>(shards).fill(0);
    for (let i = 0; i < 32_000; i++) dealt[shardOf(hash(`CT-${i}`, 7), shards)]!++;
    // 2,000 expected with a deviation of 43: eight deviations never happen by chance, and the input is fixed.
    for (const records of dealt) expect(Math.abs(records - 2000)).toBeLessThan(350);
  });
});
