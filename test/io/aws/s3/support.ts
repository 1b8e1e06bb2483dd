/** What the tests of the S3 drivers share: a bucket on a test server, the store over any endpoint, and what it told. */
import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../../../../src/core/clock.ts';
import type { TelemetryEvent } from '../../../../src/core/telemetry.ts';
import type { S3Deps } from '../../../../src/io/aws/s3/calls.ts';
import { S3Objects, type S3ObjectsOptions, s3ClientConfig } from '../../../../src/io/aws/s3/objects.ts';

export const BUCKET = 'remessa-test';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const MiB = 1024 * 1024;

export const S3_TEST_OPTIONS: S3ObjectsOptions = {
  bucket: BUCKET,
  triesMax: 5,
  retryMsMin: 1,
  retryMsMax: 8,
  answerMs: 5000,
  partBytes: 5 * MiB,
  partsAtOnce: 2,
  objectBytesMax: 1024 * MiB,
  streamsMax: 16,
  windowsBytes: 4 * MiB,
};

export interface OpenedS3 {
  readonly objects: S3Objects;
  readonly client: S3Client;
  readonly deps: S3Deps;
  readonly events: readonly TelemetryEvent[];
  close(): void;
}

/** At most `connections` sockets: a leaked one is found by what waits for it. */
export function openS3(
  endpoint: string,
  changes: Partial<S3ObjectsOptions> = {},
  { connections = 32, clock = systemClock }: { readonly connections?: number; readonly clock?: Clock } = {},
): OpenedS3 {
  const events: TelemetryEvent[] = [];
  const config = s3ClientConfig({ region: 'sa-east-1', endpoint, connections, connectMs: 2000 });
  const client = new S3Client({ ...config, credentials: CREDENTIALS });
  const deps: S3Deps = {
    client,
    clock,
    random: (size) => randomBytes(size),
    telemetry: { emit: (event) => events.push(event) },
  };
  const objects = new S3Objects({ ...S3_TEST_OPTIONS, ...changes }, deps);
  return { objects, client, deps, events, close: () => client.destroy() };
}

export async function createBucket(client: S3Client, bucket = BUCKET): Promise<void> {
  await client.send(
    new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: { LocationConstraint: 'sa-east-1' } }),
  );
}

export async function uploadsUnderWay(client: S3Client, bucket = BUCKET): Promise<number> {
  const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return Uploads?.length ?? 0;
}
