/**
 * What follows from the settings: derived bounds, and the sum of everything that may be held in memory at once.
 *
 * Promise: a configuration whose buffers cannot fit, or whose values contradict each other, is refused before any work
 * begins, with every problem named. Memory is bounded by this sum and never by a file. All sizes are bytes.
 */
import { assert } from '../core/assert.ts';
import { Fault } from '../core/faults.ts';
import { BODIES_IN_HAND } from './apiSettings.ts';
import { awsMergeBytes, awsProblems, awsSharedHolders, awsShortThreadHolders, awsThreadHolders } from './awsLimits.ts';
import { RULES_CONNECTIONS } from './rulesSettings.ts';
import { SETTINGS, type SettingName, type Settings } from './schema.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Tables, stack and the block of rejects of a kernel, besides its input and its open pages. */
const KERNEL_TABLE_BYTES = MiB / 2;
/** What a thread may hold in pages that are being packed, one page a shard: about the records of a range. */
const PAGES_BUDGET_BYTES = 4 * MiB;
/** No page and no block of outcomes is smaller: below it, the cost of each write counts more than its bytes. */
const PAGE_BYTES_MIN = SETTINGS.pageBytes.min;
/** What finishing a batch may hold in outcomes that are being merged, one block a shard. */
const MERGE_BUDGET_BYTES = 8 * MiB;
const ENTRY_BLOCK_BYTES_MAX = 32 * KiB;
/** The answers that are being written, and the window of raw records. */
const ANSWERS_BYTES = 4 * MiB;
/** A record in a module's hand: as it came, as it was made, and as bytes again. */
const MODULE_RECORD_COPIES = 8;
/** A document of the rules service: as it came, as text, as it was parsed, as it is stored. */
const RULES_COPIES = 4;
/** What is remembered of a profile that the rules service was asked for. */
const RULES_ENTRY_BYTES = KiB / 2;
/** One block of gzip inflated at the greatest ratio of deflate, 1032 (zlib, technical details). */
const INFLATE_BYTES = 32 * KiB * 1032;
/** A piece of answers has the records of so many shards: a fraction of a second's rendering. */
const PIECE_SHARDS = 2;
/** A piece reads a stretch of every shard's outcomes: it must be worth opening them. */
const PIECE_RECORDS_A_SHARD_MIN = 512;
/** Fastify, ajv and the description of the API. */
const API_BASE_BYTES = 12 * MiB;
/** A block on its way to the store, the next one, and the chunks it is gathered from. */
const UPLOAD_BLOCKS_BYTES = 3 * 128 * KiB;
/** Node, the libraries and the control path: what an idle engine takes on Node 26; half of it is Node's own code. */
const PROCESS_BASE_BYTES = 126 * MiB;
/** An isolate with the code of the kernel and the stores, and garbage of the last task: an idle one takes 26 MiB. */
const THREAD_BASE_BYTES = 28 * MiB;
/** Registering unpacks a shard in chunks; a shard a little over its size still is one chunk, and so one pass of the store. */
const CHUNK_SLACK = 1.125;
const CHUNK_RECORDS_MAX = 2 ** 20;
/** A small batch has to fit as well, whatever the shards are. */
const CHUNK_RECORDS_MIN = 1024;
/** Of an unpacked record: its numbers, outcome and place in the order of hashes; its head and texts in the arena. */
const CHUNK_RECORD_BYTES = 69;
const CHUNK_TEXT_BYTES = 112;
/** What finding duplicates holds of each distinct reference: the reference, hash, line and slots, while the table grows. */
const REFERENCE_BYTES = 80;
/** A group of rows on its way to the debts table: its image, the store's copy of it, and the cache of that. */
const REGISTER_ROWS_BYTES = 11 * MiB;

/**
 * Creditors whose records a preview counts by name, and what one takes: a name in UTF-16 with its sums. A result of the
 * registry holds them all (`ITEM_TEXT_BYTES`), at most 480 bytes of UTF-8 each.
 */
export const PREVIEW_CREDITORS_MAX = 500;
const CREDITOR_BYTES = 640;

/** One named buffer or group of buffers; `each` is how many exist at once. */
export interface Holder {
  readonly name: string;
  readonly bytes: number;
  readonly each: number;
}

export interface Limits {
  readonly recordsMax: number;
  readonly heartbeatMs: number;
  /** The records, and the bytes of their texts, that registering unpacks at a time. */
  readonly chunkRecords: number;
  readonly chunkTextBytes: number;
  /** The size of a block of outcomes: one a shard is held when a batch is finished, so the most shards decide. */
  readonly entryBlockBytes: number;
  /** Everything that may be held in memory, one named holder a line, the largest first. */
  readonly holders: readonly Holder[];
  /** Their sum; at most `memoryBytesMax`. */
  readonly memoryBytes: number;
  /** The size of a page for a batch of so many shards: a thread's open pages stay inside their budget. */
  pageBytesFor(shards: number): number;
  /** How many shards a batch of so many records is dealt to. */
  shardsFor(records: number): number;
  /** The records whose answers are rendered as one piece of work, for a batch of so many shards. */
  pieceRecordsFor(shards: number): number;
}

/** A contradiction between settings. */
export interface SettingsProblem {
  /** The settings that take part in it. */
  readonly names: readonly SettingName[];
  readonly says: string;
}

/** Derives the bounds; throws `CONFIG_INVALID`, naming every problem, where the settings cannot hold together. */
export function deriveLimits(settings: Settings): Limits {
  const problems = settingsProblems(settings);
  if (problems.length > 0) throw new Fault('CONFIG_INVALID', problems.map((problem) => problem.says).join('; '));
  const holders = memoryHolders(settings);
  return {
    recordsMax: settings.recordsMax,
    heartbeatMs: settings.heartbeatMs,
    chunkRecords: chunkRecords(settings),
    chunkTextBytes: chunkRecords(settings) * CHUNK_TEXT_BYTES,
    entryBlockBytes: entryBlockBytes(settings),
    holders: [...holders].sort((a, b) => b.bytes * b.each - a.bytes * a.each),
    memoryBytes: sumOf(holders),
    pageBytesFor: (shards) => pageBytesFor(settings, shards),
    pieceRecordsFor: (shards) => Math.max(PIECE_SHARDS * settings.shardRecords, shards * PIECE_RECORDS_A_SHARD_MIN),
    shardsFor(records) {
      assert(records >= 0, 'records are counted from 0');
      return Math.min(settings.shardsMax, Math.max(1, Math.ceil(records / settings.shardRecords)));
    },
  };
}

/** How many threads fit beside everything else; at least 1, even where that does not fit. */
export function threadsThatFit(settings: Settings): number {
  const shared = sumOf([...sharedHolders(settings), ...shortThreadHolders(settings)]);
  const perThread = sumOf(threadHolders({ ...settings, threads: 1 }));
  return Math.max(1, Math.floor((settings.memoryBytesMax - shared) / perThread));
}

function chunkRecords(settings: Settings): number {
  return Math.min(CHUNK_RECORDS_MAX, Math.max(CHUNK_RECORDS_MIN, Math.ceil(settings.shardRecords * CHUNK_SLACK)));
}

function pageBytesFor(settings: Settings, shards: number): number {
  return share(PAGES_BUDGET_BYTES, shards, PAGE_BYTES_MIN, settings.pageBytes);
}

/** Of the batch whose shards make it the most. */
function openPagesBytes({ pageBytes, shardsMax }: Settings): number {
  return Math.max(Math.min(PAGES_BUDGET_BYTES, pageBytes * shardsMax), PAGE_BYTES_MIN * shardsMax);
}

function entryBlockBytes(settings: Settings): number {
  return share(MERGE_BUDGET_BYTES, settings.shardsMax, PAGE_BYTES_MIN, ENTRY_BLOCK_BYTES_MAX);
}

function share(budgetBytes: number, shards: number, min: number, max: number): number {
  assert(Number.isInteger(shards) && shards >= 1, 'a batch has at least one shard');
  return Math.min(max, Math.max(min, Math.floor(budgetBytes / shards)));
}

function memoryHolders(settings: Settings): Holder[] {
  return [...sharedHolders(settings), ...threadHolders(settings), ...shortThreadHolders(settings)];
}

function sharedHolders(settings: Settings): Holder[] {
  return [
    { name: 'the process itself', bytes: PROCESS_BASE_BYTES, each: 1 },
    { name: 'the input API', bytes: API_BASE_BYTES, each: 1 },
    // As they came, and as they were parsed.
    { name: 'JSON bodies of requests', bytes: 2 * settings.httpBodyBytesMax, each: BODIES_IN_HAND },
    { name: 'blocks of a file that comes in by HTTP', bytes: UPLOAD_BLOCKS_BYTES, each: settings.httpUploadsMax },
    { name: 'copy of an incoming file', bytes: settings.readBytes, each: 2 },
    ...rulesHolders(settings),
    ...(settings.driver === 'embedded' ? [{ name: 'debts cache', bytes: settings.debtsCacheBytes, each: 1 }] : []),
    ...awsSharedHolders(settings),
  ];
}

function rulesHolders(settings: Settings): Holder[] {
  if (settings.rulesUrl === '') return [];
  return [
    { name: 'documents of the rules service', bytes: RULES_COPIES * settings.rulesBytesMax, each: RULES_CONNECTIONS },
    { name: 'what the rules service last answered', bytes: RULES_ENTRY_BYTES, each: settings.rulesCacheMax },
  ];
}

/** What a thread keeps between tasks, and what its task holds: the hungriest, for it has one at a time. */
function threadHolders(settings: Settings): Holder[] {
  const each = settings.threads;
  const scratchBytes = Math.max(
    settings.rangeBytes,
    settings.readBytes + settings.recordBytesMax,
    settings.smallBytesMax,
  );
  const [hungriest] = taskHolders(settings).sort((a, b) => b.bytes - a.bytes) as [Holder];
  return [
    { name: 'the thread itself', bytes: THREAD_BASE_BYTES, each },
    { name: 'bytes of a file being read', bytes: scratchBytes, each },
    { name: 'records of a shard', bytes: chunkRecords(settings) * (CHUNK_RECORD_BYTES + CHUNK_TEXT_BYTES), each },
    { name: 'open pages', bytes: openPagesBytes(settings), each },
    { name: "the kernel's scratch, rejects and tables", bytes: 2 * settings.recordBytesMax + KERNEL_TABLE_BYTES, each },
    { name: 'references of a shard', bytes: settings.shardRecords * REFERENCE_BYTES, each },
    { name: 'creditors of a preview', bytes: 2 * PREVIEW_CREDITORS_MAX * CREDITOR_BYTES, each },
    { ...hungriest, each },
    ...(settings.codeDir === ''
      ? []
      : [{ name: "a record in a module's hand", bytes: MODULE_RECORD_COPIES * settings.recordBytesMax, each }]),
    ...(settings.driver === 'embedded' ? embeddedThreadHolders(settings) : awsThreadHolders(settings)),
  ];
}

/** The one thread of short tasks: it inspects files and registers small batches, and touches no more than these need. */
function shortThreadHolders(settings: Settings): Holder[] {
  const records = Math.max(CHUNK_RECORDS_MIN, settings.smallRecordsMax);
  const bufferBytes = settings.smallBytesMax + 3 * settings.recordBytesMax;
  return [
    { name: 'the thread of short tasks', bytes: THREAD_BASE_BYTES + KERNEL_TABLE_BYTES, each: 1 },
    { name: 'its small batch', bytes: settings.smallBytesMax * 4 + bufferBytes, each: 1 },
    { name: 'its creditors of a preview', bytes: 2 * PREVIEW_CREDITORS_MAX * CREDITOR_BYTES, each: 1 },
    {
      name: 'its records and references',
      bytes: records * (CHUNK_RECORD_BYTES + CHUNK_TEXT_BYTES + REFERENCE_BYTES),
      each: 1,
    },
    ...(settings.driver === 'embedded'
      ? [
          { name: 'its rows on their way to the debts', bytes: REGISTER_ROWS_BYTES, each: 1 },
          { name: 'its cache of debts', bytes: Math.floor(settings.debtsCacheBytes / settings.threads), each: 1 },
        ]
      : awsShortThreadHolders(settings)),
  ];
}

function embeddedThreadHolders(settings: Settings): Holder[] {
  const each = settings.threads;
  return [
    { name: 'staging buffer', bytes: settings.stagingBufferBytes, each },
    { name: 'rows on their way to the debts', bytes: REGISTER_ROWS_BYTES, each },
  ];
}

function taskHolders(settings: Settings): Holder[] {
  const mergeBytes = entryBlockBytes(settings) * (settings.shardsMax + 1);
  return [
    { name: 'outcomes being merged', bytes: mergeBytes + ANSWERS_BYTES + awsMergeBytes(settings), each: 1 },
    { name: 'gzip being inflated', bytes: INFLATE_BYTES, each: 1 },
    // Its records, outcomes and rejects side by side.
    { name: 'a small batch', bytes: settings.smallBytesMax * 4, each: 1 },
  ];
}

function sumOf(holders: readonly Holder[]): number {
  return holders.reduce((sum, holder) => sum + holder.bytes * holder.each, 0);
}

/** Every contradiction between settings whose values are each inside their range; empty where they hold together. */
export function settingsProblems(settings: Settings): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const mustHold = (holds: boolean, names: readonly SettingName[], says: string): void => {
    if (!holds) problems.push({ names, says });
  };
  const s = settings;
  const key = (name: SettingName): string => SETTINGS[name].key;
  mustHold(
    s.leaseMs >= 3 * s.heartbeatMs,
    ['leaseMs', 'heartbeatMs'],
    `${key('heartbeatMs')} (${s.heartbeatMs}) must be at most a third of ${key('leaseMs')} (${s.leaseMs}), so that one late heartbeat loses no lease`,
  );
  mustHold(
    s.recordsMax <= s.shardsMax * s.shardRecords,
    ['recordsMax', 'shardsMax', 'shardRecords'],
    `${key('recordsMax')} (${s.recordsMax}) must be at most ${key('shardsMax')} × ${key('shardRecords')} (${s.shardsMax * s.shardRecords})`,
  );
  mustHold(
    s.retryMsMin <= s.retryMsMax,
    ['retryMsMin', 'retryMsMax'],
    `${key('retryMsMin')} (${s.retryMsMin}) must be at most ${key('retryMsMax')} (${s.retryMsMax})`,
  );
  mustHold(
    s.receivesMax > s.failuresMax,
    ['receivesMax', 'failuresMax'],
    `${key('receivesMax')} (${s.receivesMax}) must be above ${key('failuresMax')} (${s.failuresMax}): deliveries are only the backstop`,
  );
  mustHold(
    s.inboxScanMs <= s.inboxQuietMs,
    ['inboxScanMs', 'inboxQuietMs'],
    `${key('inboxScanMs')} (${s.inboxScanMs}) must be at most ${key('inboxQuietMs')} (${s.inboxQuietMs}): a size seen once has not stayed`,
  );
  mustHold(
    s.rulesUrl === '' || /^[^{}]*\{(?:client|profile)\}/.test(s.rulesUrl),
    ['rulesUrl'],
    `${key('rulesUrl')} must hold {profile} or {client}: else every profile would be one and the same document`,
  );
  mustHold(
    s.rulesToken === '' || s.rulesUrl !== '',
    ['rulesUrl', 'rulesToken'],
    `${key('rulesToken')} is for a rules service, and ${key('rulesUrl')} names none`,
  );
  mustHold(
    /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$|^$/.test(s.rulesToken),
    ['rulesToken'],
    `${key('rulesToken')} cannot be the value of a header: it holds other characters than printable ASCII`,
  );
  problems.push(...awsProblems(settings));
  const holders = memoryHolders(settings);
  mustHold(sumOf(holders) <= s.memoryBytesMax, MEMORY_SETTINGS, memorySays(settings, holders));
  return problems;
}

const MEMORY_SETTINGS: readonly SettingName[] = [
  'memoryBytesMax',
  'threads',
  'rangeBytes',
  'readBytes',
  'recordBytesMax',
  'pageBytes',
  'shardsMax',
  'shardRecords',
  'stagingBufferBytes',
  'debtsCacheBytes',
  'smallBytesMax',
  'smallRecordsMax',
  'awsConnections',
  'awsRequestBytes',
  'awsRequestsMax',
  'awsPartBytes',
  'rulesBytesMax',
  'rulesCacheMax',
];

function memorySays(settings: Settings, holders: readonly Holder[]): string {
  const largest = [...holders]
    .sort((a, b) => b.bytes * b.each - a.bytes * a.each)
    .slice(0, 4)
    .map((holder) => `${holder.name} ${holder.each} × ${mebibytes(holder.bytes)}`)
    .join(', ');
  return (
    `the buffers add up to ${mebibytes(sumOf(holders))}, above ${SETTINGS.memoryBytesMax.key} ` +
    `(${mebibytes(settings.memoryBytesMax)}); the largest: ${largest}`
  );
}

function mebibytes(bytes: number): string {
  return `${Math.ceil((bytes / MiB) * 10) / 10}MiB`;
}
