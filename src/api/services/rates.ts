/**
 * The rate of each caller: a bucket of tokens that fills at `perSecond` up to `burst`; each request takes one.
 *
 * Memory: one small entry a caller that was seen lately; full buckets are forgotten, for they say nothing.
 */
import type { Clock } from '../../core/clock.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

const FORGET_ABOVE = 4096;

export class Rates {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** 0 where the request may go on; else how many seconds it has to wait, rounded up. */
  take(caller: string): number {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(caller) ?? this.#add(caller, nowMs);
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((nowMs - bucket.atMs) * this.#perSecond) / 1000);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / this.#perSecond));
    bucket.tokens -= 1;
    return 0;
  }

  #add(caller: string, nowMs: number): Bucket {
    if (this.#buckets.size >= FORGET_ABOVE) this.#forgetFull(nowMs);
    const bucket = { tokens: this.#burst, atMs: nowMs };
    this.#buckets.set(caller, bucket);
    return bucket;
  }

  #forgetFull(nowMs: number): void {
    for (const [caller, { tokens, atMs }] of this.#buckets) {
      if (tokens + ((nowMs - atMs) * this.#perSecond) / 1000 >= this.#burst) this.#buckets.delete(caller);
    }
  }
}
