/**
 * Results of work and recorded failures in DynamoDB: one item a result, put once; one item a work that failed, with the set of
 * its attempts.
 *
 * A result's text is compressed; it may take 384 KiB then, and a longer one is refused (items.ts). Counting reads
 * all results of a kind, in units of 4 KB: a kilobyte a range, compressed.
 */
import type { Registry, ResultKind, ResultPage, WorkFailures, WorkResult } from '../../ports/registry.ts';
import type { Item, KeyedTable, TableDeps } from '../dynamo/keyedTable.ts';
import {
  failuresPartition,
  numberValue,
  resultKey,
  resultPartition,
  stringOf,
  textItem,
  textOf,
  workKey,
} from './items.ts';

/** A work is given up long before; the set must not outgrow its item. */
const ATTEMPTS_MAX = 1000;
const SAYS_CHARACTERS_MAX = 1000;
const MS_PER_SECOND = 1000;

type Results = Pick<
  Registry,
  | 'putResult'
  | 'getResult'
  | 'countResults'
  | 'listResults'
  | 'listWorks'
  | 'dropResults'
  | 'recordFailure'
  | 'failuresOf'
  | 'clearFailures'
>;

export class ResultItems implements Results {
  readonly #table: KeyedTable;
  readonly #deps: Pick<TableDeps, 'clock'>;
  readonly #keepMs: number | undefined;

  constructor(table: KeyedTable, deps: Pick<TableDeps, 'clock'>, keepMs: number | undefined) {
    this.#table = table;
    this.#deps = deps;
    this.#keepMs = keepMs;
  }

  async putResult(batch: string, kind: ResultKind, work: number, body: string): Promise<WorkResult> {
    const item = { ...textItem(body), ...this.#ttl() };
    for (;;) {
      if (await this.#table.putNew(resultKey(batch, kind, work), item)) return { work, body };
      const stands = await this.getResult(batch, kind, work);
      // Dropped between the two calls: it is the first one again.
      if (stands !== undefined) return stands;
    }
  }

  async getResult(batch: string, kind: ResultKind, work: number): Promise<WorkResult | undefined> {
    const item = await this.#table.get(resultKey(batch, kind, work));
    return item === undefined ? undefined : { work, body: textOf(item) };
  }

  countResults(batch: string, kind: ResultKind): Promise<number> {
    return this.#table.count({ pk: resultPartition(batch, kind) });
  }

  async listResults(batch: string, kind: ResultKind, page?: ResultPage): Promise<WorkResult[]> {
    const results: WorkResult[] = [];
    const max = page?.max ?? Number.POSITIVE_INFINITY;
    const span = {
      pk: resultPartition(batch, kind),
      from: workKey((page?.after ?? -1) + 1),
      ...(page === undefined ? {} : { pageItems: Math.max(1, page.max) }),
    };
    if (max <= 0) return results;
    for await (const items of this.#table.query(span)) {
      results.push(...items.map((item) => ({ work: workOf(item), body: textOf(item) })));
      if (results.length >= max) return results.slice(0, max);
    }
    return results;
  }

  async listWorks(batch: string, kind: ResultKind): Promise<number[]> {
    return (await this.#table.all({ pk: resultPartition(batch, kind), only: ['sk'] })).map(workOf);
  }

  async dropResults(batch: string, kinds: readonly ResultKind[]): Promise<void> {
    await Promise.all(kinds.map((kind) => this.#table.removeAll(resultPartition(batch, kind))));
  }

  async recordFailure(batch: string, work: string, attempt: string, says: string): Promise<number> {
    const key = { pk: failuresPartition(batch), sk: work };
    const { ttl } = this.#ttl();
    const item = await this.#table.updated(key, {
      set: `ADD a :attempt SET says = :says${ttl === undefined ? '' : ', #ttl = :ttl'}`,
      when: 'attribute_not_exists(a) OR size(a) < :max OR contains(a, :one)',
      ...(ttl === undefined ? {} : { names: { '#ttl': 'ttl' } }),
      values: {
        ':attempt': { SS: [attempt] },
        ':one': { S: attempt },
        ':max': numberValue(ATTEMPTS_MAX),
        ':says': { S: says.slice(0, SAYS_CHARACTERS_MAX) },
        ...(ttl === undefined ? {} : { ':ttl': ttl }),
      },
    });
    return item?.['a']?.SS?.length ?? ATTEMPTS_MAX;
  }

  async failuresOf(batch: string, works: readonly string[]): Promise<WorkFailures[]> {
    const pk = failuresPartition(batch);
    const items = await this.#table.getMany([...new Set(works)].map((sk) => ({ pk, sk })));
    return items.map((item) => ({
      work: stringOf(item, 'sk'),
      attempts: item['a']?.SS?.length ?? 0,
      says: stringOf(item, 'says'),
    }));
  }

  async clearFailures(batch: string): Promise<void> {
    await this.#table.removeAll(failuresPartition(batch));
  }

  /** Kept from when it is written: as long as a batch may live, and then as long as it is kept once it has ended. */
  #ttl(): Item {
    if (this.#keepMs === undefined) return {};
    return { ttl: numberValue(Math.ceil((this.#deps.clock.nowMs() + 2 * this.#keepMs) / MS_PER_SECOND)) };
  }
}

function workOf(item: Item): number {
  return Number(stringOf(item, 'sk'));
}
