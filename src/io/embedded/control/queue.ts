/**
 * The work queues over the control database (port: queue).
 *
 * A receiver that finds nothing waits until something is sent from this process, and looks again every `pollMsMax` at the
 * latest: other processes send into the same database, and leases run out without anybody's doing.
 */
import type { Clock } from '../../../core/clock.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import type { OutgoingMessage, QueueDepth, ReceivedMessage, WorkQueue } from '../../ports/queue.ts';
import type { Control } from './control.ts';

export interface QueueOptions {
  /** After so many deliveries a message goes to the dead letters. */
  readonly receivesMax: number;
  /** The longest time between two looks at an empty queue, in milliseconds. */
  readonly pollMsMax: number;
}

export interface QueueDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export class EmbeddedQueue implements WorkQueue {
  readonly #control: Control;
  readonly #options: QueueOptions;
  readonly #deps: QueueDeps;
  /** By queue, how often messages became free here: a receiver that sees it move looks again at once. */
  readonly #freed = new Map<string, number>();
  readonly #sleepers = new Map<string, Set<AbortController>>();

  constructor(control: Control, options: QueueOptions, deps: QueueDeps) {
    this.#control = control;
    this.#options = options;
    this.#deps = deps;
  }

  async send(queue: string, messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const added = await this.#control.call('queue.send', { queue, messages, sentAtMs: this.#deps.clock.nowMs() });
    if (added > 0) this.wake(queue);
  }

  async receive(
    queue: string,
    options: { readonly max: number; readonly waitMs: number; readonly leaseMs: number; readonly signal?: AbortSignal },
  ): Promise<ReceivedMessage[]> {
    const { clock, random } = this.#deps;
    const deadlineMs = clock.monotonicMs() + options.waitMs;
    while (options.signal?.aborted !== true) {
      const freed = this.#freed.get(queue);
      const nowMs = clock.monotonicMs();
      const messages = await this.#control.call('queue.receive', {
        queue,
        max: options.max,
        leaseMs: options.leaseMs,
        receivesMax: this.#options.receivesMax,
        nowMs,
        nonce: Buffer.from(random(12)).toString('base64url'),
      });
      if (messages.length > 0) return messages;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      if (this.#freed.get(queue) === freed)
        await this.#sleep(queue, Math.min(leftMs, this.#options.pollMsMax), options.signal);
    }
    return [];
  }

  extend(queue: string, message: ReceivedMessage, leaseMs: number): Promise<boolean> {
    const untilMs = Math.ceil(this.#deps.clock.monotonicMs() + leaseMs);
    return this.#control.call('queue.extend', { queue, id: message.id, receipt: message.receipt, untilMs });
  }

  ack(queue: string, message: ReceivedMessage): Promise<boolean> {
    return this.#control.call('queue.ack', { queue, id: message.id, receipt: message.receipt });
  }

  async release(queue: string, message: ReceivedMessage, delayMs: number): Promise<void> {
    const freeAtMs = Math.ceil(this.#deps.clock.monotonicMs() + delayMs);
    await this.#control.call('queue.release', { queue, id: message.id, receipt: message.receipt, freeAtMs });
    if (delayMs <= 0) this.wake(queue);
  }

  depth(queue: string): Promise<QueueDepth> {
    const { clock } = this.#deps;
    return this.#control.call('queue.depth', { queue, nowMs: clock.monotonicMs(), wallMs: clock.nowMs() });
  }

  async redrive(queue: string): Promise<number> {
    const moved = await this.#control.call('queue.redrive', queue);
    if (moved > 0) this.wake(queue);
    return moved;
  }

  /** Lets receivers look again at once. */
  wake(queue: string): void {
    this.#freed.set(queue, (this.#freed.get(queue) ?? 0) + 1);
    for (const sleeper of this.#sleepers.get(queue) ?? []) sleeper.abort();
  }

  async #sleep(queue: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    const sleeper = new AbortController();
    const wake = (): void => sleeper.abort();
    const sleepers = this.#sleepers.get(queue) ?? new Set();
    this.#sleepers.set(queue, sleepers.add(sleeper));
    signal?.addEventListener('abort', wake, { once: true });
    try {
      await this.#deps.clock.sleep(ms, sleeper.signal);
    } finally {
      signal?.removeEventListener('abort', wake);
      sleepers.delete(sleeper);
    }
  }
}
