/**
 * The consumer of one work queue: receive, heartbeat, handle, acknowledge.
 *
 * Promises
 * - A message is acknowledged only after its handler has returned, that is, after its effect is stored.
 * - While a handler runs, its lease is renewed every `heartbeatMs`; when a renewal is refused or fails until the
 *   lease has run out, the handler's signal aborts and the message is not acknowledged.
 * - No more than `slots` messages are in hand at once, and none is received that could not start at once.
 * - `stop` lets the long poll end, finishes what is in hand within `drainMs`, then aborts and releases the rest.
 *
 * States: running → draining (receives nothing) → stopped. One function sets the state.
 */
import type { Clock } from '../core/clock.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { ReceivedMessage, WorkQueue } from '../io/ports/queue.ts';
import { type Backoff, retryDelayMs } from './retry.ts';

/** What a handler wants done with its message. */
export type Verdict = { readonly done: true } | { readonly done: false; readonly retryMs: number };

export const DONE: Verdict = { done: true };

export interface ConsumerOptions extends Backoff {
  readonly queue: string;
  readonly slots: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly pollMsMax: number;
}

export interface ConsumerDeps {
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly randomUnit: () => number;
}

export type Handler = (message: ReceivedMessage, signal: AbortSignal) => Promise<Verdict>;

export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #deps: ConsumerDeps;
  readonly #handler: Handler;
  readonly #draining = new AbortController();
  readonly #inHand = new Map<Promise<void>, AbortController>();
  #loop: Promise<void> | undefined;
  #freed: (() => void) | undefined;

  constructor(options: ConsumerOptions, deps: ConsumerDeps, handler: Handler) {
    this.#options = options;
    this.#deps = deps;
    this.#handler = handler;
  }

  start(): void {
    this.#loop ??= this.#receiveLoop();
  }

  get busy(): number {
    return this.#inHand.size;
  }

  async stop(drainMs: number): Promise<void> {
    this.#draining.abort();
    this.#freed?.();
    const quiet = new AbortController();
    const endAll = (): void => {
      for (const control of this.#inHand.values()) control.abort();
    };
    let isLate = false;
    const late = this.#deps.clock.sleep(drainMs, quiet.signal).then(() => {
      if (quiet.signal.aborted) return;
      isLate = true;
      endAll();
    });
    // A long poll may take as long as the draining: the two run side by side, and what it still brings is in hand too.
    await this.#loop;
    if (isLate) endAll();
    while (this.#inHand.size > 0) await Promise.all(this.#inHand.keys());
    quiet.abort();
    await late;
  }

  async #receiveLoop(): Promise<void> {
    const { queue, slots, leaseMs, pollMsMax } = this.#options;
    const signal = this.#draining.signal;
    let failures = 0;
    while (!signal.aborted) {
      const free = slots - this.#inHand.size;
      if (free === 0) {
        await new Promise<void>((freed) => {
          this.#freed = freed;
        });
        continue;
      }
      try {
        const messages = await this.#deps.queue.receive(queue, { max: free, waitMs: pollMsMax, leaseMs, signal });
        failures = 0;
        for (const message of messages) this.#take(message);
      } catch (error) {
        failures += 1;
        this.#report('consumer.receive_failed', error);
        await this.#deps.clock.sleep(retryDelayMs(this.#options, failures, this.#deps.randomUnit()), signal);
      }
    }
  }

  #take(message: ReceivedMessage): void {
    const control = new AbortController();
    const work = this.#work(message, control).finally(() => {
      this.#inHand.delete(work);
      this.#freed?.();
    });
    this.#inHand.set(work, control);
  }

  async #work(message: ReceivedMessage, control: AbortController): Promise<void> {
    const { queue } = this.#options;
    const over = new AbortController();
    const heartbeat = this.#heartbeat(message, control, over.signal);
    let verdict: Verdict;
    try {
      verdict = await this.#handler(message, control.signal);
    } catch (error) {
      // Handlers turn faults into verdicts; what arrives here could not even be recorded (the registry is away).
      this.#report('consumer.handler_failed', error);
      verdict = {
        done: false,
        retryMs: retryDelayMs(this.#options, message.receives, this.#deps.randomUnit()),
      };
    }
    over.abort();
    await heartbeat;
    try {
      if (verdict.done && !control.signal.aborted) await this.#deps.queue.ack(queue, message);
      else await this.#deps.queue.release(queue, message, delayMsOf(verdict, control.signal));
    } catch (error) {
      // The lease runs out by itself and the message comes again; its effect is recognised then.
      this.#report('consumer.settle_failed', error);
    }
  }

  async #heartbeat(message: ReceivedMessage, control: AbortController, over: AbortSignal): Promise<void> {
    const { queue, leaseMs, heartbeatMs } = this.#options;
    const { clock } = this.#deps;
    let validUntilMs = clock.monotonicMs() + leaseMs;
    for (;;) {
      await clock.sleep(heartbeatMs, over);
      if (over.aborted) return;
      const askedAtMs = clock.monotonicMs();
      const answer = await this.#extend(message, Math.max(heartbeatMs, validUntilMs - heartbeatMs - askedAtMs), over);
      if (over.aborted) return;
      if (answer === 'renewed') {
        validUntilMs = askedAtMs + leaseMs;
        continue;
      }
      if (answer === 'lost')
        this.#deps.telemetry.emit({ name: 'consumer.lease_lost', level: 'warn', fields: { queue } });
      else if (clock.monotonicMs() < validUntilMs - heartbeatMs) continue;
      control.abort();
      return;
    }
  }

  /** Asks for another lease; `unknown` where that failed, or where no answer came in time or before the work was over. */
  async #extend(message: ReceivedMessage, waitMs: number, over: AbortSignal): Promise<'renewed' | 'lost' | 'unknown'> {
    const { queue, leaseMs } = this.#options;
    const answered = new AbortController();
    try {
      const asked = this.#deps.queue.extend(queue, message, leaseMs);
      const late = this.#deps.clock.sleep(waitMs, AbortSignal.any([over, answered.signal]));
      const renewed = await Promise.race([asked, late]);
      if (renewed !== undefined) return renewed ? 'renewed' : 'lost';
      if (!over.aborted) this.#report('consumer.heartbeat_failed', new Error('no answer in time'));
      return 'unknown';
    } catch (error) {
      this.#report('consumer.heartbeat_failed', error);
      return 'unknown';
    } finally {
      answered.abort();
    }
  }

  #report(name: string, error: unknown): void {
    this.#deps.telemetry.emit({
      name,
      level: 'error',
      fields: { queue: this.#options.queue, error: error instanceof Error ? error.message : String(error) },
    });
  }
}

/** Work that was stopped here has not failed: whoever is next may have it at once. */
function delayMsOf(verdict: Verdict, stopped: AbortSignal): number {
  return verdict.done || stopped.aborted ? 0 : verdict.retryMs;
}
