/**
 * Reads the header: the first record of a file, whose fields name the columns, in any order; or what a profile has in
 * its place (other names, columns by position, lines to be passed over, no header at all).
 *
 * A BOM and empty lines before it are skipped. Names are trimmed and must be exactly those of the columns, or those that
 * the profile says. What is told
 * of a wrong header never holds more than a few shortened names, without control characters and long runs of digits:
 * a file without a header shows a record there.
 */
import { type Detail, detail } from '../core/catalogue.ts';
import type { FaultCode } from '../core/faults.ts';
import { maskDigits } from '../core/telemetry.ts';
import { IGNORED_COLUMN } from './columns.ts';
import { codePointTable, oneByteCharacters, toUtf8, UTF8_GROWTH_MAX } from './locale.ts';
import type { Dialect, Encoding } from './plan.ts';
import { defaultProfile, type HeaderLayout } from './profile.ts';
import { DOUBLED, RecordSplitter } from './records.ts';
import { codePoints } from './utf8.ts';

export type HeaderResult =
  | {
      readonly kind: 'header';
      /** For each field, from the left, the number of its column, or IGNORED_COLUMN. */
      readonly fields: number[];
      /** For each field its name, where a module is to have them all; then `fields` are all ignored. */
      readonly names?: readonly string[];
      /** Offsets of the header record, its line end included, and of the lines before it that a profile passes over. */
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
      readonly detail: string | Detail;
      readonly line: number;
      readonly byte: number;
    };

const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];
const NAMES_TOLD_MAX = 5;
/** Fields of a file whose names all go into the plan. */
const NAMED_FIELDS_MAX = 256;
const NAME_TOLD_CHARACTERS_MAX = 64;

/** How the default format begins. */
export function defaultLayout(): HeaderLayout {
  return defaultProfile().layout;
}

/**
 * @param length how many of `bytes` count, from the start of the file
 * @param complete whether they are the whole file
 * @param layout what the beginning of the file is; that of the default format where absent
 * @returns the header; or a fault (`HEADER_MISSING`, `HEADER_INVALID`, `QUOTE_UNCLOSED`, `COLUMN_UNKNOWN`,
 *   `COLUMN_REPEATED`, `COLUMN_MISSING`) with line and byte of the record; or `more` where the bytes end inside it
 */
export function readHeader(
  bytes: Uint8Array,
  length: number,
  complete: boolean,
  dialect: Dialect,
  layout: HeaderLayout = defaultLayout(),
): HeaderResult {
  const { by, skipLines } = layout;
  const textFrom = textStart(bytes, length);
  if (textFrom < 0 && !complete) return { kind: 'more' };
  const top = Math.max(textFrom, 0);
  const from = afterLines(bytes, top, length, skipLines);
  if (from < 0)
    return complete ? faultAt('HEADER_MISSING', detail('LINES_PASSED_OVER', skipLines), 1, top) : { kind: 'more' };
  if (!layout.header && by.kind === 'positions') {
    return { kind: 'header', fields: [...by.fields], start: top, end: from, line: 1, nextLine: 1 + skipLines };
  }
  const { at: start, line, undecided } = skipEmptyLines(bytes, from, length, 1 + skipLines);
  if (undecided && !complete) return { kind: 'more' };
  const fault = (code: FaultCode, told: string | Detail): HeaderResult => faultAt(code, told, line, start);
  if (start >= length) return fault('HEADER_MISSING', '');

  const record = new RecordSplitter(dialect, 1 + count(bytes, start, length, dialect.delimiter));
  const end = record.split(bytes, start, length, complete);
  if (end < 0) return { kind: 'more' };
  if (record.unclosed) return fault('QUOTE_UNCLOSED', detail('IN_HEADER'));
  const nextLine = line + record.innerLines + (bytes[end - 1] === LF ? 1 : 0);
  // What was passed over is part of what must stand before the records, should they be sent again.
  const place = skipLines > 0 ? { start: top, line: 1 } : { start, line };
  if (by.kind === 'positions') return { kind: 'header', fields: [...by.fields], ...place, end, nextLine };
  if (record.malformed >= 0) return fault('HEADER_INVALID', detail('FIELD_QUOTE', record.malformed + 1));
  const names: string[] = [];
  for (let field = 0; field < record.fields; field++) {
    const name = readName(bytes, record, field, dialect.quote, layout.encoding);
    if (name === undefined) return fault('HEADER_INVALID', detail('FIELD_NOT_TEXT', field + 1, shown(layout.encoding)));
    names.push(name);
  }
  if (by.kind === 'all') {
    const repeated = names.filter((name, index) => name !== '' && names.indexOf(name) !== index);
    if (repeated.length > 0) return fault('COLUMN_REPEATED', tell(repeated));
    if (names.length > NAMED_FIELDS_MAX)
      return fault('HEADER_INVALID', detail('FIELDS_OF_AT_MOST', names.length, NAMED_FIELDS_MAX));
    return { kind: 'header', fields: names.map(() => IGNORED_COLUMN), names, ...place, end, nextLine };
  }
  const columns = new Map(by.names);
  const wrong = wrongColumns(names, columns, by.needed, by.ignoreUnknown);
  if (wrong !== undefined) return fault(wrong.code, tell(wrong.names));
  const fields = names.map((name) => columns.get(name) ?? IGNORED_COLUMN);
  return { kind: 'header', fields, ...place, end, nextLine };
}

function faultAt(code: FaultCode, told: string | Detail, line: number, byte: number): HeaderResult {
  return { kind: 'fault', code, detail: told, line, byte };
}

function shown(encoding: Encoding): string {
  return encoding === 'utf-8' ? 'UTF-8' : encoding;
}

/** After so many physical lines; -1 where the bytes end before. */
function afterLines(bytes: Uint8Array, from: number, length: number, lines: number): number {
  let at = from;
  for (let left = lines; left > 0; at++) {
    if (at >= length) return -1;
    if (bytes[at] === LF) left--;
  }
  return at;
}

/** After the BOM, if there is one; -1 where the bytes end inside what may become one. */
export function textStart(bytes: Uint8Array, length: number): number {
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
  firstLine: number,
): { at: number; line: number; undecided: boolean } {
  let at = from;
  let line = firstLine;
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

/** The trimmed name; `undefined` where it is not of the encoding or holds control characters. */
function readName(
  bytes: Uint8Array,
  record: RecordSplitter,
  field: number,
  quote: number,
  encoding: Encoding,
): string | undefined {
  let start = record.starts[field];
  let end = record.ends[field];
  while (start < end && isBlank(bytes[start])) start++;
  while (end > start && isBlank(bytes[end - 1])) end--;
  const text = encoding === 'utf-8' ? utf8Text(bytes, start, end) : oneByteText(bytes, start, end, encoding);
  const mark = String.fromCharCode(quote);
  return (record.flags[field] & DOUBLED) !== 0 ? text?.replaceAll(mark + mark, mark) : text;
}

function utf8Text(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (codePoints(bytes, start, end) < 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

function oneByteText(
  bytes: Uint8Array,
  start: number,
  end: number,
  encoding: Exclude<Encoding, 'utf-8'>,
): string | undefined {
  const table = codePointTable(encoding);
  if (oneByteCharacters(bytes, start, end, table) < 0) return undefined;
  const out = Buffer.alloc((end - start) * UTF8_GROWTH_MAX);
  return out.toString('utf8', 0, toUtf8(bytes, start, end, table, out, 0));
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function wrongColumns(
  names: readonly string[],
  columns: ReadonlyMap<string, number>,
  needed: readonly number[],
  ignoreUnknown: boolean,
): { code: FaultCode; names: readonly string[] } | undefined {
  const unknown = names.filter((name) => !columns.has(name));
  if (unknown.length > 0 && !ignoreUnknown) return { code: 'COLUMN_UNKNOWN', names: unknown };
  const repeated = names.filter((name, index) => columns.has(name) && names.indexOf(name) !== index);
  if (repeated.length > 0) return { code: 'COLUMN_REPEATED', names: repeated };
  const missing = [...columns].filter(([name, column]) => needed.includes(column) && !names.includes(name));
  return missing.length > 0 ? { code: 'COLUMN_MISSING', names: missing.map(([name]) => name) } : undefined;
}

function tell(names: readonly string[]): string | Detail {
  const told = [...new Set(names)].map(
    (name) =>
      `«${[...maskDigits(name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ''))].slice(0, NAME_TOLD_CHARACTERS_MAX).join('')}»`,
  );
  const more = told.length - NAMES_TOLD_MAX;
  const first = maskDigits(told.slice(0, NAMES_TOLD_MAX).join(', '));
  return more > 0 ? detail('NAMES_AND_MORE', first, more) : first;
}
