/**
 * Strongly consistent queries of a partition, item by item, in the order of the keys.
 *
 * One response is held at a time: 1 MB of items (the service's limit), in base64 and then as bytes. Faults: `STORE_IO`.
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

interface Page {
  readonly items: readonly QueriedItem[];
  /** The key to go on from, as the service gave it; `undefined` at the end. */
  readonly last: unknown;
}

export async function* queryItems(
  client: DynamoClient,
  range: QueryRange,
  context: CallContext,
): AsyncGenerator<QueriedItem> {
  let from: unknown;
  do {
    const page: Page = await client.run(callOf(range, from), context);
    yield* page.items;
    from = page.last;
  } while (from !== undefined);
}

function callOf(range: QueryRange, from: unknown): Call<Page> {
  const { table, pk, prefix } = range;
  const body = Buffer.from(
    JSON.stringify({
      TableName: table,
      KeyConditionExpression: prefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :sk)',
      ExpressionAttributeValues: { ':pk': { S: pk }, ...(prefix === '' ? {} : { ':sk': { S: prefix } }) },
      ProjectionExpression: 'sk, p',
      ConsistentRead: true,
      ...(from === undefined ? {} : { ExclusiveStartKey: from }),
    }),
  );
  return {
    operation: 'Query',
    body: () => body,
    units: () => 1,
    judge: (answer) => ({ kind: 'done', value: pageOf(answer) }),
  };
}

interface AnsweredPage {
  readonly Items?: unknown;
  readonly LastEvaluatedKey?: unknown;
}

function pageOf(answer: Buffer): Page {
  let page: AnsweredPage | null;
  try {
    page = JSON.parse(answer.toString('utf8')) as AnsweredPage | null;
  } catch {
    throw new SpoiltAnswer('an answer that is not JSON');
  }
  if (!Array.isArray(page?.Items)) throw new SpoiltAnswer('an answer of another kind');
  return { items: page.Items.map(itemOf), last: page.LastEvaluatedKey ?? undefined };
}

function itemOf(item: { readonly sk?: { S?: unknown }; readonly p?: { B?: unknown } } | null): QueriedItem {
  const sk = item?.sk?.S;
  const value = item?.p?.B;
  if (typeof sk !== 'string' || typeof value !== 'string') throw new SpoiltAnswer('an item without key or bytes');
  return { sk, value: Buffer.from(value, 'base64') };
}
