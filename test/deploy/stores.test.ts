/** What the stack keeps and how messages go: names, keys, encryption, lives, dead letters. */
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { RECEIVES_MAX } from '../../deploy/settings.ts';
import { AWS_SETTINGS } from '../../src/config/awsSettings.ts';
import { ALL_QUEUES, EVENT_FILTER, TABLES, WORK_QUEUES } from '../../src/io/aws/names.ts';
import { STAGING_TABLE } from '../../src/io/aws/staging/stagedItems.ts';
import { QUEUES } from '../../src/stages/batch/messages.ts';
import { ACCOUNT, listOf, REGION, type Statement, Synthesised, statementsOf } from './world.ts';

const world = new Synthesised();
const { template } = world;
const BUCKET = `remessa-${ACCOUNT}-${REGION}`;

describe('the bucket', () => {
  const bucket = world.of('AWS::S3::Bucket');

  it('is one, private, encrypted with a key of its own, versioned, and outlives the stack', () => {
    expect(bucket.length).toBe(1);
    expect(bucket[0]?.DeletionPolicy).toBe('Retain');
    expect(world.filled(bucket[0]?.Properties['BucketName'])).toBe(BUCKET);
    template.hasResourceProperties('AWS::S3::Bucket', {
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } },
        ],
      },
    });
    for (const key of world.of('AWS::KMS::Key')) expect(key.Properties['EnableKeyRotation']).toBe(true);
  });

  it('refuses what comes without TLS', () => {
    const [policy] = world.of('AWS::S3::BucketPolicy');
    const denied = statementsOf(world, policy as NonNullable<typeof policy>).filter(({ Effect }) => Effect === 'Deny');
    const withoutTls = denied.find(({ Condition }) => Condition?.['Bool']?.['aws:SecureTransport'] === 'false');
    expect(withoutTls?.Action).toBe('s3:*');
    expect(withoutTls?.Resource).toEqual([BUCKET, `${BUCKET}/*`]);
  });

  it('has an end for everything in it, and none before a batch may have ended', () => {
    const rules = (
      bucket[0]?.Properties['LifecycleConfiguration'] as {
        Rules: { Id: string; Prefix?: string; ExpirationInDays?: number; Status: string }[];
      }
    ).Rules;
    const days = Object.fromEntries(rules.map((rule) => [rule.Prefix ?? rule.Id, rule.ExpirationInDays]));
    expect(days).toEqual({
      'parts/': 14,
      'spool/': 14,
      'inbox/': 90,
      // A small batch's answers are rendered from it.
      'work/': 90,
      'raw/': 90,
      'manifests/': 90,
      'answers/': 400,
      leftovers: undefined,
    });
    const batchDays = AWS_SETTINGS.awsBatchMsMax.default / 86_400_000;
    for (const end of Object.values(days)) expect(end ?? 99).toBeGreaterThan(batchDays);
    expect(rules.every((rule) => rule.Status === 'Enabled')).toBe(true);
    expect(rules.find((rule) => rule.Id === 'leftovers')).toMatchObject({
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
      NoncurrentVersionExpiration: { NoncurrentDays: 7 },
      ExpiredObjectDeleteMarker: true,
    });
  });

  it('tells the arrivals queue, and only it, of what is dropped in the inbox', () => {
    expect(world.filled(bucket[0]?.Properties['NotificationConfiguration'])).toEqual({
      QueueConfigurations: [
        {
          Event: 's3:ObjectCreated:*',
          Queue: 'remessa-arrivals',
          Filter: { S3Key: { Rules: [{ Name: 'prefix', Value: 'inbox/' }] } },
        },
      ],
    });
    const policy = world.one(
      'AWS::SQS::QueuePolicy',
      ({ Queues }) =>
        listOf(Queues).includes('<MessagingQueuearrivals6749EC8A>') || listOf(Queues).includes('remessa-arrivals'),
    );
    const allowed = statementsOf(world, policy).filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toEqual([
      {
        Sid: 'BucketNotifies',
        Effect: 'Allow',
        Principal: { Service: 's3.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: 'remessa-arrivals',
        Condition: {
          ArnEquals: { 'aws:SourceArn': `arn:aws:s3:::${BUCKET}` },
          StringEquals: { 'aws:SourceAccount': ACCOUNT },
        },
      } satisfies Statement,
    ]);
  });
});

describe('the tables', () => {
  it.each(TABLES)('%s has string keys, a time to live, and costs what it is used', (name) => {
    const table = world.one('AWS::DynamoDB::Table', ({ TableName }) => TableName === `remessa-${name}`);
    const passes = name === 'staging';
    expect(table.Properties).toMatchObject({
      KeySchema: STAGING_TABLE.keys.map((key) => ({ AttributeName: key.name, KeyType: key.role })),
      BillingMode: 'PAY_PER_REQUEST',
      SSESpecification: { SSEEnabled: true },
      TimeToLiveSpecification: { AttributeName: STAGING_TABLE.ttlAttribute, Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: !passes },
      DeletionProtectionEnabled: !passes,
    });
    const types = table.Properties['AttributeDefinitions'] as { AttributeType: string }[];
    expect(new Set(types.map(({ AttributeType }) => AttributeType))).toEqual(new Set(['S']));
    expect(table.DeletionPolicy).toBe(passes ? 'Delete' : 'Retain');
  });

  it('are five, and debts alone has an index, by document', () => {
    expect(world.of('AWS::DynamoDB::Table').length).toBe(TABLES.length);
    const indexes = world.of('AWS::DynamoDB::Table').filter((table) => table.Properties['GlobalSecondaryIndexes']);
    expect(indexes.map((table) => table.Properties['TableName'])).toEqual(['remessa-debts']);
    expect(indexes[0]?.Properties['GlobalSecondaryIndexes']).toMatchObject([
      {
        IndexName: 'byDocument',
        KeySchema: [
          { AttributeName: 'doc', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      },
    ]);
  });

  it('may be warmed where they are written most', () => {
    const warm = new Synthesised({ warmWriteUnits: 40_000 });
    const units = warm
      .of('AWS::DynamoDB::Table')
      .map(({ Properties }) => [Properties['TableName'], Properties['WarmThroughput']]);
    expect(Object.fromEntries(units)).toEqual({
      'remessa-registry': undefined,
      'remessa-clients': undefined,
      'remessa-submissions': undefined,
      'remessa-staging': { WriteUnitsPerSecond: 40_000, ReadUnitsPerSecond: 12_000 },
      'remessa-debts': { WriteUnitsPerSecond: 40_000, ReadUnitsPerSecond: 12_000 },
    });
  });
});

describe('the queues', () => {
  it('are those of the engine, and the one of arrivals', () => {
    expect([...WORK_QUEUES].sort()).toEqual([...QUEUES].sort());
    const names = world.of('AWS::SQS::Queue').map(({ Properties }) => Properties['QueueName']);
    expect(names.sort()).toEqual(ALL_QUEUES.flatMap((name) => [`remessa-${name}`, `remessa-${name}-dlq`]).sort());
  });

  it.each(ALL_QUEUES)('%s keeps long enough, and its dead letters keep longer', (name) => {
    const queue = world.one('AWS::SQS::Queue', ({ QueueName }) => QueueName === `remessa-${name}`);
    const dead = world.one('AWS::SQS::Queue', ({ QueueName }) => QueueName === `remessa-${name}-dlq`);
    expect(world.filled(queue.Properties['RedrivePolicy'])).toEqual({
      deadLetterTargetArn: `remessa-${name}-dlq`,
      maxReceiveCount: RECEIVES_MAX,
    });
    const keptMs = Number(queue.Properties['MessageRetentionPeriod']) * 1000;
    expect(keptMs).toBeGreaterThan(AWS_SETTINGS.awsBatchMsMax.default);
    expect(Number(dead.Properties['MessageRetentionPeriod'])).toBe(14 * 86_400);
    expect(Number(dead.Properties['MessageRetentionPeriod']) * 1000).toBeGreaterThan(keptMs);
    expect(world.filled(dead.Properties['RedriveAllowPolicy'])).toEqual({
      redrivePermission: 'byQueue',
      sourceQueueArns: [`arn:aws:sqs:${REGION}:${ACCOUNT}:remessa-${name}`],
    });
    for (const one of [queue, dead]) {
      expect(one.Properties['SqsManagedSseEnabled']).toBe(true);
      expect(one.Properties['FifoQueue']).toBeUndefined();
    }
  });

  it('refuse what comes without TLS, as the topics do', () => {
    const policies = [...world.of('AWS::SQS::QueuePolicy'), ...world.of('AWS::SNS::TopicPolicy')];
    expect(policies.length).toBe(ALL_QUEUES.length * 2 + 2);
    for (const policy of policies) {
      const denied = statementsOf(world, policy).filter(({ Effect }) => Effect === 'Deny');
      expect(denied.map(({ Condition }) => Condition)).toEqual([{ Bool: { 'aws:SecureTransport': 'false' } }]);
    }
  });

  it('of events hear the topic, and it alone, as it was published', () => {
    const [subscription, ...others] = world.of('AWS::SNS::Subscription');
    expect(others).toEqual([]);
    expect(world.filled(subscription?.Properties)).toMatchObject({
      Protocol: 'sqs',
      TopicArn: 'remessa-batch-events',
      Endpoint: 'remessa-events',
      RawMessageDelivery: true,
      FilterPolicy: EVENT_FILTER,
    });
    const policy = world.one('AWS::SQS::QueuePolicy', ({ Queues }) =>
      /Queueevents|remessa-events"/.test(JSON.stringify(Queues)),
    );
    const allowed = statementsOf(world, policy).filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toMatchObject([
      {
        Action: 'sqs:SendMessage',
        Principal: { Service: 'sns.amazonaws.com' },
        Condition: { ArnEquals: { 'aws:SourceArn': 'remessa-batch-events' } },
      },
    ]);
  });

  it('stand beside the topic of batch events, encrypted', () => {
    template.hasResourceProperties('AWS::SNS::Topic', {
      TopicName: 'remessa-batch-events',
      KmsMasterKeyId: Match.anyValue(),
    });
    template.hasResourceProperties('AWS::SNS::Topic', {
      TopicName: 'remessa-alarms',
      KmsMasterKeyId: Match.anyValue(),
    });
  });
});
