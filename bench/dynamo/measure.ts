/**
 * How much the hand-built DynamoDB writer is worth against the SDK's BatchWriteItem, in records per second of processor time
 * of the sending process. The endpoint is a process of its own and does next to nothing.
 *
 * Before anything is timed, what arrives is compared: packed pages with the records they were made of, lone items with those
 * the SDK sends. Rounds of the two ways follow one another, so that a busy machine disturbs both alike; medians are answered.
 */
import { assert } from '../../src/core/assert.ts';
import { decodeCounts, PageAssembly } from '../../src/io/aws/staging/stagedItems.ts';
import { NAME, REF } from '../../src/kernel/columns.ts';
import { PageReader } from '../../src/kernel/pages.ts';
import type { RecordValues } from '../../src/kernel/values.ts';
import { startMeter } from '../meter.ts';
import { medianOf } from '../statistics.ts';
import type { KeptItem } from './endpoint.ts';
import { Loopback } from './loopback.ts';
import { columnsOf, dealOf, loneRecord, makeSample, type Sample } from './sample.ts';
import {
  type Attributes,
  openOurs,
  openSdk,
  pageAttribute,
  SHARDS,
  sendBySdk,
  sendLone,
  sendPacked,
} from './writers.ts';

export interface MeasureOptions {
  /** Lines of the made file whose good records are sent over and over. */
  readonly sampleLines?: number;
  readonly rounds?: number;
  /** Records a round, by ours and by the SDK. */
  readonly ours?: number;
  readonly sdk?: number;
}

/** Records per second of processor time, medians; `ratio` is the median of the rounds' ratios. */
export interface Measured {
  readonly ours: number;
  readonly sdk: number;
  readonly ratio: number;
}

/** A shard gets 1,500 of them, more than a page holds: no page repeats a record, and compresses the better for it. */
const SAMPLE_LINES = 6_000;
const ROUNDS = 5;
const SDK_RECORDS = 15_000;
const PACKED_RECORDS = 400_000;
const LONE_RECORDS = 200_000;
/** Rounds before those that count: code is compiled and connections are made in them. */
const WARM_ROUNDS = 3;

interface Way {
  readonly ours: (records: number) => Promise<void>;
  readonly sdk: (records: number) => Promise<void>;
}

/** Records packed, compressed, signed and sent; against the SDK with one item a record, its columns as attributes. */
export function measurePacked(options: MeasureOptions = {}): Promise<Measured> {
  return measure(options, PACKED_RECORDS, async ({ sample, shards, ours, sdk, loopback }) => {
    const count = sample.values.length;
    verifyPages(await loopback.itemsOf(() => sendPacked(ours, sample, count)), sample);
    const columns = shards.map((_, record) => columnsOf(sample, record));
    return {
      ours: (records) => sendPacked(ours, sample, records),
      sdk: (records) => sendBySdk(sdk, shards, (record) => columns[record] as Attributes, records),
    };
  });
}

/** The same items on both sides: one record each, as a binary attribute. */
export function measureLone(options: MeasureOptions = {}): Promise<Measured> {
  return measure(options, LONE_RECORDS, async ({ sample, shards, ours, sdk, loopback }) => {
    const lone = shards.map((_, record) => loneRecord(sample, record, SHARDS));
    const attributes = lone.map(pageAttribute);
    const sendSdk = (items: number) => sendBySdk(sdk, shards, (record) => attributes[record] as Attributes, items);
    const mine = await loopback.itemsOf(() => sendLone(ours, lone, lone.length));
    const theirs = await loopback.itemsOf(() => sendSdk(lone.length));
    const pages = mine.filter(([pk]) => !pk.endsWith('#ranges'));
    assert(theirs.length === lone.length, 'every record arrived');
    assert(JSON.stringify(pages) === JSON.stringify(theirs), 'ours and the SDK send the same items');
    return { ours: (items) => sendLone(ours, lone, items), sdk: sendSdk };
  });
}

interface Parts {
  readonly sample: Sample;
  /** Of each record of the sample. */
  readonly shards: readonly number[];
  readonly ours: ReturnType<typeof openOurs>;
  readonly sdk: ReturnType<typeof openSdk>;
  readonly loopback: Loopback;
}

async function measure(
  options: MeasureOptions,
  recordsOfOurs: number,
  prepare: (parts: Parts) => Promise<Way>,
): Promise<Measured> {
  const { sampleLines = SAMPLE_LINES, rounds = ROUNDS } = options;
  const records = { ours: options.ours ?? recordsOfOurs, sdk: options.sdk ?? SDK_RECORDS };
  const sample = makeSample(sampleLines);
  const shards = sample.values.map((_, record) => dealOf(sample, record, SHARDS).shard);
  const loopback = await Loopback.start();
  const ours = openOurs(loopback.url);
  const sdk = openSdk(loopback.url);
  try {
    const way = await prepare({ sample, shards, ours, sdk, loopback });
    const figures: Measured[] = [];
    for (let round = -WARM_ROUNDS; round < rounds; round++) {
      const mine = await perCpuSecond(records.ours, way.ours);
      const theirs = await perCpuSecond(records.sdk, way.sdk);
      if (round >= 0) figures.push({ ours: mine, sdk: theirs, ratio: mine / theirs });
    }
    const median = (name: keyof Measured): number => medianOf(figures.map((figure) => figure[name]));
    return { ours: median('ours'), sdk: median('sdk'), ratio: median('ratio') };
  } finally {
    sdk.destroy();
    await ours.close();
    await loopback.close();
  }
}

export async function perCpuSecond(records: number, work: (records: number) => Promise<void>): Promise<number> {
  const stop = startMeter();
  await work(records);
  const { userMs, systemMs } = stop();
  return (records * 1000) / (userMs + systemMs);
}

/** Throws unless the items hold every record of the sample once, with its values, and the attempt's own item counts them. */
function verifyPages(items: readonly KeptItem[], sample: Sample): void {
  const assembly = new PageAssembly();
  const reader = new PageReader();
  const decoder = new TextDecoder();
  const seen = new Uint8Array(sample.values.length);
  const itemsByShard = new Array<number>(SHARDS).fill(0);
  let told: number[] = [];
  for (const [pk, , p] of items) {
    const page = assembly.add(Buffer.from(p, 'base64'));
    if (page === undefined) continue;
    if (pk.endsWith('#ranges')) {
      told = decodeCounts(page);
      continue;
    }
    reader.load(page);
    itemsByShard[reader.shard] = (itemsByShard[reader.shard] ?? 0) + 1;
    while (reader.next()) {
      const values = sample.values[reader.line] as RecordValues;
      const text = (column: number): string =>
        decoder.decode(values.source(sample.bytes, column).subarray(values.starts[column], values.ends[column]));
      const same =
        reader.cents === values.cents &&
        reader.cpf === values.cpf &&
        reader.packedDate === values.packedDate &&
        decoder.decode(page.subarray(reader.refStart, reader.refEnd)) === text(REF) &&
        decoder.decode(page.subarray(reader.nameStart, reader.nameEnd)) === text(NAME);
      assert(same && seen[reader.line] === 0, 'a record arrives once and as it was');
      seen[reader.line] = 1;
    }
  }
  assert(!seen.includes(0), 'every record arrived');
  assert(JSON.stringify(told) === JSON.stringify(itemsByShard), 'the attempt counts its items');
}
