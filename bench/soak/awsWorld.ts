/**
 * A soak over servers that speak AWS's protocols: those of the tests, with the daemon's calls through a proxy that makes them
 * fail where that is asked for. Its stores are also read from here, past the proxy.
 */
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { resolveSettings } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentTelemetry } from '../../src/core/telemetry.ts';
import { awsOptionsOf, openDirect } from '../../src/io/aws/driver.ts';
import { ALL_QUEUES, TTL_ATTRIBUTE } from '../../src/io/aws/names.ts';
import { openBatches } from '../../src/stages/batch/batches.ts';
import { AwsWorld, NAMES } from '../../test/e2e/awsWorld.ts';
import { dynaliteKind, dynamodbLocalKind, fauxqsKind, motoKind } from '../../test/support/aws/servers.ts';
import { debtsOf, messagesOf, retornoOf } from './embeddedWorld.ts';
import type { SoakWorld } from './world.ts';

const FAULT_SHARES = { failed: 0.005, replyLost: 0.005, sentTwice: 0.02 };
/** How often a notification is sent when messages come twice. */
const TOLD_TIMES = 2;
/**
 * The servers share the processors with the daemon: an answer that is slow is no fault here, and shards are so small that a
 * giant does not hold a thread for minutes.
 */
const PATIENT = {
  REMESSA_THREADS: '2',
  REMESSA_SHARD_RECORDS: '10000',
  REMESSA_LEASE_MS: '60000',
  REMESSA_HEARTBEAT_MS: '10000',
  REMESSA_AWS_ANSWER_MS: '20000',
  REMESSA_LOG_LEVEL: 'info',
};
/** Where processes are killed, what they held is wanted back soon; and where answers are lost, they are not waited for. */
const HURRIED = { ...PATIENT, REMESSA_LEASE_MS: '6000', REMESSA_HEARTBEAT_MS: '2000', REMESSA_AWS_ANSWER_MS: '3000' };

export interface AwsWorldOptions {
  readonly servers: 'npm' | 'real';
  readonly faults: boolean;
  readonly kills: boolean;
  readonly seed: number;
}

export async function openAwsWorld({ servers, faults, kills, seed }: AwsWorldOptions): Promise<SoakWorld> {
  const [services, tables] = servers === 'real' ? [motoKind(), dynamodbLocalKind()] : [fauxqsKind(), dynaliteKind()];
  const world = await AwsWorld.open({
    services,
    tables,
    env: faults || kills ? HURRIED : PATIENT,
    ...(faults ? { faults: { shares: FAULT_SHARES, seed } } : {}),
  });
  const { settings } = world;
  // Where the SDK looks for them, in this process too.
  for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) process.env[key] = settings[key];
  const options = awsOptionsOf(resolveSettings(settings, undefined, 2).settings);
  const deps = { clock: systemClock, random: randomBytes, telemetry: silentTelemetry };
  const stores = await openDirect(options, deps).catch(async (error: unknown) => {
    await world.close();
    throw error;
  });
  const dynamodb = new DynamoDBClient({
    region: settings['REMESSA_AWS_REGION'] ?? '',
    endpoint: settings['REMESSA_AWS_ENDPOINT_DYNAMODB'] ?? '',
  });
  const arrivals = async (): Promise<number> => {
    const { waiting, held } = await world.depth('arrivals');
    return waiting + held;
  };
  return {
    daemonSettings: { ...settings, ...world.throughProxies, REMESSA_DATA_DIR: world.box.dataDir },
    dataDir: world.box.root,
    get faults() {
      return faults ? world.faults : undefined;
    },
    send: (client, name, bytes) => world.send(client, name, bytes, faults ? TOLD_TIMES : 1),
    stores,
    newest: (client, limit) => stores.registry.list({ client, limit }),
    unfinished: async () => (await openBatches(stores)).length + (await messagesOf(stores)).length + (await arrivals()),
    batches: (client) => stores.registry.list({ client }),
    retorno: (batch) => retornoOf(stores, batch),
    debts: (client) => debtsOf(stores, client),
    async remains() {
      const left = await messagesOf(stores);
      const waiting = await arrivals();
      if (waiting > 0) left.push(`${waiting} notifications`);
      for (const id of ALL_QUEUES) {
        const dead = await world.depth(id, true);
        if (dead.waiting + dead.held > 0) left.push(`${dead.waiting + dead.held} dead letters of ${id}`);
      }
      for (const { id, state } of await openBatches(stores)) left.push(`batch ${id}, ${state}`);
      for (const prefix of ['parts/', 'work/']) {
        const keys = await world.keys(prefix);
        if (keys.length > 0) left.push(`${keys.length} objects below ${prefix}`);
      }
      left.push(...(await stagedFor(dynamodb, faults || kills)));
      return left;
    },
    async close() {
      await stores.close();
      dynamodb.destroy();
      await world.close();
    },
  };
}

/** Staged pages. Those of attempts that were cut off go when they expire: `expiring` lets those be that will. */
async function stagedFor(dynamodb: DynamoDBClient, expiring: boolean): Promise<string[]> {
  let items = 0;
  let start: Record<string, never> | undefined;
  do {
    const page = await dynamodb.send(
      new ScanCommand({
        TableName: NAMES.tables.staging,
        ...(expiring
          ? { FilterExpression: 'attribute_not_exists(#ttl)', ExpressionAttributeNames: { '#ttl': TTL_ATTRIBUTE } }
          : {}),
        Select: 'COUNT',
        ...(start === undefined ? {} : { ExclusiveStartKey: start }),
      }),
    );
    items += page.Count ?? 0;
    start = page.LastEvaluatedKey as Record<string, never> | undefined;
  } while (start !== undefined);
  return items === 0 ? [] : [`${items} staged pages`];
}
