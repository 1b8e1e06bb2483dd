/**
 * What is kept: the bucket, its key, and the tables.
 *
 * Promises: nothing is public, nothing is readable without TLS, everything is encrypted; what cannot be made again (raw
 * files, registry, debts, clients, submissions) survives the removal of the stack; tables among it can be taken back to any
 * second of the last 35 days; what can be made again (staged pages, parts) is removed by itself.
 */
import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { type AwsNames, DOCUMENT_INDEX, TABLES, type TableId, TTL_ATTRIBUTE } from '../src/io/aws/names.ts';

export interface StorageProps {
  readonly prefix: string;
  readonly names: AwsNames;
  /** Write units a second that the staging and debts tables take from the first second; they start at 4,000 otherwise. */
  readonly warmWriteUnits?: number | undefined;
}

const STRING_KEY = (name: string) => ({ name, type: AttributeType.STRING });
/** Parts are freed with their batch; where that was missed, when staged pages go too. */
const PASSING_DAYS = 14;
const RAW_DAYS = 90;
const ANSWERS_DAYS = 400;
const NONCURRENT_DAYS = 7;
/** Rates that a new on-demand table takes at once (DynamoDB developer guide, «warm throughput»). */
const WARM_WRITE_UNITS_MIN = 4000;
const WARM_READ_UNITS_MIN = 12_000;

export class Storage extends Construct {
  readonly bucket: Bucket;
  readonly bucketKey: Key;
  readonly tables: Readonly<Record<TableId, Table>>;

  constructor(scope: Construct, id: string, props: StorageProps) {
    super(scope, id);
    this.bucketKey = new Key(this, 'BucketKey', {
      description: `${props.prefix}: the clients' files and the engine's objects`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.bucket = this.#makeBucket(props);
    const tables = TABLES.map((name) => [name, this.#makeTable(name, props)] as const);
    this.tables = Object.fromEntries(tables) as Record<TableId, Table>;
    this.tables.debts.addGlobalSecondaryIndex({
      indexName: DOCUMENT_INDEX.name,
      partitionKey: STRING_KEY(DOCUMENT_INDEX.partition),
      sortKey: STRING_KEY(DOCUMENT_INDEX.sort),
      // Keys alone: a debt whose document stays costs the index nothing when it changes.
      projectionType: ProjectionType.KEYS_ONLY,
    });
  }

  #makeBucket({ names }: StorageProps): Bucket {
    const passing = (folder: string) => ({
      id: `${folder}-passes`,
      prefix: `${folder}/`,
      expiration: Duration.days(PASSING_DAYS),
    });
    const kept = (folder: string, days: number) => ({
      id: `${folder}-kept`,
      prefix: `${folder}/`,
      expiration: Duration.days(days),
    });
    return new Bucket(this, 'Bucket', {
      // Names of buckets are the world's: the account makes it ours.
      bucketName: names.bucket,
      versioned: true,
      encryption: BucketEncryption.KMS,
      encryptionKey: this.bucketKey,
      bucketKeyEnabled: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        passing('parts'),
        passing('spool'),
        kept('inbox', RAW_DAYS),
        kept('raw', RAW_DAYS),
        // Freed with its batch, but for a small one, whose answers are rendered from what was inflated.
        kept('work', RAW_DAYS),
        kept('manifests', RAW_DAYS),
        kept('answers', ANSWERS_DAYS),
        {
          id: 'leftovers',
          abortIncompleteMultipartUploadAfter: Duration.days(2),
          noncurrentVersionExpiration: Duration.days(NONCURRENT_DAYS),
          expiredObjectDeleteMarker: true,
        },
      ],
    });
  }

  #makeTable(name: TableId, { names, warmWriteUnits }: StorageProps): Table {
    const passes = name === 'staging';
    const busy = name === 'staging' || name === 'debts';
    const warm = busy && warmWriteUnits !== undefined && warmWriteUnits > WARM_WRITE_UNITS_MIN;
    return new Table(this, `Table-${name}`, {
      tableName: names.tables[name],
      partitionKey: STRING_KEY('pk'),
      sortKey: STRING_KEY('sk'),
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.AWS_MANAGED,
      timeToLiveAttribute: TTL_ATTRIBUTE,
      deletionProtection: !passes,
      removalPolicy: passes ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: !passes },
      ...(warm
        ? { warmThroughput: { writeUnitsPerSecond: warmWriteUnits, readUnitsPerSecond: WARM_READ_UNITS_MIN } }
        : {}),
    });
  }
}

export function bucketNameOf(prefix: string): string {
  return `${prefix}-${Aws.ACCOUNT_ID}-${Aws.REGION}`;
}
