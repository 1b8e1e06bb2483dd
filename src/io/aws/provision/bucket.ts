/**
 * The bucket as `provision` wants it: nobody outside reads it, every version is kept for a while, what passes is removed by
 * itself, half uploads too, and new client files are told to the arrivals queue.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type LifecycleRule,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type QueueConfiguration,
  type S3Client,
} from '@aws-sdk/client-s3';
import { INBOX_PREFIX } from '../names.ts';
import { errorName } from '../serviceFaults.ts';
import { AS_WANTED, type Aspect, differs, MISSING, type Resource } from './aspects.ts';
import { missingStatements, tlsOnly, withStatements } from './policies.ts';

export interface BucketWish {
  readonly bucket: string;
  readonly region: string;
  readonly partition: string;
  /** Whether clients come over TLS: only then may those who do not be refused. */
  readonly tls: boolean;
  /** After which parts that nothing removed go. */
  readonly retentionMs: number;
  /** Asked for when it is needed: the queue is made before. */
  arrivalsArn(): Promise<string>;
}

const DAY_MS = 86_400_000;
/** Freed with their batch; where that was missed, with the staged pages. */
const PASSING = ['parts', 'spool'] as const;
/** Work objects are freed with their batch, too, but for a small one: its answers are rendered from what was inflated. */
const RAW = ['inbox', 'raw', 'work', 'manifests'] as const;
const RAW_DAYS = 90;
export const ANSWERS_DAYS = 400;
const NONCURRENT_DAYS = 7;
const UPLOAD_DAYS = 2;
const ENCRYPTIONS: ReadonlySet<unknown> = new Set(['AES256', 'aws:kms', 'aws:kms:dsse']);
const NOTIFICATION_ID = 'remessa-arrivals';
const NOTIFIED = 's3:ObjectCreated:*';

export function bucketResource(s3: S3Client, wish: BucketWish): Resource {
  const Bucket = wish.bucket;
  const policy = wish.tls ? [policyAspect(s3, wish)] : [];
  return {
    name: `bucket ${Bucket}`,
    service: 'S3',
    aspects: [
      itself(s3, wish),
      encryption(s3, Bucket),
      publicAccess(s3, Bucket),
      versioning(s3, Bucket),
      ...policy,
      lifecycle(s3, wish),
      notifications(s3, wish),
    ],
  };
}

/** The answer, or nothing where the service says that there is none of this kind. */
async function unless<Answer>(names: readonly string[], ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (names.includes(errorName(error))) return undefined;
    throw error;
  }
}

function itself(s3: S3Client, { bucket: Bucket, region }: BucketWish): Aspect {
  return {
    name: 'itself',
    async look() {
      const found = await unless(['NotFound', 'NoSuchBucket'], () => s3.send(new HeadBucketCommand({ Bucket })));
      return found === undefined ? MISSING : AS_WANTED;
    },
    async make() {
      // This one region must not be named.
      const placed =
        region === 'us-east-1'
          ? {}
          : { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } };
      await s3.send(new CreateBucketCommand({ Bucket, ObjectOwnership: 'BucketOwnerEnforced', ...placed }));
    },
  };
}

function encryption(s3: S3Client, Bucket: string): Aspect {
  return {
    name: 'encryption',
    async look() {
      const found = await unless(['ServerSideEncryptionConfigurationNotFoundError'], () =>
        s3.send(new GetBucketEncryptionCommand({ Bucket })),
      );
      const rules = found?.ServerSideEncryptionConfiguration?.Rules ?? [];
      const encrypts = rules.some((rule) => ENCRYPTIONS.has(rule.ApplyServerSideEncryptionByDefault?.SSEAlgorithm));
      return encrypts ? AS_WANTED : differs('none by default');
    },
    async make() {
      const Rules = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } }];
      await s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }));
    },
  };
}

const BLOCK_ALL = {
  BlockPublicAcls: true,
  BlockPublicPolicy: true,
  IgnorePublicAcls: true,
  RestrictPublicBuckets: true,
} as const;

function publicAccess(s3: S3Client, Bucket: string): Aspect {
  return {
    name: 'public access',
    async look() {
      const found = await unless(['NoSuchPublicAccessBlockConfiguration'], () =>
        s3.send(new GetPublicAccessBlockCommand({ Bucket })),
      );
      const block = found?.PublicAccessBlockConfiguration ?? {};
      const open = (Object.keys(BLOCK_ALL) as (keyof typeof BLOCK_ALL)[]).filter((key) => block[key] !== true);
      return open.length === 0 ? AS_WANTED : differs(`not blocked: ${open.join(', ')}`);
    },
    async make() {
      await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: BLOCK_ALL }));
    },
  };
}

function versioning(s3: S3Client, Bucket: string): Aspect {
  return {
    name: 'versions',
    async look() {
      const { Status } = await s3.send(new GetBucketVersioningCommand({ Bucket }));
      return Status === 'Enabled' ? AS_WANTED : differs(`versions are ${Status ?? 'not kept'}`);
    },
    async make() {
      await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    },
  };
}

function policyAspect(s3: S3Client, { bucket: Bucket, partition }: BucketWish): Aspect {
  const arn = `arn:${partition}:s3:::${Bucket}`;
  const wanted = [tlsOnly('s3:*', [arn, `${arn}/*`])];
  const present = async (): Promise<string | undefined> =>
    (await unless(['NoSuchBucketPolicy'], () => s3.send(new GetBucketPolicyCommand({ Bucket }))))?.Policy;
  return {
    name: 'policy',
    async look() {
      const missing = missingStatements(await present(), wanted);
      return missing.length === 0 ? AS_WANTED : differs('requests without TLS are not refused');
    },
    async make() {
      await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: withStatements(await present(), wanted) }));
    },
  };
}

function wantedRules(retentionMs: number): LifecycleRule[] {
  const passingDays = Math.ceil(retentionMs / DAY_MS);
  const after = (folder: string, says: string, Days: number): LifecycleRule => ({
    ID: `${folder}-${says}`,
    Status: 'Enabled',
    Filter: { Prefix: `${folder}/` },
    Expiration: { Days },
  });
  return [
    ...PASSING.map((folder) => after(folder, 'passes', passingDays)),
    ...RAW.map((folder) => after(folder, 'kept', Math.max(RAW_DAYS, passingDays))),
    after('answers', 'kept', Math.max(ANSWERS_DAYS, passingDays)),
    {
      ID: 'leftovers',
      Status: 'Enabled',
      Filter: { Prefix: '' },
      Expiration: { ExpiredObjectDeleteMarker: true },
      NoncurrentVersionExpiration: { NoncurrentDays: NONCURRENT_DAYS },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: UPLOAD_DAYS },
    },
  ];
}

/** Answers say an empty filter in several ways, and add fields of their own. */
function plainRule(rule: LifecycleRule): unknown {
  return {
    id: rule.ID,
    on: rule.Status,
    prefix: rule.Filter?.Prefix ?? '',
    days: rule.Expiration?.Days,
    markers: rule.Expiration?.ExpiredObjectDeleteMarker ?? false,
    noncurrentDays: rule.NoncurrentVersionExpiration?.NoncurrentDays,
    uploadDays: rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
  };
}

function lifecycle(s3: S3Client, { bucket: Bucket, retentionMs }: BucketWish): Aspect {
  const wanted = wantedRules(retentionMs);
  const present = async (): Promise<LifecycleRule[]> => {
    const ask = () => s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    return (await unless(['NoSuchLifecycleConfiguration'], ask))?.Rules ?? [];
  };
  return {
    name: 'lifecycle',
    async look() {
      const there = (await present()).map(plainRule);
      const missing = wanted.filter((rule) => !there.some((one) => isDeepStrictEqual(one, plainRule(rule))));
      return missing.length === 0 ? AS_WANTED : differs(`rules: ${missing.map((rule) => rule.ID).join(', ')}`);
    },
    async make() {
      const ids = new Set(wanted.map((rule) => rule.ID));
      const kept = (await present()).filter((rule) => !ids.has(rule.ID));
      const Rules = [...kept, ...wanted];
      await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
    },
  };
}

function notifications(s3: S3Client, wish: BucketWish): Aspect {
  const { bucket: Bucket } = wish;
  const present = () => s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  const tells = (one: QueueConfiguration, arn: string): boolean =>
    one.QueueArn === arn && (one.Events ?? []).includes(NOTIFIED) && filterOf(one) === `prefix=${INBOX_PREFIX}`;
  return {
    name: 'notifications',
    async look() {
      const arn = await wish.arrivalsArn();
      const { QueueConfigurations = [] } = await present();
      return QueueConfigurations.some((one) => tells(one, arn))
        ? AS_WANTED
        : differs(`nothing is told of ${INBOX_PREFIX}`);
    },
    async make() {
      const { $metadata: _, ...before } = await present();
      const kept = (before.QueueConfigurations ?? []).filter((one) => one.Id !== NOTIFICATION_ID);
      const own: QueueConfiguration = {
        Id: NOTIFICATION_ID,
        QueueArn: await wish.arrivalsArn(),
        Events: [NOTIFIED],
        Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: INBOX_PREFIX }] } },
      };
      const NotificationConfiguration = { ...before, QueueConfigurations: [...kept, own] };
      await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
    },
  };
}

function filterOf(one: QueueConfiguration): string {
  const rules = one.Filter?.Key?.FilterRules ?? [];
  return rules.map((rule) => `${rule.Name?.toLowerCase()}=${rule.Value}`).join(' ');
}
