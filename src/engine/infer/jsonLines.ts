/** JSON Lines as a table: one flat object a line, a field for each key that any of them has. */
import { Buffer } from 'node:buffer';
import type { ColumnSource, ProfileDocument } from '../../kernel/profile.ts';
import { assign, type Field } from './assign.ts';
import { contentsAt } from './contents.ts';
import { columnsSource, decideDocuments, documentSource } from './documents.ts';
import { type Draft, lookUp, type Surroundings } from './draft.ts';
import { counted, Findings, percent, shownName } from './findings.ts';
import { ROWS_MAX, trimmed } from './table.ts';
import { columnsNotation } from './values.ts';

const KEYS_MAX = 256;
const NAME_CHARACTERS_MAX = 120;

export interface JsonLines {
  readonly objects: readonly Readonly<Record<string, unknown>>[];
  readonly lines: number;
  /** The text begins as an array of objects. */
  readonly isArray: boolean;
}

/** The objects of the sampled lines. */
export function jsonLinesOf(runs: readonly Uint8Array[]): JsonLines {
  const objects: Readonly<Record<string, unknown>>[] = [];
  let lines = 0;
  const share = Math.ceil(ROWS_MAX / Math.max(1, runs.length));
  for (const run of runs) {
    const texts = Buffer.from(run.buffer, run.byteOffset, run.length).toString('utf8').split('\n');
    for (const text of texts.filter((one) => one.trim() !== '').slice(0, share)) {
      lines += 1;
      const object = text.trimStart().startsWith('{') ? parsed(text) : undefined;
      if (object !== undefined) objects.push(object);
    }
  }
  const start = Buffer.from(runs[0] ?? [])
    .subarray(0, 200)
    .toString('latin1')
    .trimStart();
  return { objects, lines, isArray: /^\[\s*(?:\{|$)/.test(start) };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the lines are such objects, but for a few. */
export function isJsonLines({ objects, lines }: JsonLines): boolean {
  return lines > 0 && objects.length >= lines * 0.8;
}

export async function jsonDraft(found: JsonLines, around: Surroundings): Promise<Draft> {
  const findings = new Findings();
  const { objects, lines } = found;
  findings.decide(
    'kind',
    'json-lines',
    `${percent(objects.length, lines)} of ${counted(lines, 'line')} are one JSON object each`,
  );
  if (objects.length < lines)
    findings.doubt(
      'records',
      '',
      `${counted(lines - objects.length, 'line')} of ${lines} are no JSON objects: each is rejected`,
    );
  const keys = [...new Set(objects.flatMap((object) => Object.keys(object)))].slice(0, KEYS_MAX);
  const nested = keys.filter((key) =>
    objects.some((object) => Object.hasOwn(object, key) && typeof object[key] === 'object' && object[key] !== null),
  );
  const flat = keys.filter((key) => !nested.includes(key) && key !== '' && [...key].length <= NAME_CHARACTERS_MAX);
  if (nested.length > 0)
    findings.doubt(
      'columns',
      '',
      `${nested.slice(0, 5).map(shownName).join(', ')} hold objects or lists, of which no column can be made`,
    );
  const rows = objects.map((object) => flat.map((key) => textOf(Object.hasOwn(object, key) ? object[key] : undefined)));
  const fields: Field[] = flat.map((name, field) => ({ name, contents: contentsAt(rows, field) }));
  const assignment = assign(fields, findings);
  const documents = decideDocuments(rows, fields, assignment, findings);
  const notation = columnsNotation(fields, assignment, around.today, findings);
  await lookUp(fields, assignment, around, findings);
  const place = (field: number): ColumnSource => ({ name: flat[field] as string });
  const used = [...assignment.values(), ...(documents.by === undefined ? [] : [documents.by.field])];
  const others = keys.filter((key) => !used.some((field) => flat[field] === key));
  if (others.length > 0)
    findings.decide(
      'unknownColumns',
      'ignore',
      `of no column: ${others.slice(0, 8).map(shownName).join(', ')}${others.length > 8 ? ` and ${others.length - 8} more` : ''}`,
    );
  const document: ProfileDocument = {
    format: 1,
    kind: 'json-lines',
    ...(Object.keys(notation.locale).length === 0 ? {} : { locale: notation.locale }),
    ...documentSource(documents, place),
    columns: columnsSource(assignment, documents, place),
    ...(others.length > 0 ? { unknownColumns: 'ignore' as const } : {}),
    ...(notation.nulls.length === 0 ? {} : { nulls: notation.nulls }),
  };
  return { document, findings };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? trimmed(value) : typeof value === 'number' ? String(value) : '';
}
