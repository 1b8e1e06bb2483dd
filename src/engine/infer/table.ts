/** A sample as a table: fields by column, in text, as whoever reads the file by a profile sees them before any check. */
import { Buffer } from 'node:buffer';
import type { Dialect, Encoding } from '../../kernel/plan.ts';
import { DOUBLED, RecordSplitter } from '../../kernel/records.ts';
import { decoded } from './encoding.ts';

/** Trimmed contents of a record's fields. */
export type Row = readonly string[];

export interface Rows {
  /** Records of the wanted number of fields, at most `ROWS_MAX`. */
  readonly rows: readonly Row[];
  /** Records of another number of fields, and those whose quotes are out of place. */
  readonly odd: number;
  readonly malformed: number;
}

export const ROWS_MAX = 6000;

const LF = 0x0a;
const CR = 0x0d;

export function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** The records of runs of bytes that each begin at a record, but that a piece may begin inside of quotes. */
export function rowsOf(runs: readonly Uint8Array[], dialect: Dialect, fields: number, encoding: Encoding): Rows {
  const rows: Row[] = [];
  let odd = 0;
  let malformed = 0;
  const share = Math.ceil(ROWS_MAX / Math.max(1, runs.length));
  for (const bytes of runs) {
    let taken = 0;
    const splitter = new RecordSplitter(dialect, fields);
    for (let at = 0; at < bytes.length && taken < share; ) {
      const start = lineStart(bytes, at);
      if (start >= bytes.length) break;
      const end = splitter.split(bytes, start, bytes.length, true);
      if (splitter.malformed >= 0) malformed += 1;
      else if (splitter.fields !== fields) odd += 1;
      else {
        rows.push(contentsOf(bytes, splitter, dialect, encoding));
        taken += 1;
      }
      at = end;
    }
  }
  return { rows, odd, malformed };
}

/** After empty lines. */
export function lineStart(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    if (bytes[at] === LF) at += 1;
    else if (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
    else return at;
  }
}

export function contentsOf(bytes: Uint8Array, record: RecordSplitter, dialect: Dialect, encoding: Encoding): string[] {
  const mark = String.fromCharCode(dialect.quote);
  return Array.from({ length: record.fields }, (_, field) => {
    const text = decoded(bytes.subarray(record.starts[field], record.ends[field]), encoding);
    return trimmed(((record.flags[field] as number) & DOUBLED) === 0 ? text : text.replaceAll(mark + mark, mark));
  });
}

export function asBytes(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
