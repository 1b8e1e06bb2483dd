/**
 * Port: the object store. Raw files, work objects, manifests, parts and answers.
 *
 * Contract
 * - An object appears whole or not at all; once `commit` or `put` has returned, it survives a loss of power.
 * - Keys are made by the engine (`[a-z0-9._/-]`, no `..`), never taken from a client. A store in which clients put their files
 *   themselves also reads keys below `inbox/<client>/`, of any characters, and writes none of them.
 * - A pin (key and etag) names one state of an object: reading through it gives exactly that state's bytes or a fault,
 *   `OBJECT_VANISHED` (the key is gone) or `OBJECT_CHANGED` (it holds something else now). Where a store keeps versions, the
 *   pins of `head`, `put` and `commit` hold as long as the version does.
 * - A pin with `mayHaveGrown` also opens the object where bytes were only added at its end since: what registering has
 *   begun on can no longer be voided, and the bytes it reads are still those. Stores whose objects never grow ignore it.
 * - `delete` of what is not there succeeds.
 * - Other faults: `STORE_IO`, `STORE_FULL`; of a service, `SERVICE_IO`, `SERVICE_DENIED` (all retry).
 */

export interface ObjectPin {
  readonly key: string;
  readonly etag: string;
  readonly mayHaveGrown?: boolean;
}

export interface ObjectInfo extends ObjectPin {
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface RangeReader {
  /** Fills `target` from its start with the next bytes; returns how many, 0 at the range's end. Never returns short but at the end. */
  read(target: Uint8Array): Promise<number>;
  /** Frees what the reader holds; safe to call twice and in the middle of a range. */
  close(): Promise<void>;
}

export interface ObjectWriter {
  /** The bytes may be reused by the caller once the promise has settled. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the object appear under its key, durably, in place of any earlier one. */
  commit(): Promise<ObjectInfo>;
  /** Leaves nothing behind; safe after `commit` and when called twice. */
  abort(): Promise<void>;
}

export interface ObjectStore {
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Opens bytes `[start, end)` of the pinned state; checks the pin when opened and at the end. */
  openRange(pin: ObjectPin, start: number, end: number): Promise<RangeReader>;
  create(key: string): Promise<ObjectWriter>;
  put(key: string, bytes: Uint8Array): Promise<ObjectInfo>;
  /** The whole object, for small ones; `undefined` where the key holds nothing. */
  get(key: string): Promise<Uint8Array | undefined>;
  delete(key: string): Promise<void>;
  deletePrefix(prefix: string): Promise<void>;
  /** Objects whose key begins with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
}
