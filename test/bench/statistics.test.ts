import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { medianInterval, medianOf, spreadOf } from '../../bench/statistics.ts';

describe('medians', () => {
  it('are the middle value, or halfway between the two', () => {
    expect(medianOf([3, 1, 2])).toBe(2);
    expect(medianOf([4, 1, 3, 2])).toBe(2.5);
    expect(spreadOf([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
  });

  it('have no interval while there are too few values for the confidence', () => {
    expect(medianInterval([1, 2, 3, 4, 5], 0.95)).toBeUndefined();
    // Six values all lie on one side with probability 2 / 2^6 = 3.1 %.
    expect(medianInterval([6, 5, 4, 3, 2, 1], 0.95)).toEqual({ low: 1, high: 6 });
    expect(medianInterval([6, 5, 4, 3, 2, 1], 0.98)).toBeUndefined();
  });

  it('have the intervals of the published table of order statistics', () => {
    const numbers = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
    // Sign-test ranks at 95 %, two-sided: n = 10 → 2 and 9, n = 20 → 6 and 15, n = 25 → 8 and 18.
    expect(medianInterval(numbers(10), 0.95)).toEqual({ low: 2, high: 9 });
    expect(medianInterval(numbers(20), 0.95)).toEqual({ low: 6, high: 15 });
    expect(medianInterval(numbers(25), 0.95)).toEqual({ low: 8, high: 18 });
  });

  it('lie inside their interval, whatever the values', () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 7, maxLength: 40 });
    fc.assert(
      fc.property(values, (given) => {
        const interval = medianInterval(given, 0.98);
        const median = medianOf(given);
        expect(interval !== undefined && interval.low <= median && median <= interval.high).toBe(true);
      }),
    );
  });
});
