/**
 * One BatchGetItem request: up to 100 debts by their keys, strongly consistent.
 *
 * Keys that the service left unprocessed are asked for again, they alone; what was found is gathered over the tries. Whoever
 * adds a key sees to it that none comes twice. The service's limits: 100 keys and 16 MB of items; debts are a few KiB at most.
 */
import { assert } from '../../../core/assert.ts';
import type { StoredDebt } from '../../ports/debts.ts';
import { type Call, SpoiltAnswer, type Verdict } from '../dynamo/dynamo.ts';
import { debtOf, type Item, type ItemKey, keyOfItem } from './items.ts';

export const KEYS_MAX = 100;

/** Answers the debts that are there, by sort key. */
export class DebtReads implements Call<ReadonlyMap<string, StoredDebt>> {
  readonly operation = 'BatchGetItem';
  readonly #table: string;
  readonly #found = new Map<string, StoredDebt>();
  /** By sort key, which holds the hash and with it the partition. */
  #left: Map<string, ItemKey>;

  constructor(table: string, keys: readonly ItemKey[]) {
    assert(keys.length >= 1 && keys.length <= KEYS_MAX, 'a request has 1 to 100 keys');
    this.#table = table;
    this.#left = new Map(keys.map((key) => [key.sk, key]));
    assert(this.#left.size === keys.length, 'no key comes twice');
  }

  body(): Uint8Array {
    let keys = '';
    for (const { pk, sk } of this.#left.values()) {
      keys += `${keys === '' ? '' : ','}{"pk":{"S":${JSON.stringify(pk)}},"sk":{"S":${JSON.stringify(sk)}}}`;
    }
    return Buffer.from(`{"RequestItems":{"${this.#table}":{"ConsistentRead":true,"Keys":[${keys}]}}}`);
  }

  /** In full requests. */
  units(): number {
    return this.#left.size / KEYS_MAX;
  }

  judge(answer: Buffer): Verdict<ReadonlyMap<string, StoredDebt>> {
    const { items, unprocessed } = answeredOf(answer, this.#table);
    const left = new Map<string, ItemKey>();
    for (const item of unprocessed) {
      const key = this.#asked(item);
      left.set(key.sk, key);
    }
    const found = items.map((item): [string, StoredDebt] => {
      const { sk } = this.#asked(item);
      if (left.has(sk)) throw new SpoiltAnswer('an item both there and unprocessed');
      return [sk, debtOf(item)];
    });
    const gained = left.size < this.#left.size;
    for (const [sk, debt] of found) this.#found.set(sk, debt);
    this.#left = left;
    return left.size === 0 ? { kind: 'done', value: this.#found } : { kind: 'partly', gained };
  }

  #asked(item: Item): ItemKey {
    const { pk, sk } = keyOfItem(item);
    const asked = this.#left.get(sk);
    if (asked?.pk !== pk) throw new SpoiltAnswer('an answer with items that were not asked for');
    return asked;
  }
}

interface Answered {
  readonly Responses?: Readonly<Record<string, unknown>> | null;
  readonly UnprocessedKeys?: Readonly<Record<string, { readonly Keys?: unknown } | null>> | null;
}

function answeredOf(
  answer: Buffer,
  table: string,
): { readonly items: readonly Item[]; readonly unprocessed: readonly Item[] } {
  let parsed: Answered | null;
  try {
    parsed = JSON.parse(answer.toString('utf8')) as Answered | null;
  } catch {
    throw new SpoiltAnswer('an answer that is not JSON');
  }
  const items = parsed?.Responses?.[table] ?? (isObject(parsed?.Responses) ? [] : undefined);
  const unprocessed = parsed?.UnprocessedKeys?.[table]?.Keys ?? [];
  if (!isItems(items) || !isItems(unprocessed)) throw new SpoiltAnswer('an answer of another kind');
  return { items, unprocessed };
}

function isItems(value: unknown): value is readonly Item[] {
  return Array.isArray(value) && value.every(isObject);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
