/**
 * The pace at which a table is asked: unbounded until the service says that it is too fast; then half of what it had
 * been taking, and from there up again, doubling in `doubleMs`, until it says so again.
 *
 * Promises: whoever has to wait sleeps exactly until its turn, so there is no busy loop; turns are given in the order
 * asked; the pace never falls below `unitsPerSecondMin`. Requests that were under way when the pace was cut are part of
 * the same excess: their being refused does not cut it again. Units are whatever the service counts; times are milliseconds.
 */
import { assert } from '../../../core/assert.ts';
import type { Clock } from '../../../core/clock.ts';

export interface PaceOptions {
  readonly unitsPerSecondMin: number;
  /** How long after a cut the pace is again what it was before; it goes on growing so. */
  readonly doubleMs: number;
}

/** Unused turns are kept so long: a short pause of the sender costs it nothing. */
const BURST_MS = 250;
/** What has been taken lately is measured over windows of this length. */
const WINDOW_MS = 1000;

export class Pace {
  readonly #options: PaceOptions;
  readonly #clock: Clock;
  /** Units a second at `#setMs`; infinite before the first cut. */
  #rate = Number.POSITIVE_INFINITY;
  #setMs = -1;
  /** When the next turn is. */
  #turnMs = 0;
  #windowMs: number;
  #windowUnits = 0;
  #measured = 0;

  constructor(options: PaceOptions, clock: Clock) {
    assert(options.unitsPerSecondMin > 0 && options.doubleMs > 0, 'a pace is above zero and recovers');
    this.#options = options;
    this.#clock = clock;
    this.#windowMs = clock.monotonicMs();
  }

  /** Units a second at this moment. */
  get unitsPerSecond(): number {
    return this.#rate * 2 ** ((this.#clock.monotonicMs() - this.#setMs) / this.#options.doubleMs);
  }

  /** Waits for the turn of a request of so many units; ends early when the signal aborts. Answers when it began. */
  async turn(units: number, signal?: AbortSignal): Promise<number> {
    const nowMs = this.#clock.monotonicMs();
    const rate = this.unitsPerSecond;
    if (rate === Number.POSITIVE_INFINITY) return nowMs;
    const turnMs = Math.max(this.#turnMs, nowMs - BURST_MS);
    this.#turnMs = turnMs + (units * 1000) / rate;
    if (turnMs <= nowMs) return nowMs;
    await this.#clock.sleep(Math.ceil(turnMs - nowMs), signal);
    return this.#clock.monotonicMs();
  }

  /** So many units were taken by the service. */
  taken(units: number): void {
    this.#roll(this.#clock.monotonicMs());
    this.#windowUnits += units;
  }

  /** The service refused a request that began at `beganMs` because it comes too fast. Answers whether the pace was cut. */
  refused(beganMs: number): boolean {
    if (beganMs <= this.#setMs) return false;
    const nowMs = this.#clock.monotonicMs();
    this.#roll(nowMs);
    const elapsedMs = Math.max(nowMs - this.#windowMs, 1);
    const lately = Math.max(this.#measured, (this.#windowUnits * 1000) / Math.max(elapsedMs, WINDOW_MS / 4));
    const before = Math.min(this.unitsPerSecond, lately);
    this.#rate = Math.max(this.#options.unitsPerSecondMin, before / 2);
    this.#setMs = nowMs;
    this.#turnMs = nowMs;
    return true;
  }

  #roll(nowMs: number): void {
    const elapsedMs = nowMs - this.#windowMs;
    if (elapsedMs < WINDOW_MS) return;
    this.#measured = (this.#windowUnits * 1000) / elapsedMs;
    this.#windowUnits = 0;
    this.#windowMs = nowMs;
  }
}
