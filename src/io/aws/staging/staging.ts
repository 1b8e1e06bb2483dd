/**
 * Staged pages in a DynamoDB table (port: staging). How they lie there: stagedItems.ts.
 *
 * - Writing: pages are compressed, numbered by shard and sent in full requests. Every put is unconditional under a key of
 *   this attempt alone, so it may be repeated. `commit` returns when all of them were acknowledged.
 * - Reading: strongly consistent queries, a response (1 MB of items) at a time. Item numbers leave no gap: where one does not
 *   follow the last, or they end too early, the fault is `STAGED_PAGES_SHORT`.
 * - Removing: `abort` deletes what its attempt wrote and `free` what the committed attempts of a batch wrote. An attempt
 *   that died, and whatever cannot be deleted when aborting, is left to the table's time to live.
 *
 * Memory: `(inFlightMax + 1) × requestBytes` per open writer and one page being compressed; one response per reader.
 */
import { assert } from '../../../core/assert.ts';
import type { Clock } from '../../../core/clock.ts';
import { Fault, type FaultCode, isFault, type Place } from '../../../core/faults.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { StagedRange, StagingStore, StagingWriter } from '../../ports/staging.ts';
import type { DynamoClient } from '../dynamo/dynamo.ts';
import type { Pace } from '../dynamo/pace.ts';
import { type QueriedItem, queryItems } from '../dynamo/query.ts';
import { BatchPipeline, type PipelineParts, RequestShelf } from './batchPipeline.ts';
import {
  attemptPrefix,
  decodeCounts,
  encodeCounts,
  encodePage,
  ITEM_VALUE_BYTES_MAX,
  itemKey,
  itemNumber,
  PageAssembly,
  partsOf,
  rangesPartition,
  shardPartition,
} from './stagedItems.ts';

export interface DynamoStagingOptions {
  readonly table: string;
  /** How long pages are kept when nothing removes them: longer than a batch may live. */
  readonly ttlMs: number;
  /** The buffer of one request, from `REQUEST_BYTES_MIN`. */
  readonly requestBytes: number;
  /** Requests of one writer that may be under way. */
  readonly inFlightMax: number;
}

export interface DynamoStagingDeps {
  readonly client: DynamoClient;
  /** One for all that is written to the table, one for all that is read from it. */
  readonly writing: Pace;
  readonly reading: Pace;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

export class DynamoStaging implements StagingStore {
  readonly #options: DynamoStagingOptions;
  readonly #deps: DynamoStagingDeps;
  readonly #pipeline: PipelineParts;

  constructor(options: DynamoStagingOptions, deps: DynamoStagingDeps) {
    assert(/^[\w.-]{3,255}$/.test(options.table), 'a table name is one of DynamoDB');
    this.#options = options;
    this.#deps = deps;
    const { table, requestBytes, inFlightMax } = options;
    const shelf = new RequestShelf(table, requestBytes, inFlightMax + 1);
    this.#pipeline = { client: deps.client, pace: deps.writing, shelf, inFlightMax };
  }

  async open(batch: string, range: number, attempt: string): Promise<StagingWriter> {
    const ttlSecond = Math.ceil((this.#deps.clock.nowMs() + this.#options.ttlMs) / 1000);
    return new DynamoStagingWriter({ batch, range, attempt, ttlSecond }, this.#pipeline, this.#deps.telemetry);
  }

  async *read(batch: string, shard: number, from: StagedRange): AsyncIterable<Uint8Array> {
    if (from.pages === 0) return;
    const place: Place = { batch, range: from.range, shard };
    const prefix = attemptPrefix(from.range, from.attempt);
    const assembly = new PageAssembly();
    let items = 0;
    let pages = 0;
    for await (const item of this.#query(shardPartition(batch, shard), prefix, place)) {
      if (itemNumber(prefix, item.sk) !== items) break;
      items++;
      const page = assembly.add(item.value);
      if (page === undefined) continue;
      yield page;
      if (++pages === from.pages) return;
    }
    throw new Fault('STAGED_PAGES_SHORT', `${pages} of ${from.pages} pages`, place);
  }

  async free(batch: string): Promise<void> {
    const place: Place = { batch };
    const pipeline = new BatchPipeline(this.#pipeline, place);
    try {
      const partition = rangesPartition(batch);
      for await (const item of this.#query(partition, '', place)) {
        const counts = new PageAssembly().add(item.value);
        if (counts === undefined) throw new Fault('STORE_CORRUPT', 'the counts of a staged range', place);
        await deleteItems(pipeline, batch, `${item.sk}#`, decodeCounts(counts));
        // First the pages, then what names them: a removal that was cut short is taken up again.
        await pipeline.flush();
        await pipeline.delete({ pk: partition, sk: item.sk });
      }
      await pipeline.flush();
    } finally {
      await pipeline.stop();
    }
  }

  #query(pk: string, prefix: string, place: Place): AsyncGenerator<QueriedItem> {
    const { client, reading } = this.#deps;
    return queryItems(client, { table: this.#options.table, pk, prefix }, { pace: reading, place });
  }
}

/** Deletes are added to the pipeline; nothing says that they were sent. */
async function deleteItems(
  pipeline: BatchPipeline,
  batch: string,
  prefix: string,
  itemsByShard: readonly number[],
): Promise<void> {
  for (const [shard, items] of itemsByShard.entries()) {
    const pk = shardPartition(batch, shard);
    for (let item = 0; item < (items ?? 0); item++) await pipeline.delete({ pk, sk: itemKey(prefix, item) });
  }
}

interface Attempt {
  readonly batch: string;
  readonly range: number;
  readonly attempt: string;
  readonly ttlSecond: number;
}

class DynamoStagingWriter implements StagingWriter {
  readonly #of: Attempt;
  readonly #parts: PipelineParts;
  readonly #telemetry: Telemetry;
  readonly #pipeline: BatchPipeline;
  readonly #prefix: string;
  readonly #partitions: string[] = [];
  /** Items that were given to the pipeline, by shard. */
  readonly #items: number[] = [];
  #state: 'open' | 'committed' | 'aborted' = 'open';

  constructor(of: Attempt, parts: PipelineParts, telemetry: Telemetry) {
    this.#of = of;
    this.#parts = parts;
    this.#telemetry = telemetry;
    this.#prefix = attemptPrefix(of.range, of.attempt);
    this.#pipeline = new BatchPipeline(parts, { batch: of.batch, range: of.range });
  }

  async write(shard: number, page: Uint8Array): Promise<void> {
    assert(this.#state === 'open', 'a finished attempt stages no more pages');
    while (this.#items.length <= shard) this.#items.push(0);
    this.#partitions[shard] ??= shardPartition(this.#of.batch, shard);
    const { codec, bytes } = encodePage(page);
    const parts = partsOf(bytes.length);
    for (let part = 0; part < parts; part++) {
      const key = { pk: this.#partitions[shard], sk: itemKey(this.#prefix, this.#items[shard] as number) };
      const from = part * ITEM_VALUE_BYTES_MAX;
      const value = parts === 1 ? bytes : bytes.subarray(from, from + ITEM_VALUE_BYTES_MAX);
      this.#items[shard] = (this.#items[shard] as number) + 1;
      const room = this.#pipeline.put(key, this.#of.ttlSecond, codec, parts - 1 - part, value);
      if (room !== undefined) await room;
    }
  }

  async commit(): Promise<void> {
    assert(this.#state === 'open', 'an attempt is committed once');
    await this.#pipeline.flush();
    const { codec, bytes } = encodePage(encodeCounts(this.#items));
    const key = { pk: rangesPartition(this.#of.batch), sk: this.#prefix.slice(0, -1) };
    await this.#pipeline.put(key, this.#of.ttlSecond, codec, 0, bytes);
    await this.#pipeline.flush();
    this.#state = 'committed';
  }

  async abort(): Promise<void> {
    if (this.#state !== 'open') return;
    this.#state = 'aborted';
    const storeFailed = this.#pipeline.failed;
    await this.#pipeline.stop();
    // What refused puts to the last try will refuse deletes as well: the work would only end later.
    if (storeFailed) this.#leave('SERVICE_IO');
    else await this.#deleteWritten();
  }

  async #deleteWritten(): Promise<void> {
    const { batch, range } = this.#of;
    const deleting = new BatchPipeline(this.#parts, { batch, range });
    try {
      await deleteItems(deleting, batch, this.#prefix, this.#items);
      await deleting.delete({ pk: rangesPartition(batch), sk: this.#prefix.slice(0, -1) });
      await deleting.flush();
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#leave(error.code);
    } finally {
      await deleting.stop();
    }
  }

  /** No one reads an attempt that has no result, and the table's time to live removes its pages. */
  #leave(code: FaultCode): void {
    const { batch, range } = this.#of;
    this.#telemetry.emit({ name: 'staging.leftover', level: 'warn', fields: { batch, range, code } });
  }
}
