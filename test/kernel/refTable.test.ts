/** The table of references against a Map of texts, with hashes that collide. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashRef } from '../../src/kernel/hash.ts';
import { RefTable } from '../../src/kernel/refTable.ts';

/** Claims texts one after another, each somewhere in a larger buffer; the answers. */
function claimAll(texts: readonly string[], hashOf: (text: string) => number): number[] {
  const table = new RefTable();
  const model = new Map<string, number>();
  const answers = texts.map((text, index) => {
    const bytes = Buffer.from(`##${text}##`);
    const line = 2 + index * 3;
    const expected = model.get(text) ?? 0;
    if (expected === 0) model.set(text, line);
    const got = table.claim(hashOf(text), bytes, 2, bytes.length - 2, line);
    if (got !== expected) throw new Error(`reference ${index} got ${got} instead of ${expected}`);
    return got;
  });
  expect(table.count).toBe(model.size);
  return answers;
}

const realHash = (text: string): number => {
  const bytes = Buffer.from(text);
  return hashRef(bytes, 0, bytes.length, 7);
};

describe('the table of references', () => {
  it('names the line of the first, every time', () => {
    expect(claimAll(['a', 'b', 'a', 'a', 'b', 'c'], realHash)).toEqual([0, 0, 2, 2, 5, 0]);
  });

  it('tells references apart whose hashes are equal', () => {
    expect(claimAll(['a', 'b', 'aa', '', 'a', 'b', 'aa', ''], () => 0xffff_ffff)).toEqual([0, 0, 0, 0, 2, 5, 8, 11]);
  });

  it('takes a reference for another only where all its bytes are equal', () => {
    claimAll(['abc', 'abd', 'ab', 'abcd', 'bc', 'abc', 'xbc', 'ab', ''], () => 1);
  });

  it('keeps another line for a reference where it is told to', () => {
    const table = new RefTable();
    const ask = (text: string, line: number): number =>
      table.claim(realHash(text), Buffer.from(text), 0, text.length, line);
    const put = (text: string, line: number): void =>
      table.replace(realHash(text), Buffer.from(text), 0, text.length, line);
    for (const [index, text] of ['a', 'b', 'c'].entries()) ask(text, index + 2);
    put('b', 9);
    put('d', 11);
    put('a', -1);
    expect(['a', 'b', 'c', 'd', 'e'].map((text) => ask(text, 20))).toEqual([-1, 9, 4, 11, 0]);
    expect(table.count).toBe(5);
  });

  it('agrees with a Map, for any references and any quality of hash', () => {
    const text = fc.oneof(fc.stringMatching(/^[ab]{0,4}$/), fc.string({ unit: 'grapheme', maxLength: 12 }));
    const hash = fc.constantFrom<((text: string) => number)[]>(
      realHash,
      () => 0,
      (one) => (realHash(one) & 3) >>> 0,
      (one) => (realHash(one) | 0xffff_0000) >>> 0,
      // Equal low bits: one long probe.
      (one) => (realHash(one) & 0xffff_0000) >>> 0,
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 300 }), hash, (texts, hashOf) => {
        claimAll(texts, hashOf);
      }),
      { numRuns: 150 },
    );
  });

  it('keeps what it knows while it grows', () => {
    const distinct = Array.from({ length: 20_000 }, (_, i) => `REF-${i}`);
    claimAll([...distinct, ...distinct.slice(-1000), ...distinct.slice(0, 1000)], realHash);
    // Slots around each border of growth (a half of 1,024, of 2,048, …), with hashes that need probing across the end.
    for (const count of [511, 512, 513, 1023, 1024, 1025]) {
      claimAll([...distinct.slice(0, count), ...distinct.slice(0, count)], (text) => (realHash(text) | 0x3ff) >>> 0);
    }
  });

  it('keeps references of many lengths, some larger than all its room', () => {
    const texts = Array.from({ length: 40 }, (_, i) => `${i}`.repeat(i * 50 + 1));
    claimAll([...texts, ...texts], realHash);
    claimAll(['x'.repeat(100_000), 'y'.repeat(100_000), 'x'.repeat(100_000)], realHash);
  });
});
