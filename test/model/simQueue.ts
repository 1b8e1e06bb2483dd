/**
 * Work queues as unkind as their contract allows (port: queue): messages come in any order; an id may be taken a second
 * time, a message delivered to two receivers at once. Which, the seed says.
 */
import type { Clock } from '../../src/core/clock.ts';
import type {
  OutgoingMessage,
  QueueDepth,
  ReceivedMessage,
  ReceiveOptions,
  WorkQueue,
} from '../../src/io/ports/queue.ts';
import type { Random } from '../oracle/random.ts';

export interface Unkindness {
  readonly receivesMax: number;
  /** Whether an id that waits is taken once more; then the sweep waits for `resendMsMin`. */
  readonly takesTwice: boolean;
  /** How many deliveries leave the message free for the next receiver. */
  readonly doubleShare: number;
  /** How many deliveries are not of the oldest message. */
  readonly shuffledShare: number;
}

interface Held {
  readonly message: OutgoingMessage;
  readonly sentAtMs: number;
  receives: number;
  receipt: string | undefined;
  freeAtMs: number;
  dead: boolean;
}

const RESEND_MS = 60_000;

export class SimQueue implements WorkQueue {
  readonly resendMsMin?: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #unkind: Unkindness;
  readonly #queues = new Map<string, Held[]>();
  readonly #waiting = new Map<string, Set<AbortController>>();
  #receipts = 0;

  constructor(clock: Clock, random: Random, unkind: Unkindness) {
    this.#clock = clock;
    this.#random = random;
    this.#unkind = unkind;
    if (unkind.takesTwice) this.resendMsMin = RESEND_MS;
  }

  async send(queue: string, messages: readonly OutgoingMessage[]): Promise<void> {
    const held = this.#of(queue);
    const sentAtMs = this.#clock.nowMs();
    for (const { id, group, body } of messages) {
      if (!this.#unkind.takesTwice && held.some(({ message }) => message.id === id)) continue;
      held.push({ message: { id, group, body }, sentAtMs, receives: 0, receipt: undefined, freeAtMs: 0, dead: false });
    }
    this.#wake(queue);
  }

  async receive(queue: string, options: ReceiveOptions): Promise<ReceivedMessage[]> {
    const deadlineMs = this.#clock.monotonicMs() + options.waitMs;
    for (;;) {
      if (options.signal?.aborted === true) return [];
      const messages: ReceivedMessage[] = [];
      while (messages.length < options.max) {
        const next = this.#next(queue);
        if (next === undefined) break;
        messages.push(this.#lease(next, options.leaseMs));
      }
      const nowMs = this.#clock.monotonicMs();
      if (messages.length > 0 || nowMs >= deadlineMs) return messages;
      const freeAtMs = this.#of(queue).reduce((ms, held) => (held.dead ? ms : Math.min(ms, held.freeAtMs)), deadlineMs);
      await this.#sleep(queue, Math.max(1, freeAtMs - nowMs), options.signal);
    }
  }

  async extend(queue: string, message: ReceivedMessage, leaseMs: number): Promise<boolean> {
    const held = this.#ownedBy(queue, message);
    if (held !== undefined) held.freeAtMs = this.#clock.monotonicMs() + leaseMs;
    return held !== undefined;
  }

  async ack(queue: string, message: ReceivedMessage): Promise<boolean> {
    const held = this.#ownedBy(queue, message);
    if (held === undefined) return false;
    this.#of(queue).splice(this.#of(queue).indexOf(held), 1);
    return true;
  }

  async release(queue: string, message: ReceivedMessage, delayMs: number): Promise<void> {
    const held = this.#ownedBy(queue, message);
    if (held === undefined) return;
    held.receipt = undefined;
    held.freeAtMs = this.#clock.monotonicMs() + delayMs;
    this.#wake(queue);
  }

  async depth(queue: string): Promise<QueueDepth> {
    const nowMs = this.#clock.monotonicMs();
    const all = this.#of(queue);
    const alive = all.filter(({ dead }) => !dead);
    const leased = alive.filter((held) => held.receipt !== undefined && held.freeAtMs > nowMs);
    const waiting = alive.filter((held) => !leased.includes(held));
    const oldest = Math.min(...waiting.map(({ sentAtMs }) => sentAtMs));
    return {
      waiting: waiting.length,
      leased: leased.length,
      dead: all.length - alive.length,
      oldestMs: waiting.length === 0 ? 0 : Math.max(0, this.#clock.nowMs() - oldest),
    };
  }

  async redrive(queue: string): Promise<number> {
    const dead = this.#of(queue).filter((held) => held.dead);
    for (const held of dead) Object.assign(held, { dead: false, receives: 0, receipt: undefined, freeAtMs: 0 });
    this.#wake(queue);
    return dead.length;
  }

  /** Ids of all that waits, is leased or is dead, over all queues. */
  ids(): string[] {
    return [...this.#queues.values()].flat().map(({ message }) => message.id);
  }

  #of(queue: string): Held[] {
    const held = this.#queues.get(queue) ?? [];
    this.#queues.set(queue, held);
    return held;
  }

  #ownedBy(queue: string, message: ReceivedMessage): Held | undefined {
    return this.#of(queue).find((held) => held.receipt === message.receipt && held.message.id === message.id);
  }

  /** Some free message of some group: no group's thousands stand before another's one. */
  #next(queue: string): Held | undefined {
    const nowMs = this.#clock.monotonicMs();
    const free = this.#of(queue).filter((held) => !held.dead && held.freeAtMs <= nowMs);
    for (const held of free) {
      if (held.receives >= this.#unkind.receivesMax) Object.assign(held, { dead: true, receipt: undefined });
    }
    const alive = free.filter(({ dead }) => !dead);
    const groups = [...new Set(alive.map(({ message }) => message.group))];
    if (groups.length === 0) return undefined;
    const group = this.#random.pick(groups);
    const candidates = alive.filter(({ message }) => message.group === group);
    return this.#random.chance(this.#unkind.shuffledShare) ? this.#random.pick(candidates) : candidates[0];
  }

  #lease(held: Held, leaseMs: number): ReceivedMessage {
    this.#receipts += 1;
    held.receives += 1;
    held.receipt = `receipt-${this.#receipts}`;
    const stays = this.#random.chance(this.#unkind.doubleShare);
    held.freeAtMs = this.#clock.monotonicMs() + (stays ? this.#random.integer(1, 1000) : leaseMs);
    return { ...held.message, receipt: held.receipt, receives: held.receives };
  }

  #wake(queue: string): void {
    for (const control of this.#waiting.get(queue) ?? []) control.abort();
  }

  async #sleep(queue: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const control = new AbortController();
    const wake = (): void => control.abort();
    signal?.addEventListener('abort', wake, { once: true });
    const waiting = this.#waiting.get(queue) ?? new Set();
    this.#waiting.set(queue, waiting.add(control));
    await this.#clock.sleep(ms, control.signal);
    waiting.delete(control);
    signal?.removeEventListener('abort', wake);
  }
}
