/**
 * The one table of settings: key, type, unit, range, default and meaning of each. `Settings`, the loader, the `config`
 * command and the table in the README are all derived from it.
 *
 * Invariants: a key is `REMESSA_` and the property in upper case with underscores; a default lies inside its range;
 * units stand last in names (`Bytes`, `Ms`), and every value is held in that unit.
 */
import { API_SETTINGS } from './apiSettings.ts';
import { AWS_SETTINGS } from './awsSettings.ts';
import { CODE_SETTINGS } from './codeSettings.ts';
import { METRICS_SETTINGS } from './metricsSettings.ts';
import { NOTIFY_SETTINGS } from './notifySettings.ts';
import { RULES_SETTINGS } from './rulesSettings.ts';
import type { DerivedDefault, SettingSpec } from './specs.ts';

export type { DefaultBasis, DerivedDefault, NumberSpec, SettingSpec } from './specs.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;

/** The environment variable that names the settings file; `--config` says the same. It is no setting itself. */
export const CONFIG_FILE_KEY = 'REMESSA_CONFIG';
export const KEY_PREFIX = 'REMESSA_';

export const SETTINGS = {
  driver: {
    key: 'REMESSA_DRIVER',
    type: 'choice',
    choices: ['embedded', 'aws'],
    default: 'embedded',
    means: 'where objects, queues and debts live: a data folder of this machine, or S3, SQS and DynamoDB',
  },
  clientsOpen: {
    key: 'REMESSA_CLIENTS_OPEN',
    type: 'choice',
    choices: ['yes', 'no'],
    default: 'yes',
    means: 'whether a client is registered when its first file comes; `no` refuses files of unknown clients',
  },
  dataDir: {
    key: 'REMESSA_DATA_DIR',
    type: 'path',
    default: '.remessa',
    means: 'the data folder of the embedded driver; made when missing, kept by one engine at a time',
  },
  logLevel: {
    key: 'REMESSA_LOG_LEVEL',
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    means: 'the least level of event that is logged',
  },
  memoryBytesMax: {
    key: 'REMESSA_MEMORY_BYTES_MAX',
    type: 'bytes',
    min: 128 * MiB,
    max: 1 * TiB,
    default: 480 * MiB,
    means: 'what all buffers and the process itself may add up to; a configuration that needs more is refused at boot',
  },

  // The work in hand.
  threads: {
    key: 'REMESSA_THREADS',
    type: 'count',
    min: 1,
    max: 64,
    default: {
      says: 'the processors available, as many as fit in memory',
      from: (basis) => Math.min(64, Math.max(1, Math.floor(basis.parallelism))),
    },
    means: 'worker threads; each has one piece of work at a time',
  },
  rangeBytes: {
    key: 'REMESSA_RANGE_BYTES',
    type: 'bytes',
    min: 64 * KiB,
    max: 256 * MiB,
    default: 8 * MiB,
    means: 'the size a file is cut to; a range ends with the first record that reaches it',
  },
  readBytes: {
    key: 'REMESSA_READ_BYTES',
    type: 'bytes',
    min: 64 * KiB,
    max: 64 * MiB,
    default: 1 * MiB,
    means: 'how much is read at a time from a stored file',
  },
  pageBytes: {
    key: 'REMESSA_PAGE_BYTES',
    type: 'bytes',
    min: 4 * KiB,
    max: 256 * KiB,
    default: 64 * KiB,
    means: 'the largest page of staged records; batches of many shards use smaller ones',
  },
  stagingBufferBytes: {
    key: 'REMESSA_STAGING_BUFFER_BYTES',
    type: 'bytes',
    min: 64 * KiB,
    max: 64 * MiB,
    default: 1 * MiB,
    means: 'staged pages a thread gathers before it writes them to disk',
  },
  shardRecords: {
    key: 'REMESSA_SHARD_RECORDS',
    type: 'count',
    min: 1,
    max: 2_000_000,
    default: 131_072,
    means: 'the records a shard should hold; a larger batch gets more shards',
  },
  shardsMax: {
    key: 'REMESSA_SHARDS_MAX',
    type: 'count',
    min: 1,
    max: 4096,
    default: 1024,
    means: 'the most shards of one batch',
  },
  debtsCacheBytes: {
    key: 'REMESSA_DEBTS_CACHE_BYTES',
    type: 'bytes',
    min: 1 * MiB,
    max: 64 * GiB,
    default: 16 * MiB,
    means: 'the cache of the debts table',
  },

  // Limits of what is taken in.
  fileBytesMax: {
    key: 'REMESSA_FILE_BYTES_MAX',
    type: 'bytes',
    min: 1 * KiB,
    max: 1 * TiB,
    default: 64 * GiB,
    means: 'the largest file that is accepted',
  },
  recordBytesMax: {
    key: 'REMESSA_RECORD_BYTES_MAX',
    type: 'bytes',
    min: 1 * KiB,
    max: 16 * MiB,
    default: 256 * KiB,
    means: 'the longest record or header, its line end included; a longer one ends the batch',
  },
  recordsMax: {
    key: 'REMESSA_RECORDS_MAX',
    type: 'count',
    min: 1,
    max: 4096 * 2_000_000,
    default: { says: 'shards × records of a shard', from: (basis) => basis.shardsMax * basis.shardRecords },
    means: 'the most records of one batch',
  },
  gzipInflatedBytesMax: {
    key: 'REMESSA_GZIP_INFLATED_BYTES_MAX',
    type: 'bytes',
    min: 1 * KiB,
    max: 1 * TiB,
    default: 64 * GiB,
    means: 'the most bytes a gzip file may inflate to',
  },
  gzipRatioMax: {
    key: 'REMESSA_GZIP_RATIO_MAX',
    type: 'ratio',
    min: 2,
    max: 1100,
    default: 200,
    means: 'the most bytes one byte of gzip may inflate to, over the whole file',
  },
  gzipMembersMax: {
    key: 'REMESSA_GZIP_MEMBERS_MAX',
    type: 'count',
    min: 1,
    max: 100_000_000,
    default: 100_000,
    means: 'the most gzip members in one file',
  },

  // Small batches.
  smallRecordsMax: {
    key: 'REMESSA_SMALL_RECORDS_MAX',
    type: 'count',
    min: 0,
    max: 100_000,
    default: 1000,
    means: 'a batch of one range with no more records than this is done in one message; 0 turns that off',
  },
  smallBytesMax: {
    key: 'REMESSA_SMALL_BYTES_MAX',
    type: 'bytes',
    min: 0,
    max: 64 * MiB,
    default: 1 * MiB,
    means: 'the largest file that may count as a small batch',
  },
  linePage: {
    key: 'REMESSA_LINE_PAGE',
    type: 'count',
    min: 1,
    max: 1000,
    default: 200,
    means: 'the batches of a client’s line that are read together',
  },

  // Messages, leases and trying again.
  leaseMs: {
    key: 'REMESSA_LEASE_MS',
    type: 'ms',
    min: 300,
    max: 43_200_000,
    default: 30_000,
    means: 'how long a message belongs to the worker that received it, unless renewed',
  },
  heartbeatMs: {
    key: 'REMESSA_HEARTBEAT_MS',
    type: 'ms',
    min: 100,
    max: 14_400_000,
    default: { says: 'a third of the lease', from: (basis) => Math.floor(basis.leaseMs / 3) },
    means: 'how often a lease is renewed; at most a third of it',
  },
  pollMsMax: {
    key: 'REMESSA_POLL_MS_MAX',
    type: 'ms',
    min: 1,
    max: 20_000,
    default: 500,
    means: 'the longest an idle consumer waits before it looks again',
  },
  retryMsMin: {
    key: 'REMESSA_RETRY_MS_MIN',
    type: 'ms',
    min: 1,
    max: 3_600_000,
    default: 200,
    means: 'the wait before work that failed once is tried again; doubles with each failure',
  },
  retryMsMax: {
    key: 'REMESSA_RETRY_MS_MAX',
    type: 'ms',
    min: 1,
    max: 43_200_000,
    default: 30_000,
    means: 'the longest of those waits',
  },
  failuresMax: {
    key: 'REMESSA_FAILURES_MAX',
    type: 'count',
    min: 1,
    max: 100,
    default: 5,
    means: 'recorded failures of the same work after which its batch fails or stalls',
  },
  receivesMax: {
    key: 'REMESSA_RECEIVES_MAX',
    type: 'count',
    min: 2,
    max: 100_000,
    default: 5000,
    means: 'deliveries after which a message becomes a dead letter; only a backstop, killed processes raise it too',
  },
  sweepMs: {
    key: 'REMESSA_SWEEP_MS',
    type: 'ms',
    min: 50,
    max: 3_600_000,
    default: 10_000,
    means: 'how often open batches are looked through for messages that are still owed',
  },
  approvalMsMax: {
    key: 'REMESSA_APPROVAL_MS_MAX',
    type: 'ms',
    min: 1000,
    max: 31_536_000_000,
    default: 604_800_000,
    means:
      'how long a batch waits for approval before it is cancelled; on AWS no longer than it may be on its way at all',
  },
  inboxScanMs: {
    key: 'REMESSA_INBOX_SCAN_MS',
    type: 'ms',
    min: 10,
    max: 3_600_000,
    default: 200,
    means: 'how often the inbox is looked through',
  },
  inboxQuietMs: {
    key: 'REMESSA_INBOX_QUIET_MS',
    type: 'ms',
    min: 10,
    max: 3_600_000,
    default: 1000,
    means: 'how long the size of an inbox file must stay before it is taken',
  },
  drainMs: {
    key: 'REMESSA_DRAIN_MS',
    type: 'ms',
    min: 0,
    max: 7_200_000,
    default: 20_000,
    means: 'how long the work in hand may take to finish when the process is asked to end; then it is released',
  },

  // Modules, the rules service, metrics, the API, the notifier, the AWS drivers.
  ...CODE_SETTINGS,
  ...RULES_SETTINGS,
  ...METRICS_SETTINGS,
  ...API_SETTINGS,
  ...NOTIFY_SETTINGS,
  ...AWS_SETTINGS,
} as const satisfies Record<string, SettingSpec>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

type ValueOf<Spec> = Spec extends { type: 'choice'; choices: readonly (infer Choice)[] }
  ? Choice
  : Spec extends { type: 'path' | 'text' | 'secret' }
    ? string
    : number;

/** Every setting with its value: bytes, milliseconds and counts as integers below 2^53. */
export type Settings = { readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]> };

/** The spec of a setting, as the loader and the tables see it. */
export function specOf(name: SettingName): SettingSpec {
  return SETTINGS[name];
}

/** The unit of a setting as people read it; empty where it has none. */
export function unitOf(spec: SettingSpec): string {
  return spec.type === 'bytes' || spec.type === 'ms' ? spec.type : '';
}

/**
 * Fills in the defaults of what is not given. Values given are taken as they are: checking them is the loader's duty.
 * `parallelism` is the number of processors this process may use.
 */
export function withDefaults(given: Partial<Settings>, parallelism: number): Settings {
  const values: Record<string, string | number> = {};
  const derived: [SettingName, DerivedDefault][] = [];
  for (const name of SETTING_NAMES) {
    const value = given[name];
    const byDefault = specOf(name).default;
    if (value !== undefined) values[name] = value;
    else if (typeof byDefault === 'object') derived.push([name, byDefault]);
    else values[name] = byDefault;
  }
  const settings = values as Settings;
  const { leaseMs, shardRecords, shardsMax } = settings;
  for (const [name, byDefault] of derived) {
    values[name] = byDefault.from({ parallelism, leaseMs, shardRecords, shardsMax });
  }
  return settings;
}
