/**
 * Write units of DynamoDB, computed from the very bytes that would be written: staged pages of a made file as the kernel packs
 * and the staging store encodes them, and debts as the debts table holds them.
 *
 * A write unit is 1 KiB of an item begun, where an item counts the UTF-8 bytes of its attributes' names and values; a number
 * has a byte for every two digits and one more («Item sizes and formats», Amazon DynamoDB Developer Guide). Nothing here is
 * timed, so the figures are the same on every machine.
 */
import { fixtureBlocks } from '../../src/cli/fixture.ts';
import { deriveLimits } from '../../src/config/limits.ts';
import { withDefaults } from '../../src/config/schema.ts';
import { assert } from '../../src/core/assert.ts';
import { DebtEncoder, itemKeyOf, namesOf } from '../../src/io/aws/debts/items.ts';
import {
  attemptPrefix,
  encodePage,
  ITEM_VALUE_BYTES_MAX,
  itemKey,
  partsOf,
  shardPartition,
  VALUE_HEADER_BYTES,
} from '../../src/io/aws/staging/stagedItems.ts';
import { COLUMNS, DOCUMENT, DUE_DATE, REF } from '../../src/kernel/columns.ts';
import { readHeader } from '../../src/kernel/header.ts';
import { RangeKernel } from '../../src/kernel/kernel.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { RecordSplitter } from '../../src/kernel/records.ts';
import { RecordValues } from '../../src/kernel/values.ts';

const UNIT_BYTES = 1024;
const AS_OF = '2026-11-20';
const HASH_SEED = 0x5eed;
const BATCH = 'b-k4aqcvd9esfbwm60';
const ATTEMPT = 'a-m3q7ztw2kd5e8y1c';
/** Seconds of a time to live, ten digits. */
const TTL_BYTES = 3 + 6;

export interface StagedUnits {
  readonly records: number;
  readonly fileBytes: number;
  readonly items: number;
  readonly units: number;
  readonly recordsPerUnit: number;
  readonly bytesPerRecord: number;
}

export interface DebtUnits {
  readonly debts: number;
  readonly units: number;
  readonly unitsPerDebt: number;
  readonly bytesPerDebt: number;
  /** Of an entry of the index by document, which projects keys alone. */
  readonly indexBytesMax: number;
}

/** A made file of a range's size: the generator's usual mix of clean, odd and bad records. */
export function madeRange(lines: number): Uint8Array {
  const options = {
    lines,
    seed: 7,
    badShare: 0.02,
    quotedShare: 0.05,
    duplicateShare: 0.001,
    asOf: AS_OF,
    refPrefix: 'C',
  };
  const blocks: Uint8Array[] = [];
  for (const { file } of fixtureBlocks(options, { truth: false })) blocks.push(file);
  return Buffer.concat(blocks);
}

/** Stages a file of one range as the batch of so many shards that it would be a part of. */
export function stagedUnits(file: Uint8Array, shards: number): StagedUnits {
  const limits = deriveLimits(withDefaults({}, 2));
  const header = readHeader(file, file.length, true, DEFAULT_DIALECT);
  assert(header.kind === 'header', 'a made file has a header');
  const plan = {
    dialect: DEFAULT_DIALECT,
    fields: header.fields,
    recordBytesMax: 1 << 18,
    shards,
    hashSeed: HASH_SEED,
  };
  const kernel = new RangeKernel(plan, header.nextLine, header.end, limits.pageBytesFor(shards));
  const itemsByShard = new Int32Array(shards);
  let items = 0;
  let units = 0;
  let bytes = 0;
  const take = (): void => {
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      const encoded = encodePage(page.bytes).bytes.length;
      for (let part = 0; part < partsOf(encoded); part++) {
        const value = Math.min(ITEM_VALUE_BYTES_MAX, encoded - part * ITEM_VALUE_BYTES_MAX);
        const number = itemsByShard[page.shard] as number;
        itemsByShard[page.shard] = number + 1;
        const size = stagedItemBytes(page.shard, number, value);
        items++;
        bytes += size;
        units += Math.ceil(size / UNIT_BYTES);
      }
    }
    while (kernel.takeRejects() !== undefined);
  };
  for (let at = header.end; at < file.length; ) {
    at = kernel.feed(file, at, file.length, true);
    if (kernel.full) take();
  }
  kernel.flush();
  take();
  // What tells later how many items there are: one item a range.
  units += Math.ceil((stagedItemBytes(0, 0, 4 * shards) + 16) / UNIT_BYTES);
  const { staged } = kernel.totals();
  return {
    records: staged,
    fileBytes: file.length,
    items,
    units,
    recordsPerUnit: staged / units,
    bytesPerRecord: bytes / staged,
  };
}

function stagedItemBytes(shard: number, item: number, valueBytes: number): number {
  const pk = shardPartition(BATCH, shard);
  const sk = itemKey(attemptPrefix(0, ATTEMPT), item);
  return 2 + pk.length + 2 + sk.length + TTL_BYTES + 1 + VALUE_HEADER_BYTES + valueBytes;
}

/** The good records of a file as debts. */
export function debtUnits(file: Uint8Array): DebtUnits {
  const header = readHeader(file, file.length, true, DEFAULT_DIALECT);
  assert(header.kind === 'header', 'a made file has a header');
  const splitter = new RecordSplitter(DEFAULT_DIALECT, header.fields.length);
  const decoder = new TextDecoder();
  const documentKey = new Uint8Array(32);
  let debts = 0;
  let units = 0;
  let bytes = 0;
  let indexBytesMax = 0;
  for (let at = header.end; at < file.length; ) {
    const end = splitter.split(file, at, file.length, true);
    const values = new RecordValues(DEFAULT_DIALECT.quote, header.fields);
    if (values.check(file, splitter, end - at) === 0) {
      const text = (column: number): string =>
        decoder.decode(values.source(file, column).subarray(values.starts[column], values.ends[column]));
      const size = debtBytes(text, values, documentKey);
      debts++;
      bytes += size.item;
      units += Math.ceil(size.item / UNIT_BYTES);
      indexBytesMax = Math.max(indexBytesMax, size.index);
    }
    at = end;
  }
  return { debts, units, unitsPerDebt: units / debts, bytesPerDebt: bytes / debts, indexBytesMax };
}

function debtBytes(
  text: (column: number) => string,
  values: RecordValues,
  documentKey: Uint8Array,
): { readonly item: number; readonly index: number } {
  const optional = (name: string): string | null => text(COLUMNS.indexOf(name as (typeof COLUMNS)[number])) || null;
  const externalRef = text(REF);
  const key = { refHash: 0x9e3779b9, externalRef };
  const origin = { createdBatch: BATCH, createdLine: 1_000_000, changedBatch: BATCH, changedLine: 1_000_000 };
  const { shape, values: written } = new DebtEncoder(documentKey).encode({
    ...key,
    ...origin,
    client: 'padaria-exemplo',
    debtorName: optional('debtor_name') ?? '',
    document: text(DOCUMENT) === '' ? '' : String(values.cpf).padStart(11, '0'),
    amountCents: values.cents,
    dueDate: text(DUE_DATE),
    debtorEmail: optional('debtor_email'),
    debtorPhone: optional('debtor_phone'),
    creditorName: optional('creditor_name'),
    accountType: optional('account_type'),
    installment: optional('installment'),
    turn: 1000,
    createdAtMs: 1_790_000_000_000,
    changedAtMs: 1_790_000_000_000,
    erased: false,
  });
  const { pk, sk } = itemKeyOf('padaria-exemplo', 64, key);
  const attributes = JSON.parse(`[${written}]`) as Readonly<Record<string, string | boolean>>[];
  const names = namesOf(shape).there;
  const keys = 2 + Buffer.byteLength(pk) + 2 + Buffer.byteLength(sk);
  let item = keys;
  let doc = 0;
  for (const [index, attribute] of attributes.entries()) {
    const name = names[index] as string;
    const size = name.length + valueBytes(attribute);
    item += size;
    if (name === 'doc') doc = size;
  }
  return { item, index: keys + doc };
}

function valueBytes(attribute: Readonly<Record<string, string | boolean>>): number {
  const [[type, value] = ['', '']] = Object.entries(attribute);
  if (type === 'N') return Math.ceil(String(value).length / 2) + 1;
  return type === 'BOOL' ? 1 : Buffer.byteLength(String(value));
}
