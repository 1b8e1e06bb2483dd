/**
 * Port: deliveries, the outbox of the notifier. One for each (event, channel): what is to be told, to whom it went, and how
 * each attempt ended.
 *
 * Contract
 * - A delivery is named by (client, id); ids are derived from what happened, and sort by when it happened.
 * - `add` stores those that are not there; the first one stored under an id stands. Once it answered they survive a loss of
 *   power, and `due` gives them when their time has come.
 * - `replace` writes where the stored `revision` is the one given and stores `revision + 1`; `false` otherwise, and nothing
 *   changes. What was removed is not made again.
 * - `due` gives pending ones whose time is not after `nowMs`, the earliest first. One that was just stored may be missing in
 *   one answer and stands in a later one; one that is not pending or whose time has not come is never among them.
 * - `pending` gives a client's pending ones of a channel, in the order of ids, whatever their time.
 * - `list` gives the newest first, by id.
 * - `remove` takes away all of a client, or those of the batches given; it answers how many there were.
 * - `sweep` takes away at most `max` that were made before then and are not pending; it answers how many. A store that lets
 *   old items run out by itself answers 0.
 * - Payloads are JSON texts; the store does not look into them.
 */

export type DeliveryChannel = 'webhook' | 'mail' | 'events';

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export interface DeliveryAttempt {
  readonly atMs: number;
  /** How long it took. */
  readonly ms: number;
  /** `delivered`, or what went wrong: no address, no value of a record. */
  readonly says: string;
}

export interface Delivery {
  readonly id: string;
  /** The id by which receivers know the event again; the same for all channels. */
  readonly event: string;
  readonly client: string;
  readonly batch: string;
  readonly channel: DeliveryChannel;
  readonly payload: string;
  /** Mail that may wait to be sent together with others. */
  readonly gathers: boolean;
  readonly state: DeliveryState;
  readonly revision: number;
  /** Attempts since it was made or last redelivered: what the cap counts. */
  readonly tries: number;
  /** The last ones, oldest first, at most `ATTEMPTS_KEPT`. */
  readonly attempts: readonly DeliveryAttempt[];
  readonly createdAtMs: number;
  /** When a pending one is to be tried; while it is being tried, when another may take it up. */
  readonly nextAtMs: number;
}

export const ATTEMPTS_KEPT = 30;

export interface DeliveryFilter {
  readonly client: string;
  readonly batch?: string;
  readonly state?: DeliveryState;
  readonly limit: number;
}

export interface DeliveryStore {
  add(deliveries: readonly Delivery[]): Promise<void>;
  replace(delivery: Delivery, expectedRevision: number): Promise<boolean>;
  get(client: string, id: string): Promise<Delivery | undefined>;
  due(nowMs: number, max: number): Promise<Delivery[]>;
  pending(client: string, channel: DeliveryChannel, max: number): Promise<Delivery[]>;
  list(filter: DeliveryFilter): Promise<Delivery[]>;
  remove(client: string, batches?: ReadonlySet<string>): Promise<number>;
  sweep(createdBeforeMs: number, max: number): Promise<number>;
}
