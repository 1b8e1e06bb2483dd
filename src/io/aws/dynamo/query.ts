/**
 * Queries of a partition, in the order of the keys: of any table by responses, of staged items (strongly consistent) one by one.
 *
 * One response is held at a time: 1 MB of items (the service's limit), in base64 and then as bytes. Faults: `SERVICE_IO`.
 */
import { type Call, type CallContext, type DynamoClient, SpoiltAnswer } from './dynamo.ts';

export interface QueriedItem {
  readonly sk: string;
  readonly value: Uint8Array;
}

export interface QueryRange {
  readonly table: string;
  readonly pk: string;
  /** Of the sort key; empty for the whole partition. */
  readonly prefix: string;
}

interface Page<T> {
  readonly items: readonly T[];
  /** The key to go on from, as the service gave it; `undefined` at the end. */
  readonly last: unknown;
}

export async function* queryItems(
  client: DynamoClient,
  range: QueryRange,
  context: CallContext,
): AsyncGenerator<QueriedItem> {
  const { table, pk, prefix } = range;
  const query = {
    TableName: table,
    KeyConditionExpression: prefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :sk)',
    ExpressionAttributeValues: { ':pk': { S: pk }, ...(prefix === '' ? {} : { ':sk': { S: prefix } }) },
    ProjectionExpression: 'sk, p',
    ConsistentRead: true,
  };
  for await (const items of queryPages(client, query, itemOf, context)) yield* items;
}

/** The items of a query (its fields as the service names them), a response at a time; `itemOf` may throw `SpoiltAnswer`. */
export async function* queryPages<T>(
  client: DynamoClient,
  query: Readonly<Record<string, unknown>>,
  itemOf: (item: unknown) => T,
  context: CallContext,
): AsyncGenerator<readonly T[]> {
  let from: unknown;
  do {
    const page: Page<T> = await client.run(callOf(query, from, itemOf), context);
    yield page.items;
    from = page.last;
  } while (from !== undefined);
}

function callOf<T>(
  query: Readonly<Record<string, unknown>>,
  from: unknown,
  itemOf: (item: unknown) => T,
): Call<Page<T>> {
  const body = Buffer.from(JSON.stringify(from === undefined ? query : { ...query, ExclusiveStartKey: from }));
  return {
    operation: 'Query',
    body: () => body,
    units: () => 1,
    judge: (answer) => ({ kind: 'done', value: pageOf(answer, itemOf) }),
  };
}

interface AnsweredPage {
  readonly Items?: unknown;
  readonly LastEvaluatedKey?: unknown;
}

function pageOf<T>(answer: Buffer, itemOf: (item: unknown) => T): Page<T> {
  let page: AnsweredPage | null;
  try {
    page = JSON.parse(answer.toString('utf8')) as AnsweredPage | null;
  } catch {
    throw new SpoiltAnswer('an answer that is not JSON');
  }
  if (!Array.isArray(page?.Items)) throw new SpoiltAnswer('an answer of another kind');
  return { items: page.Items.map(itemOf), last: page.LastEvaluatedKey ?? undefined };
}

function itemOf(answered: unknown): QueriedItem {
  const item = answered as { readonly sk?: { S?: unknown }; readonly p?: { B?: unknown } } | null;
  const sk = item?.sk?.S;
  const value = item?.p?.B;
  if (typeof sk !== 'string' || typeof value !== 'string') throw new SpoiltAnswer('an item without key or bytes');
  return { sk, value: Buffer.from(value, 'base64') };
}
