/** How the answers of a batch are cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { piecesOf } from '../../../src/stages/answers/pieces.ts';

const rangesOf = (records: readonly number[]) => {
  let line = 2;
  return records.map((count) => {
    const firstLine = line;
    line += count;
    return { records: count, firstLine };
  });
};

describe('pieces', () => {
  it('end with the range that brings them to their size; the last takes what is left', () => {
    expect(piecesOf(rangesOf([5, 5, 5, 20, 1, 1]), 10)).toEqual([
      { from: 0, to: 2, firstLine: 2 },
      { from: 2, to: 4, firstLine: 12 },
      { from: 4, to: 6, firstLine: 37 },
    ]);
  });

  it('are one where there is no range, and where one is asked for', () => {
    expect(piecesOf([], 10)).toEqual([{ from: 0, to: 0, firstLine: 1 }]);
    expect(piecesOf(rangesOf([5, 5, 5]), Number.POSITIVE_INFINITY)).toEqual([{ from: 0, to: 3, firstLine: 2 }]);
  });

  it('tile the ranges', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        fc.integer({ min: 1, max: 30 }),
        (counts, size) => {
          const ranges = rangesOf(counts);
          const pieces = piecesOf(ranges, size);
          expect(pieces.flatMap(({ from, to }) => ranges.slice(from, to))).toEqual(ranges);
          for (const { from, to, firstLine } of pieces) {
            expect(firstLine).toBe(ranges[from]?.firstLine);
            const records = counts.slice(from, to).reduce((sum, count) => sum + count, 0);
            if (to < ranges.length) expect(records).toBeGreaterThanOrEqual(size);
            expect(records - (counts[to - 1] as number)).toBeLessThan(size);
          }
        },
      ),
    );
  });
});
