/**
 * Lines of a submission: what the API takes, how it is kept, and the CSV that it becomes.
 *
 * Promises
 * - A value stands in the CSV exactly as it came, whatever it holds (quotes, commas, line ends, what a spreadsheet would
 *   take for a formula): reading the CSV gives the same text again.
 * - Nothing is made up: a column that no line names, and that was not declared, is not in the header, so what is stored
 *   under it is kept; in a column that is, a line without it has an empty field.
 */
import { COLUMNS, REQUIRED_COLUMNS } from '../../kernel/columns.ts';

export const LINE_COLUMNS: readonly string[] = COLUMNS;
export const REQUIRED_LINE_COLUMNS: readonly string[] = COLUMNS.slice(0, REQUIRED_COLUMNS);

export type LineValues = Readonly<Record<string, string | null>>;

/** Bits of the required columns: they are in every header. */
const REQUIRED_BITS = (1 << REQUIRED_COLUMNS) - 1;

export interface EncodedLine {
  /** A JSON array: the values in the order of the columns, `null` for none, cut after the last one. */
  readonly text: string;
  /** Bit i: the line has column i. */
  readonly columnsUsed: number;
}

/** Values under names of columns, as checked by the schema. */
export function encodeLine(values: LineValues): EncodedLine {
  let columnsUsed = 0;
  const row: (string | null)[] = [];
  for (const [column, name] of COLUMNS.entries()) {
    const value = values[name] ?? null;
    if (value === null) continue;
    while (row.length < column) row.push(null);
    row.push(value);
    columnsUsed |= 1 << column;
  }
  return { text: JSON.stringify(row), columnsUsed };
}

export function decodeLine(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [column, value] of (JSON.parse(text) as (string | null)[]).entries()) {
    if (value !== null) values[COLUMNS[column] as string] = value;
  }
  return values;
}

/** The columns of the header, by index: those declared, or else the required ones and whichever some line has. */
export function headerColumns(declared: readonly string[] | null, columnsUsed: number): number[] {
  if (declared !== null) return declared.map((name) => (COLUMNS as readonly string[]).indexOf(name));
  const bits = columnsUsed | REQUIRED_BITS;
  return [...COLUMNS.keys()].filter((column) => (bits & (1 << column)) !== 0);
}

export function headerCsv(columns: readonly number[]): string {
  return `${columns.map((column) => COLUMNS[column]).join(',')}\n`;
}

/** One kept line as a record, its LF included. */
export function lineCsv(text: string, columns: readonly number[]): string {
  const row = JSON.parse(text) as (string | null)[];
  return `${columns.map((column) => fieldCsv(row[column] ?? '')).join(',')}\n`;
}

function fieldCsv(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
