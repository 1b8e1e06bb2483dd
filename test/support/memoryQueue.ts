/**
 * The work queues in memory (port: queue). Leases and delays run on the clock's monotonic time; groups take turns by
 * name. An id that lies among the dead letters counts as one that waits.
 */
import type { Clock } from '../../src/core/clock.ts';
import type { OutgoingMessage, QueueDepth, ReceivedMessage, WorkQueue } from '../../src/io/ports/queue.ts';
import { briefly, type Pause } from './pause.ts';

interface Held {
  readonly message: OutgoingMessage;
  readonly sentAtMs: number;
  receives: number;
  receipt: string | undefined;
  freeAtMs: number;
  dead: boolean;
}

interface Options {
  readonly receivesMax?: number;
  readonly pollMs?: number;
  readonly pause?: Pause;
}

export class MemoryQueue implements WorkQueue {
  readonly #clock: Clock;
  readonly #receivesMax: number;
  readonly #pollMs: number;
  readonly #pause: Pause;
  /** Queue → id → message, in the order of sending. */
  readonly #queues = new Map<string, Map<string, Held>>();
  readonly #lastServed = new Map<string, string>();
  readonly #waiting = new Set<AbortController>();
  #receipts = 0;

  constructor(clock: Clock, options: Options = {}) {
    this.#clock = clock;
    this.#receivesMax = options.receivesMax ?? 100;
    this.#pollMs = options.pollMs ?? 500;
    this.#pause = options.pause ?? briefly;
  }

  async send(queue: string, messages: readonly OutgoingMessage[]): Promise<void> {
    const given = structuredClone(messages);
    await this.#pause();
    const held = this.#of(queue);
    for (const message of given) {
      if (held.has(message.id)) continue;
      const sentAtMs = this.#clock.nowMs();
      held.set(message.id, { message, sentAtMs, receives: 0, receipt: undefined, freeAtMs: 0, dead: false });
    }
    this.#wake();
    await this.#pause();
  }

  async receive(
    queue: string,
    options: { readonly max: number; readonly waitMs: number; readonly leaseMs: number; readonly signal?: AbortSignal },
  ): Promise<ReceivedMessage[]> {
    const deadlineMs = this.#clock.monotonicMs() + options.waitMs;
    await this.#pause();
    for (;;) {
      if (options.signal?.aborted === true) return [];
      const messages: ReceivedMessage[] = [];
      while (messages.length < options.max) {
        const next = this.#next(queue);
        if (next === undefined) break;
        messages.push(this.#lease(queue, next, options.leaseMs));
      }
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      if (messages.length > 0 || leftMs <= 0) return messages;
      await this.#sleep(Math.min(leftMs, this.#pollMs), options.signal);
    }
  }

  async extend(queue: string, message: ReceivedMessage, leaseMs: number): Promise<boolean> {
    await this.#pause();
    const held = this.#ownedBy(queue, message);
    if (held !== undefined) held.freeAtMs = this.#clock.monotonicMs() + leaseMs;
    return held !== undefined;
  }

  async ack(queue: string, message: ReceivedMessage): Promise<boolean> {
    await this.#pause();
    const owned = this.#ownedBy(queue, message) !== undefined;
    if (owned) this.#of(queue).delete(message.id);
    return owned;
  }

  async release(queue: string, message: ReceivedMessage, delayMs: number): Promise<void> {
    await this.#pause();
    const held = this.#ownedBy(queue, message);
    if (held === undefined) return;
    held.receipt = undefined;
    held.freeAtMs = this.#clock.monotonicMs() + delayMs;
    this.#wake();
  }

  async depth(queue: string): Promise<QueueDepth> {
    await this.#pause();
    const all = [...this.#of(queue).values()];
    const alive = all.filter((held) => !held.dead);
    const leased = alive.filter((held) => held.receipt !== undefined && held.freeAtMs > this.#clock.monotonicMs());
    const waiting = alive.filter((held) => !leased.includes(held));
    const oldest = Math.min(...waiting.map((held) => held.sentAtMs));
    return {
      waiting: waiting.length,
      leased: leased.length,
      dead: all.length - alive.length,
      oldestMs: waiting.length === 0 ? 0 : Math.max(0, this.#clock.nowMs() - oldest),
    };
  }

  async redrive(queue: string): Promise<number> {
    await this.#pause();
    const dead = [...this.#of(queue).values()].filter((held) => held.dead);
    for (const held of dead) Object.assign(held, { dead: false, receives: 0, receipt: undefined, freeAtMs: 0 });
    this.#wake();
    return dead.length;
  }

  /** Ids that wait, are leased or are dead, in the order of sending. */
  ids(queue: string): string[] {
    return [...this.#of(queue).keys()];
  }

  /** Ends every lease and delay, as when all receivers died long ago. */
  freeAll(): void {
    for (const queue of this.#queues.values()) {
      for (const held of queue.values()) {
        held.receipt = undefined;
        held.freeAtMs = 0;
      }
    }
    this.#wake();
  }

  #of(queue: string): Map<string, Held> {
    const held = this.#queues.get(queue) ?? new Map<string, Held>();
    this.#queues.set(queue, held);
    return held;
  }

  #ownedBy(queue: string, message: ReceivedMessage): Held | undefined {
    const held = this.#of(queue).get(message.id);
    return held?.receipt === message.receipt ? held : undefined;
  }

  /** The first free message of the first group, by name, after the one that was served last. */
  #next(queue: string): Held | undefined {
    const nowMs = this.#clock.monotonicMs();
    const free = [...this.#of(queue).values()].filter((held) => !held.dead && held.freeAtMs <= nowMs);
    for (const held of free) {
      if (held.receives >= this.#receivesMax) Object.assign(held, { dead: true, receipt: undefined });
    }
    const groups = [...new Set(free.filter((held) => !held.dead).map((held) => held.message.group))].sort();
    const last = this.#lastServed.get(queue);
    const group = groups.find((name) => last === undefined || name > last) ?? groups[0];
    return free.find((held) => !held.dead && held.message.group === group);
  }

  #lease(queue: string, held: Held, leaseMs: number): ReceivedMessage {
    this.#receipts += 1;
    held.receives += 1;
    held.receipt = `receipt-${this.#receipts}`;
    held.freeAtMs = this.#clock.monotonicMs() + leaseMs;
    this.#lastServed.set(queue, held.message.group);
    return { ...held.message, receipt: held.receipt, receives: held.receives };
  }

  #wake(): void {
    for (const control of this.#waiting) control.abort();
  }

  async #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const control = new AbortController();
    const wake = (): void => control.abort();
    signal?.addEventListener('abort', wake, { once: true });
    this.#waiting.add(control);
    await this.#clock.sleep(ms, control.signal);
    this.#waiting.delete(control);
    signal?.removeEventListener('abort', wake);
  }
}
