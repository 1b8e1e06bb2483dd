/**
 * The little statistics the bench needs. Medians, because a shared machine disturbs runs in one direction only; intervals
 * from order statistics, because they assume nothing about how the disturbance is spread.
 */
import { assert } from '../src/core/assert.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = sortedOf(values);
  return { median: middle(sorted), min: sorted[0], max: sorted[sorted.length - 1] };
}

export function medianOf(values: readonly number[]): number {
  return middle(sortedOf(values));
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * An interval that holds the true median with at least the given confidence (a share of 1): the k-th smallest and k-th
 * largest value, k from the binomial distribution with p = 1/2. `undefined` where there are too few values for it: at 95 %
 * fewer than six.
 */
export function medianInterval(values: readonly number[], confidence: number): Interval | undefined {
  const sorted = sortedOf(values);
  const n = sorted.length;
  const outside = (1 - confidence) / 2;
  // Below the k-th smallest lies the median with probability P(Binomial(n, 1/2) < k).
  let term = 0.5 ** n;
  let below = term;
  let k = 0;
  while (below <= outside) {
    term *= (n - k) / (k + 1);
    below += term;
    k++;
  }
  return k === 0 ? undefined : { low: sorted[k - 1], high: sorted[n - k] };
}

function sortedOf(values: readonly number[]): number[] {
  assert(values.length > 0, 'a median is of at least one value');
  return [...values].sort((a, b) => a - b);
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
