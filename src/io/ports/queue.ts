/**
 * Port: the work queues.
 *
 * Contract
 * - At least once: a message is delivered until it is acknowledged; it may come twice, late and out of order.
 * - A message that was sent survives a loss of power. Sending an id that still waits, or is leased, changes nothing;
 *   sending an id that was acknowledged earlier makes a new message.
 * - `receive` leases: nobody else gets the message for `leaseMs`; `extend` renews that. Both are void once the lease has
 *   run out and another receiver holds the message: `extend` and `ack` then answer `false` and change nothing.
 * - Groups take turns: among waiting messages of a queue, the next comes from another group than the last where there is
 *   one; inside a group, first sent first. A group with thousands waiting does not delay another.
 * - `receives` counts deliveries, this one included. After `receivesMax` deliveries a message goes to the dead letters
 *   of its queue, where it stays until it is redriven or deleted.
 * - `receive` waits up to `waitMs` for a first message; it ends early, empty, when the signal aborts.
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
  /** Age of the oldest message that waits, in milliseconds; 0 for none. */
  readonly oldestMs: number;
}

export interface WorkQueue {
  send(queue: string, messages: readonly OutgoingMessage[]): Promise<void>;
  receive(
    queue: string,
    options: { readonly max: number; readonly waitMs: number; readonly leaseMs: number; readonly signal?: AbortSignal },
  ): Promise<ReceivedMessage[]>;
  extend(queue: string, message: ReceivedMessage, leaseMs: number): Promise<boolean>;
  ack(queue: string, message: ReceivedMessage): Promise<boolean>;
  /** Gives the message back; it comes again after `delayMs`. */
  release(queue: string, message: ReceivedMessage, delayMs: number): Promise<void>;
  depth(queue: string): Promise<QueueDepth>;
  /** Dead letters wait again; returns how many. */
  redrive(queue: string): Promise<number>;
}
