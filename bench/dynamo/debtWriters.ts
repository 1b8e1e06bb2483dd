/**
 * The ways in which the same debts are written, each debt on its own condition: by the driver, 25 statements a request; by
 * our own client, one PutItem each; by the SDK, either way; and how they are read. All begin with the debts as registering has them.
 */
import { randomBytes } from 'node:crypto';
import {
  type AttributeValue,
  BatchExecuteStatementCommand,
  BatchGetItemCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { assert } from '../../src/core/assert.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentTelemetry } from '../../src/core/telemetry.ts';
import { type ConnectionOptions, openConnection } from '../../src/io/aws/connection.ts';
import { openDynamoDebts } from '../../src/io/aws/debts/debts.ts';
import { DebtEncoder, itemKeyOf, namesOf } from '../../src/io/aws/debts/items.ts';
import type { Call } from '../../src/io/aws/dynamo/dynamo.ts';
import type { DebtStore, StoredDebt } from '../../src/io/ports/debts.ts';

export const CLIENT = 'acme';
export const TURN = 7;
const TABLE = 'remessa-debts';
const BUCKETS = 64;
const SECRET = 'a secret of measurements, 38 characters';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const STATEMENTS_A_REQUEST = 25;
const KEYS_A_REQUEST = 100;
const BATCHES_IN_FLIGHT = 8;
const PUTS_IN_FLIGHT = 32;
const CONDITION = 'attribute_not_exists(pk) OR (turn <= :turn AND attribute_not_exists(erased))';

const DEPS = {
  clock: systemClock,
  random: (size: number) => randomBytes(size),
  telemetry: silentTelemetry,
  credentials: async () => CREDENTIALS,
};

function connectionOptions(endpoint: string): ConnectionOptions {
  return {
    region: 'sa-east-1',
    endpoint,
    connections: PUTS_IN_FLIGHT,
    connectMs: 5000,
    headersMs: 30_000,
    bodyMs: 30_000,
    triesMax: 3,
    retryMsMin: 50,
    retryMsMax: 1000,
    writeUnitsPerSecondMin: 100,
    readsPerSecondMin: 10,
    paceDoubleMs: 5000,
  };
}

export function openDebts(endpoint: string): DebtStore {
  const own = { table: TABLE, buckets: BUCKETS, documentSecret: SECRET, inFlightMax: BATCHES_IN_FLIGHT };
  return openDynamoDebts({ ...connectionOptions(endpoint), ...own }, DEPS);
}

export interface PutWriter {
  write(rows: readonly StoredDebt[]): Promise<void>;
  close(): Promise<void>;
}

/** The rejected way, with the same client, encoding and signatures: one request a debt. */
export function openPuts(endpoint: string): PutWriter {
  const { client, writing, close } = openConnection(connectionOptions(endpoint), 64 * 1024, DEPS);
  const context = { pace: writing, place: {} };
  const encoder = openEncoder();
  return {
    write: (rows) =>
      inFlight(rows.length, PUTS_IN_FLIGHT, (i) => client.run(putOf(encoder, rows[i] as StoredDebt), context)),
    close,
  };
}

function openEncoder(): DebtEncoder {
  return new DebtEncoder(new TextEncoder().encode(SECRET));
}

function putOf(encoder: DebtEncoder, row: StoredDebt): Call<void> {
  const { pk, sk } = itemKeyOf(CLIENT, BUCKETS, row);
  const { shape, values } = encoder.encode(row);
  const names = namesOf(shape).there;
  let item = `"pk":{"S":${JSON.stringify(pk)}},"sk":{"S":${JSON.stringify(sk)}}`;
  // Values are objects of one field: none holds `},{` but between two of them, or inside a string, which made rows have not.
  for (const [i, value] of values.split('},{').entries()) {
    item += `,"${names[i]}":${i === 0 ? '' : '{'}${value}${i === names.length - 1 ? '' : '}'}`;
  }
  const body = Buffer.from(
    `{"TableName":"${TABLE}","Item":{${item}},"ConditionExpression":"${CONDITION}",` +
      `"ExpressionAttributeValues":{":turn":{"N":"${row.turn}"}}}`,
  );
  return {
    // The driver has no such call: only this measurement does.
    operation: 'PutItem' as Call<void>['operation'],
    body: () => body,
    units: () => 1,
    judge(answer) {
      JSON.parse(answer.toString('utf8'));
      return { kind: 'done', value: undefined };
    },
  };
}

interface Attributes {
  readonly names: readonly string[];
  readonly values: readonly AttributeValue[];
  readonly key: readonly [AttributeValue, AttributeValue];
}

/** What one writes who uses the SDK: attribute values from the row's columns. */
function attributesOf(encoder: DebtEncoder, row: StoredDebt): Attributes {
  const { pk, sk } = itemKeyOf(CLIENT, BUCKETS, row);
  const { shape, values } = encoder.encode(row);
  return {
    names: namesOf(shape).there,
    values: JSON.parse(`[${values}]`) as AttributeValue[],
    key: [{ S: pk }, { S: sk }],
  };
}

/** Attribute values as the SDK wants them, made before the time is taken: making them is not counted for the SDK. */
export type Prepared = readonly Attributes[];

export function prepare(rows: readonly StoredDebt[]): Prepared {
  const encoder = openEncoder();
  return rows.map((row) => attributesOf(encoder, row));
}

export function statementsBySdk(client: DynamoDBClient, prepared: Prepared): Promise<void> {
  return inFlight(Math.ceil(prepared.length / STATEMENTS_A_REQUEST), BATCHES_IN_FLIGHT, async (batch) => {
    const rows = prepared.slice(batch * STATEMENTS_A_REQUEST, (batch + 1) * STATEMENTS_A_REQUEST);
    const Statements = rows.map(({ names, values, key }) => ({
      Statement: `INSERT INTO "${TABLE}" VALUE {${['pk', 'sk', ...names].map((name) => `'${name}':?`).join(',')}}`,
      Parameters: [...key, ...values],
    }));
    const { Responses } = await client.send(new BatchExecuteStatementCommand({ Statements }));
    assert(Responses?.some(({ Error: error }) => error !== undefined) === false, 'the endpoint takes all');
  });
}

export function putsBySdk(client: DynamoDBClient, prepared: Prepared): Promise<void> {
  return inFlight(prepared.length, PUTS_IN_FLIGHT, async (i) => {
    const { names, values, key } = prepared[i] as Attributes;
    const Item: Record<string, AttributeValue> = { pk: key[0], sk: key[1] };
    for (const [k, name] of names.entries()) Item[name] = values[k] as AttributeValue;
    const turn = { N: String(TURN) };
    await client.send(
      new PutItemCommand({
        TableName: TABLE,
        Item,
        ConditionExpression: CONDITION,
        ExpressionAttributeValues: { ':turn': turn },
      }),
    );
  });
}

/** Reads the debts that were prepared, 100 keys a request; answers how many are there. */
export async function readsBySdk(client: DynamoDBClient, prepared: Prepared): Promise<number> {
  let found = 0;
  await inFlight(Math.ceil(prepared.length / KEYS_A_REQUEST), BATCHES_IN_FLIGHT, async (batch) => {
    const some = prepared.slice(batch * KEYS_A_REQUEST, (batch + 1) * KEYS_A_REQUEST);
    const Keys = some.map(({ key: [pk, sk] }) => ({ pk, sk }));
    const RequestItems = { [TABLE]: { ConsistentRead: true, Keys } };
    const { Responses } = await client.send(new BatchGetItemCommand({ RequestItems }));
    found += Responses?.[TABLE]?.length ?? 0;
  });
  return found;
}

async function inFlight(count: number, max: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: max }, lane));
}
