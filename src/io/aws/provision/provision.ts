/**
 * `provision` for AWS (port: provisioning): bucket, queues with their dead letters, topic, subscription and tables, made or
 * checked at any endpoint.
 *
 * Order: what others point to goes first (queues before the bucket that tells them, before the subscription that fills one).
 * Where the services are AWS's own, TLS is demanded of everyone; at an endpoint without TLS that would lock out all.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../../../core/clock.ts';
import type { ProvisionItem, Provisioning } from '../../ports/provisioning.ts';
import { ALL_QUEUES, type AwsNames, type QueueId } from '../names.ts';
import { type Resource, settleResource } from './aspects.ts';
import { bucketResource } from './bucket.ts';
import type { Statement } from './policies.ts';
import { QueueAt, queueResources } from './queues.ts';
import { tableResources } from './tables.ts';
import { subscriptionResource, topicResource } from './topic.ts';

export interface ServiceEndpoint {
  /** Whether it is none of AWS's own. */
  readonly foreign: boolean;
  readonly tls: boolean;
}

export interface ProvisionOptions {
  readonly names: AwsNames;
  readonly region: string;
  readonly leaseMs: number;
  readonly receivesMax: number;
  readonly retentionMs: number;
  readonly endpoints: Readonly<Record<'s3' | 'sqs' | 'sns' | 'dynamodb', ServiceEndpoint>>;
  /** By message attribute, the values of the events that reach the events queue. */
  readonly eventFilter: Readonly<Record<string, readonly string[]>>;
}

export interface ProvisionDeps {
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  readonly sns: SNSClient;
  readonly dynamodb: DynamoDBClient;
  readonly clock: Clock;
}

/** Attributes of queues and settings of buckets take up to a minute to show. */
const SETTLE_MS = 90_000;

export class AwsProvisioning implements Provisioning {
  readonly #options: ProvisionOptions;
  readonly #deps: ProvisionDeps;

  constructor(options: ProvisionOptions, deps: ProvisionDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  async run(options: { readonly check: boolean }, onItem: (item: ProvisionItem) => void): Promise<void> {
    const { endpoints } = this.#options;
    const { clock } = this.#deps;
    for (const [service, resource] of this.#resources()) {
      const { foreign } = endpoints[service];
      const settleMs = foreign ? 0 : SETTLE_MS;
      await settleResource(resource, { check: options.check, foreign, settleMs }, clock, onItem);
    }
  }

  async close(): Promise<void> {
    for (const client of [this.#deps.s3, this.#deps.sqs, this.#deps.sns, this.#deps.dynamodb]) client.destroy();
  }

  *#resources(): Iterable<readonly [keyof ProvisionOptions['endpoints'], Resource]> {
    const { names, region, leaseMs, receivesMax, retentionMs, endpoints, eventFilter } = this.#options;
    const { s3, sqs, sns, dynamodb, clock } = this.#deps;
    const partition = partitionOf(region);
    const arnOf = (id: QueueId): Promise<string> => new QueueAt(sqs, names.queues[id]).arn();
    // A topic is named by its account, which a queue's name tells.
    const topicArn = async (): Promise<string> => {
      const account = accountOf(await arnOf('events'));
      return `arn:${partition}:sns:${region}:${account}:${names.topic}`;
    };
    const senders: Partial<Record<QueueId, (queueArn: string) => Promise<readonly Statement[]>>> = {
      arrivals: async (arn) => [
        mayFill('BucketNotifies', 's3', arn, `arn:${partition}:s3:::${names.bucket}`, accountOf(arn)),
      ],
      events: async (arn) => [mayFill('TopicTells', 'sns', arn, await topicArn(), accountOf(arn))],
    };
    for (const id of ALL_QUEUES) {
      const sending = senders[id];
      const wish = {
        name: names.queues[id],
        deadLetters: names.deadLetters[id],
        leaseMs,
        receivesMax,
        tls: endpoints.sqs.tls,
        ...(sending === undefined ? {} : { senders: sending }),
      };
      for (const resource of queueResources(sqs, wish)) yield ['sqs', resource];
    }
    const bucket = { bucket: names.bucket, region, partition, tls: endpoints.s3.tls, retentionMs };
    yield ['s3', bucketResource(s3, { ...bucket, arrivalsArn: () => arnOf('arrivals') })];
    const topic = { name: names.topic, topicArn, eventsQueueArn: () => arnOf('events'), filter: eventFilter };
    yield ['sns', topicResource(sns, topic)];
    yield ['sns', subscriptionResource(sns, topic, names.queues.events)];
    for (const resource of tableResources(dynamodb, names, clock)) yield ['dynamodb', resource];
  }
}

function mayFill(Sid: string, service: string, queueArn: string, sourceArn: string, account: string): Statement {
  return {
    Sid,
    Effect: 'Allow',
    Principal: { Service: `${service}.amazonaws.com` },
    Action: 'sqs:SendMessage',
    Resource: queueArn,
    Condition: { ArnEquals: { 'aws:SourceArn': sourceArn }, StringEquals: { 'aws:SourceAccount': account } },
  };
}

function accountOf(arn: string): string {
  return arn.split(':')[4] ?? '';
}

/** The part of the world that a region belongs to, as ARNs name it. */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
