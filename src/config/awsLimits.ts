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
/** A response of items has at most 1 MB of them, which JSON and base64 make longer; two are under way, and two parsed. */
const ANSWERS_BYTES = 12 * MiB;
/** The SDK's clients of one thread, and the sockets and TLS sessions of their connections. */
const CLIENTS_BYTES = 14 * MiB;
const CONNECTION_BYTES = 96 * 1024;
/** S3 (one), DynamoDB's data and control path (two), SQS and SNS (one each): the main thread has them all. */
const SERVICES = 5;
/** A row with its request and answer, while it is written: several texts and numbers, as JSON and as objects. */
const DEBT_ROW_BYTES = 8 * 1024;
/** A call that registers asks for, or writes, no more items at once. */
const DEBT_ROWS_A_REQUEST = 100;

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
  ];
}

export function awsThreadHolders(settings: Settings): Holder[] {
  if (settings.driver !== 'aws') return [];
  const each = settings.threads;
  const s = settings;
  return [
    { name: "a thread's connections", bytes: CLIENTS_BYTES + 2 * s.awsConnections * CONNECTION_BYTES, each },
    { name: 'requests and answers of staged pages', bytes: stagingBytes(settings), each },
    { name: 'a part being uploaded', bytes: uploadBytes(settings), each },
    {
      name: 'debts on their way',
      bytes: s.awsRequestsMax * DEBT_ROWS_A_REQUEST * DEBT_ROW_BYTES,
      each,
    },
  ];
}

/** One that is filled and one that is sent. */
function uploadBytes(settings: Settings): number {
  return 2 * settings.awsPartBytes;
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
  return problems;
}
