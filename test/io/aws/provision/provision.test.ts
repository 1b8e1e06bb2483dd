/**
 * Provisioning at the servers of the tests: what is made, that a second run changes nothing, that `check` changes nothing
 * and finds what is otherwise, and that what a server does not offer is told as that.
 */
import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  UpdateTableCommand,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb';
import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import {
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { ALL_QUEUES, namesOf, TABLES } from '../../../../src/io/aws/names.ts';
import { AwsProvisioning } from '../../../../src/io/aws/provision/provision.ts';
import { QueueAt } from '../../../../src/io/aws/provision/queues.ts';
import type { ProvisionItem } from '../../../../src/io/ports/provisioning.ts';
import { type AwsServer, dynamoServers, type ServerKind, serviceServers } from '../../../support/aws/servers.ts';

const DAY_MS = 86_400_000;
const NAMES = namesOf('made', 'made-files');

/** What each kind takes without keeping it, or does not know: by aspect. On AWS there is none of that. */
const NOT_OFFERED: Readonly<Record<string, readonly string[]>> = {
  fauxqs: ['encryption of the bucket', 'public access', 'versions', 'notifications'],
  moto: ['dead letters of it alone'],
  dynalite: ['time to live', 'point-in-time recovery', 'deletion protection'],
  'DynamoDB Local': ['point-in-time recovery'],
};

const pairs = serviceServers().map((services, index) => ({ services, tables: dynamoServers()[index] as ServerKind }));

describe.each(pairs)('provisioning at $services.name and $tables.name', ({ services, tables }) => {
  let serviceServer: AwsServer;
  let tableServer: AwsServer;
  let s3: S3Client;
  let sqs: SQSClient;
  let dynamodb: DynamoDBClient;
  const offered = new Set([...(NOT_OFFERED[services.name] ?? []), ...(NOT_OFFERED[tables.name] ?? [])]);

  beforeAll(async () => {
    [serviceServer, tableServer] = await Promise.all([services.start(), tables.start()]);
    const { endpoint, region, credentials } = serviceServer;
    s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    sqs = new SQSClient({ endpoint, region, credentials, useQueueUrlAsEndpoint: false });
    dynamodb = new DynamoDBClient({ endpoint: tableServer.endpoint, region, credentials });
  });

  afterAll(async () => {
    await Promise.all([serviceServer.close(), tableServer.close()]);
  });

  function provisioning(leaseMs = 30_000, queues = sqs): AwsProvisioning {
    const { endpoint, region, credentials } = serviceServer;
    const foreign = { foreign: true, tls: false };
    return new AwsProvisioning(
      {
        names: NAMES,
        region,
        leaseMs,
        receivesMax: 5000,
        retentionMs: 14 * DAY_MS,
        endpoints: { s3: foreign, sqs: foreign, sns: foreign, dynamodb: foreign },
        eventFilter: { type: ['batch.completed'] },
      },
      { s3, sqs: queues, dynamodb, sns: new SNSClient({ endpoint, region, credentials }), clock: systemClock },
    );
  }

  async function run(check: boolean, leaseMs?: number): Promise<ProvisionItem[]> {
    const items: ProvisionItem[] = [];
    await provisioning(leaseMs).run({ check }, (item) => items.push(item));
    return items;
  }

  const aspectOf = ({ resource, aspect }: ProvisionItem): string =>
    aspect === 'encryption' && resource.startsWith('bucket') ? 'encryption of the bucket' : aspect;
  /** Those in a state that is not `as wanted`, less what the server cannot do. */
  const notable = (items: readonly ProvisionItem[]): ProvisionItem[] =>
    items.filter((item) => item.state !== 'as wanted' && !offered.has(aspectOf(item)));

  it('tells what is missing and makes nothing with --check', async () => {
    const items = await run(true);
    expect(new Set(items.map((item) => item.state))).toEqual(new Set(['missing']));
    // Of what is not there, nothing more is told.
    expect(new Set(items.map((item) => item.aspect))).toEqual(new Set(['itself']));
    expect(await run(true)).toEqual(items);
  });

  it('makes all that the drivers need', async () => {
    const items = await run(false);
    expect(items.filter((item) => item.state === 'failed')).toEqual([]);
    const lacking = items.filter((item) => item.state === 'not offered').map(aspectOf);
    expect(new Set(lacking)).toEqual(offered);
    expect(items.filter((item) => item.aspect === 'itself').every((item) => item.state === 'made')).toBe(true);
    expect(items.filter((item) => item.aspect === 'itself').map((item) => item.resource)).toEqual([
      ...ALL_QUEUES.flatMap((queue) => [`queue made-${queue}-dlq`, `queue made-${queue}`]),
      'bucket made-files',
      'topic made-batch-events',
      'subscription made-batch-events → made-events',
      ...TABLES.map((table) => `table made-${table}`),
    ]);
  });

  it('changes nothing the second time', async () => {
    expect(notable(await run(false))).toEqual([]);
    expect(notable(await run(true))).toEqual([]);
  });

  it('leaves queues, dead letters and tables as the drivers expect them', async () => {
    const url = await new QueueAt(sqs, NAMES.queues.picker).url();
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }),
    );
    expect(Attributes).toMatchObject({ VisibilityTimeout: '30', MessageRetentionPeriod: '864000' });
    expect(JSON.parse(Attributes['RedrivePolicy'] ?? '')).toMatchObject({
      deadLetterTargetArn: await new QueueAt(sqs, NAMES.deadLetters.picker).arn(),
    });
    expect(Number(JSON.parse(Attributes['RedrivePolicy'] ?? '').maxReceiveCount)).toBe(1000);
    const { Table } = await dynamodb.send(new DescribeTableCommand({ TableName: NAMES.tables.debts }));
    expect(Table?.GlobalSecondaryIndexes?.[0]).toMatchObject({
      IndexName: 'byDocument',
      Projection: { ProjectionType: 'KEYS_ONLY' },
    });
  });

  it.skipIf(services.lacks.has('bucketNotifications'))('keeps the notifications of others', async () => {
    const { QueueConfigurations = [] } = await s3.send(
      new GetBucketNotificationConfigurationCommand({ Bucket: NAMES.bucket }),
    );
    expect(QueueConfigurations).toHaveLength(1);
    expect(QueueConfigurations[0]?.Filter?.Key?.FilterRules).toMatchObject([{ Value: 'inbox/' }]);
  });

  it('finds what somebody changed, changes it back and keeps what they added', async () => {
    const QueueUrl = await new QueueAt(sqs, NAMES.queues.batch).url();
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { MessageRetentionPeriod: '60' } }));
    const Bucket = NAMES.bucket;
    const { Rules = [] } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    const theirs = { ID: 'theirs', Status: 'Enabled', Filter: { Prefix: 'x/' }, Expiration: { Days: 3 } } as const;
    const LifecycleConfiguration = { Rules: [...Rules.filter((rule) => rule.ID !== 'leftovers'), theirs] };
    await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
    const expected = [
      { resource: `queue ${NAMES.queues.batch}`, aspect: 'times', says: 'MessageRetentionPeriod is 60' },
      { resource: `bucket ${Bucket}`, aspect: 'lifecycle', says: 'rules: leftovers' },
    ];
    expect(notable(await run(true))).toEqual(expected.map((item) => ({ ...item, state: 'differs' })));
    expect(notable(await run(false))).toEqual(expected.map((item) => ({ ...item, state: 'changed' })));
    expect(notable(await run(false))).toEqual([]);
    const after = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    expect(after.Rules?.map((rule) => rule.ID)).toEqual(expect.arrayContaining(['theirs', 'leftovers']));
  });

  it('follows a setting that changed', async () => {
    // moto forgets a queue's policy when another attribute is set; it is made again in the same run.
    const changed = notable(await run(false, 45_001)).filter((item) => item.aspect !== 'policy');
    expect(changed.map((item) => [item.aspect, item.state, item.says])).toEqual(
      ALL_QUEUES.map(() => ['times', 'changed', 'VisibilityTimeout is 30']),
    );
    await run(false);
  });

  it('makes what went away, and nothing else', async () => {
    await sqs.send(new DeleteQueueCommand({ QueueUrl: await new QueueAt(sqs, NAMES.deadLetters.events).url() }));
    const made = notable(await run(false));
    const resources = new Set(made.map((item) => item.resource));
    expect(made[0]).toMatchObject({ resource: `queue ${NAMES.deadLetters.events}`, aspect: 'itself', state: 'made' });
    expect([...resources].every((name) => name.endsWith('made-events-dlq') || name.endsWith('made-events'))).toBe(true);
    expect(notable(await run(true))).toEqual([]);
  });

  it('adds an index that is missing, and fails a table of other keys without touching it', async () => {
    const TableName = NAMES.tables.debts;
    if (!offered.has('deletion protection')) {
      await dynamodb.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: false }));
    }
    const drop = async (): Promise<void> => {
      await dynamodb.send(new DeleteTableCommand({ TableName }));
      await waitUntilTableNotExists({ client: dynamodb, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { TableName });
    };
    await drop();
    const key = (AttributeName: string, KeyType: 'HASH' | 'RANGE') => ({ AttributeName, KeyType });
    const make = (keys: ReturnType<typeof key>[]) =>
      dynamodb.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: keys,
          AttributeDefinitions: keys.map(({ AttributeName }) => ({ AttributeName, AttributeType: 'S' })),
        }),
      );
    // dynalite adds no index to a table that is paid by request.
    if (tables.name !== 'dynalite') {
      await make([key('pk', 'HASH'), key('sk', 'RANGE')]);
      const added = notable(await run(false)).filter((item) => item.aspect.startsWith('index'));
      expect(added).toMatchObject([{ resource: `table ${TableName}`, aspect: 'index byDocument', state: 'made' }]);
      await dynamodb.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: false }));
      await drop();
    }
    await make([key('id', 'HASH')]);
    const says = 'its keys are id HASH and cannot be changed';
    const item = { resource: `table ${TableName}`, aspect: 'itself', says };
    expect(notable(await run(true))).toEqual([{ ...item, state: 'differs' }]);
    expect(notable(await run(false))).toEqual([{ ...item, state: 'failed' }]);
  });

  it('tells of an endpoint that is not there, and goes on to the next', async () => {
    const gone = new SQSClient({
      endpoint: 'http://127.0.0.1:1',
      region: 'sa-east-1',
      credentials: serviceServer.credentials,
      maxAttempts: 1,
    });
    const items: ProvisionItem[] = [];
    await provisioning(undefined, gone).run({ check: true }, (item) => items.push(item));
    const queues = items.filter((item) => item.resource.startsWith('queue'));
    expect(queues.every((item) => item.state === 'failed' && item.says.startsWith('SERVICE_IO'))).toBe(true);
    expect(items.some((item) => item.resource.startsWith('table') && item.state === 'as wanted')).toBe(true);
  });
});
