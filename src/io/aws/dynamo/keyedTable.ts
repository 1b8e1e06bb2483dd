/**
 * A DynamoDB table with string keys `pk`, `sk`, through the SDK: single items, conditional writes, strongly consistent reads.
 *
 * Promises
 * - `write` answers `false` where its condition did not hold, and throws a fault where it is not known whether it was applied.
 *   The SDK tries again by itself; a try after a lost answer meets what the first one wrote and fails its condition. Who
 *   writes under a condition therefore puts a token of its own into the item and looks for it when the condition failed.
 * - Reads see every write that was answered before.
 *
 * Faults: `SERVICE_IO` (after the client's own tries), `SERVICE_DENIED`.
 */
import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  type KeysAndAttributes,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
  type UpdateItemCommandInput,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../core/clock.ts';
import { Fault } from '../../../core/faults.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import { errorName, serviceFault } from '../serviceFaults.ts';

export type Item = Record<string, AttributeValue>;

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** Of an item's partition: a span of sort keys, both ends included. */
export interface Span {
  readonly pk: string;
  readonly from?: string;
  readonly to?: string;
  readonly newestFirst?: boolean;
  /** Items a request, at most; without it as many as DynamoDB gives (1 MB). */
  readonly pageItems?: number;
  /** Only these attributes; the keys are to be named as well where they are wanted. */
  readonly only?: readonly string[];
}

export interface Change {
  readonly set: string;
  readonly when: string;
  readonly names?: Readonly<Record<string, string>>;
  readonly values: Item;
}

export interface TableDeps {
  /** Its own retries and deadlines are the ones that hold here. */
  readonly dynamodb: Pick<DynamoDBClient, 'send'>;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** DynamoDB takes no more in one request. */
const GETS_MAX = 100;
const DELETES_MAX = 25;
/** Rounds in a row in which a batch request got nothing done. */
const IDLE_ROUNDS_MAX = 8;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 2000;

export class KeyedTable {
  readonly #name: string;
  readonly #deps: TableDeps;

  constructor(name: string, deps: TableDeps) {
    this.#name = name;
    this.#deps = deps;
  }

  async get(key: Key): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: this.#name, Key: keyItem(key), ConsistentRead: true });
    return (await this.#call('GetItem', () => this.#deps.dynamodb.send(command))).Item;
  }

  /** Those that are there, in no order. The keys differ. */
  async getMany(keys: readonly Key[]): Promise<Item[]> {
    const found: Item[] = [];
    for (let at = 0; at < keys.length; at += GETS_MAX) {
      let asked: KeysAndAttributes | undefined = {
        Keys: keys.slice(at, at + GETS_MAX).map(keyItem),
        ConsistentRead: true,
      };
      for (let idle = 0; asked !== undefined; ) {
        const command: BatchGetItemCommand = new BatchGetItemCommand({ RequestItems: { [this.#name]: asked } });
        const answer = await this.#call('BatchGetItem', () => this.#deps.dynamodb.send(command));
        const got = answer.Responses?.[this.#name] ?? [];
        found.push(...got);
        asked = answer.UnprocessedKeys?.[this.#name];
        if (asked !== undefined) idle = await this.#unprocessed('BatchGetItem', got.length > 0 ? 0 : idle);
      }
    }
    return found;
  }

  async *query(span: Span): AsyncGenerator<Item[]> {
    let after: Item | undefined;
    do {
      const command: QueryCommand = new QueryCommand({ ...this.#ask(span), ExclusiveStartKey: after });
      const answer = await this.#call('Query', () => this.#deps.dynamodb.send(command));
      yield answer.Items ?? [];
      after = answer.LastEvaluatedKey;
    } while (after !== undefined);
  }

  async all(span: Span): Promise<Item[]> {
    const items: Item[] = [];
    for await (const page of this.query(span)) items.push(...page);
    return items;
  }

  async count(span: Span): Promise<number> {
    let count = 0;
    let after: Item | undefined;
    do {
      const command: QueryCommand = new QueryCommand({
        ...this.#ask(span),
        Select: 'COUNT',
        ExclusiveStartKey: after,
      });
      const answer = await this.#call('Query', () => this.#deps.dynamodb.send(command));
      count += answer.Count ?? 0;
      after = answer.LastEvaluatedKey;
    } while (after !== undefined);
    return count;
  }

  async put(key: Key, item: Item): Promise<void> {
    const command = new PutItemCommand({ TableName: this.#name, Item: { ...keyItem(key), ...item } });
    await this.#call('PutItem', () => this.#deps.dynamodb.send(command));
  }

  /** `false` where the item was there: perhaps this very one, written by a try whose answer was lost. */
  async putNew(key: Key, item: Item): Promise<boolean> {
    const command = new PutItemCommand({
      TableName: this.#name,
      Item: { ...keyItem(key), ...item },
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    return await this.#conditional('PutItem', () => this.#deps.dynamodb.send(command));
  }

  async update(key: Key, change: Change): Promise<boolean> {
    const command = new UpdateItemCommand(this.#updateOf(key, change));
    return await this.#conditional('UpdateItem', () => this.#deps.dynamodb.send(command));
  }

  /** The item as it is after the change; `undefined` where the condition did not hold. */
  async updated(key: Key, change: Change): Promise<Item | undefined> {
    const command = new UpdateItemCommand({ ...this.#updateOf(key, change), ReturnValues: 'ALL_NEW' });
    let item: Item | undefined;
    await this.#conditional('UpdateItem', async () => {
      item = (await this.#deps.dynamodb.send(command)).Attributes;
    });
    return item;
  }

  async remove(key: Key): Promise<void> {
    const command = new DeleteItemCommand({ TableName: this.#name, Key: keyItem(key) });
    await this.#call('DeleteItem', () => this.#deps.dynamodb.send(command));
  }

  /** All items of a partition, but for those that `but` keeps by one of their attributes; answers how many. */
  async removeAll(
    pk: string,
    but?: { readonly attribute: string; readonly keeps: (value: AttributeValue | undefined) => boolean },
  ): Promise<number> {
    const found = await this.all({ pk, only: ['pk', 'sk', ...(but === undefined ? [] : [but.attribute])] });
    const items = but === undefined ? found : found.filter((item) => !but.keeps(item[but.attribute]));
    for (let at = 0; at < items.length; at += DELETES_MAX) {
      let asked: WriteRequest[] = items
        .slice(at, at + DELETES_MAX)
        .map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } as Item } }));
      for (let idle = 0; asked.length > 0; ) {
        const command = new BatchWriteItemCommand({ RequestItems: { [this.#name]: asked } });
        const answer = await this.#call('BatchWriteItem', () => this.#deps.dynamodb.send(command));
        const left: WriteRequest[] = answer.UnprocessedItems?.[this.#name] ?? [];
        if (left.length > 0) idle = await this.#unprocessed('BatchWriteItem', left.length < asked.length ? 0 : idle);
        asked = left;
      }
    }
    return items.length;
  }

  /** Waits before the next try of what others contend for: up to twice as long each time, at random. */
  async pause(tries: number): Promise<void> {
    const [byte] = this.#deps.random(1);
    const longestMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(tries, 10));
    await this.#deps.clock.sleep((longestMs * ((byte ?? 0) + 1)) / 256);
  }

  #ask(span: Span): QueryCommandInput {
    const { pk, from, to, only } = span;
    const ends =
      from !== undefined && to !== undefined
        ? ' AND sk BETWEEN :from AND :to'
        : from !== undefined
          ? ' AND sk >= :from'
          : to !== undefined
            ? ' AND sk <= :to'
            : '';
    return {
      TableName: this.#name,
      ConsistentRead: true,
      ScanIndexForward: span.newestFirst !== true,
      KeyConditionExpression: `pk = :pk${ends}`,
      ExpressionAttributeValues: {
        ':pk': { S: pk },
        ...(from === undefined ? {} : { ':from': { S: from } }),
        ...(to === undefined ? {} : { ':to': { S: to } }),
      },
      ...(span.pageItems === undefined ? {} : { Limit: span.pageItems }),
      ...(only === undefined ? {} : { ProjectionExpression: only.join(', ') }),
    };
  }

  #updateOf(key: Key, change: Change): UpdateItemCommandInput {
    return {
      TableName: this.#name,
      Key: keyItem(key),
      UpdateExpression: change.set,
      ConditionExpression: change.when,
      ExpressionAttributeValues: change.values,
      ...(change.names === undefined ? {} : { ExpressionAttributeNames: { ...change.names } }),
    };
  }

  async #unprocessed(operation: string, idle: number): Promise<number> {
    if (idle >= IDLE_ROUNDS_MAX) {
      throw new Fault('SERVICE_IO', `DynamoDB ${operation} ${this.#name}: unprocessed after ${idle} tries`);
    }
    await this.pause(idle);
    return idle + 1;
  }

  async #conditional(operation: string, send: () => Promise<unknown>): Promise<boolean> {
    try {
      await send();
      return true;
    } catch (error) {
      if (errorName(error) === 'ConditionalCheckFailedException') return false;
      throw serviceFault({ service: 'DynamoDB', operation: `${operation} ${this.#name}` }, error);
    }
  }

  async #call<T>(operation: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw serviceFault({ service: 'DynamoDB', operation: `${operation} ${this.#name}` }, error);
    }
  }
}

function keyItem(key: Key): Item {
  return { pk: { S: key.pk }, sk: { S: key.sk } };
}
