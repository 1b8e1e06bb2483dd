/**
 * Reads the header: the first record of a file, whose fields name the columns, in any order.
 *
 * A BOM and empty lines before it are skipped. Names are trimmed and must be exactly those of the columns. What is told
 * of a wrong header never holds more than a few shortened names, without control characters and long runs of digits:
 * a file without a header shows a record there.
 */
import type { FaultCode } from '../core/faults.ts';
import { maskDigits } from '../core/telemetry.ts';
import { COLUMNS, REQUIRED_COLUMNS } from './columns.ts';
import type { Dialect } from './plan.ts';
import { DOUBLED, RecordSplitter } from './records.ts';
import { codePoints } from './utf8.ts';

export type HeaderResult =
  | {
      readonly kind: 'header';
      /** For each field, from the left, the number of its column. */
      readonly fields: number[];
      /** Offsets of the header record, its line end included. */
      readonly start: number;
      readonly end: number;
      /** Physical line of the byte at `start`, and of the byte at `end`, 1-based. */
      readonly line: number;
      readonly nextLine: number;
    }
  | { readonly kind: 'more' }
  | {
      readonly kind: 'fault';
      readonly code: FaultCode;
      readonly detail: string;
      readonly line: number;
      readonly byte: number;
    };

const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];
const NAMES_TOLD_MAX = 5;
const NAME_TOLD_CHARACTERS_MAX = 64;

/**
 * @param length how many of `bytes` count, from the start of the file
 * @param complete whether they are the whole file
 * @returns the header; or a fault (`HEADER_MISSING`, `HEADER_INVALID`, `QUOTE_UNCLOSED`, `COLUMN_UNKNOWN`,
 *   `COLUMN_REPEATED`, `COLUMN_MISSING`) with line and byte of the record; or `more` where the bytes end inside it
 */
export function readHeader(bytes: Uint8Array, length: number, complete: boolean, dialect: Dialect): HeaderResult {
  const from = textStart(bytes, length);
  if (from < 0 && !complete) return { kind: 'more' };
  const { at: start, line, undecided } = skipEmptyLines(bytes, Math.max(from, 0), length);
  if (undecided && !complete) return { kind: 'more' };
  const fault = (code: FaultCode, detail: string): HeaderResult => ({ kind: 'fault', code, detail, line, byte: start });
  if (start >= length) return fault('HEADER_MISSING', '');

  const record = new RecordSplitter(dialect, 1 + count(bytes, start, length, dialect.delimiter));
  const end = record.split(bytes, start, length, complete);
  if (end < 0) return { kind: 'more' };
  if (record.unclosed) return fault('QUOTE_UNCLOSED', 'in the header');
  if (record.malformed >= 0) return fault('HEADER_INVALID', `field ${record.malformed + 1}: a quote is out of place`);
  const names: string[] = [];
  for (let field = 0; field < record.fields; field++) {
    const name = readName(bytes, record, field, dialect.quote);
    if (name === undefined) return fault('HEADER_INVALID', `field ${field + 1}: not plain text in UTF-8`);
    names.push(name);
  }
  const wrong = wrongColumns(names);
  if (wrong !== undefined) return fault(wrong.code, tell(wrong.names));
  const nextLine = line + record.innerLines + (bytes[end - 1] === LF ? 1 : 0);
  return { kind: 'header', fields: names.map(columnNumber), start, end, line, nextLine };
}

/** After the BOM, if there is one; -1 where the bytes end inside what may become one. */
function textStart(bytes: Uint8Array, length: number): number {
  for (let i = 0; i < BOM.length; i++) {
    if (i >= length) return -1;
    if (bytes[i] !== BOM[i]) return 0;
  }
  return BOM.length;
}

/** `undecided`: the bytes end before it is known whether another empty line follows. */
function skipEmptyLines(
  bytes: Uint8Array,
  from: number,
  length: number,
): { at: number; line: number; undecided: boolean } {
  let at = from;
  let line = 1;
  for (;;) {
    const lineEnd = at < length && bytes[at] === CR ? at + 1 : at;
    if (lineEnd >= length) return { at, line, undecided: true };
    if (bytes[lineEnd] !== LF) return { at, line, undecided: false };
    at = lineEnd + 1;
    line++;
  }
}

function count(bytes: Uint8Array, from: number, to: number, byte: number): number {
  let found = 0;
  for (let i = from; i < to; i++) if (bytes[i] === byte) found++;
  return found;
}

/** The trimmed name; `undefined` where it is not UTF-8 or holds control characters. */
function readName(bytes: Uint8Array, record: RecordSplitter, field: number, quote: number): string | undefined {
  let start = record.starts[field];
  let end = record.ends[field];
  while (start < end && isBlank(bytes[start])) start++;
  while (end > start && isBlank(bytes[end - 1])) end--;
  if (codePoints(bytes, start, end) < 0) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
  const mark = String.fromCharCode(quote);
  return (record.flags[field] & DOUBLED) !== 0 ? text.replaceAll(mark + mark, mark) : text;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function columnNumber(name: string): number {
  return (COLUMNS as readonly string[]).indexOf(name);
}

function wrongColumns(names: readonly string[]): { code: FaultCode; names: readonly string[] } | undefined {
  const unknown = names.filter((name) => columnNumber(name) < 0);
  if (unknown.length > 0) return { code: 'COLUMN_UNKNOWN', names: unknown };
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  if (repeated.length > 0) return { code: 'COLUMN_REPEATED', names: repeated };
  const missing = COLUMNS.filter((name, column) => column < REQUIRED_COLUMNS && !names.includes(name));
  return missing.length > 0 ? { code: 'COLUMN_MISSING', names: missing } : undefined;
}

function tell(names: readonly string[]): string {
  const told = [...new Set(names)].map(
    (name) =>
      `«${[...maskDigits(name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ''))].slice(0, NAME_TOLD_CHARACTERS_MAX).join('')}»`,
  );
  const more = told.length - NAMES_TOLD_MAX;
  return maskDigits(told.slice(0, NAMES_TOLD_MAX).join(', ') + (more > 0 ? ` and ${more} more` : ''));
}
