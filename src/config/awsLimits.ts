/**
 * What follows from the settings of the AWS drivers: what they hold in memory, and where they contradict each other or
 * what the services allow. Empty, all of it, where another driver is chosen. Sizes are bytes.
 */
import type { Holder, SettingsProblem } from './limits.ts';
import { SETTINGS, type SettingName, type Settings } from './schema.ts';

const MiB = 1024 * 1024;
const DAY_MS = 86_400_000;

/** Lifecycle and time to live remove some time after they are due, and S3 counts whole days. */
const RETENTION_SLACK_MS = DAY_MS;
/** SQS: «Amazon SQS visibility timeout», 12 hours; it counts whole seconds. */
const LEASE_MS_MAX = 43_200_000;
const LEASE_MS_MIN = 1000;
/** An outcome: its numbers, and a reference of 64 characters in UTF-8. */
const OUTCOME_HEAD_BYTES = 44;
const OUTCOME_BYTES = OUTCOME_HEAD_BYTES + 256;
/** Of what an item of the registry takes (io/aws/registry/items.ts), less what a result has besides. */
const ITEM_TEXT_BYTES = 368 * 1024;
/** Bounds of the AWS drivers that no setting changes. */
export const AWS_BOUNDS = {
  /** Parts of one upload on their way beside the one that is being filled. */
  partsAtOnce: 1,
  /** Notifications of new files that are held until their batches exist. */
  arrivalsHeldMax: 512,
  /** Pages of the inbox that one look for lost notifications lists, of 1,000 objects each. */
  reconcilePages: 1,
  /** What open ranges that are no streams hold together, and each of them at the least. */
  readWindowsBytes: 4 * MiB,
  readWindowBytesMin: 8 * 1024,
} as const;

const LISTED_A_PAGE = 1000;

/** Multipart uploads: 10,000 parts, the second half of them as large as the largest object needs. */
const BASE_PARTS = 5000;
/** A response of items has at most 1 MB of them, which JSON and base64 make longer; two are under way, and two parsed. */
const ANSWERS_BYTES = 12 * MiB;
/** The SDK's clients of one thread, and the sockets and TLS sessions of their connections. */
const CLIENTS_BYTES = 14 * MiB;
const CONNECTION_BYTES = 96 * 1024;
/** A body's own buffer and the socket's. */
const STREAM_BYTES = 256 * 1024;
/** S3, SQS and SNS, and the tables of registry and clients. */
const SERVICES = 4;
/** A request with 25 large debts, or an answer with 100, as text and parsed. */
const DEBT_REQUEST_BYTES = 512 * 1024;
/** What is held, what was told and settled, and the states of the inbox that are known to be batches. */
const NOTIFICATION_BYTES = 8 * 1024;
const LISTED_BYTES = 4 * 1024;
const ARRIVALS_KNOWN_BYTES = 8_000_000 + 15 * MiB;

/** What the clients of AWS add to a process: the shared part and that of each thread. */
export function awsSharedHolders(settings: Settings): Holder[] {
  if (settings.driver !== 'aws') return [];
  return [
    {
      name: "the SDK's clients",
      bytes: CLIENTS_BYTES + SERVICES * settings.awsConnections * CONNECTION_BYTES,
      each: 1,
    },
    { name: 'a file being uploaded', bytes: uploadBytes(settings), each: 1 },
    { name: 'files that have arrived', bytes: arrivalsBytes(), each: 1 },
  ];
}

export function awsThreadHolders(settings: Settings): Holder[] {
  if (settings.driver !== 'aws') return [];
  const each = settings.threads;
  return [
    { name: "a thread's connections", bytes: threadConnectionsBytes(settings), each },
    { name: 'requests and answers of staged pages', bytes: stagingBytes(settings), each },
    { name: 'a part being uploaded', bytes: uploadBytes(settings), each },
    { name: 'debts on their way', bytes: debtRequestsBytes(settings), each },
  ];
}

/** Of the thread that has short tasks alone. */
export function awsShortThreadHolders(settings: Settings): Holder[] {
  return [
    { name: 'its connections', bytes: threadConnectionsBytes(settings), each: 1 },
    { name: 'its debts on their way', bytes: debtRequestsBytes(settings), each: 1 },
  ];
}

function threadConnectionsBytes({ awsConnections }: Settings): number {
  return CLIENTS_BYTES + 2 * awsConnections * CONNECTION_BYTES;
}

/** Open ranges that may keep a connection: half of what there is, so that everything else finds one. */
export function readStreamsMax(settings: Settings): number {
  return Math.max(1, Math.floor(settings.awsConnections / 2));
}

/** What a merge adds: a range open for each shard, and two answers being written besides the one that every task may write. */
export function awsMergeBytes(settings: Settings): number {
  if (settings.driver !== 'aws') return 0;
  const { readWindowsBytes, readWindowBytesMin } = AWS_BOUNDS;
  const windows = readWindowsBytes + settings.shardsMax * readWindowBytesMin;
  return readStreamsMax(settings) * STREAM_BYTES + windows + 2 * uploadBytes(settings);
}

/** As the store of objects sums a writer (`writerBytes`). */
export function uploadBytes(settings: Settings): number {
  const { awsPartBytes, fileBytesMax, gzipInflatedBytesMax } = settings;
  const left = Math.max(fileBytesMax, gzipInflatedBytesMax) - BASE_PARTS * awsPartBytes;
  const largest = Math.max(awsPartBytes, Math.ceil(left / BASE_PARTS / MiB) * MiB);
  return (AWS_BOUNDS.partsAtOnce + 1) * largest;
}

/** As the source of arrivals sums itself (`s3ArrivalsBytes`). */
export function arrivalsBytes(): number {
  const { arrivalsHeldMax, reconcilePages } = AWS_BOUNDS;
  const listed = reconcilePages * LISTED_A_PAGE * LISTED_BYTES;
  return arrivalsHeldMax * NOTIFICATION_BYTES + listed + ARRIVALS_KNOWN_BYTES;
}

/** As the store of debts sums itself (`debtsBytes`). */
export function debtRequestsBytes(settings: Settings): number {
  return settings.awsRequestsMax * DEBT_REQUEST_BYTES;
}

/** As the store of staged pages sums itself (`dynamoDataBytes`). */
export function stagingBytes(settings: Settings): number {
  return (settings.awsRequestsMax + 1) * settings.awsRequestBytes + ANSWERS_BYTES;
}

export function awsProblems(settings: Settings): SettingsProblem[] {
  if (settings.driver !== 'aws') return [];
  const problems: SettingsProblem[] = [];
  const s = settings;
  const key = (name: SettingName): string => SETTINGS[name].key;
  const mustHold = (holds: boolean, names: readonly SettingName[], says: string): void => {
    if (!holds) problems.push({ names, says });
  };
  const needed = (name: 'awsRegion' | 'awsBucket' | 'awsDocumentSecret', hint = ''): void =>
    mustHold(s[name] !== '', [name], `${key('driver')}=aws needs ${key(name)}${hint}`);
  needed('awsRegion', ' (or AWS_REGION)');
  needed('awsBucket');
  needed('awsDocumentSecret');
  mustHold(
    s.awsRetentionMs >= s.awsBatchMsMax + RETENTION_SLACK_MS,
    ['awsRetentionMs', 'awsBatchMsMax'],
    `${key('awsRetentionMs')} (${s.awsRetentionMs}) must be at least a day longer than ${key('awsBatchMsMax')} ` +
      `(${s.awsBatchMsMax}): what a batch needs must outlive it`,
  );
  mustHold(
    s.leaseMs >= LEASE_MS_MIN && s.leaseMs <= LEASE_MS_MAX,
    ['leaseMs'],
    `${key('leaseMs')} (${s.leaseMs}) must be from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}, which is what SQS allows`,
  );
  mustHold(
    2 * s.awsAnswerMs <= s.leaseMs,
    ['awsAnswerMs', 'leaseMs'],
    `${key('awsAnswerMs')} (${s.awsAnswerMs}) must be at most half of ${key('leaseMs')} (${s.leaseMs}): a renewal that hangs would lose the lease`,
  );
  mustHold(
    smallOutcomesBytes(s) <= ITEM_TEXT_BYTES,
    ['smallRecordsMax', 'smallBytesMax'],
    `${key('smallRecordsMax')} (${s.smallRecordsMax}) must be at most ${Math.floor(ITEM_TEXT_BYTES / OUTCOME_BYTES)}, or ` +
      `${key('smallBytesMax')} (${s.smallBytesMax}) smaller: the outcomes of a small batch stand in one item of DynamoDB`,
  );
  return problems;
}

/** Of a small batch's outcomes, at most; base64 of them is compressed to what it was made from. */
function smallOutcomesBytes({ smallRecordsMax, smallBytesMax }: Settings): number {
  return Math.min(smallRecordsMax * OUTCOME_BYTES, smallBytesMax + smallRecordsMax * OUTCOME_HEAD_BYTES);
}
