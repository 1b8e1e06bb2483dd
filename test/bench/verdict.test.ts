import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIGURES } from '../../bench/gate/ratios.ts';
import {
  type Budget,
  type Budgets,
  budgetsOn,
  plantedShare,
  SEEN_SLOWDOWN,
  suggestedBudget,
  verdictOf,
  verdictText,
  type WrittenBudget,
} from '../../bench/gate/verdict.ts';
import { medianOf } from '../../bench/statistics.ts';

const budget: Budget = { most: 1.1, why: 'because' };
const steady = (ratio: number, count: number): number[] => Array.from({ length: count }, () => ratio);

describe('the verdict on a figure', () => {
  it('waits until there are enough ratios to be sure', () => {
    expect(verdictOf([], budget, true)).toBeUndefined();
    expect(verdictOf(steady(1, 6), budget, true)).toBeUndefined();
    expect(verdictOf(steady(1, 7), budget, true)).toMatchObject({ passes: true, ratios: 7 });
    expect(verdictOf(steady(1.2, 7), budget, true)).toMatchObject({ passes: false });
  });

  it('measures on while the interval lies across the budget, and then goes by the median', () => {
    const mixed = [1, 1.2, 1, 1.2, 1, 1.2, 1, 1, 1.2, 1];
    expect(verdictOf(mixed, budget, true)).toBeUndefined();
    expect(verdictOf(mixed, budget, false)).toMatchObject({ passes: true });
    expect(verdictOf([1.2, ...mixed, 1.2, 1.2], budget, false)).toMatchObject({ passes: false });
  });

  it('is not swayed by single runs that were disturbed', () => {
    expect(verdictOf([...steady(1, 12), 3, 5], budget, true)).toMatchObject({ passes: true });
    expect(verdictOf([...steady(1.2, 12), 0.2, 0.5], budget, true)).toMatchObject({ passes: false });
  });

  it('passes what is as it was and fails what is a fifth slower, both by the same margin, under noise of 5 %', () => {
    const noise = fc.array(fc.double({ min: 0.95, max: 1.05, noNaN: true }), { minLength: 7, maxLength: 25 });
    fc.assert(
      fc.property(noise, fc.double({ min: 0.01, max: 100, noNaN: true }), (factors, figure) => {
        const own: Budget = { most: suggestedBudget(figure), why: '' };
        expect(
          verdictOf(
            factors.map((factor) => factor * figure),
            own,
            false,
          )?.passes,
        ).toBe(true);
        const slower = factors.map((factor) => factor * figure * SEEN_SLOWDOWN);
        expect(verdictOf(slower, own, false)?.passes).toBe(false);
      }),
    );
  });

  it('says where a budget is so wide that a slowdown of a fifth would pass', () => {
    const verdict = verdictOf(steady(0.9, 7), budget, true);
    expect(verdict).toMatchObject({ passes: true, loose: true });
    const says = verdict === undefined ? '' : verdictText('records', verdict, budget);
    expect(says).toContain(`lower it to ${suggestedBudget(0.9)}`);
    expect(verdictOf(steady(0.95, 7), budget, true)).toMatchObject({ loose: false });
  });

  it('takes a promise as it is: with whatever room, and never to be moved by what is measured', () => {
    const promise: Budget = { ...budget, promised: true };
    expect(verdictOf(steady(0.5, 7), promise, true)).toMatchObject({ passes: true, loose: false });
    const verdict = verdictOf(steady(1.21, 8), promise, true);
    const says = verdict === undefined ? '' : verdictText('profile', verdict, promise);
    expect(says).toMatch(/^FAIL {2}profile: .*: 10\.0 % above its budget/);
    expect(says).toContain('npm run bench:profile');
    expect(says).not.toContain('set it to');
  });

  it('is tested by a slowdown of a fifth, of a promise by one that goes beyond it', () => {
    expect(plantedShare(1, budget)).toBeCloseTo(0.2);
    for (const median of [0.5, 1, 1.05, 1.2]) {
      const share = plantedShare(median, { ...budget, promised: true });
      expect(share).toBeGreaterThanOrEqual(0.2 - 1e-9);
      expect((median * (1 + share)) / budget.most).toBeGreaterThan(1.09);
    }
  });

  it('tells of a failure which budget, by how much, why it stands and how to look further', () => {
    const verdict = verdictOf(steady(1.21, 8), budget, true);
    const says = verdict === undefined ? '' : verdictText('records', verdict, budget);
    expect(says).toMatch(/^FAIL {2}records: 1\.21 .* of at most 1\.10, 8 measurements: 10\.0 % above its budget/);
    expect(says).toContain('because');
    expect(says).toContain('npm run bench:gate -- --only records');
    expect(says).toContain(`set it to ${suggestedBudget(1.21)}`);
  });
});

describe('bench/budgets.json', () => {
  const file = JSON.parse(
    readFileSync(new URL('../../bench/budgets.json', import.meta.url), 'utf8'),
  ) as Budgets<string>;
  const figures: Readonly<Record<string, WrittenBudget>> = file.figures;
  const measured = Object.values(figures).filter((written) => 'on' in written);

  it('has one budget with its reason for each gated figure, and no other', () => {
    expect(Object.keys(figures).sort()).toEqual([...FIGURES].sort());
    for (const { why } of Object.values(figures)) expect(why.length).toBeGreaterThan(40);
  });

  it('leaves noise room on both sides of the figures it quotes, and so sees a fifth', () => {
    for (const { on } of measured) {
      for (const { most, measured: quoted } of Object.values(on)) {
        expect(most / medianOf(quoted)).toBeGreaterThan(1.02);
        expect(most / medianOf(quoted)).toBeLessThan(SEEN_SLOWDOWN / 1.02);
      }
    }
  });

  it('holds as written on the processors it was measured on, and wider, saying so, on any other', () => {
    const known = Object.keys(measured[0]?.on ?? {});
    expect(known.length).toBeGreaterThan(0);
    // A processor that was measured has all of its budgets.
    for (const { on } of measured) expect(Object.keys(on)).toEqual(known);
    const elsewhere = budgetsOn(file, 'another processor');
    expect(elsewhere.note).toContain(String(file.elsewhere.factor));
    for (const processor of known) {
      const here = budgetsOn(file, processor);
      expect(here.note).toBe('');
      for (const [figure, written] of Object.entries(figures)) {
        const most = here.figures[figure]?.most ?? 0;
        const other = elsewhere.figures[figure]?.most ?? 0;
        if ('on' in written) expect(other / most).toBeGreaterThan(file.elsewhere.factor - 0.01);
        else expect([most, other]).toEqual([written.most, written.most]);
      }
    }
  });

  it('holds a file of another notation to 70 % of the default’s speed, everywhere', () => {
    const { most = 9, promised } = budgetsOn(file, 'any').figures['profile'] ?? {};
    expect(most).toBeLessThanOrEqual(1 / 0.7);
    expect(promised).toBe(true);
  });
});
