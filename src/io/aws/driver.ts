/**
 * The AWS driver: everything the engine needs of the world in S3, SQS, SNS and DynamoDB. Any number of processes share it.
 *
 * - `openControlPlane` opens what the main thread of an engine needs.
 * - `openDirect` opens the stores for a command beside (or without) an engine.
 * - `openProvisioning` opens what makes all of it.
 *
 * What a worker thread opens is apart (threadPlane.ts), so that it loads no more than it uses. Faults: `SERVICE_IO`, `SERVICE_DENIED`, `CONFIG_INVALID`.
 */

import { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Clock } from '../../core/clock.ts';
import { Fault } from '../../core/faults.ts';
import type { RandomBytes } from '../../core/ids.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { Arrivals, FileIntake } from '../ports/arrivals.ts';
import type { ClientStore } from '../ports/clients.ts';
import type { DebtReader, DebtStore } from '../ports/debts.ts';
import type { DeliveryStore } from '../ports/deliveries.ts';
import type { IdempotencyStore } from '../ports/idempotency.ts';
import type { KeyStore } from '../ports/keys.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { ObjectEraser, PrivacyStore } from '../ports/privacy.ts';
import type { Provisioning } from '../ports/provisioning.ts';
import type { WorkQueue } from '../ports/queue.ts';
import type { Registry } from '../ports/registry.ts';
import type { SubmissionStore } from '../ports/submissions.ts';
import { openDynamoDebts } from './debts/debts.ts';
import { openDynamoClients } from './dynamo/clientStore.ts';
import { openDynamoDeliveries } from './dynamo/deliveries.ts';
import { openDynamoIdempotency } from './dynamo/idempotencyStore.ts';
import { openDynamoKeys } from './dynamo/keyStore.ts';
import { openDynamoPrivacy, openS3Eraser } from './dynamo/privacy.ts';
import { openDynamoSubmissions } from './dynamo/submissionStore.ts';
import { holdInstallation } from './installation.ts';
import { EVENT_FILTER, WORK_QUEUES } from './names.ts';
import type { AwsOptions } from './options.ts';
import { AwsProvisioning } from './provision/provision.ts';
import { isNoQueue, QueueAt } from './provision/queues.ts';
import { openDynamoRegistry } from './registry/registry.ts';
import { S3Arrivals } from './s3/arrivals.ts';
import { S3Intake } from './s3/intake.ts';
import { S3Objects, s3ClientConfig } from './s3/objects.ts';
import { makeDynamoDb, makeSns, makeSqs } from './sdkClients.ts';
import { serviceFault } from './serviceFaults.ts';
import { openSqsQueue } from './sqs/queue.ts';

export { awsOptionsOf } from './options.ts';

export interface DriverDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
}

interface ControlStores {
  readonly registry: Registry;
  readonly clients: ClientStore;
  readonly deliveries: DeliveryStore;
  readonly queue: WorkQueue;
  readonly objects: ObjectStore;
  readonly intake: FileIntake;
  readonly keys: KeyStore;
  readonly submissions: SubmissionStore;
  readonly idempotency: IdempotencyStore;
}

export interface ControlPlane extends ControlStores {
  readonly arrivals: Arrivals;
  /** The registered debts, for reading. */
  readonly debts: DebtReader;
  close(): Promise<void>;
}

export interface DirectStores extends ControlStores {
  readonly privacy: PrivacyStore;
  readonly eraser: ObjectEraser;
  readonly debts: DebtStore;
  close(): Promise<void>;
}

/** Calls of one kind under way at once, on one queue. */
const QUEUE_CALLS_MAX = 8;
/** A redrive of many thousand messages goes on in SQS when nobody waits for it any more. */
const REDRIVE_MS_MAX = 60_000;

export async function openControlPlane(options: AwsOptions, deps: DriverDeps): Promise<ControlPlane> {
  const { stores, sqs, s3, close } = await openStores(options, deps);
  let queueUrl: string;
  try {
    queueUrl = await queueUrlOf(sqs, options.names.queues.arrivals);
  } catch (error) {
    await close();
    throw error;
  }
  const arrivals = new S3Arrivals({ ...options.arrivals, queueUrl }, { ...deps, ...stores, client: s3, sqs });
  const debts = openDynamoDebts(options.debts, deps);
  return {
    ...stores,
    debts,
    arrivals,
    async close() {
      await arrivals.close();
      await debts.close();
      await close();
    },
  };
}

export async function openDirect(options: AwsOptions, deps: DriverDeps): Promise<DirectStores> {
  const { stores, s3, privacy, close } = await openStores(options, deps);
  const debts = openDynamoDebts(options.debts, deps);
  return {
    ...stores,
    debts,
    privacy,
    eraser: openS3Eraser({ bucket: options.names.bucket }, { client: s3 }),
    async close() {
      await debts.close();
      await close();
    },
  };
}

interface OpenedStores {
  readonly stores: ControlStores;
  readonly privacy: PrivacyStore;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  close(): Promise<void>;
}

async function openStores(options: AwsOptions, deps: DriverDeps): Promise<OpenedStores> {
  const s3 = new S3Client(s3ClientConfig(options.s3));
  const sqs = makeSqs(options.clients);
  const objects = new S3Objects(options.objects, { client: s3, ...deps });
  const { queues, deadLetters } = options.names;
  const queue = openSqsQueue(
    {
      queues: Object.fromEntries(
        WORK_QUEUES.map((id) => [id, { name: queues[id], deadLetters: deadLetters[id] }] as const),
      ),
      ...options.tries,
      callsMax: QUEUE_CALLS_MAX,
      redriveMsMax: REDRIVE_MS_MAX,
    },
    { client: sqs, ...deps },
  );
  const dynamodb = makeDynamoDb(options.clients);
  const close = async (): Promise<void> => {
    for (const client of [dynamodb, sqs, s3]) client.destroy();
  };
  const { registry: table, clients, submissions } = options.names.tables;
  const { buckets: debtsBuckets, documentSecret } = options.debts;
  try {
    await holdInstallation(dynamodb, { table, debtsBuckets, documentSecret });
  } catch (error) {
    await close();
    throw error;
  }
  const tableDeps = { dynamodb, ...deps };
  return {
    stores: {
      registry: openDynamoRegistry({ table, keepMs: options.batchKeepMs }, tableDeps),
      clients: openDynamoClients({ table: clients }, tableDeps),
      deliveries: openDynamoDeliveries({ table, keepMs: options.deliveryKeepMs }, tableDeps),
      queue,
      objects,
      intake: new S3Intake(objects),
      keys: openDynamoKeys({ table: clients }, tableDeps),
      submissions: openDynamoSubmissions({ table: submissions }, tableDeps),
      idempotency: openDynamoIdempotency({ table: submissions }, tableDeps),
    },
    privacy: openDynamoPrivacy({ table: clients }, tableDeps),
    s3,
    sqs,
    close,
  };
}

async function queueUrlOf(sqs: SQSClient, name: string): Promise<string> {
  try {
    return await new QueueAt(sqs, name).url();
  } catch (error) {
    if (isNoQueue(error)) {
      throw new Fault('CONFIG_INVALID', `the queue ${name} is not there; run \`remessa provision\` first`);
    }
    throw serviceFault({ service: 'SQS', operation: `GetQueueUrl ${name}` }, error);
  }
}

export function openProvisioning(options: AwsOptions, { clock }: Pick<DriverDeps, 'clock'>): Provisioning {
  const { clients } = options;
  return new AwsProvisioning(
    { ...options, eventFilter: EVENT_FILTER },
    {
      s3: new S3Client(s3ClientConfig(options.s3)),
      sqs: makeSqs(clients),
      sns: makeSns(clients),
      dynamodb: makeDynamoDb(clients),
      clock,
    },
  );
}
