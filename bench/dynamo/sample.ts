/**
 * Made records, parsed and checked beforehand: what the writers are measured with. Those that a check rejects are left out.
 *
 * Memory: one object of values a record, so a sample is some ten thousand; a run goes over it several times.
 */
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { assert } from '../../src/core/assert.ts';
import { AMOUNT, COLUMNS, DOCUMENT, DUE_DATE, REF } from '../../src/kernel/columns.ts';
import { hashRef, shardOf } from '../../src/kernel/hash.ts';
import { readHeader } from '../../src/kernel/header.ts';
import { PAGE_BYTES_MIN, PageWriter } from '../../src/kernel/pages.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { RecordSplitter } from '../../src/kernel/records.ts';
import { RecordValues } from '../../src/kernel/values.ts';

const AS_OF = '2026-11-20';
const HASH_SEED = 0x5eed;

export interface Sample {
  /** The file: values stand in it. */
  readonly bytes: Uint8Array;
  readonly rawBytes: readonly number[];
  readonly values: readonly RecordValues[];
}

export function makeSample(lines: number): Sample {
  const program = fileURLToPath(new URL('../../bin/remessa.js', import.meta.url));
  const args = [program, 'fixture', '--lines', String(lines), '--seed', '7', '--as-of', AS_OF];
  const bytes = new Uint8Array(
    execFileSync(process.execPath, args, { maxBuffer: lines * 1024, stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const header = readHeader(bytes, bytes.length, true, DEFAULT_DIALECT);
  assert(header.kind === 'header', 'a made file has a header');
  const splitter = new RecordSplitter(DEFAULT_DIALECT, header.fields.length);
  const rawBytes: number[] = [];
  const passed: RecordValues[] = [];
  for (let at = header.end; at < bytes.length; ) {
    const end = splitter.split(bytes, at, bytes.length, true);
    const values = new RecordValues(DEFAULT_DIALECT.quote, header.fields);
    if (values.check(bytes, splitter, end - at) === 0) {
      values.scratch = usedScratch(values);
      rawBytes.push(end - at);
      passed.push(values);
    }
    at = end;
  }
  return { bytes, rawBytes, values: passed };
}

/** A record's scratch has 4 KiB: of a sample, most is given back. */
function usedScratch(values: RecordValues): Uint8Array<ArrayBuffer> {
  let used = 0;
  for (const [column, end] of values.ends.entries()) {
    if ((values.scratched & (1 << column)) !== 0) used = Math.max(used, end);
  }
  return values.scratch.slice(0, used);
}

/** What packing does first with a record: hashes its reference and chooses its shard. */
export function dealOf(
  sample: Sample,
  record: number,
  shards: number,
): { readonly refHash: number; readonly shard: number } {
  const values = sample.values[record] as RecordValues;
  const refHash = hashRef(
    values.source(sample.bytes, REF),
    values.starts[REF] as number,
    values.ends[REF] as number,
    HASH_SEED,
  );
  return { refHash, shard: shardOf(refHash, shards) };
}

/** The record as it is staged, alone in a page. `line` counts from 0. */
export function loneRecord(
  sample: Sample,
  record: number,
  shards: number,
): { readonly shard: number; readonly page: Uint8Array } {
  const { refHash, shard } = dealOf(sample, record, shards);
  const writer = new PageWriter(1, PAGE_BYTES_MIN);
  writer.append(
    0,
    record,
    0,
    sample.rawBytes[record] as number,
    refHash,
    sample.bytes,
    sample.values[record] as RecordValues,
  );
  writer.flush();
  const page = writer.take();
  assert(page !== undefined, 'a record makes a page');
  return { shard, page: page.bytes.slice() };
}

/** The record's columns that have a value, as texts by name; amounts as numbers, as DynamoDB writes them. */
export function columnsOf(sample: Sample, record: number): Readonly<Record<string, { S: string } | { N: string }>> {
  const values = sample.values[record] as RecordValues;
  const decoder = new TextDecoder();
  const columns: Record<string, { S: string } | { N: string }> = {};
  for (const [column, name] of COLUMNS.entries()) {
    const text = decoder.decode(
      values.source(sample.bytes, column).subarray(values.starts[column], values.ends[column]),
    );
    if (column === AMOUNT) columns[name] = { N: String(values.cents) };
    else if (column === DOCUMENT) columns[name] = { S: String(values.cpf).padStart(11, '0') };
    else if (column === DUE_DATE) columns[name] = { S: dayText(values.packedDate) };
    else if (text !== '') columns[name] = { S: text };
  }
  return columns;
}

function dayText(packed: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${packed >> 9}-${two((packed >> 5) & 15)}-${two(packed & 31)}`;
}
