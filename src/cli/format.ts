/**
 * How the commands write things down: money, instants, tables and JSON whose integers keep every digit.
 *
 * Promises: cents become decimal text without any rounding, whatever their size; text that came from outside cannot move
 * the cursor or colour the terminal; names of files show no run of digits that could be a CPF.
 */
import { maskDigits } from '../core/telemetry.ts';
import type { Output } from './context.ts';

/** Exact decimal text of integer cents: 123456 is `1234.56`. */
export function centsText(cents: number | bigint): string {
  const exact = BigInt(cents);
  const size = exact < 0n ? -exact : exact;
  const fraction = (size % 100n).toString().padStart(2, '0');
  return `${exact < 0n ? '-' : ''}${size / 100n}.${fraction}`;
}

/** Cents of an amount written `1234`, `1234.5` or `1234.56`; `undefined` for anything else and from 10^13 on. */
export function readCents(text: string): number | undefined {
  const parts = /^([0-9]{1,13})(?:\.([0-9]{1,2}))?$/.exec(text);
  if (parts === null) return undefined;
  const [, whole = '0', fraction = ''] = parts;
  return Number(whole) * 100 + Number(fraction.padEnd(2, '0'));
}

/** `2026-08-01T12:00:00.000Z`. */
export function instantText(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** Text from outside, safe on a terminal: control, line-breaking and direction-changing characters become `?`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '?');
}

/** A client's name for a file; it may hold a CPF, so long runs of digits are masked. */
export function fileNameText(name: string): string {
  return printable(maskDigits(name));
}

/** Lines of columns, each as wide as its widest cell; the last one is left as it is. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, widthOf(row[column] ?? '')), widthOf(title)),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return column === widths.length - 1 ? cell : cell + ' '.repeat(width - widthOf(cell));
      })
      .join('  ')
      .trimEnd();
  return [header, ...rows].map((cells) => `${line(cells)}\n`).join('');
}

function widthOf(text: string): number {
  return [...text].length;
}

/** JSON in which integers that a double cannot hold come out as BigInt, so that totals keep every cent. */
export function parseExactJson(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? '';
    return /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

/** The inverse: BigInt as a JSON integer. Indented where `indent` is given. */
export function exactJsonText(value: unknown, indent?: number): string {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const replace = (_key: string, item: unknown): unknown =>
    typeof item === 'bigint' ? rawJSON(item.toString()) : item;
  return JSON.stringify(value, replace, indent);
}

const CHUNK_CHARACTERS = 64 * 1024;

/** Gathers lines and writes them in large chunks, each after the last was taken. */
export function createLineWriter(output: Output): { line(text: string): Promise<void>; flush(): Promise<void> } {
  let gathered = '';
  const flush = async (): Promise<void> => {
    const text = gathered;
    gathered = '';
    if (text !== '') await output.write(text);
  };
  return {
    async line(text) {
      gathered += `${text}\n`;
      if (gathered.length >= CHUNK_CHARACTERS) await flush();
    },
    flush,
  };
}
