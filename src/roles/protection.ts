/**
 * Keeps this process from being ended by scale-in while it holds work.
 *
 * States: free → held → free. Work begins: protection is asked for; it is renewed at half of its time, and released when
 * there has been no work for `idleMs` (work that comes in bursts does not flap). Once a deployment is blocked by it, it goes
 * at the first moment without work.
 * A request that fails is reported and repeated after a growing pause; the work goes on all the same. One function asks.
 *
 * All times are milliseconds of monotonic time; the expiry is counted from before the request, so it is never late.
 */
import { unreachable } from '../core/assert.ts';
import type { Clock } from '../core/clock.ts';
import type { Telemetry } from '../core/telemetry.ts';
import { retryDelayMs } from '../engine/retry.ts';
import type { ProtectionAnswer, ScaleInProtection } from '../io/ports/protection.ts';

export interface GuardTiming {
  /** How often the guard looks whether there is work. */
  readonly lookMs: number;
  /** What is asked for; it ends by itself when this process hangs. */
  readonly forMs: number;
  readonly idleMs: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

/** Ten minutes are many ranges (one takes seconds), and the longest that a hung process delays a deployment. */
export const GUARD_TIMING: GuardTiming = {
  lookMs: 1000,
  forMs: 600_000,
  idleMs: 15_000,
  retryMsMin: 2000,
  retryMsMax: 60_000,
};

export interface GuardDeps {
  readonly protection: ScaleInProtection;
  /** Pieces of work in hand. */
  readonly busy: () => number;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly randomUnit: () => number;
}

type Asked = 'protect' | 'release';

export interface ScaleInGuard {
  /** Releases what is held and closes the connection; never throws. */
  stop(): Promise<void>;
}

export function startScaleInGuard(timing: GuardTiming, deps: GuardDeps): ScaleInGuard {
  const guard = new Guard(timing, deps);
  const ended = guard.run();
  return {
    async stop() {
      guard.end();
      await ended;
    },
  };
}

class Guard {
  readonly #timing: GuardTiming;
  readonly #deps: GuardDeps;
  readonly #ending = new AbortController();
  /** Until when it surely is held, and until when it may be (a request whose effect is not known counts). */
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #perhapsUntilMs = Number.NEGATIVE_INFINITY;
  #busyAtMs = Number.NEGATIVE_INFINITY;
  #blocked = false;
  #never = false;
  #failures = 0;
  readonly #notBeforeMs = { protect: Number.NEGATIVE_INFINITY, release: Number.NEGATIVE_INFINITY };

  constructor(timing: GuardTiming, deps: GuardDeps) {
    this.#timing = timing;
    this.#deps = deps;
  }

  end(): void {
    this.#ending.abort();
  }

  async run(): Promise<void> {
    const { clock, protection } = this.#deps;
    while (!this.#ending.signal.aborted) {
      const what = this.#due();
      if (what !== undefined) await this.#ask(what);
      await clock.sleep(this.#timing.lookMs, this.#ending.signal);
    }
    if (clock.monotonicMs() < this.#perhapsUntilMs) await this.#ask('release');
    await protection.close();
  }

  #due(): Asked | undefined {
    const { clock, busy } = this.#deps;
    const nowMs = clock.monotonicMs();
    const working = busy() > 0;
    if (working) this.#busyAtMs = nowMs;
    if (this.#never) return undefined;
    if (working) {
      const due = nowMs >= this.#heldUntilMs - this.#timing.forMs / 2 && nowMs >= this.#notBeforeMs.protect;
      return due ? 'protect' : undefined;
    }
    const idleMs = this.#blocked ? 0 : this.#timing.idleMs;
    const due = nowMs < this.#perhapsUntilMs && nowMs - this.#busyAtMs >= idleMs && nowMs >= this.#notBeforeMs.release;
    return due ? 'release' : undefined;
  }

  async #ask(what: Asked): Promise<void> {
    const { clock, protection, telemetry } = this.#deps;
    const askedAtMs = clock.monotonicMs();
    const answer = what === 'protect' ? await protection.protect(this.#timing.forMs) : await protection.release();
    this.#take(what, askedAtMs, answer);
    if (answer.kind === 'done') {
      telemetry.emit({
        name: what === 'protect' ? 'protection.held' : 'protection.released',
        level: 'debug',
        fields: {},
      });
      return;
    }
    const reason = answer.kind === 'blocked' ? 'DEPLOYMENT_BLOCKED' : answer.reason;
    telemetry.emit({ name: 'protection.refused', level: 'warn', fields: { asked: what, reason } });
  }

  #take(what: Asked, askedAtMs: number, answer: ProtectionAnswer): void {
    const { forMs, retryMsMax } = this.#timing;
    const nowMs = this.#deps.clock.monotonicMs();
    switch (answer.kind) {
      case 'done':
        this.#heldUntilMs = what === 'protect' ? askedAtMs + forMs : Number.NEGATIVE_INFINITY;
        this.#perhapsUntilMs = what === 'protect' ? nowMs + forMs : Number.NEGATIVE_INFINITY;
        this.#blocked = false;
        this.#failures = 0;
        return;
      case 'blocked':
        // Refused for certain: what was held before is held until it expires or is released.
        this.#blocked = true;
        this.#notBeforeMs[what] = nowMs + retryMsMax;
        return;
      case 'never':
        this.#never = true;
        this.#perhapsUntilMs = Number.NEGATIVE_INFINITY;
        return;
      case 'failed':
        if (what === 'protect') this.#perhapsUntilMs = nowMs + forMs;
        this.#failures++;
        this.#notBeforeMs[what] = nowMs + retryDelayMs(this.#timing, this.#failures, this.#deps.randomUnit());
        return;
      default:
        unreachable(answer);
    }
  }
}
