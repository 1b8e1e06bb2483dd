/**
 * Queues, their dead letters, the topic of batch events, and the bucket's notifications.
 *
 * Promises: each queue has dead letters of its own, which take from no other; a message that lies there keeps longer than it
 * can have waited before; only this account's bucket sends to `arrivals`; nothing is sent without TLS.
 */
import { Aws, Duration } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { SubscriptionFilter, Topic } from 'aws-cdk-lib/aws-sns';
import { SqsSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { type CfnQueue, Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ALL_QUEUES, type AwsNames, EVENT_FILTER, INBOX_PREFIX, type QueueId } from '../src/io/aws/names.ts';

export interface MessagingProps {
  readonly prefix: string;
  readonly bucket: Bucket;
  readonly names: AwsNames;
  /** The engine's `REMESSA_LEASE_MS`: what a message's visibility is where a receiver does not say. */
  readonly leaseSeconds: number;
  /** Deliveries before a message is dead; SQS allows 1,000. */
  readonly receivesMax: number;
}

const RECEIVES_MAX = 1000;
/** A message that dies keeps the time at which it was first sent. */
const KEPT_DAYS = 10;
const DEAD_KEPT_DAYS = 14;

export interface QueuePair {
  readonly queue: Queue;
  readonly dead: Queue;
}

export class Messaging extends Construct {
  readonly queues: Readonly<Record<QueueId, QueuePair>>;
  readonly events: Topic;
  readonly topicKey: Key;

  constructor(scope: Construct, id: string, props: MessagingProps) {
    super(scope, id);
    const pairs = ALL_QUEUES.map((name) => [name, this.#makePair(name, props)] as const);
    this.queues = Object.fromEntries(pairs) as Record<QueueId, QueuePair>;
    this.topicKey = new Key(this, 'TopicKey', {
      description: `${props.prefix}: events of batches and alarms on their way`,
      enableKeyRotation: true,
    });
    // Alarms are published by CloudWatch itself.
    this.topicKey.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    this.events = new Topic(this, 'Events', {
      topicName: props.names.topic,
      masterKey: this.topicKey,
      enforceSSL: true,
    });
    const filterPolicy = { type: SubscriptionFilter.stringFilter({ allowlist: [...EVENT_FILTER.type] }) };
    // As published, without an envelope: whoever reads the queue reads what the engine wrote.
    this.events.addSubscription(
      new SqsSubscription(this.queues.events.queue, { rawMessageDelivery: true, filterPolicy }),
    );
    this.#notify(props);
  }

  #makePair(name: QueueId, { names, leaseSeconds, receivesMax }: MessagingProps): QueuePair {
    const common = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    const dead = new Queue(this, `Dead-${name}`, {
      ...common,
      queueName: names.deadLetters[name],
      retentionPeriod: Duration.days(DEAD_KEPT_DAYS),
    });
    const queue = new Queue(this, `Queue-${name}`, {
      ...common,
      queueName: names.queues[name],
      retentionPeriod: Duration.days(KEPT_DAYS),
      visibilityTimeout: Duration.seconds(leaseSeconds),
      receiveMessageWaitTime: Duration.seconds(20),
      deadLetterQueue: { queue: dead, maxReceiveCount: Math.min(RECEIVES_MAX, receivesMax) },
    });
    // The queue by its written name: each refers to the other, and neither could be made first.
    (dead.node.defaultChild as CfnQueue).redriveAllowPolicy = {
      redrivePermission: 'byQueue',
      sourceQueueArns: [`arn:${Aws.PARTITION}:sqs:${Aws.REGION}:${Aws.ACCOUNT_ID}:${names.queues[name]}`],
    };
    return { queue, dead };
  }

  /**
   * Written into the bucket itself: the construct library's own way is a function that edits the bucket after the fact. The
   * bucket's name is known beforehand, so the queue's policy can name it without waiting for it.
   */
  #notify({ bucket, names }: MessagingProps): void {
    const { queue } = this.queues.arrivals;
    queue.addToResourcePolicy(
      new PolicyStatement({
        sid: 'BucketNotifies',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions: {
          ArnEquals: { 'aws:SourceArn': `arn:${Aws.PARTITION}:s3:::${names.bucket}` },
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
        },
      }),
    );
    const resource = bucket.node.defaultChild as CfnBucket;
    resource.notificationConfiguration = {
      queueConfigurations: [
        {
          event: 's3:ObjectCreated:*',
          queue: queue.queueArn,
          filter: { s3Key: { rules: [{ name: 'prefix', value: INBOX_PREFIX }] } },
        },
      ],
    };
    const policy = queue.node.findChild('Policy');
    bucket.node.addDependency(policy);
  }
}
