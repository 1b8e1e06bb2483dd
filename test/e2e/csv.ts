/** A small strict reader of the CSV that the program writes: comma, doubled quotes, every row ended by LF, UTF-8. */
import type { Buffer } from 'node:buffer';

const QUOTE = '"';

/** Rows of fields. Throws where a row is not ended, a quote stands astray or the bytes are not UTF-8. */
export function csvRows(bytes: Buffer): string[][] {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    const field = text[at] === QUOTE ? quotedField(text, at) : bareField(text, at);
    row.push(field.value);
    const ending = text[field.end];
    if (ending === '\n') {
      rows.push(row);
      row = [];
    } else if (ending !== ',') throw new Error(`row ${rows.length + 1}: a field ends in ${JSON.stringify(ending)}`);
    at = field.end + 1;
    if (ending === ',' && at === text.length) throw new Error('the last row has no line end');
  }
  return rows;
}

interface Field {
  readonly value: string;
  /** Where the comma or the line end stands. */
  readonly end: number;
}

const BARE_END = /[,\n]/g;

function bareField(text: string, start: number): Field {
  BARE_END.lastIndex = start;
  const end = BARE_END.exec(text)?.index ?? text.length;
  const value = text.slice(start, end);
  if (/["\r]/.test(value)) throw new Error(`a bare field holds a quote or CR: ${JSON.stringify(value)}`);
  return { value, end };
}

function quotedField(text: string, start: number): Field {
  for (let at = start + 1; ; at += 2) {
    at = text.indexOf(QUOTE, at);
    if (at < 0) throw new Error('a quoted field is never closed');
    if (text[at + 1] !== QUOTE) return { value: text.slice(start + 1, at).replaceAll('""', QUOTE), end: at + 1 };
  }
}
