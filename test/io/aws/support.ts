/** What the tests of the AWS drivers share: a store over any endpoint, with short waits, and what it told. */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Clock, systemClock } from '../../../src/core/clock.ts';
import type { Telemetry, TelemetryEvent } from '../../../src/core/telemetry.ts';
import type { CredentialProvider } from '../../../src/io/aws/credentials.ts';
import { type DynamoData, type DynamoDataOptions, openDynamoData } from '../../../src/io/aws/dataPlane.ts';
import type { DynamoDebtsOptions } from '../../../src/io/aws/debts/debts.ts';
import { DEBTS_TABLE } from '../../../src/io/aws/debts/items.ts';

export const TABLE = 'remessa-staging';

export const TEST_OPTIONS: Omit<DynamoDataOptions, 'endpoint'> = {
  region: 'sa-east-1',
  table: TABLE,
  ttlMs: 7 * 86_400_000,
  requestBytes: 1024 * 1024,
  inFlightMax: 4,
  connections: 8,
  connectMs: 2000,
  headersMs: 5000,
  bodyMs: 5000,
  triesMax: 5,
  retryMsMin: 1,
  retryMsMax: 8,
  writeUnitsPerSecondMin: 2000,
  readsPerSecondMin: 200,
  paceDoubleMs: 100,
};

export const DEBTS_OPTIONS: Omit<DynamoDebtsOptions, 'endpoint'> = {
  region: 'sa-east-1',
  table: 'remessa-debts',
  buckets: 16,
  documentSecret: 'a secret of tests, 32 characters!',
  inFlightMax: 4,
  connections: 8,
  connectMs: 2000,
  headersMs: 5000,
  bodyMs: 5000,
  triesMax: 5,
  retryMsMin: 1,
  retryMsMax: 8,
  writeUnitsPerSecondMin: 2000,
  readsPerSecondMin: 200,
  paceDoubleMs: 100,
};

export interface Opened extends DynamoData {
  readonly events: readonly TelemetryEvent[];
}

export function openOn(
  endpoint: string,
  changes: Partial<DynamoDataOptions> = {},
  deps: { readonly credentials?: CredentialProvider; readonly clock?: Clock } = {},
): Opened {
  const events: TelemetryEvent[] = [];
  const telemetry: Telemetry = { emit: (event) => events.push(event) };
  const credentials = deps.credentials ?? (async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }));
  const clock = deps.clock ?? systemClock;
  const data = openDynamoData(
    { ...TEST_OPTIONS, endpoint, ...changes },
    { clock, random: (size) => randomBytes(size), telemetry, credentials },
  );
  return { ...data, events };
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
}

/** The table of debts with its index, as it is provisioned. */
export async function makeDebtsTable(sdk: DynamoDBClient, table: string): Promise<void> {
  const keySchema = (keys: readonly { readonly name: string; readonly role: 'HASH' | 'RANGE' }[]) =>
    keys.map(({ name, role }) => ({ AttributeName: name, KeyType: role }));
  const { keys, index } = DEBTS_TABLE;
  const names = new Set([...keys, ...index.keys].map(({ name }) => name));
  await sdk.send(
    new CreateTableCommand({
      TableName: table,
      AttributeDefinitions: [...names].map((name) => ({ AttributeName: name, AttributeType: 'S' as const })),
      KeySchema: keySchema(keys),
      GlobalSecondaryIndexes: [
        { IndexName: index.name, KeySchema: keySchema(index.keys), Projection: { ProjectionType: index.projection } },
      ],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await untilActive(sdk, table);
}

/** A table that was asked for is not there at once: until then its items are refused. */
export async function untilActive(sdk: DynamoDBClient, table: string): Promise<void> {
  const describe = new DescribeTableCommand({ TableName: table });
  while ((await sdk.send(describe)).Table?.TableStatus !== 'ACTIVE') await new Promise((next) => setImmediate(next));
}
