/**
 * How the registry lies in its table: keys, encodings, and what an item of a batch holds.
 *
 * | pk | sk | holds |
 * |---|---|---|
 * | `batch#<id>` | `batch` | the batch: `j`/`z` its JSON, `rev` revision, `num` place in the line, `first` the place it was accepted at, `stamp` order of acceptance, `open` whether it is open, `tok` who wrote it last, `ttl` once it is closed |
 * | `open#<0…3>` | batch id | an entry for each open batch, with its draft |
 * | `line#<client>` | 12 digits | a slot: `b` batch id, `stamp`, `tok`; `rev` where a requeue took it, at which revision |
 * | `head#<client>` | `head` | `n`: every slot before it is done with |
 * | `lines` | client | that the client has a line |
 * | `turn#<client>` | `turn` | `t` the turn, `j` its JSON, `tok` |
 * | `result#<id>#<kind>` | 10 digits | `j`/`z` a result |
 * | `failures#<id>` | work | `a` the set of attempts, `says` what the last one said |
 * | `installation` | `installation` | `seed` |
 *
 * Texts of more than COMPRESS_CHARACTERS_MIN characters are compressed (zstd level 3, attribute `z`), because a write costs by the
 * kilobyte: a batch's 1.3 KB become one unit instead of two. An item holds TEXT_BYTES_MAX at most; a longer text is refused by
 * an assertion, since configuration bounds them far below.
 *
 * `stamp` is in microseconds, strictly growing within a line; between clients it is the clock's.
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { assert } from '../../../core/assert.ts';
import { Fault } from '../../../core/faults.ts';
import { type Batch, FINAL_STATES, type ResultKind } from '../../ports/registry.ts';
import type { Item, Key } from '../dynamo/keyedTable.ts';

export interface StoredBatch {
  readonly batch: Batch;
  readonly first: number;
  readonly stamp: number;
  readonly open: boolean;
  readonly token: string;
}

export interface Slot {
  readonly number: number;
  readonly batch: string;
  readonly stamp: number;
  readonly token: string;
  /** The revision that a requeue would replace; `undefined` where an acceptance took the slot. */
  readonly revision: number | undefined;
}

/** Partitions of open batches: each takes a thousand writes a second. */
export const OPEN_PARTITIONS = 4;
export const LINES = 'lines';
export const INSTALLATION: Key = { pk: 'installation', sk: 'installation' };

/** What DynamoDB gives an item, less keys and the other attributes. */
const TEXT_BYTES_MAX = 384 * 1024;
const INFLATED_BYTES_MAX = 64 * 1024 * 1024;
const COMPRESS_CHARACTERS_MIN = 400;
const ZSTD_LEVEL = 3;
const SLOT_DIGITS = 12;
/** No line comes to it. */
export const SLOT_MAX = 10 ** SLOT_DIGITS - 1;
const WORK_DIGITS = 10;

export const batchKey = (id: string): Key => ({ pk: `batch#${id}`, sk: 'batch' });
export const linePartition = (client: string): string => `line#${client}`;
export const slotKey = (client: string, number: number): Key => ({
  pk: linePartition(client),
  sk: digits(number, SLOT_DIGITS),
});
export const headKey = (client: string): Key => ({ pk: `head#${client}`, sk: 'head' });
export const turnKey = (client: string): Key => ({ pk: `turn#${client}`, sk: 'turn' });
export const openPartition = (index: number): string => `open#${index}`;
export const openKey = (id: string): Key => ({ pk: openPartition(partitionOf(id)), sk: id });
export const resultPartition = (batch: string, kind: ResultKind): string => `result#${batch}#${kind}`;
export const resultKey = (batch: string, kind: ResultKind, work: number): Key => ({
  pk: resultPartition(batch, kind),
  sk: workKey(work),
});
export const workKey = (work: number): string => digits(work, WORK_DIGITS);
export const failuresPartition = (batch: string): string => `failures#${batch}`;

export function isOpen(batch: Batch): boolean {
  return !FINAL_STATES.has(batch.state) || batch.owed.length > 0;
}

export function textItem(text: string): Item {
  if (text.length < COMPRESS_CHARACTERS_MIN) return { j: { S: text } };
  const packed = zstdCompressSync(text, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
  assert(
    packed.length <= TEXT_BYTES_MAX,
    `a text of ${text.length} characters takes ${packed.length} bytes, an item ${TEXT_BYTES_MAX}`,
  );
  return { z: { B: packed } };
}

export function textOf(item: Item): string {
  const { j, z } = item;
  if (j?.S !== undefined) return j.S;
  if (z?.B === undefined) throw new Fault('STORE_CORRUPT', 'an item of the registry has no text');
  try {
    return zstdDecompressSync(z.B, { maxOutputLength: INFLATED_BYTES_MAX }).toString('utf8');
  } catch (error) {
    throw new Fault('STORE_CORRUPT', 'a text of the registry cannot be decompressed', {}, error);
  }
}

/** For an update: the attribute to set, and the other one of `j` and `z`, which is to be removed. */
export function textValues(text: string): { value: AttributeValue; set: 'j' | 'z'; remove: 'j' | 'z' } {
  const { j, z } = textItem(text);
  if (j !== undefined) return { value: j, set: 'j', remove: 'z' };
  assert(z !== undefined, 'a text is plain or compressed');
  return { value: z, set: 'z', remove: 'j' };
}

export function batchItem(stored: StoredBatch): Item {
  const { batch } = stored;
  return {
    ...textItem(JSON.stringify(batch)),
    rev: numberValue(batch.revision),
    num: numberValue(batch.number),
    first: numberValue(stored.first),
    stamp: numberValue(stored.stamp),
    open: { BOOL: stored.open },
    tok: { S: stored.token },
  };
}

export function storedBatchOf(item: Item): StoredBatch {
  const first = numberOf(item, 'first');
  return {
    // A build before this one did not write it into the body.
    batch: { ...(JSON.parse(textOf(item)) as Batch), acceptedNumber: first },
    first,
    stamp: numberOf(item, 'stamp'),
    open: item['open']?.BOOL === true,
    token: stringOf(item, 'tok'),
  };
}

export function slotItem(slot: Omit<Slot, 'number'>): Item {
  return {
    b: { S: slot.batch },
    stamp: numberValue(slot.stamp),
    tok: { S: slot.token },
    ...(slot.revision === undefined ? {} : { rev: numberValue(slot.revision) }),
  };
}

export function slotOf(item: Item): Slot {
  return {
    number: Number(stringOf(item, 'sk')),
    batch: stringOf(item, 'b'),
    stamp: numberOf(item, 'stamp'),
    token: stringOf(item, 'tok'),
    revision: item['rev'] === undefined ? undefined : numberOf(item, 'rev'),
  };
}

export function numberValue(value: number): { N: string } {
  assert(Number.isSafeInteger(value), 'a number of the registry is a whole one');
  return { N: String(value) };
}

export function numberOf(item: Item, name: string): number {
  const text = item[name]?.N;
  if (text === undefined) throw new Fault('STORE_CORRUPT', `an item of the registry has no number «${name}»`);
  return Number(text);
}

export function stringOf(item: Item, name: string): string {
  const text = item[name]?.S;
  if (text === undefined) throw new Fault('STORE_CORRUPT', `an item of the registry has no text «${name}»`);
  return text;
}

function digits(value: number, count: number): string {
  assert(Number.isSafeInteger(value) && value >= 0 && value < 10 ** count, `a number has at most ${count} digits`);
  return String(value).padStart(count, '0');
}

function partitionOf(id: string): number {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) >>> 0;
  return hash % OPEN_PARTITIONS;
}
