/**
 * The servers that speak AWS's protocols to the tests, each with what it cannot do.
 *
 * In this process: dynalite (DynamoDB) and fauxqs (S3, SQS, SNS). With REMESSA_TEST_AWS=1, in their place and in processes
 * of their own: DynamoDB Local, which is AWS's and the strictest of them, and moto (S3, SQS, SNS, SES, EventBridge,
 * Timestream, DynamoDB); `npm run test:aws` installs them first. What asks for one of the first by name has it always. Every
 * start is a server of its own: empty, on a port of its own.
 *
 * A test that needs what a server lacks is skipped by that name: `it.skipIf(server.lacks.has('versioning'))`. What differs
 * from AWS and is no missing feature is told at each server below.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import dynalite from 'dynalite';
import { startFauxqs } from 'fauxqs';
import { closeServer, listen } from '../../io/aws/support.ts';
import { DYNAMODB_LOCAL_DIR, dynamodbLocalCommand, MARK_FILE, MOTO_DIR, motoCommand } from './installed.ts';
import { startKept } from './keptProcess.ts';
import { answerStatements } from './statements.ts';

export type Feature =
  /** Removing items whose TTL attribute has passed, and the calls that switch it on. */
  | 'ttl'
  | 'partiql'
  | 'transactions'
  /** `ReturnValuesOnConditionCheckFailure`. */
  | 'oldOnFailedCondition'
  /** Versions of objects in a bucket. */
  | 'versioning'
  /** Notifications of a bucket to a queue. */
  | 'bucketNotifications'
  /** `If-None-Match: *` and `If-Match` when putting and completing. */
  | 'conditionalPut'
  | 'ses'
  | 'eventbridge'
  | 'timestream'
  /** DynamoDB on the same endpoint as S3, SQS and SNS. */
  | 'dynamodb';

export interface AwsServer {
  readonly name: string;
  /** `http://host:port`; S3 by path (`forcePathStyle`). */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly lacks: ReadonlySet<Feature>;
  close(): Promise<void>;
}

/** What a server lacks is known before it runs, because tests are collected then. */
export interface ServerKind {
  readonly name: string;
  readonly lacks: ReadonlySet<Feature>;
  start(): Promise<AwsServer>;
}

const REGION = 'sa-east-1';
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
const NOT_DYNAMODB: readonly Feature[] = [
  'versioning',
  'bucketNotifications',
  'conditionalPut',
  'ses',
  'eventbridge',
  'timestream',
];

export function dynamoServers(): readonly ServerKind[] {
  return [withProcesses() ? dynamodbLocalKind() : dynaliteKind()];
}

export function serviceServers(): readonly ServerKind[] {
  return [withProcesses() ? motoKind() : fauxqsKind()];
}

function withProcesses(): boolean {
  return process.env['REMESSA_TEST_AWS'] === '1';
}

/**
 * Laxer than AWS: never throttles, returns no `UnprocessedItems`. Stricter: none known. It never removes by TTL, and does
 * not know the calls of the lacking features, which it refuses as unknown operations; but of PartiQL, inserts and updates of
 * single items in a batch are put into its own calls (statements.ts).
 */
export function dynaliteKind(): ServerKind {
  const lacks: readonly Feature[] = ['ttl', 'partiql', 'transactions', 'oldOnFailedCondition', ...NOT_DYNAMODB];
  return kind('dynalite', lacks, async () => {
    const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
    answerStatements(server);
    const endpoint = await listen(server);
    return { endpoint, close: () => closeServer(server) };
  });
}

/**
 * Laxer than AWS: never throttles. Expired items go within seconds, not days. Stricter: access keys are letters and
 * digits alone, and tables belong to the access key and region that made them.
 */
export function dynamodbLocalKind(): ServerKind {
  return kind('DynamoDB Local', NOT_DYNAMODB, async () => {
    mustBeThere(DYNAMODB_LOCAL_DIR);
    const { port, close } = await startKept('DynamoDB Local', dynamodbLocalCommand);
    return { endpoint: `http://127.0.0.1:${port}`, close };
  });
}

/**
 * Laxer than AWS: any signature and any name of a bucket is taken; a receipt handle stays good after its message was
 * received again; standard queues take no notice of a message group.
 */
export function fauxqsKind(): ServerKind {
  const lacks: readonly Feature[] = [
    'versioning',
    'bucketNotifications',
    'conditionalPut',
    'ses',
    'eventbridge',
    'timestream',
    'dynamodb',
  ];
  return kind('fauxqs', lacks, async () => {
    const server = await startFauxqs({ port: 0, logger: false, defaultRegion: REGION });
    return { endpoint: `http://127.0.0.1:${server.port}`, close: () => server.stop() };
  });
}

/**
 * Laxer than AWS: any signature is taken; a batch may name a key twice; SQS takes no notice of groups on standard queues;
 * a bucket notification has always the same sequencer. It keeps mails, events and points without sending them.
 */
export function motoKind(): ServerKind {
  return kind('moto', ['ttl'], async () => {
    mustBeThere(MOTO_DIR);
    const { port, close } = await startKept('moto', motoCommand);
    return { endpoint: `http://127.0.0.1:${port}`, close };
  });
}

function kind(
  name: string,
  lacking: readonly Feature[],
  open: () => Promise<Pick<AwsServer, 'endpoint' | 'close'>>,
): ServerKind {
  const lacks = new Set(lacking);
  return {
    name,
    lacks,
    start: async () => ({ name, region: REGION, credentials: CREDENTIALS, lacks, ...(await open()) }),
  };
}

function mustBeThere(folder: string): void {
  if (!existsSync(join(folder, MARK_FILE)))
    throw new Error(`${folder} is not there: run \`npm run aws-servers\` first`);
}
