/** The wait between tries stays within its bounds and grows. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { retryDelayMs } from '../../src/engine/retry.ts';

const BACKOFF = { retryMsMin: 200, retryMsMax: 30_000 };

describe('the wait before another try', () => {
  it('doubles its ceiling with each attempt up to the longest', () => {
    const longest = [1, 2, 3, 7, 8, 100].map((attempt) => retryDelayMs(BACKOFF, attempt, 1 - Number.EPSILON));
    expect(longest).toEqual([400, 800, 1600, 25_600, 30_000, 30_000]);
  });

  it('is at least the shortest', () => {
    for (const attempt of [0, 1, 5, 1000]) expect(retryDelayMs(BACKOFF, attempt, 0)).toBe(200);
  });

  it('is a whole number of milliseconds within its bounds, for any attempt and chance', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5000 }),
        fc.nat({ max: 100_000 }),
        fc.nat(),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (retryMsMin, more, attempt, random) => {
          const backoff = { retryMsMin, retryMsMax: retryMsMin + more };
          const delayMs = retryDelayMs(backoff, attempt, random);
          expect(Number.isInteger(delayMs)).toBe(true);
          expect(delayMs).toBeGreaterThanOrEqual(backoff.retryMsMin);
          expect(delayMs).toBeLessThanOrEqual(backoff.retryMsMax);
        },
      ),
    );
  });

  it('grows with chance: tries that failed together come again apart', () => {
    const delays = [0, 0.25, 0.5, 0.75].map((random) => retryDelayMs(BACKOFF, 4, random));
    expect(delays).toEqual([200, 950, 1700, 2450]);
  });
});
