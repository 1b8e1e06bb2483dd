/**
 * Port: the work queues.
 *
 * Contract (what every driver keeps, and all that the engine relies on)
 * - At least once: a message is delivered until it is acknowledged; it may come twice, late and out of order.
 * - A message that was sent survives a loss of power. `send` ends well once every message was taken; where it fails, any of
 *   them may have been. Sending an id again, whether it waits, is leased or was acknowledged, may make a second message of
 *   that id, which is delivered like any other: an id names the work that is asked for, so doing it twice is harmless.
 * - `receive` leases: nobody else gets the message for `leaseMs`; `extend` renews that. A lease is void once it has run out
 *   and another receiver holds the message; a driver may hold it void as soon as it has run out. `extend` and `ack` then
 *   answer `false` and change nothing, and `release` does nothing.
 * - Groups do not starve each other: a group with thousands waiting does not keep another's message waiting behind them all.
 * - `receives` counts deliveries, this one included, and may be off. After `receivesMax` deliveries a message goes to the
 *   dead letters of its queue, where it stays until it is redriven or deleted.
 * - `receive` waits up to `waitMs` for a first message, or a little longer (the next whole second, and the answer's way). It
 *   gives fewer than `max` where that is quicker. Once the signal aborts it ends empty, as soon as what it asked for has
 *   been answered; what came meanwhile is given back.
 * - Leases and delays may be rounded up to whole seconds, and are cut at 12 hours. A delay that has not passed shows as
 *   `waiting` or as `leased`.
 *
 * The embedded driver promises more, and its suite holds it to that: an id that waits, is leased or lies among the dead
 * letters is not taken a second time; the groups take turns one by one and keep their order inside; times are kept
 * to the millisecond; a lease that ran out stays good until somebody else receives the message; `depth` is exact; an
 * aborted wait ends at once.
 *
 * Faults: those of the driver's store or service, all of them `retry`.
 */

export interface OutgoingMessage {
  readonly id: string;
  /** Whose turn it takes: the client. */
  readonly group: string;
  readonly body: string;
}

export interface ReceivedMessage extends OutgoingMessage {
  readonly receipt: string;
  readonly receives: number;
}

export interface QueueDepth {
  readonly waiting: number;
  readonly leased: number;
  readonly dead: number;
  /** Age of the oldest message that waits, in milliseconds; 0 for none. Absent where the driver cannot tell. */
  readonly oldestMs: number | undefined;
}

export interface ReceiveOptions {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs: number;
  readonly signal?: AbortSignal;
}

export interface WorkQueue {
  /**
   * Where an id that waits is taken a second time: how long work must have stood still before its messages are sent again
   * on the mere suspicion that they were lost. Absent where sending again adds nothing.
   */
  readonly resendMsMin?: number;
  send(queue: string, messages: readonly OutgoingMessage[]): Promise<void>;
  receive(queue: string, options: ReceiveOptions): Promise<ReceivedMessage[]>;
  extend(queue: string, message: ReceivedMessage, leaseMs: number): Promise<boolean>;
  ack(queue: string, message: ReceivedMessage): Promise<boolean>;
  /** Gives the message back; it comes again after `delayMs`. */
  release(queue: string, message: ReceivedMessage, delayMs: number): Promise<void>;
  depth(queue: string): Promise<QueueDepth>;
  /** Dead letters wait again; returns how many. */
  redrive(queue: string): Promise<number>;
}
