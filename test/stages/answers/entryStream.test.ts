/** Merging parts by line, against a plain sort. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heldBlocks, mergeEntries, storedBlocks } from '../../../src/stages/answers/entryStream.ts';
import { Random } from '../../oracle/random.ts';
import { type Entry, entryOf, partOf } from '../../support/entries.ts';
import { MemoryObjects } from '../../support/memoryStores.ts';

/** Deals lines 1 to n to parts at random; each part in line order. */
function deal(lines: number, parts: number, seed: number): Entry[][] {
  const random = new Random(seed);
  const dealt: Entry[][] = Array.from({ length: parts }, () => []);
  let line = 0;
  for (let i = 0; i < lines; i++) {
    line += random.integer(1, 3);
    const raw = random.chance(0.2) ? Uint8Array.from({ length: random.integer(0, 90) }, (_, k) => k) : undefined;
    random.pick(dealt).push({ line, outcome: i % 5, ref: `r${line}`, ...(raw === undefined ? {} : { raw }) });
  }
  return dealt;
}

describe('merging parts', () => {
  it('gives every entry once, by line, whole, whatever the parts and their blocks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 120 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        fc.integer({ min: 9, max: 300 }),
        fc.integer({ min: 1, max: 4 }),
        async (lines, parts, seed, blockBytes, pauseEvery) => {
          const dealt = deal(lines, parts, seed);
          const objects = new MemoryObjects();
          const sources = dealt.map((entries, index) => {
            const bytes = partOf(entries, blockBytes);
            return index % 2 === 0 ? heldBlocks(bytes) : storedBlocks(objects, [objects.set(`parts/${index}`, bytes)]);
          });
          const merged: Entry[] = [];
          let taken = 0;
          let paused = false;
          await mergeEntries(
            sources,
            (entry) => {
              expect(paused).toBe(false);
              merged.push(entryOf(entry));
              taken += 1;
            },
            () => {
              if (taken % pauseEvery !== 0) return undefined;
              paused = true;
              return new Promise((go) =>
                setImmediate(() => {
                  paused = false;
                  go();
                }),
              );
            },
          );
          const expected = dealt.flat().sort((a, b) => a.line - b.line);
          expect(merged.map(({ line, ref, raw }) => [line, ref, raw])).toEqual(
            expected.map(({ line, ref, raw }) => [line, ref, raw]),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('gives several entries of a line by their subs, from whichever parts they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(),
        async (counts, parts, seed) => {
          const random = new Random(seed);
          const dealt: Entry[][] = Array.from({ length: parts }, () => []);
          const all = counts.flatMap((count, index) =>
            Array.from({ length: count }, (_, sub) => ({ line: index + 2, sub, outcome: 0 })),
          );
          for (const entry of all) random.pick(dealt).push(entry);
          const merged: unknown[] = [];
          await mergeEntries(
            dealt.map((entries) => heldBlocks(partOf(entries, 20))),
            ({ line, sub }) => void merged.push([line, sub]),
            () => undefined,
          );
          expect(merged).toEqual(all.map(({ line, sub }) => [line, sub]));
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each<[string, [line: number, sub: number][]]>([
    [
      'one of a line is missing',
      [
        [2, 0],
        [2, 2],
      ],
    ],
    [
      'the first of a line is missing',
      [
        [2, 0],
        [3, 1],
      ],
    ],
    [
      'one of a line stands twice',
      [
        [2, 0],
        [2, 1],
        [2, 1],
      ],
    ],
  ])('refuses it where %s', async (_, entries) => {
    const blocks = entries.map(([line, sub]) => heldBlocks(partOf([{ line, sub, outcome: 0 }])));
    const merging = mergeEntries(
      blocks,
      () => {},
      () => undefined,
    );
    await expect(merging).rejects.toThrow(/^OUTCOMES_DISAGREE: .*line/);
  });

  it.each<[string, number[][]]>([
    ['a line stands in two parts', [[1, 2], [2]]],
    ['a line stands twice in one part', [[1, 1]]],
    ['lines go back between the blocks of a part', [[5, 6, 7, 8, 9, 1]]],
  ])('refuses it where %s', async (_, lines) => {
    const bytes = lines.map((one) => Buffer.concat(one.map((line) => partOf([{ line, outcome: 0 }]))));
    const merging = mergeEntries(
      bytes.map(heldBlocks),
      () => {},
      () => undefined,
    );
    await expect(merging).rejects.toThrow(/^OUTCOMES_DISAGREE: .*line/);
  });

  it('passes on what a pause throws', async () => {
    const merging = mergeEntries(
      [heldBlocks(partOf([{ line: 1, outcome: 0 }]))],
      () => {},
      () => Promise.reject(new Error('full')),
    );
    await expect(merging).rejects.toThrow('full');
  });
});

describe('stored parts', () => {
  const blocksOf = async (objects: MemoryObjects, parts: Parameters<typeof storedBlocks>[1]): Promise<number> => {
    const source = storedBlocks(objects, parts);
    let blocks = 0;
    try {
      while ((await source()) !== undefined) blocks += 1;
    } finally {
      await source.close();
      await source.close();
    }
    expect(await source().catch(() => undefined)).toBeUndefined();
    return blocks;
  };

  it('are read one after another, empty ones too', async () => {
    const objects = new MemoryObjects();
    const part = (key: string, ...lines: number[]) =>
      objects.set(key, Buffer.concat(lines.map((line) => partOf([{ line, outcome: 0 }]))));
    expect(await blocksOf(objects, [part('a', 1, 2), part('b'), part('c', 3)])).toBe(3);
    expect(await blocksOf(objects, [])).toBe(0);
  });

  it('that are cut anywhere are refused', async () => {
    const objects = new MemoryObjects();
    const bytes = partOf([
      { line: 1, outcome: 0 },
      { line: 2, outcome: 0 },
    ]);
    for (let cut = 1; cut < bytes.length; cut++) {
      await expect(blocksOf(objects, [objects.set(`cut-${cut}`, bytes.subarray(0, cut))])).rejects.toThrow(
        /^STORE_CORRUPT/,
      );
    }
  });

  it('that are damaged anywhere are refused', async () => {
    const bytes = partOf([{ line: 1, outcome: 0 }]);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0x41;
      const objects = new MemoryObjects();
      const merging = mergeEntries(
        [storedBlocks(objects, [objects.set('part', damaged)])],
        () => {},
        () => undefined,
      );
      await expect(merging).rejects.toThrow(/^STORE_CORRUPT/);
    }
  });
});
