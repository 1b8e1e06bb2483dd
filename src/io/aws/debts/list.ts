/**
 * A client's debts in the order of (refHash, externalRef): its buckets, each in that order, merged.
 *
 * Promises: strongly consistent, tombstones left out; of each bucket one response is being given out and, from its middle
 * on, the next one under way, `ROWS_HELD` debts in all, whatever the client has. Abandoned, what is under way ends unheard.
 * Faults: `SERVICE_IO`.
 */
import type { DebtKey, StoredDebt } from '../../ports/debts.ts';
import { type CallContext, type DynamoClient, SpoiltAnswer } from '../dynamo/dynamo.ts';
import { queryPages } from '../dynamo/query.ts';
import { bucketPartition, debtOf, type Item, sortKey } from './items.ts';

/** Debts that a list may hold, if there are few buckets; of each bucket, no fewer than some. */
const ROWS_HELD = 4096;
const ROWS_A_PAGE_MIN = 16;

export interface ListedTable {
  readonly client: DynamoClient;
  readonly table: string;
  readonly buckets: number;
}

type Page = readonly StoredDebt[];
type Pages = AsyncGenerator<Page>;

/** `after`: where to go on, in the order of the list. */
export async function* listDebts(
  of: ListedTable,
  client: string,
  after: DebtKey | undefined,
  context: CallContext,
): AsyncIterable<StoredDebt> {
  const stop = new AbortController();
  const cursors = Array.from(
    { length: of.buckets },
    (_, bucket) => new Cursor(pagesOf(of, bucketPartition(client, bucket), after, { ...context, signal: stop.signal })),
  );
  try {
    await Promise.all(cursors.map((cursor) => cursor.load()));
    for (let least = leastOf(cursors); least !== undefined; least = leastOf(cursors)) {
      const debt = least.take();
      if (least.empty) await least.load();
      if (!debt.erased) yield debt;
    }
  } finally {
    stop.abort();
  }
}

function pagesOf(
  { client, table, buckets }: ListedTable,
  pk: string,
  after: DebtKey | undefined,
  context: CallContext,
): Pages {
  const start = startAfter(after);
  const query = {
    TableName: table,
    KeyConditionExpression: `pk = :pk${start.condition}`,
    ExpressionAttributeValues: { ':pk': { S: pk }, ...start.values },
    ConsistentRead: true,
    Limit: Math.max(ROWS_A_PAGE_MIN, Math.floor(ROWS_HELD / 2 / buckets)),
  };
  return queryPages(client, query, debtOfAnswer, context);
}

/** What a query's condition on keys has besides the partition, to begin after a debt. */
export function startAfter(after: DebtKey | undefined): { readonly condition: string; readonly values: object } {
  if (after === undefined) return { condition: '', values: {} };
  return { condition: ' AND sk > :after', values: { ':after': { S: sortKey(after) } } };
}

function debtOfAnswer(item: unknown): StoredDebt {
  if (typeof item !== 'object' || item === null) throw new SpoiltAnswer('an item of another kind');
  return debtOf(item as Item);
}

/** Hashes of two buckets are never equal, and inside a bucket the order is the service's. */
function leastOf(cursors: readonly Cursor[]): Cursor | undefined {
  let least: Cursor | undefined;
  for (const cursor of cursors) {
    if (cursor.hash < (least?.hash ?? Number.POSITIVE_INFINITY)) least = cursor;
  }
  return least;
}

class Cursor {
  /** Of the next debt; infinite at the end. */
  hash = Number.POSITIVE_INFINITY;
  readonly #pages: Pages;
  #coming: Promise<IteratorResult<Page>> | undefined;
  #page: Page = [];
  #at = 0;

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  get empty(): boolean {
    return this.#at === this.#page.length;
  }

  /** Takes the next response that has debts. */
  async load(): Promise<void> {
    this.hash = Number.POSITIVE_INFINITY;
    this.#at = 0;
    do {
      const { done, value } = await this.#ask();
      this.#coming = undefined;
      this.#page = done === true ? [] : value;
      if (done === true) return;
    } while (this.#page.length === 0);
    this.hash = this.#page[0]?.refHash as number;
  }

  take(): StoredDebt {
    const debt = this.#page[this.#at++] as StoredDebt;
    this.hash = this.#page[this.#at]?.refHash ?? Number.POSITIVE_INFINITY;
    if (this.#at * 2 >= this.#page.length) this.#ask();
    return debt;
  }

  #ask(): Promise<IteratorResult<Page>> {
    if (this.#coming === undefined) {
      this.#coming = this.#pages.next();
      // It is heard when it is taken; a list that was abandoned takes no more.
      this.#coming.catch(() => {});
    }
    return this.#coming;
  }
}
