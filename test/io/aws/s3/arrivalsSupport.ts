/** What the tests of arrivals in S3 share: a bucket and its queue on a test server, and a client who puts files there. */
import { DeleteObjectCommand, PutObjectCommand, type PutObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../../../../src/core/clock.ts';
import { batchIdOf } from '../../../../src/core/ids.ts';
import { S3Arrivals, type S3ArrivalsOptions } from '../../../../src/io/aws/s3/arrivals.ts';
import type { Arrival } from '../../../../src/io/ports/arrivals.ts';
import type { Batch, Registry } from '../../../../src/io/ports/registry.ts';
import type { AwsServer } from '../../../support/aws/servers.ts';
import { BUCKET, createBucket, type OpenedS3, openS3, S3_TEST_OPTIONS } from './support.ts';

export const QUEUE = 'remessa-arrivals';
const DAY_MS = 86_400_000;

/** Batches as the registry would know them: those that were accepted here. */
export class KnownBatches implements Pick<Registry, 'get'> {
  readonly ids = new Set<string>();
  reads = 0;

  async get(id: string): Promise<Batch | undefined> {
    this.reads += 1;
    return this.ids.has(id) ? ({ id } as Batch) : undefined;
  }

  accept({ bucket, key, version }: Arrival): boolean {
    const id = batchIdOf(bucket, key, version);
    if (this.ids.has(id)) return false;
    this.ids.add(id);
    return true;
  }
}

export interface Inbox {
  readonly s3: OpenedS3;
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly batches: KnownBatches;
  open(changes?: Partial<S3ArrivalsOptions>, clock?: Clock): S3Arrivals;
  /** A file as a client puts it; nobody is told. */
  put(key: string, text: string): Promise<PutObjectCommandOutput>;
  send(message: unknown): Promise<void>;
  messages(): Promise<{ readonly visible: number; readonly held: number }>;
  close(): void;
}

/** Without reconciliation unless asked for: its first round would find everything. */
export async function openInbox(server: AwsServer): Promise<Inbox> {
  const s3 = openS3(server.endpoint);
  await createBucket(s3.client);
  const { endpoint, region, credentials } = server;
  const sqs = new SQSClient({ endpoint, region, credentials });
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: QUEUE }));
  const queueUrl = QueueUrl as string;
  const batches = new KnownBatches();
  return {
    s3,
    sqs,
    queueUrl,
    batches,
    open: (changes = {}, clock = s3.deps.clock) =>
      new S3Arrivals(
        {
          ...S3_TEST_OPTIONS,
          queueUrl,
          visibilityMs: 30_000,
          pollMsMax: 0,
          heldMax: 500,
          reconciliation: { everyMs: 10 * DAY_MS, graceMs: DAY_MS, windowMs: 2 * DAY_MS, pagesAtOnce: 2 },
          ...changes,
        },
        { ...s3.deps, clock, sqs, registry: batches, objects: s3.objects },
      ),
    put: (key, text) => s3.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: text })),
    send: async (message) => {
      const MessageBody = typeof message === 'string' ? message : JSON.stringify(message);
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
    },
    messages: async () => {
      const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
      const answer = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...AttributeNames] }),
      );
      const [visible, held] = AttributeNames.map((name) => Number(answer.Attributes?.[name]));
      return { visible: visible as number, held: held as number };
    },
    close: () => {
      s3.close();
      sqs.destroy();
    },
  };
}

export interface Happening {
  readonly key: string;
  readonly etag?: string | undefined;
  readonly version?: string | undefined;
  readonly sequencer?: string;
  readonly atMs?: number;
  readonly name?: string;
  readonly bucket?: string;
}

/** A record as S3 sends it: the key encoded, blanks as `+`. */
export function s3Record(what: Happening): object {
  const { key, etag, version, sequencer, atMs = Date.now(), name = 'ObjectCreated:Put', bucket = BUCKET } = what;
  return {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    awsRegion: 'sa-east-1',
    eventTime: new Date(atMs).toISOString(),
    eventName: name,
    userIdentity: { principalId: 'AWS:EXAMPLE' },
    s3: {
      s3SchemaVersion: '1.0',
      configurationId: 'remessa-arrivals',
      bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
      object: {
        key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'),
        size: 1,
        ...(etag === undefined ? {} : { eTag: etag.replaceAll('"', '') }),
        ...(version === undefined ? {} : { versionId: version }),
        ...(sequencer === undefined ? {} : { sequencer }),
      },
    },
  };
}

export function s3Event(...all: readonly Happening[]): object {
  return { Records: all.map(s3Record) };
}

/** What SNS makes of a message on its way to a queue that does not ask for raw delivery. */
export function bySns(message: object): object {
  return {
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: 'arn:aws:sns:sa-east-1:123456789012:bucket',
    Message: JSON.stringify(message),
    Timestamp: '2026-01-15T12:00:00.000Z',
    SignatureVersion: '1',
  };
}

/** An event as EventBridge sends it: the key as it is. */
export function bridgeEvent(what: Happening, type = 'Object Created'): object {
  const { key, etag, version, sequencer, atMs = Date.now(), bucket = BUCKET } = what;
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': type,
    source: 'aws.s3',
    account: '123456789012',
    time: new Date(atMs).toISOString(),
    region: 'sa-east-1',
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: { key, size: 1, etag: etag?.replaceAll('"', ''), 'version-id': version, sequencer },
      reason: 'PutObject',
    },
  };
}

export async function removeObject(client: S3Client, key: string): Promise<void> {
  await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: key }));
}
