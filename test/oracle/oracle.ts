/**
 * The oracle: what a whole file means, said slowly and plainly. It judges the kernel and the pipeline.
 *
 * Promises: no code of the kernel is used but its tables (columns, codes). Lines are physical and 1-based, bytes are
 * offsets from 0, amounts integer cents. Nothing is streamed: the whole file is one string.
 */
import type { RecordCodeName } from '../../src/core/codes.ts';
import type { FaultCode } from '../../src/core/faults.ts';
import { COLUMNS, type ColumnName, KIND_COLUMN, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import type { BusinessRules, Reading } from '../../src/kernel/plan.ts';
import { documentRule, nameOf } from './documents.ts';
import { repeatedLines } from './duplicates.ts';
import { byteString, oracleRecords, type RawRecord } from './grammar.ts';
import { CONTROL, checkLocalValue, checkValue, daysInMonth, decodeUtf8, stored } from './values.ts';

export type OracleFile = OracleFault | OracleRead;

export interface OracleFault {
  readonly fault: FaultCode;
  /** Of the record that is at fault: line and byte of its first byte. Absent where no record is. */
  readonly line?: number;
  readonly byte?: number;
  /** Column names that the fault is about, as they stand in the header. */
  readonly names?: readonly string[];
}

export interface OracleRead {
  readonly fault?: undefined;
  /** For each field of a record, from the left, the number of its column. */
  readonly fields: readonly number[];
  readonly header: OraclePlace;
  readonly records: readonly OracleRecord[];
}

export interface OraclePlace {
  readonly line: number;
  /** Raw bytes `[start, end)`, line end included. */
  readonly start: number;
  readonly end: number;
}

/** What the checks of a single record say; nothing of the batch or of the store is known yet. */
export type OracleRecord = OracleStaged | OracleRejected;

/** In place of an optional column that the record itself does not have, where records of the file may differ in that. */
export const KEPT = '(kept)';

export interface OracleStaged extends OraclePlace {
  readonly outcome: 'staged';
  /**
   * As stored: text (of a CNPJ too, under `cpf`); the amount as cents in decimal; `''` for an optional column that is empty
   * or not in the file; KEPT.
   */
  readonly values: Readonly<Record<ColumnName, string>>;
  readonly cents: number;
  readonly warning: '' | 'CPF_PADDED' | 'CNPJ_PADDED';
}

export interface OracleRejected extends OraclePlace {
  readonly outcome: 'rejected';
  readonly code: RecordCodeName;
  /** As the plan calls it; `''` where the fault is the record's. */
  readonly column: string;
  /** `undefined` where the amount could not be read. */
  readonly cents: number | undefined;
  /** `''` where the reference could not be read. */
  readonly ref: string;
}

const BOM = '\xef\xbb\xbf';

export function oracleFile(bytes: Uint8Array, options: { readonly recordBytesMax: number }): OracleFile {
  const text = byteString(bytes);
  const [header, ...rest] = oracleRecords(text, bomBytes(text));
  if (header !== undefined && header.end - header.start > options.recordBytesMax) {
    return { fault: 'HEADER_TOO_LONG', line: header.line, byte: header.start };
  }
  const columns = oracleHeader(bytes);
  if (columns.fault !== undefined) return columns;
  for (const record of rest) {
    const at = { line: record.line, byte: record.start };
    if (record.end - record.start > options.recordBytesMax) return { fault: 'RECORD_TOO_LONG', ...at };
    if (record.unclosed) return { fault: 'QUOTE_UNCLOSED', ...at };
  }
  return { ...columns, records: rest.map((record) => checkRecord(record, columns.fields)) };
}

/** The first record of a file as its header; whatever stands behind it is not looked at. */
export function oracleHeader(bytes: Uint8Array): OracleFault | Omit<OracleRead, 'records'> {
  const text = byteString(bytes);
  const [header] = oracleRecords(text, bomBytes(text));
  if (header === undefined) return { fault: 'HEADER_MISSING' };
  const fields = readColumns(header);
  if (!Array.isArray(fields)) return { ...(fields as OracleFault), line: header.line, byte: header.start };
  return { fields, header: placeOf(header) };
}

const bomBytes = (text: string) => (text.startsWith(BOM) ? BOM.length : 0);

const placeOf = ({ line, start, end }: RawRecord): OraclePlace => ({ line, start, end });

function readColumns(header: RawRecord): number[] | OracleFault {
  if (header.unclosed) return { fault: 'QUOTE_UNCLOSED' };
  const names: string[] = [];
  for (const field of header.fields) {
    const name = decodeUtf8(field.text.replace(/^[ \t]+/, '').replace(/[ \t]+$/, ''));
    if (field.malformed || name === undefined || CONTROL.test(name)) return { fault: 'HEADER_INVALID' };
    names.push(name);
  }
  const known: readonly string[] = COLUMNS;
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) return { fault: 'COLUMN_UNKNOWN', names: unknown };
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  if (repeated.length > 0) return { fault: 'COLUMN_REPEATED', names: repeated };
  const missing = COLUMNS.slice(0, REQUIRED_COLUMNS).filter((name) => !names.includes(name));
  if (missing.length > 0) return { fault: 'COLUMN_MISSING', names: missing };
  return names.map((name) => known.indexOf(name));
}

/**
 * The checks of one record against the header's columns, in their fixed order. A column that is none of the table is of a
 * field that nobody looks at. `reading`: how values are written, where not as the default format has it.
 */
export function checkRecord(record: RawRecord, columns: readonly number[], reading?: Reading): OracleRecord {
  const place = placeOf(record);
  const shape = (code: RecordCodeName, column: string): OracleRejected => ({
    ...place,
    outcome: 'rejected',
    code,
    column,
    cents: undefined,
    ref: '',
  });
  const malformed = record.fields.findIndex((field) => field.malformed);
  if (malformed >= 0) return shape('QUOTE_MALFORMED', nameOf(columns[malformed], reading?.document));
  if (record.fields.length !== columns.length) return shape('FIELD_COUNT', '');

  const values = Object.fromEntries(COLUMNS.map((name) => [name, ''])) as Record<ColumnName, string>;
  for (const { column, value } of reading?.fixed ?? []) {
    const given = stored(COLUMNS[column]!, value);
    if ('value' in given) values[COLUMNS[column]!] = given.value;
  }
  const document = documentRule(record.fields[columns.indexOf(KIND_COLUMN)]?.text, reading);
  let warning: OracleStaged['warning'] = '';
  let fault: { code: RecordCodeName; column: string } | undefined;
  record.fields.forEach((field, index) => {
    const number = columns[index]!;
    const name = nameOf(number, reading?.document);
    if (number === KIND_COLUMN && document.kind === undefined)
      fault ??= { code: 'DOCUMENT_KIND_UNKNOWN', column: name };
    const column = COLUMNS[number];
    if (column === undefined) return;
    const checked =
      reading === undefined
        ? checkValue(column, field.text)
        : checkLocalValue(column, field.text, reading, document.check);
    if ('code' in checked) fault ??= { code: checked.code, column: name };
    else {
      values[column] = checked.value;
      if (checked.warning !== '') warning = checked.warning;
    }
  });
  if (fault !== undefined) {
    const cents = values.amount === '' ? undefined : Number(values.amount);
    return { ...place, outcome: 'rejected', ...fault, cents, ref: values.external_ref };
  }
  return { ...place, outcome: 'staged', values, cents: Number(values.amount), warning };
}

export interface OracleTotals {
  readonly records: number;
  readonly staged: number;
  readonly rejected: number;
  readonly centsStaged: bigint;
  readonly centsRejected: bigint;
  readonly rejectedBy: Readonly<Record<string, number>>;
}

export function oracleTotals(records: readonly OracleRecord[]): OracleTotals {
  const rejectedBy: Record<string, number> = {};
  let staged = 0;
  let centsStaged = 0n;
  let centsRejected = 0n;
  for (const record of records) {
    if (record.outcome === 'staged') {
      staged++;
      centsStaged += BigInt(record.cents);
    } else {
      rejectedBy[record.code] = (rejectedBy[record.code] ?? 0) + 1;
      centsRejected += BigInt(record.cents ?? 0);
    }
  }
  return { records: records.length, staged, rejected: records.length - staged, centsStaged, centsRejected, rejectedBy };
}

/** The fate of a record in a batch that meets an empty store. */
export interface OracleOutcome {
  readonly line: number;
  readonly outcome: 'created' | 'duplicate' | 'rejected';
  /** Of the rejection, the duplicate, or the warning of a created debt; `''` for none. */
  readonly code: RecordCodeName | '';
  readonly column: string;
  readonly ref: string;
  readonly cents: number | undefined;
  /** For a duplicate, the line of the record that won; 0 otherwise. */
  readonly winnerLine: number;
}

/** Business rules, then duplicates, for an empty store. */
export function oracleOutcomes(file: OracleRead, rules: BusinessRules): OracleOutcome[] {
  const passing = file.records.flatMap((record) =>
    record.outcome === 'staged' && businessReject(rules, record.values.due_date, record.cents) === ''
      ? [{ ref: record.values.external_ref, line: record.line }]
      : [],
  );
  const repeated = repeatedLines(passing, rules.duplicates ?? 'first');
  return file.records.map((record): OracleOutcome => {
    const { line, cents } = record;
    if (record.outcome === 'rejected') {
      const { code, column, ref } = record;
      return { line, outcome: 'rejected', code, column, ref, cents, winnerLine: 0 };
    }
    const ref = record.values.external_ref;
    const refused = businessReject(rules, record.values.due_date, record.cents);
    if (refused !== '') {
      const column = refused.startsWith('AMOUNT') ? 'amount' : 'due_date';
      return { line, outcome: 'rejected', code: refused, column, ref, cents, winnerLine: 0 };
    }
    const fate = repeated.get(line);
    if (fate !== undefined) {
      const column = fate.outcome === 'rejected' ? 'external_ref' : '';
      return { line, outcome: fate.outcome, code: fate.code, column, ref, cents, winnerLine: fate.winner };
    }
    const near = isNearPrescription(rules, record.values.due_date) ? 'DEBT_NEAR_PRESCRIPTION' : '';
    const code = record.warning === '' ? near : record.warning;
    return { line, outcome: 'created', code, column: '', ref, cents, winnerLine: 0 };
  });
}

export type BusinessReject = 'DUE_DATE_NOT_PAST' | 'DEBT_PRESCRIBED' | 'AMOUNT_BELOW_MINIMUM' | 'AMOUNT_ABOVE_MAXIMUM';

/** The first business rule that a record breaks, or `''`. Days as `YYYY-MM-DD`, which compare as text. */
export function businessReject(rules: BusinessRules, dueDate: string, cents: number): BusinessReject | '' {
  if (dueDate >= rules.businessDate && rules.acceptsFuture !== true) return 'DUE_DATE_NOT_PAST';
  if (dueDate < monthsBefore(rules.businessDate, rules.ageMonthsMax ?? 60)) return 'DEBT_PRESCRIBED';
  if (cents < rules.amountCentsMin) return 'AMOUNT_BELOW_MINIMUM';
  if (cents > rules.amountCentsMax) return 'AMOUNT_ABOVE_MAXIMUM';
  return '';
}

export function isNearPrescription(rules: BusinessRules, dueDate: string): boolean {
  return dueDate < monthsBefore(rules.businessDate, (rules.ageMonthsMax ?? 60) - 1);
}

/**
 * The same day so many months earlier, or the last day of that month where it has no such day; `''`, which is before
 * every day, where that is before year 1.
 */
export function monthsBefore(date: string, months: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  const index = year * 12 + (month - 1) - months;
  const toYear = Math.floor(index / 12);
  if (toYear < 1) return '';
  const toMonth = (index % 12) + 1;
  const toDay = Math.min(day, daysInMonth(toYear, toMonth));
  return [String(toYear).padStart(4, '0'), String(toMonth).padStart(2, '0'), String(toDay).padStart(2, '0')].join('-');
}
