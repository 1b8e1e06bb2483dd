/**
 * Port: events of batches, told to whoever listens (a topic, a bus).
 *
 * Contract
 * - `publish` settles once every event is taken for good. Where it throws, some may have been taken all the same.
 * - At least once, in no order: an event published again under its id may come twice. The id goes with it, so that a
 *   listener can tell.
 * - `NOTICE_REFUSED` where an event can never go (too large, a destination that is not there). Anything that may pass is a
 *   fault that is retried; what was not taken is retried a few times inside, by itself, and only that.
 * - Events hold no value of a record and no file name.
 */

export interface OutgoingEvent {
  /** Derived from what happened, the same each time: 1 to 128 of letters, digits, `-`, `_`, `/` and `.`. */
  readonly id: string;
  /** What happened: `batch.completed`. */
  readonly type: string;
  readonly client: string;
  /** Wall time at which it happened, milliseconds. */
  readonly atMs: number;
  /** Plain data; at most `EVENT_BYTES_MAX` as JSON in UTF-8. */
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface EventPublisher {
  publish(events: readonly OutgoingEvent[]): Promise<void>;
  close(): Promise<void>;
}

/** Of one event's detail: services take 256 KiB with all that stands around it. */
export const EVENT_BYTES_MAX = 240 * 1024;
