/**
 * A clock that stands still until a test moves it. Invariants: `monotonicMs` never goes back; sleepers wake in the order
 * of their times, each with the clock at exactly its time, and what they start runs before the next one wakes.
 */
import type { Clock } from '../../src/core/clock.ts';

interface Sleeper {
  readonly untilMs: number;
  wake(): void;
}

export class FakeClock implements Clock {
  #wallMs: number;
  #monotonicMs = 1_000_000;
  readonly #sleepers = new Set<Sleeper>();

  constructor(wallMs = Date.UTC(2026, 7, 3, 15)) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((done) => {
      const sleeper: Sleeper = {
        untilMs: this.#monotonicMs + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          done();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  /** The wall clock is set; monotonic time does not notice. */
  setWall(ms: number): void {
    this.#wallMs = ms;
  }

  /** Both clocks go on together, from one sleeper to the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#monotonicMs + ms;
    await settled();
    for (let next = this.#earliest(untilMs); next !== undefined; next = this.#earliest(untilMs)) {
      this.#goTo(Math.max(next.untilMs, this.#monotonicMs));
      next.wake();
      await settled();
    }
    this.#goTo(untilMs);
  }

  #goTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }

  #earliest(untilMs: number): Sleeper | undefined {
    let first: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.untilMs <= untilMs && (first === undefined || sleeper.untilMs < first.untilMs)) first = sleeper;
    }
    return first;
  }
}

/** Lets everything that is ready to run do so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
}
