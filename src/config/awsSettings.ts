/**
 * The settings of the AWS drivers: a part of the table in schema.ts, which is where they are used from. They count for
 * nothing where another driver is chosen.
 *
 * Nothing here is guessed: region, bucket and secret have no default, because a wrong one would work, somewhere else.
 */
import type { SettingSpec } from './specs.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const DAY_MS = 86_400_000;

/** Scheme, host and port, and nothing after them. */
const ENDPOINT = /^https?:\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?\/?$/;

function endpointOf(key: string, service: string) {
  return {
    key,
    type: 'text',
    pattern: ENDPOINT,
    says: 'http(s)://host[:port]',
    default: '',
    means: `another endpoint for ${service}`,
  } as const;
}

/** The environment variable that AWS itself sets; taken where `awsRegion` is not given. */
export const REGION_KEY = 'AWS_REGION';

export const AWS_SETTINGS = {
  awsRegion: {
    key: 'REMESSA_AWS_REGION',
    type: 'text',
    pattern: /^[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}$/,
    says: 'a region, such as sa-east-1',
    default: '',
    means: `the region of everything; without it ${REGION_KEY} is taken, and without both the aws driver is refused`,
  },
  awsEndpoint: endpointOf('REMESSA_AWS_ENDPOINT', 'all services than those of the region'),
  awsEndpointS3: endpointOf('REMESSA_AWS_ENDPOINT_S3', 'S3; goes before the one for all'),
  awsEndpointSqs: endpointOf('REMESSA_AWS_ENDPOINT_SQS', 'SQS; goes before the one for all'),
  awsEndpointSns: endpointOf('REMESSA_AWS_ENDPOINT_SNS', 'SNS; goes before the one for all'),
  awsEndpointDynamodb: endpointOf('REMESSA_AWS_ENDPOINT_DYNAMODB', 'DynamoDB; goes before the one for all'),
  awsPrefix: {
    key: 'REMESSA_AWS_PREFIX',
    type: 'text',
    pattern: /^[a-z][a-z0-9-]{0,39}$/,
    says: '1 to 40 of a-z, 0-9 and -, a letter first',
    default: 'remessa',
    means: 'begins the name of every queue, topic and table: several installations can share an account',
  },
  awsBucket: {
    key: 'REMESSA_AWS_BUCKET',
    type: 'text',
    pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    says: "a bucket's name: 3 to 63 of a-z, 0-9, . and -",
    default: '',
    means: "the bucket of the clients' files and the engine's objects; the aws driver needs it",
  },
  awsDocumentSecret: {
    key: 'REMESSA_AWS_DOCUMENT_SECRET',
    type: 'secret',
    lengthMin: 32,
    default: '',
    means: 'the key under which debts are found by document; the aws driver needs it, and it stays as it is for good',
  },
  awsDebtsBuckets: {
    key: 'REMESSA_AWS_DEBTS_BUCKETS',
    type: 'count',
    min: 1,
    max: 1024,
    default: 64,
    means: "partitions that a client's debts are spread over; fixed with the installation's first start",
  },
  awsBatchMsMax: {
    key: 'REMESSA_AWS_BATCH_MS_MAX',
    type: 'ms',
    min: 3_600_000,
    max: 365 * DAY_MS,
    default: 7 * DAY_MS,
    means: 'the longest that a batch may be on its way, the time it lies stalled included',
  },
  awsRetentionMs: {
    key: 'REMESSA_AWS_RETENTION_MS',
    type: 'ms',
    min: 2 * DAY_MS,
    max: 400 * DAY_MS,
    default: 14 * DAY_MS,
    means: 'after which staged pages and parts that nothing removed go by themselves; a day above the longest batch',
  },
  awsReconcileMs: {
    key: 'REMESSA_AWS_RECONCILE_MS',
    type: 'ms',
    min: 1000,
    max: DAY_MS,
    default: 900_000,
    means: 'how often the inbox is listed for files whose notification never came',
  },
  awsConnections: {
    key: 'REMESSA_AWS_CONNECTIONS',
    type: 'count',
    min: 2,
    max: 256,
    default: 16,
    means: 'connections that a thread keeps to each service, at most',
  },
  awsConnectMs: {
    key: 'REMESSA_AWS_CONNECT_MS',
    type: 'ms',
    min: 50,
    max: 60_000,
    default: 2000,
    means: 'how long a connection may take to come about',
  },
  awsAnswerMs: {
    key: 'REMESSA_AWS_ANSWER_MS',
    type: 'ms',
    min: 100,
    max: 120_000,
    default: 10_000,
    means: 'how long a service may let a request, or the next bytes of an answer, wait',
  },
  awsTriesMax: {
    key: 'REMESSA_AWS_TRIES_MAX',
    type: 'count',
    min: 1,
    max: 50,
    default: 6,
    means: 'tries of one request that gain nothing before the work that made it is tried again later',
  },
  awsRequestBytes: {
    key: 'REMESSA_AWS_REQUEST_BYTES',
    type: 'bytes',
    min: 1 * MiB,
    max: 16 * MiB,
    default: 1 * MiB,
    means: 'the buffer of one request that carries staged pages',
  },
  awsRequestsMax: {
    key: 'REMESSA_AWS_REQUESTS_MAX',
    type: 'count',
    min: 1,
    max: 64,
    default: 6,
    means: 'requests that a thread has under way to a table at once',
  },
  awsPartBytes: {
    key: 'REMESSA_AWS_PART_BYTES',
    type: 'bytes',
    min: 5 * MiB,
    max: 256 * MiB,
    default: 8 * MiB,
    means: 'the size of the parts in which a large object is uploaded; a giant has larger ones',
  },
  awsWriteUnitsMin: {
    key: 'REMESSA_AWS_WRITE_UNITS_MIN',
    type: 'count',
    min: 1,
    max: 40_000,
    default: 100,
    means: "write units a second below which a thread's pace never falls, however often a table is too busy",
  },
  awsReadsMin: {
    key: 'REMESSA_AWS_READS_MIN',
    type: 'count',
    min: 1,
    max: 10_000,
    default: 20,
    means: "reads a second below which a thread's pace never falls",
  },
  awsPaceDoubleMs: {
    key: 'REMESSA_AWS_PACE_DOUBLE_MS',
    type: 'ms',
    min: 10,
    max: 600_000,
    default: 15_000,
    means: 'in how long a pace that was cut doubles again',
  },
} as const satisfies Record<string, SettingSpec>;
