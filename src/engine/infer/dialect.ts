/**
 * How a delimited text is cut: delimiter and quote, the lines before its records, the number of fields.
 *
 * Each physical line is cut by itself, so that a quote that is never closed spoils one line and no more; a record over
 * several lines then looks odd, of which a file has few. What most lines agree on is taken; several dialects may be
 * plausible, and then what they make of the contents decides (infer.ts).
 */
import type { Dialect } from '../../kernel/plan.ts';
import { RecordSplitter } from '../../kernel/records.ts';

export const DELIMITERS = [',', ';', '|', '\t'] as const;
export const QUOTES = ['"', "'"] as const;
/** What files are separated by that no profile reads. */
const FOREIGN = ['^', '~', '#', ':', '\u00a6', '§', '\x01', '\x1f'] as const;

const DOUBLE = 0x22;
const SINGLE = 0x27;
const LF = 0x0a;
const CR = 0x0d;
const LINES_MAX = 2000;
const FIELDS_KEPT = 256;
/** Lines before the records that are looked for. */
const SKIPPED_MAX = 40;
const FIELDS_MIN = 2;

export interface Shape {
  readonly dialect: Dialect;
  readonly fields: number;
  /** Of the lines, how many have that number of fields, and how many were looked at. */
  readonly alike: number;
  readonly lines: number;
  /** Fields that begin with a quote. */
  readonly quoted: number;
  readonly score: number;
}

/** Where the first line that has the number of fields begins. */
export interface Beginning {
  readonly skipLines: number;
  readonly at: number;
}

interface Line {
  readonly start: number;
  readonly end: number;
}

/** Physical lines that are not empty. */
function linesOf(runs: readonly Uint8Array[]): { readonly bytes: Uint8Array; readonly lines: readonly Line[] }[] {
  const share = Math.ceil(LINES_MAX / Math.max(1, runs.length));
  return runs.map((bytes) => {
    const lines: Line[] = [];
    for (let start = 0; start < bytes.length && lines.length < share; ) {
      const found = bytes.indexOf(LF, start);
      const end = found < 0 ? bytes.length : found;
      const text = end > start && bytes[end - 1] === CR ? end - 1 : end;
      if (text > start) lines.push({ start, end: text });
      start = end + 1;
    }
    return { bytes, lines };
  });
}

/** The plausible shapes of a text, the best first. */
export function shapesOf(runs: readonly Uint8Array[]): Shape[] {
  const parts = linesOf(runs);
  const shapes = DELIMITERS.flatMap((delimiter) =>
    QUOTES.map((quote) => shapeUnder({ delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) }, parts)),
  );
  return shapes.filter((shape) => shape.fields >= FIELDS_MIN && shape.score > 0).sort((a, b) => b.score - a.score);
}

function shapeUnder(dialect: Dialect, parts: ReturnType<typeof linesOf>): Shape {
  const counts = new Map<number, number>();
  let lines = 0;
  let quoted = 0;
  let bad = 0;
  const splitter = new RecordSplitter(dialect, FIELDS_KEPT);
  for (const part of parts) {
    for (const { start, end } of part.lines) {
      splitter.split(part.bytes.subarray(start, end), 0, end - start, true);
      lines += 1;
      if (splitter.malformed >= 0 || isTorn(part.bytes.subarray(start, end), splitter)) bad += 1;
      else counts.set(splitter.fields, (counts.get(splitter.fields) ?? 0) + 1);
      for (let field = 0; field < Math.min(splitter.fields, FIELDS_KEPT); field++) {
        if (part.bytes[start + (splitter.starts[field] as number) - 1] === dialect.quote) quoted += 1;
      }
    }
  }
  const [fields, alike] = [...counts].reduce((best, one) => (one[1] * one[0] > best[1] * best[0] ? one : best), [0, 0]);
  const share = lines === 0 ? 0 : alike / lines;
  // A quote that nothing uses says nothing: the usual one is then taken.
  const used = quoted > 0 || dialect.quote === DOUBLE ? 1 : 0.999;
  const score = share ** 2 * (1 - bad / Math.max(1, lines)) * (fields - 1) * used;
  return { dialect, fields, alike, lines, quoted, score };
}

/** Whether a field begins with a quote, which the dialect does not know, and ends without it: it was cut inside of it. */
function isTorn(line: Uint8Array, { starts, ends, fields }: RecordSplitter): boolean {
  for (let field = 0; field < Math.min(fields, FIELDS_KEPT); field++) {
    const [start, end] = [starts[field] as number, ends[field] as number];
    const first = line[start];
    if ((first === DOUBLE || first === SINGLE) && end - start > 1 && line[end - 1] !== first) return true;
  }
  return false;
}

/** A separator of which most lines have the same number, where no profile can read by it. */
export function foreignDelimiter(text: readonly string[], fieldsBest: number): string | undefined {
  for (const delimiter of FOREIGN) {
    const counts = new Map<number, number>();
    for (const line of text) {
      const fields = line.split(delimiter).length;
      counts.set(fields, (counts.get(fields) ?? 0) + 1);
    }
    const [fields, alike] = [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0]);
    if (fields >= 4 && fields > fieldsBest && alike >= text.length * 0.8) return delimiter;
  }
  return undefined;
}

/** The first line from which the text has its shape: that one and most of the next ones have the number of fields. */
export function beginningOf(head: Uint8Array, { dialect, fields }: Shape): Beginning {
  const splitter = new RecordSplitter(dialect, FIELDS_KEPT);
  const starts = physicalLines(head, SKIPPED_MAX + 1);
  for (const [skipLines, start] of starts.entries()) {
    const end = lineEnd(head, start);
    if (end === start || isBlank(head, start, end)) continue;
    splitter.split(head.subarray(start, end), 0, end - start, true);
    if (splitter.malformed >= 0 || splitter.fields !== fields) continue;
    let filled = 0;
    for (let field = 0; field < fields; field++)
      if ((splitter.ends[field] as number) > (splitter.starts[field] as number)) filled += 1;
    // A title that a spreadsheet filled up with separators.
    if (filled * 2 >= fields) return { skipLines, at: start };
  }
  return { skipLines: 0, at: 0 };
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0x20 && bytes[i] !== 0x09) return false;
  return true;
}

/** Where the first physical lines begin, after a byte order mark. */
function physicalLines(head: Uint8Array, max: number): number[] {
  const starts: number[] = [];
  for (let start = markBytes(head); start < head.length && starts.length < max; ) {
    starts.push(start);
    const found = head.indexOf(LF, start);
    if (found < 0) break;
    start = found + 1;
  }
  return starts;
}

export function markBytes(head: Uint8Array): number {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0;
}

function lineEnd(bytes: Uint8Array, start: number): number {
  const found = bytes.indexOf(LF, start);
  const end = found < 0 ? bytes.length : found;
  return end > start && bytes[end - 1] === CR ? end - 1 : end;
}
