/** What a preview tells of creditors and ages: exact, and bounded whatever the file holds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PREVIEW_CREDITORS_MAX } from '../../../src/config/limits.ts';
import type { RecordChunk } from '../../../src/kernel/recordChunk.ts';
import { packDate } from '../../../src/kernel/rules.ts';
import { AGE_MONTHS, CreditorSums, Survey } from '../../../src/stages/debts/survey.ts';

/** A chunk of one record, as far as a survey looks at it. */
function recordOf(due: string, cents: number, creditor: string | null): RecordChunk {
  return { days: [packDate(due)], cents: [cents], optional: () => creditor } as unknown as RecordChunk;
}

function agesOf(businessDate: string, ...dues: readonly string[]): number[] {
  const survey = new Survey(businessDate);
  for (const due of dues) survey.add(recordOf(due, 1, null), 0);
  return survey.plain().ages.map(({ lines }) => lines);
}

describe('the age of debts', () => {
  it.each([
    ['2026-09-01', 0],
    ['2026-08-31', 0],
    ['2026-08-30', 1],
    ['2026-08-01', 1],
    ['2026-07-31', 2],
    ['2026-06-01', 2],
    ['2026-05-31', 3],
    ['2026-02-28', 4],
    ['2025-08-31', 5],
    ['2024-08-31', 6],
    ['2023-08-31', 7],
    ['2022-08-31', 8],
    ['2021-08-31', 9],
    ['1999-01-01', 9],
  ])('of what fell due on %s stands in group %d on 2026-08-31', (due, group) => {
    const ages = agesOf('2026-08-31', due);
    expect(ages).toHaveLength(AGE_MONTHS.length + 1);
    expect(ages.indexOf(1)).toBe(group);
  });

  it('is counted by the last day of shorter months', () => {
    expect(agesOf('2026-03-31', '2026-02-28').indexOf(1)).toBe(2);
    expect(agesOf('2026-03-31', '2026-03-01').indexOf(1)).toBe(1);
  });
});

describe('creditors', () => {
  const share = fc.record({ name: fc.nat(40).map((n) => (n === 0 ? '' : `c-${n}`)), cents: fc.nat(2 ** 45) });

  it('are summed exactly, the largest first, however their sums are merged', () => {
    fc.assert(
      fc.property(fc.array(fc.array(share, { maxLength: 30 }), { maxLength: 6 }), (shards) => {
        const merged = new CreditorSums();
        for (const shard of shards) {
          const own = new CreditorSums();
          for (const { name, cents } of shard) own.add(name, 1, BigInt(cents));
          const { creditors, rest } = own.plain();
          for (const one of creditors) merged.add(one.name ?? '', one.lines, BigInt(one.cents));
          merged.addRest(rest.lines, BigInt(rest.cents));
        }
        const wanted = new Map<string | null, { lines: number; cents: bigint }>();
        for (const { name, cents } of shards.flat()) {
          const sum = wanted.get(name || null) ?? { lines: 0, cents: 0n };
          wanted.set(name || null, { lines: sum.lines + 1, cents: sum.cents + BigInt(cents) });
        }
        const { creditors, rest } = merged.plain();
        expect(rest).toEqual({ lines: 0, cents: '0' });
        expect(new Map(creditors.map(({ name, lines, cents }) => [name, { lines, cents: BigInt(cents) }]))).toEqual(
          wanted,
        );
        const sums = creditors.map(({ cents }) => BigInt(cents));
        expect(sums.every((sum, i) => i === 0 || sum <= (sums[i - 1] as bigint))).toBe(true);
      }),
    );
  });

  it('are bounded: of a file with any number of them the largest stand, and no cent is lost or counted twice', () => {
    const sums = new CreditorSums();
    let total = 0n;
    for (let i = 0; i < 20 * PREVIEW_CREDITORS_MAX; i++) {
      const cents = BigInt(i % 7) + 1n;
      sums.add(`small ${i}`, 1, cents);
      sums.add('the great one', 1, 1000n);
      total += cents + 1000n;
    }
    const { creditors, rest } = sums.plain();
    expect(creditors).toHaveLength(PREVIEW_CREDITORS_MAX);
    expect(creditors[0]).toEqual({
      name: 'the great one',
      lines: 20 * PREVIEW_CREDITORS_MAX,
      cents: String(20_000 * PREVIEW_CREDITORS_MAX),
    });
    expect(creditors.reduce((sum, { cents }) => sum + BigInt(cents), BigInt(rest.cents))).toBe(total);
    expect(creditors.reduce((sum, { lines }) => sum + lines, rest.lines)).toBe(40 * PREVIEW_CREDITORS_MAX);
    // A result of the registry must hold them.
    expect(JSON.stringify(creditors).length).toBeLessThan(PREVIEW_CREDITORS_MAX * 600);
  });
});
