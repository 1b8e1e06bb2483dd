/** From the settings to the options of the AWS drivers: plain data, which crosses to worker threads. */
import { AWS_BOUNDS, readStreamsMax } from '../../config/awsLimits.ts';
import type { Settings } from '../../config/schema.ts';
import type { DynamoDataOptions } from './dataPlane.ts';
import type { DynamoDebtsOptions } from './debts/debts.ts';
import { type AwsNames, namesOf } from './names.ts';
import { ANSWERS_DAYS } from './provision/bucket.ts';
import type { ServiceEndpoint } from './provision/provision.ts';
import type { S3ArrivalsOptions } from './s3/arrivals.ts';
import type { S3ClientOptions, S3ObjectsOptions } from './s3/objects.ts';
import type { ClientOptions, ServiceId } from './sdkClients.ts';

export interface AwsOptions {
  readonly region: string;
  readonly names: AwsNames;
  readonly clients: ClientOptions;
  /** S3's client, which is made otherwise than the others. */
  readonly s3: S3ClientOptions;
  readonly objects: S3ObjectsOptions;
  /** But for the queue's address, which is asked for. */
  readonly arrivals: Omit<S3ArrivalsOptions, 'queueUrl'>;
  readonly staging: DynamoDataOptions;
  readonly debts: DynamoDebtsOptions;
  /** Of one request: how often, and how long between. */
  readonly tries: { readonly triesMax: number; readonly retryMsMin: number; readonly retryMsMax: number };
  readonly leaseMs: number;
  readonly receivesMax: number;
  readonly retentionMs: number;
  /** How long a batch is kept after its end: as long as its answers. */
  readonly batchKeepMs: number;
  readonly deliveryKeepMs: number;
  readonly endpoints: Readonly<Record<ServiceId, ServiceEndpoint>>;
}

/** Between tries of one request. */
const RETRY_MS_MIN = 25;
const RETRY_MS_MAX = 2000;
/** A notification has this long before its object is looked for. */
const GRACE_MS = 300_000;
/** An answer's bytes come once its head has: they may take as long as that did, and what is large a little longer. */
const BODY_FACTOR = 2;

export function awsOptionsOf(s: Settings): AwsOptions {
  const names = namesOf(s.awsPrefix, s.awsBucket);
  const region = s.awsRegion;
  const given: Readonly<Record<ServiceId, string>> = {
    s3: s.awsEndpointS3 || s.awsEndpoint,
    sqs: s.awsEndpointSqs || s.awsEndpoint,
    sns: s.awsEndpointSns || s.awsEndpoint,
    dynamodb: s.awsEndpointDynamodb || s.awsEndpoint,
  };
  const endpoints = Object.fromEntries(Object.entries(given).filter(([, endpoint]) => endpoint !== ''));
  const tries = { triesMax: s.awsTriesMax, retryMsMin: RETRY_MS_MIN, retryMsMax: RETRY_MS_MAX };
  const dynamo = {
    region,
    ...(given.dynamodb === '' ? {} : { endpoint: given.dynamodb }),
    ...tries,
    connections: s.awsConnections,
    connectMs: s.awsConnectMs,
    headersMs: s.awsAnswerMs,
    bodyMs: s.awsAnswerMs * BODY_FACTOR,
    writeUnitsPerSecondMin: s.awsWriteUnitsMin,
    readsPerSecondMin: s.awsReadsMin,
    paceDoubleMs: s.awsPaceDoubleMs,
    inFlightMax: s.awsRequestsMax,
  };
  return {
    region,
    names,
    clients: {
      region,
      endpoints,
      connections: s.awsConnections,
      connectMs: s.awsConnectMs,
      answerMs: s.awsAnswerMs,
      triesMax: s.awsTriesMax,
    },
    s3: {
      region,
      ...(given.s3 === '' ? {} : { endpoint: given.s3 }),
      connections: s.awsConnections,
      connectMs: s.awsConnectMs,
    },
    objects: {
      bucket: names.bucket,
      ...tries,
      answerMs: s.awsAnswerMs,
      partBytes: s.awsPartBytes,
      partsAtOnce: AWS_BOUNDS.partsAtOnce,
      objectBytesMax: Math.max(s.fileBytesMax, s.gzipInflatedBytesMax),
      streamsMax: readStreamsMax(s),
      windowsBytes: AWS_BOUNDS.readWindowsBytes,
    },
    arrivals: {
      bucket: names.bucket,
      ...tries,
      answerMs: s.awsAnswerMs,
      visibilityMs: s.leaseMs,
      pollMsMax: s.pollMsMax,
      heldMax: AWS_BOUNDS.arrivalsHeldMax,
      reconciliation: {
        everyMs: s.awsReconcileMs,
        graceMs: Math.min(GRACE_MS, s.awsReconcileMs),
        // What came before is in its retention and may no longer be remembered as a batch.
        windowMs: s.awsBatchMsMax,
        pagesAtOnce: AWS_BOUNDS.reconcilePages,
      },
    },
    staging: {
      ...dynamo,
      table: names.tables.staging,
      ttlMs: s.awsRetentionMs,
      requestBytes: s.awsRequestBytes,
    },
    debts: {
      ...dynamo,
      table: names.tables.debts,
      buckets: s.awsDebtsBuckets,
      documentSecret: s.awsDocumentSecret,
    },
    tries,
    leaseMs: s.leaseMs,
    receivesMax: s.receivesMax,
    retentionMs: s.awsRetentionMs,
    batchKeepMs: ANSWERS_DAYS * 86_400_000,
    deliveryKeepMs: s.deliveryKeepMs,
    endpoints: {
      s3: endpointOf(given.s3),
      sqs: endpointOf(given.sqs),
      sns: endpointOf(given.sns),
      dynamodb: endpointOf(given.dynamodb),
    },
  };
}

/** An address of AWS is AWS's own, also where a private endpoint in the network names it. */
function endpointOf(endpoint: string): ServiceEndpoint {
  if (endpoint === '') return { foreign: false, tls: true };
  const { protocol, hostname } = new URL(endpoint);
  return { foreign: !/\.amazonaws\.com(\.cn)?$/.test(hostname), tls: protocol === 'https:' };
}
