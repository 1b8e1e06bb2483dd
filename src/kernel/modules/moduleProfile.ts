/**
 * What a profile says of a module: the key `code`, which fields of the file the module is given, what is wrong with that, and
 * how the beginning of such a file is read. The module makes the values of all columns, so the document says nothing of them.
 */
import { COLUMNS, IGNORED_COLUMN, KIND_COLUMN } from '../columns.ts';
import { type FormatLayout, formatOf } from '../formats/formatProfile.ts';
import type { Reading } from '../plan.ts';
import type { ColumnSource, HeaderLayout, ProfileDocument } from '../profile.ts';
import { documentProblems, KIND_NAME } from '../profileDocuments.ts';

/** Where a field that the module is given stands in the file; see `ColumnSource`. */
export type FieldSource = Pick<ColumnSource, 'name' | 'position' | 'at' | 'bytes'>;

export interface CodeSource {
  /** A file of the folder of modules, without `.ts`. */
  readonly module: string;
  /** By the names under which the module is given them; absent: all, by their names in the header. */
  readonly fields?: Readonly<Record<string, FieldSource>>;
}

/** What becomes of it. */
export interface CompiledCode {
  readonly module: string;
  /** By the numbers that the layout has for columns; absent: as the header has them. */
  readonly names?: readonly string[];
}

export interface ModuleLayout {
  readonly layout: HeaderLayout;
  readonly format?: FormatLayout;
  readonly code: CompiledCode;
}

/** Kinds of files whose records have fields of their own, which a module can be given. */
const MODULE_KINDS = ['delimited', 'json-lines', 'fixed-width'] as const;

type Entry = readonly [index: number, name: string, source: FieldSource];

function entriesOf({ fields = {} }: CodeSource): Entry[] {
  return Object.entries(fields).map(([name, source], index) => [index, name, source] as const);
}

/** Asks for a document without problems. */
export function moduleLayoutOf(document: ProfileDocument, code: CodeSource): ModuleLayout {
  const entries = entriesOf(code);
  // Any key of an object may be of use to a module, and those it is not given are no fault.
  const format = formatOf({ ...document, unknownColumns: 'ignore' }, entries);
  return {
    layout: headerLayoutOf(document, entries),
    ...(format === undefined ? {} : { format }),
    code: {
      module: code.module,
      ...(code.fields === undefined && format === undefined ? {} : { names: entries.map(([, name]) => name) }),
    },
  };
}

function headerLayoutOf(
  { dialect = {}, encoding = 'utf-8' }: ProfileDocument,
  entries: readonly Entry[],
): HeaderLayout {
  const { header = true, skipLines = 0 } = dialect;
  const shape = { header, skipLines, encoding };
  if (entries.length === 0) return { ...shape, by: { kind: 'all' } };
  if (!isPositional(entries)) {
    const names = entries.map(([index, name, source]) => [source.name ?? name, index] as const);
    return { ...shape, by: { kind: 'names', names, needed: entries.map(([index]) => index), ignoreUnknown: true } };
  }
  const places = entries.map(([, , { position = 1 }]) => position);
  const fields = new Array<number>(dialect.fields ?? Math.max(...places)).fill(IGNORED_COLUMN);
  for (const [index, place] of places.entries()) fields[place - 1] = index;
  return { ...shape, by: { kind: 'positions', fields } };
}

function isPositional(entries: readonly Entry[]): boolean {
  return entries.some(([, , { position }]) => position !== undefined);
}

/** The columns that a module may give: all, and of which kind the document is where that differs by record. */
export function madeColumns(reading: Reading | undefined): number[] {
  const all = COLUMNS.map((_, column) => column);
  return reading?.document?.kind === 'by field' ? [...all, KIND_COLUMN] : all;
}

/** Of a document with `code`, instead of what is checked of columns. */
export function moduleProblems(document: ProfileDocument, code: CodeSource, fieldsMax: number): string[] {
  const problems = documentProblems(document.document, []);
  const { name: kindName, position: kindPosition, at: kindAt, bytes: kindBytes } = document.document?.kindFrom ?? {};
  if ([kindName, kindPosition, kindAt, kindBytes].some((place) => place !== undefined)) {
    problems.push(`document.kindFrom: the module gives it as ${KIND_NAME}, so it stands nowhere in the file`);
  }
  for (const key of ['columns', 'unknownColumns', 'nulls', 'locale'] as const) {
    if (document[key] !== undefined) problems.push(`${key}: the module makes the values, so this says nothing`);
  }
  const { kind = 'delimited', dialect = {}, fixedWidth, encoding = 'utf-8' } = document;
  if (!(MODULE_KINDS as readonly string[]).includes(kind)) problems.push(`code: not in a profile of the kind ${kind}`);
  const entries = entriesOf(code);
  const positional = isPositional(entries);
  if (kind === 'delimited') {
    if (dialect.header === false && !positional) problems.push('code.fields: without a header they stand by position');
    if (dialect.fields !== undefined && !positional) {
      problems.push('dialect.fields: only where fields stand by position');
    }
  } else if (document.dialect !== undefined) problems.push(`dialect: not in a profile of the kind ${kind}`);
  if (kind === 'json-lines' && encoding !== 'utf-8') problems.push('encoding: JSON is UTF-8');
  if ((kind === 'fixed-width') !== (fixedWidth !== undefined)) {
    problems.push('fixedWidth: say how many bytes a line of fixed width has, and of no other');
  }
  const width = fixedWidth?.bytes ?? 0;
  const most = dialect.fields ?? fieldsMax;
  const seen = new Set<unknown>();
  for (const [, name, { name: named, position, at, bytes }] of entries) {
    const says = (text: string): void => void problems.push(`code.fields.${name}: ${text}`);
    if (kind === 'fixed-width') {
      if (at === undefined || bytes === undefined) says('give at and bytes');
      else if (at + bytes - 1 > width) says(`lines have ${width} bytes`);
    } else if (at !== undefined || bytes !== undefined) says(`at and bytes are not in a profile of the kind ${kind}`);
    if (position !== undefined && kind !== 'delimited') says(`position is not in a profile of the kind ${kind}`);
    if (named !== undefined && (positional || kind === 'fixed-width')) says('the others do not stand by name');
    if (positional && position === undefined) says('the others stand by position, so this one must too');
    if (position !== undefined && position > most) says(`records have ${most} fields`);
    const place = kind === 'fixed-width' ? undefined : positional ? position : (named ?? name);
    if (place !== undefined && seen.has(place)) says('another one stands there already');
    seen.add(place);
  }
  return problems;
}
