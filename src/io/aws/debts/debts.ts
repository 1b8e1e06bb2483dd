/**
 * The registered debts in a DynamoDB table (port: debts). How they lie there: items.ts.
 *
 * Opened by `openDynamoDebts(options, { clock, random, telemetry, credentials? })`; nothing is asked of AWS until the first call.
 *
 * - Reading: strongly consistent, 100 keys a request, several requests under way.
 * - Writing: 25 debts a request, each on its own condition (statements.ts; why so: docs/decisions/011). What a condition
 *   refused is looked up: a later turn ends the write as `superseded`, a tombstone stays, and anything else was written to
 *   meanwhile under no later turn and is tried again. A turn's write can be repeated, whole or in part, at any time.
 * - Lists: by reference and hash one read; by document through the index, each debt then read from the table itself, so that
 *   what the index still says of before is not shown; all, see list.ts, and so too by reference without its hash. The
 *   index follows the table within about a second: by document, a debt just written may be missing that long.
 *
 * Costs, in units for a million debts of under 1 KiB: created 1 M writes to the table and 1 M to the index; updated 1 M (and
 * 2 M to the index where the document changed); unchanged none. Reading a million to compare takes 1 M read units.
 *
 * Memory: `debtsBytes(options)` a store with one call open, the debts it is given or answers apart.
 * Faults: `SERVICE_IO`; `STORE_BUSY` never, for a busy table slows the pace and then fails as `SERVICE_IO`.
 */
import { assert } from '../../../core/assert.ts';
import { Fault, type Place } from '../../../core/faults.ts';
import type { DebtFilter, DebtKey, DebtStore, StoredDebt, WriteAnswer } from '../../ports/debts.ts';
import { type Connection, type ConnectionDeps, type ConnectionOptions, openConnection } from '../connection.ts';
import { type CallContext, SpoiltAnswer } from '../dynamo/dynamo.ts';
import { queryPages } from '../dynamo/query.ts';
import {
  BUCKETS_MAX,
  DEBTS_TABLE,
  DebtEncoder,
  type Item,
  type ItemKey,
  itemKeyOf,
  keyOfItem,
  keyOfSortKey,
  sortKey,
} from './items.ts';
import { listDebts, startAfter } from './list.ts';
import { DebtReads, KEYS_MAX } from './reads.ts';
import { DebtStatements, STATEMENTS_MAX, StatementTexts } from './statements.ts';

/** Plain data: it crosses to worker threads. Units of the paces: write units (1 KiB begun), and reads (full responses). */
export interface DynamoDebtsOptions extends ConnectionOptions {
  readonly table: string;
  /** Partitions of a client's debts, 1 to 1,024; the same for the life of the table. */
  readonly buckets: number;
  /** Keys the index by document, as UTF-8, 16 bytes or more; the same for the life of the table. */
  readonly documentSecret: string;
  /** Requests of one call that may be under way. */
  readonly inFlightMax: number;
}

/** Times that a refused debt is looked up and tried again; each time, another writer must have come between. */
const ROUNDS_MAX = 8;
/** 100 items of the largest debts in JSON, or a query's response of 1 MB with names and punctuation. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** A request with 25 large debts, or an answer with 100, as text and parsed. */
const REQUEST_BYTES = 512 * 1024;
const INDEX_KEYS_A_PAGE = 500;

/** What one thread may hold in requests and answers of one call. */
export function debtsBytes(options: Pick<DynamoDebtsOptions, 'inFlightMax'>): number {
  return options.inFlightMax * REQUEST_BYTES;
}

export function openDynamoDebts(options: DynamoDebtsOptions, deps: ConnectionDeps): DebtStore {
  return new DynamoDebts(options, openConnection(options, ANSWER_BYTES_MAX, deps));
}

class DynamoDebts implements DebtStore {
  readonly #options: DynamoDebtsOptions;
  readonly #connection: Connection;
  readonly #texts: StatementTexts;
  readonly #encoder: DebtEncoder;

  constructor(options: DynamoDebtsOptions, connection: Connection) {
    const { table, buckets, documentSecret, inFlightMax } = options;
    this.#encoder = new DebtEncoder(new TextEncoder().encode(documentSecret));
    assert(/^[\w.-]{3,255}$/.test(table), 'a table name is one of DynamoDB');
    assert(Number.isInteger(buckets) && buckets >= 1 && buckets <= BUCKETS_MAX, 'there are 1 to 1,024 buckets');
    assert(inFlightMax >= 1, 'at least one request may be under way');
    this.#options = options;
    this.#connection = connection;
    this.#texts = new StatementTexts(table);
  }

  async fetch(client: string, keys: readonly DebtKey[]): Promise<(StoredDebt | undefined)[]> {
    const { table, buckets } = this.#options;
    const asked = keys.map((key) => itemKeyOf(client, buckets, key));
    const distinct = [...new Map(asked.map((key) => [key.sk, key])).values()];
    const found = new Map<string, StoredDebt>();
    await this.#inGroups(distinct, KEYS_MAX, async (group, signal) => {
      const reads = new DebtReads(table, group);
      for (const [sk, debt] of await this.#connection.client.run(reads, this.#reading({}, signal))) found.set(sk, debt);
      return true;
    });
    return asked.map(({ sk }) => found.get(sk));
  }

  async write(client: string, turn: number, rows: readonly StoredDebt[]): Promise<WriteAnswer> {
    const written = await this.#inGroups(rows, STATEMENTS_MAX, (group, signal) => {
      for (const row of group) {
        assert(row.client === client && row.turn === turn, 'rows carry the client and turn of their write');
      }
      return this.#writeGroup(client, turn, group, signal);
    });
    return written ? 'written' : 'superseded';
  }

  async *list(client: string, filter: DebtFilter): AsyncIterable<StoredDebt> {
    const { document, externalRef, refHash } = filter;
    if (externalRef !== undefined && refHash !== undefined) {
      const isAfter = filter.after === undefined || sortKey(filter.after) < sortKey({ refHash, externalRef });
      yield* await this.#standing(client, isAfter ? [{ refHash, externalRef }] : [], filter);
    } else if (document !== undefined) yield* this.#listDocument(client, document, filter);
    else {
      const of = { ...this.#options, client: this.#connection.client };
      for await (const debt of listDebts(of, client, filter.after, this.#reading({}))) {
        if (passes(debt, filter)) yield debt;
      }
    }
  }

  /** Nothing to do: the service keeps its index. */
  async tidy(): Promise<boolean> {
    return false;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #reading(place: Place, signal?: AbortSignal): CallContext {
    return { pace: this.#connection.reading, place, ...(signal === undefined ? {} : { signal }) };
  }

  /**
   * Does `work` to all items, so many at a time and `inFlightMax` of these at once, until one answers `false`, which is then
   * the answer; or fails, with the first failure, when no other is under way any more.
   */
  async #inGroups<T>(
    items: readonly T[],
    size: number,
    work: (group: readonly T[], signal: AbortSignal) => Promise<boolean>,
  ): Promise<boolean> {
    const stop = new AbortController();
    let end: { readonly error: unknown } | 'refused' | undefined;
    let next = 0;
    const lane = async (): Promise<void> => {
      while (end === undefined && next < items.length) {
        const group = items.slice(next, (next += size));
        try {
          if (!(await work(group, stop.signal))) end ??= 'refused';
        } catch (error) {
          end ??= { error };
        }
        if (end !== undefined) stop.abort();
      }
    };
    const lanes = Math.min(this.#options.inFlightMax, Math.ceil(items.length / size));
    await Promise.all(Array.from({ length: lanes }, lane));
    if (typeof end === 'object') throw end.error;
    return end === undefined;
  }

  /** Whether all were written or have tombstones; not so as soon as one carries a later turn. */
  async #writeGroup(client: string, turn: number, rows: readonly StoredDebt[], signal: AbortSignal): Promise<boolean> {
    const place: Place = { batch: rows[0]?.changedBatch as string };
    let left = rows.map((row) => ({ row, insert: isNew(row) }));
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const request = new DebtStatements(this.#texts, place);
      for (const { row, insert } of left) {
        const key = itemKeyOf(client, this.#options.buckets, row);
        request.add(row, this.#encoder.encode(row), key, insert);
      }
      const refused = await this.#connection.client.run(request, { pace: this.#connection.writing, place, signal });
      if (refused.length === 0) return true;
      const stored = await this.fetch(client, refused);
      if (stored.some((debt) => debt !== undefined && !debt.erased && debt.turn > turn)) return false;
      left = refused
        .map((row, i) => ({ row, insert: stored[i] === undefined, stands: stored[i]?.erased === true }))
        .filter(({ stands }) => !stands);
      if (left.length === 0) return true;
    }
    throw new Fault('SERVICE_IO', `${left.length} debts are refused, and nothing stored says why`, place);
  }

  async *#listDocument(client: string, document: string, filter: DebtFilter): AsyncIterable<StoredDebt> {
    const { name } = DEBTS_TABLE.index;
    const start = startAfter(filter.after);
    const query = {
      TableName: this.#options.table,
      IndexName: name,
      KeyConditionExpression: `doc = :doc${start.condition}`,
      ExpressionAttributeValues: { ':doc': { S: this.#encoder.documentOf(client, document) }, ...start.values },
      ProjectionExpression: 'pk, sk',
      Limit: INDEX_KEYS_A_PAGE,
    };
    for await (const keys of queryPages(this.#connection.client, query, keyOfAnswer, this.#reading({}))) {
      const asked = keys.map(({ sk }) => keyOfSortKey(sk));
      const { externalRef } = filter;
      const wanted = asked.filter((key) => externalRef === undefined || key.externalRef === externalRef);
      yield* await this.#standing(client, wanted, filter);
    }
  }

  /** Of the debts asked, those that stand in the table and pass the filter. */
  async #standing(client: string, keys: readonly DebtKey[], filter: DebtFilter): Promise<StoredDebt[]> {
    const debts = await this.fetch(client, keys);
    return debts.filter((debt) => debt !== undefined).filter((debt) => !debt.erased && passes(debt, filter));
  }
}

/** Whether nothing was stored when the row was decided. */
function isNew(row: StoredDebt): boolean {
  return row.createdBatch === row.changedBatch && row.createdLine === row.changedLine;
}

function passes(debt: StoredDebt, { document, externalRef }: DebtFilter): boolean {
  return (document ?? debt.document) === debt.document && (externalRef ?? debt.externalRef) === debt.externalRef;
}

function keyOfAnswer(item: unknown): ItemKey {
  if (typeof item !== 'object' || item === null) throw new SpoiltAnswer('an item of another kind');
  return keyOfItem(item as Item);
}
