/**
 * Time and order, made by a seed: what is ready waits in a bag, and the seed says what goes on next. The clock moves only
 * when nothing is ready, to the next timer.
 *
 * Promises: one step runs at a time, and all that follows from it runs before the next; the same seed gives the same
 * history. What a process awaits belongs to it: when it is dead it never goes on, while it is stopped it waits.
 * Times are milliseconds of virtual monotonic time.
 */
import type { Clock } from '../../src/core/clock.ts';
import type { Random } from '../oracle/random.ts';

/** One process, as far as time is concerned. */
export interface Life {
  dead: boolean;
  /** Stopped until then. */
  stoppedUntilMs: number;
  /** How far its wall clock is off. */
  wallOffMs: number;
}

interface Step {
  readonly life: Life | undefined;
  run(): void;
}

interface Timer extends Step {
  readonly atMs: number;
  /** Ties in the order of asking. */
  readonly number: number;
  gone: boolean;
}

export const BEGAN_WALL_MS = Date.UTC(2026, 7, 3, 15);
const BEGAN_MS = 1_000_000;

export class Scheduler {
  nowMs = BEGAN_MS;
  steps = 0;
  readonly #random: Random;
  readonly #ready: Step[] = [];
  /** By time, the latest first. */
  readonly #timers: Timer[] = [];
  #asked = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get elapsedMs(): number {
    return this.nowMs - BEGAN_MS;
  }

  /** Goes on when the seed says so; never, where the process has died by then. */
  turn(life?: Life): Promise<void> {
    return new Promise((run) => this.#ready.push({ life, run }));
  }

  /** Goes on after so long. */
  after(ms: number, life?: Life): Promise<void> {
    return new Promise((run) => this.#at(this.nowMs + ms, life, run));
  }

  clock(life: Life): Clock {
    return {
      nowMs: () => BEGAN_WALL_MS + this.elapsedMs + life.wallOffMs,
      monotonicMs: () => this.nowMs,
      sleep: (ms, signal) => this.#sleep(ms, life, signal),
    };
  }

  /** Runs until `over` says so, which is asked whenever nothing is ready. */
  async run(over: () => boolean, stepsMax: number): Promise<'over' | 'endless' | 'stuck'> {
    for (; this.steps < stepsMax; this.steps++) {
      await new Promise((settled) => setImmediate(settled));
      const step = this.#next();
      if (step !== undefined) {
        step.run();
        continue;
      }
      if (over()) return 'over';
      if (!this.#advance()) return 'stuck';
    }
    return 'endless';
  }

  #next(): Step | undefined {
    while (this.#ready.length > 0) {
      const index = this.#random.integer(0, this.#ready.length - 1);
      const step = this.#ready[index] as Step;
      this.#ready[index] = this.#ready.at(-1) as Step;
      this.#ready.pop();
      if (this.#mayRun(step)) return step;
    }
    return undefined;
  }

  /** To the time of the next timer; all timers of that time become ready. */
  #advance(): boolean {
    let woken = false;
    for (let timer = this.#timers.at(-1); timer !== undefined; timer = this.#timers.at(-1)) {
      if (!timer.gone && woken && timer.atMs > this.nowMs) return true;
      this.#timers.pop();
      if (timer.gone || timer.life?.dead === true) continue;
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      this.#ready.push(timer);
      woken = true;
    }
    return woken;
  }

  #mayRun({ life, run }: Step): boolean {
    if (life === undefined) return true;
    if (life.dead) return false;
    if (life.stoppedUntilMs <= this.nowMs) return true;
    this.#at(life.stoppedUntilMs, life, run);
    return false;
  }

  #at(atMs: number, life: Life | undefined, run: () => void): Timer {
    this.#asked += 1;
    const timer: Timer = { atMs, life, run, number: this.#asked, gone: false };
    let index = this.#timers.length;
    while (index > 0 && (this.#timers[index - 1] as Timer).atMs <= atMs) index -= 1;
    this.#timers.splice(index, 0, timer);
    return timer;
  }

  #sleep(ms: number, life: Life, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((done) => {
      const end = (): void => {
        timer.gone = true;
        signal?.removeEventListener('abort', end);
        done();
      };
      const timer = this.#at(this.nowMs + ms, life, end);
      signal?.addEventListener('abort', end, { once: true });
    });
  }
}
