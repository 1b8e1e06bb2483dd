/**
 * What a case of the file table is, and the few words in which cases are written.
 *
 * Files and raw records are byte strings: one character is one byte; `u` writes text as its UTF-8 bytes.
 */
import type { RecordCodeName } from '../../src/core/codes.ts';
import type { FaultCode } from '../../src/core/faults.ts';
import type { ColumnName } from '../../src/kernel/columns.ts';

export interface ExpectedRecord {
  readonly line: number;
  readonly raw: string;
  /** `staged`, or the code of the rejection. */
  readonly is: 'staged' | RecordCodeName;
  /** Of the rejection; `''` where the fault is the record's. */
  readonly column?: ColumnName | '';
  /** Of a rejected record, where its amount could be read. */
  readonly cents?: number;
  /** Of a rejected record, where its reference could be read. */
  readonly ref?: string;
  /** Stored values that the case is about. */
  readonly values?: Partial<Record<ColumnName, string>>;
}

export interface KernelCase {
  readonly name: string;
  readonly file: string;
  readonly recordBytesMax: number;
  readonly expect:
    | { readonly fault: FaultCode; readonly line?: number; readonly byte?: number }
    | { readonly records: readonly ExpectedRecord[] };
}

/** Text as the byte string of its UTF-8. */
export function u(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export const HEADER = 'external_ref,debtor_name,cpf,amount,due_date\n';
export const BOM = '\xef\xbb\xbf';
export const RECORD_BYTES_MAX = 400;

/** A record without its line end; every field of it passes. */
export function row(ref: string, change: { name?: string; cpf?: string; amount?: string; due?: string } = {}): string {
  const { name = 'Ana Souza', cpf = '52998224725', amount = '10.50', due = '2025-01-31' } = change;
  return [ref, name, cpf, amount, due].join(',');
}

export const staged = (line: number, raw: string, values: ExpectedRecord['values'] = {}): ExpectedRecord => ({
  line,
  raw,
  is: 'staged',
  values,
});

export const rejected = (
  line: number,
  raw: string,
  is: RecordCodeName,
  column: ColumnName | '' = '',
  read: { cents?: number; ref?: string } = {},
): ExpectedRecord => ({ line, raw, is, column, ...read });

/** The records stand one after the other behind the header, with nothing between them. */
export function body(name: string, ...records: ExpectedRecord[]): KernelCase {
  return file(name, HEADER + records.map((record) => record.raw).join(''), records);
}

export function file(name: string, text: string, records: ExpectedRecord[]): KernelCase {
  return { name, file: text, recordBytesMax: RECORD_BYTES_MAX, expect: { records } };
}

export function fault(
  name: string,
  text: string,
  code: FaultCode,
  at: { line?: number; byte?: number } = {},
  recordBytesMax = RECORD_BYTES_MAX,
): KernelCase {
  return { name, file: text, recordBytesMax, expect: { fault: code, ...at } };
}
