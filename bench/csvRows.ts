/**
 * Rows of a CSV that the program or the fixture wrote, streamed: fields in quotes may hold anything, quotes doubled.
 * Strict: what breaks these rules throws. Memory: one chunk and the longest row.
 */
import { createReadStream } from 'node:fs';

export async function* csvRows(path: string): AsyncGenerator<string[]> {
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const text = rest + (chunk as string);
    let start = 0;
    for (let end = rowEnd(text, start); end >= 0; end = rowEnd(text, start)) {
      yield fieldsOf(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
  }
  if (rest !== '') throw new Error(`${path}: the last row has no line end`);
}

/** The position of the LF that ends the row which begins at `start`; -1 where the text ends first. */
function rowEnd(text: string, start: number): number {
  let end = text.indexOf('\n', start);
  if (end < 0) return -1;
  let quote = text.indexOf('"', start);
  while (quote >= 0 && quote < end) {
    const closing = text.indexOf('"', quote + 1);
    if (closing < 0) return -1;
    if (closing > end) {
      end = text.indexOf('\n', closing);
      if (end < 0) return -1;
    }
    quote = text.indexOf('"', closing + 1);
  }
  return end;
}

function fieldsOf(row: string): string[] {
  if (!row.includes('"')) return row.split(',');
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy;
  for (;;) {
    const match = field.exec(row);
    if (match === null) throw new Error('a quote stands where none may');
    fields.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
    if (match[3] === '') return fields;
  }
}
