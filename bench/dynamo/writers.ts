/** The three ways in which the same records are sent: in pages by ours, one an item by ours, one an item by the SDK. */
import { randomBytes } from 'node:crypto';
import {
  type AttributeValue,
  BatchWriteItemCommand,
  DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { silentTelemetry } from '../../src/core/telemetry.ts';
import { type DynamoData, openDynamoData } from '../../src/io/aws/dataPlane.ts';
import {
  attemptPrefix,
  itemKey,
  shardPartition,
  VALUE_HEADER_BYTES,
  valueHeader,
} from '../../src/io/aws/staging/stagedItems.ts';
import { PageWriter } from '../../src/kernel/pages.ts';
import type { RecordValues } from '../../src/kernel/values.ts';
import { dealOf, type Sample } from './sample.ts';

export const SHARDS = 4;
const BATCH = 'b-measured';
const ATTEMPT = 'a1';
const TABLE = 'remessa-staging';
const REGION = 'sa-east-1';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const PAGE_BYTES = 64 * 1024;
const ITEMS_A_REQUEST = 25;
const IN_FLIGHT = 4;
/** All items expire at the same second, so that those of one way equal those of another. */
const AT_MS = Date.UTC(2026, 10, 20);
const TTL_MS = 7 * 86_400_000;
const CLOCK: Clock = { ...systemClock, nowMs: () => AT_MS };

export interface LoneRecord {
  readonly shard: number;
  readonly page: Uint8Array;
}

export function openOurs(endpoint: string): DynamoData {
  return openDynamoData(
    {
      region: REGION,
      endpoint,
      table: TABLE,
      ttlMs: TTL_MS,
      requestBytes: 1024 * 1024,
      inFlightMax: IN_FLIGHT,
      connections: IN_FLIGHT,
      connectMs: 5000,
      headersMs: 30_000,
      bodyMs: 30_000,
      triesMax: 3,
      retryMsMin: 50,
      retryMsMax: 1000,
      writeUnitsPerSecondMin: 100,
      readsPerSecondMin: 10,
      paceDoubleMs: 5000,
    },
    {
      clock: CLOCK,
      random: (size) => randomBytes(size),
      telemetry: silentTelemetry,
      credentials: async () => CREDENTIALS,
    },
  );
}

/** Packs `records` records, over and over those of the sample, and sends the pages. */
export async function sendPacked({ staging }: DynamoData, sample: Sample, records: number): Promise<void> {
  const pages = new PageWriter(SHARDS, PAGE_BYTES);
  const writer = await staging.open(BATCH, 0, ATTEMPT);
  const count = sample.values.length;
  let offset = 0;
  for (let line = 0; line < records; line++) {
    const record = line % count;
    const { refHash, shard } = dealOf(sample, record, SHARDS);
    const rawBytes = sample.rawBytes[record] as number;
    const values = sample.values[record] as RecordValues;
    while (!pages.append(shard, line, offset, rawBytes, refHash, sample.bytes, values)) {
      for (let page = pages.take(); page !== undefined; page = pages.take()) await writer.write(page.shard, page.bytes);
    }
    offset += rawBytes;
  }
  pages.flush();
  for (let page = pages.take(); page !== undefined; page = pages.take()) await writer.write(page.shard, page.bytes);
  await writer.commit();
}

/** Sends `items` lone records, over and over those given. */
export async function sendLone({ staging }: DynamoData, lone: readonly LoneRecord[], items: number): Promise<void> {
  const writer = await staging.open(BATCH, 0, ATTEMPT);
  for (let i = 0; i < items; i++) {
    const { shard, page } = lone[i % lone.length] as LoneRecord;
    await writer.write(shard, page);
  }
  await writer.commit();
}

export function openSdk(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ region: REGION, endpoint, credentials: CREDENTIALS });
}

/** What the SDK is given besides the keys and `ttl`. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Sends items by the SDK, over and over those given, with the keys that `sendLone` gives them and as many requests under way. */
export async function sendBySdk(
  client: DynamoDBClient,
  shards: readonly number[],
  attributesOf: (record: number) => Attributes,
  items: number,
): Promise<void> {
  const prefix = attemptPrefix(0, ATTEMPT);
  const ttl = { N: String((AT_MS + TTL_MS) / 1000) };
  const numbers = new Array<number>(SHARDS).fill(0);
  const partitions = numbers.map((_, shard) => shardPartition(BATCH, shard));
  const underWay = new Set<Promise<void>>();
  const send = async (requests: WriteRequest[]): Promise<void> => {
    const { UnprocessedItems } = await client.send(new BatchWriteItemCommand({ RequestItems: { [TABLE]: requests } }));
    if (Object.keys(UnprocessedItems ?? {}).length > 0) throw new Error('the endpoint processes all');
  };
  let requests: WriteRequest[] = [];
  for (let i = 0; i < items; i++) {
    const record = i % shards.length;
    const shard = shards[record] as number;
    const number = numbers[shard] as number;
    numbers[shard] = number + 1;
    const key = { pk: { S: partitions[shard] as string }, sk: { S: itemKey(prefix, number) } };
    requests.push({ PutRequest: { Item: { ...key, ttl, ...attributesOf(record) } } });
    if (requests.length < ITEMS_A_REQUEST && i + 1 < items) continue;
    while (underWay.size >= IN_FLIGHT) await Promise.race(underWay);
    const sent: Promise<void> = send(requests).finally(() => underWay.delete(sent));
    underWay.add(sent);
    requests = [];
  }
  await Promise.all(underWay);
}

/** The attribute that `sendLone` writes. */
export function pageAttribute({ page }: LoneRecord): Attributes {
  return { p: { B: Buffer.concat([valueHeader(0, 0), page], VALUE_HEADER_BYTES + page.length) } };
}
