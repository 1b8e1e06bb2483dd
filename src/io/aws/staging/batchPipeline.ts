/**
 * Many items on their way to the table: one request being filled while others are under way.
 *
 * Promises: at most `inFlightMax` requests under way and one being filled, whatever the store's speed, so memory is
 * `(inFlightMax + 1) × requestBytes`; who adds more waits. The first fault ends it: it is thrown by every later call.
 * One caller at a time, which waits for each call.
 */
import { assert } from '../../../core/assert.ts';
import { Fault, type Place } from '../../../core/faults.ts';
import type { DynamoClient } from '../dynamo/dynamo.ts';
import type { Pace } from '../dynamo/pace.ts';
import { BatchRequest } from './batchRequest.ts';
import type { ItemKey } from './stagedItems.ts';

/** Requests that wait to be filled again; kept by the store, so that an attempt finds those of the one before. */
export class RequestShelf {
  readonly #table: string;
  readonly #requestBytes: number;
  readonly #kept: number;
  readonly #spare: BatchRequest[] = [];

  constructor(table: string, requestBytes: number, kept: number) {
    this.#table = table;
    this.#requestBytes = requestBytes;
    this.#kept = kept;
  }

  take(): BatchRequest {
    return this.#spare.pop() ?? new BatchRequest(this.#table, this.#requestBytes);
  }

  give(request: BatchRequest): void {
    request.clear();
    if (this.#spare.length < this.#kept) this.#spare.push(request);
  }
}

export interface PipelineParts {
  readonly client: DynamoClient;
  readonly pace: Pace;
  readonly shelf: RequestShelf;
  readonly inFlightMax: number;
}

export class BatchPipeline {
  readonly #parts: PipelineParts;
  readonly #place: Place;
  readonly #stop = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #filling: BatchRequest | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: PipelineParts, place: Place) {
    assert(parts.inFlightMax >= 1, 'at least one request may be under way');
    this.#parts = parts;
    this.#place = place;
  }

  /** Whether a fault has ended it. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Puts an item; the value is copied. Answers nothing where there is room at once: most items do not wait. */
  put(key: ItemKey, ttlSecond: number, codec: number, following: number, value: Uint8Array): Promise<void> | undefined {
    const filling = this.#filling;
    if (filling?.fits(value.length) !== true || this.#failure !== undefined) {
      return this.#room(value.length).then((request) => request.put(key, ttlSecond, codec, following, value));
    }
    filling.put(key, ttlSecond, codec, following, value);
    return undefined;
  }

  async delete(key: ItemKey): Promise<void> {
    const request = await this.#room(0);
    request.delete(key);
  }

  /** All that was added has been taken by the store. */
  async flush(): Promise<void> {
    this.#throwFailure();
    this.#send();
    while (this.#underWay.size > 0) await Promise.race(this.#underWay);
    this.#throwFailure();
  }

  /** Nothing more is sent; what is under way has ended, one way or the other. Buffers go back. */
  async stop(): Promise<void> {
    this.#fail(new Fault('SERVICE_IO', 'the writing was stopped', this.#place));
    await Promise.allSettled(this.#underWay);
  }

  async #room(valueBytes: number): Promise<BatchRequest> {
    this.#throwFailure();
    if (this.#filling?.fits(valueBytes) === false) {
      while (this.#underWay.size >= this.#parts.inFlightMax) await Promise.race(this.#underWay);
      this.#throwFailure();
      this.#send();
    }
    this.#filling ??= this.#parts.shelf.take();
    return this.#filling;
  }

  #send(): void {
    const request = this.#filling;
    if (request === undefined) return;
    this.#filling = undefined;
    const { client, pace, shelf } = this.#parts;
    const sent: Promise<void> = client
      .run(request, { pace, place: this.#place, signal: this.#stop.signal })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#underWay.delete(sent);
        shelf.give(request);
      });
    this.#underWay.add(sent);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort();
    if (this.#filling !== undefined) this.#parts.shelf.give(this.#filling);
    this.#filling = undefined;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
