/**
 * A profile: how a client's files are read and which bounds hold, as a document, and what the picker makes of it once a
 * batch. Plain data and pure functions; `engine/profiles.ts` checks documents against their schema before they come here.
 *
 * Positions and lines count from 1. Fixed values, defaults and bounds are written as the default format writes them,
 * whatever the file's own notation.
 */
import { assert } from '../core/assert.ts';
import type { Language } from '../core/language.ts';
import { readCents } from '../core/text.ts';
import { COLUMN_COUNT, COLUMNS, DOCUMENT, IGNORED_COLUMN, KIND_COLUMN, REF, REQUIRED_COLUMNS } from './columns.ts';
import { isConstant } from './constants.ts';
import { type CnabSource, withCnabLayout } from './formats/cnabProfile.ts';
import {
  type FixedWidthSource,
  type FormatLayout,
  formatOf,
  formatProblems,
  type Kind,
} from './formats/formatProfile.ts';
import { type CodeSource, type CompiledCode, moduleLayoutOf, moduleProblems } from './modules/moduleProfile.ts';
import type { ColumnValue, DateForm, Dialect, DuplicatesPolicy, Encoding, Reading } from './plan.ts';
import {
  type DocumentSource,
  documentColumnName,
  documentProblems,
  documentReading,
  KIND_NAME,
  placeInDocument,
  type SourceName,
} from './profileDocuments.ts';

export interface ProfileDocument {
  /** Of this form of document. */
  readonly format: 1;
  /** What kind of file it is: `delimited` where absent. */
  readonly kind?: Kind;
  readonly fixedWidth?: FixedWidthSource;
  readonly cnab?: CnabSource;
  /** A module that makes the records of the file's; it says everything of columns. */
  readonly code?: CodeSource;
  readonly dialect?: {
    readonly delimiter?: string;
    readonly quote?: string;
    /** Whether the first record names the columns, or, where columns stand by position, is passed over. */
    readonly header?: boolean;
    /** Physical lines before the header or the first record that are passed over. */
    readonly skipLines?: number;
    /** Fields of a record, where columns stand by position; the greatest position where absent. */
    readonly fields?: number;
  };
  readonly encoding?: Encoding;
  readonly locale?: {
    readonly decimal?: string;
    readonly thousands?: string;
    /** Amounts are digits alone, so many of which are decimals. */
    readonly impliedDecimals?: number;
    readonly date?: DateForm;
    readonly pivot?: number;
  };
  /** Absent: all columns, by their own names. Else the file has these alone. */
  readonly columns?: Readonly<Partial<Record<Exclude<SourceName, typeof KIND_NAME>, ColumnSource>>>;
  readonly unknownColumns?: 'refuse' | 'ignore';
  /** Absent: the records have CPFs. */
  readonly document?: DocumentSource;
  /** Trimmed contents that count as empty. */
  readonly nulls?: readonly string[];
  /** Which of several records with one reference is registered; the first where absent. */
  readonly duplicates?: DuplicatesPolicy;
  readonly rules?: {
    readonly amountMin?: string;
    readonly amountMax?: string;
    /** How old a debt may be on the business date. */
    readonly ageMonthsMax?: number;
    /** Whether a debt may fall due on the business date or later. */
    readonly futureDueDates?: 'refuse' | 'accept';
  };
  /** Of the messages in the answers, and of the reason where a file fails; the client's where absent. */
  readonly language?: Language;
  readonly notifications?: ProfileNotifications;
  /** Whether somebody looks at a file before its debts are registered: at every one, or at one that reaches a bound. */
  readonly approval?: 'required' | { readonly recordsMin?: number; readonly amountMin?: string };
}

/** What is told of the ends of its batches; to whom and by which way, the client's own settings say. */
export interface ProfileNotifications {
  /** Which ends; those that the client's settings say where absent, none where empty. */
  readonly kinds?: readonly string[];
  /** Whether mail about small batches is gathered; `false` sends each by itself. */
  readonly digest?: boolean;
}

/** Where a column's value comes from: a named field, a field by position, bytes of a line, or the profile itself. */
export interface ColumnSource {
  readonly name?: string;
  readonly position?: number;
  readonly at?: number;
  readonly bytes?: number;
  /** Of CNAB: the segment or type of the line that it stands in. */
  readonly line?: string;
  readonly fixed?: string;
  readonly default?: string;
  readonly required?: boolean;
}

/** What the beginning of a file is and how its fields come by their columns. Plain data. */
export interface HeaderLayout {
  readonly header: boolean;
  readonly skipLines: number;
  readonly encoding: Encoding;
  readonly by:
    | {
        readonly kind: 'names';
        /** Names in the file, with the numbers of their columns. */
        readonly names: readonly (readonly [name: string, column: number])[];
        /** Columns that the header must name. */
        readonly needed: readonly number[];
        readonly ignoreUnknown: boolean;
      }
    /** For each field the number of its column, KIND_COLUMN or IGNORED_COLUMN. */
    | { readonly kind: 'positions'; readonly fields: readonly number[] }
    /** Every field, by whatever name it has, for a module. */
    | { readonly kind: 'all' };
}

export interface CompiledProfile {
  readonly dialect: Dialect;
  readonly layout: HeaderLayout;
  /** Absent for delimited files. */
  readonly format?: FormatLayout;
  /** Absent where columns stand in the file. */
  readonly code?: CompiledCode;
  /** Absent where values are written as the default format has it. */
  readonly reading?: Reading;
  /** Bounds in cents beside those of the client; absent where the profile gives none. */
  readonly amountCentsMin?: number;
  readonly amountCentsMax?: number;
  /** As `BusinessRules` has them. */
  readonly ageMonthsMax?: number;
  readonly acceptsFuture?: true;
  /** Absent where nobody is asked; without a bound everything is to be approved. */
  readonly approval?: { readonly recordsMin?: number; readonly centsMin?: number };
  readonly duplicates?: DuplicatesPolicy;
}

const BASE_REQUIRED = (1 << REQUIRED_COLUMNS) - 1;

/** Reads the default format. */
export const DEFAULT_DOCUMENT: ProfileDocument = { format: 1 };

/** The default format, compiled. */
export function defaultProfile(): CompiledProfile {
  const compiled = compileProfile(DEFAULT_DOCUMENT);
  assert(!('problems' in compiled), 'the default profile is one');
  return compiled;
}

/** What of a document holds for lines that were collected here and written in the default format: all but how files are read. */
export function inDefaultFormat(document: ProfileDocument): ProfileDocument {
  const { format, duplicates, rules, language, notifications, approval } = document;
  const kept = { duplicates, rules, language, notifications, approval };
  return {
    format,
    ...(Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined)) as typeof kept),
  };
}

/** The compiled profile, or what is wrong with the document, all of it. */
export function compileProfile(given: ProfileDocument): CompiledProfile | { readonly problems: readonly string[] } {
  const document = withCnabLayout(given);
  const { code } = given;
  const ofKind =
    code === undefined ? formatProblems(given, entriesOf(document)) : moduleProblems(given, code, FIELDS_MAX);
  const problems = [...ofKind, ...problemsOf(document)];
  if (problems.length > 0) return { problems };
  const { dialect = {}, rules = {} } = document;
  const { delimiter = ',', quote = '"' } = dialect;
  const amountCentsMin = rules.amountMin === undefined ? undefined : readCents(rules.amountMin);
  const amountCentsMax = rules.amountMax === undefined ? undefined : readCents(rules.amountMax);
  return {
    dialect: { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) },
    ...(code === undefined ? columnLayoutOf(document) : codeLayoutOf(document, code)),
    ...(amountCentsMin === undefined ? {} : { amountCentsMin }),
    ...(amountCentsMax === undefined ? {} : { amountCentsMax }),
    ...(rules.ageMonthsMax === undefined ? {} : { ageMonthsMax: rules.ageMonthsMax }),
    ...(rules.futureDueDates === 'accept' ? { acceptsFuture: true } : {}),
    ...(document.approval === undefined ? {} : { approval: approvalRule(document.approval) }),
    ...((document.duplicates ?? 'first') === 'first' ? {} : { duplicates: document.duplicates }),
  };
}

function approvalRule(approval: NonNullable<ProfileDocument['approval']>): NonNullable<CompiledProfile['approval']> {
  if (approval === 'required') return {};
  const { recordsMin, amountMin } = approval;
  const centsMin = amountMin === undefined ? undefined : readCents(amountMin);
  return { ...(recordsMin === undefined ? {} : { recordsMin }), ...(centsMin === undefined ? {} : { centsMin }) };
}

/** A module gives its values as the default format writes them, but for documents of other kinds. */
function codeLayoutOf(
  document: ProfileDocument,
  code: CodeSource,
): Pick<CompiledProfile, 'layout' | 'format' | 'reading' | 'code'> {
  const reading = readingOf({ format: 1, ...(document.document === undefined ? {} : { document: document.document }) });
  return { ...moduleLayoutOf(document, code), ...(reading === undefined ? {} : { reading }) };
}

function columnLayoutOf(document: ProfileDocument): Pick<CompiledProfile, 'layout' | 'format' | 'reading'> {
  const reading = readingOf(document);
  const format = formatOf(document, fieldEntriesOf(document));
  return {
    layout: layoutOf(document),
    ...(format === undefined ? {} : { format }),
    ...(reading === undefined ? {} : { reading }),
  };
}

/** A column of the document, or the field that says of which kind the record's document is. */
export type Entry = readonly [column: number, name: SourceName, source: ColumnSource];

function entriesOf(document: ProfileDocument): Entry[] {
  const { columns } = document;
  const entries = COLUMNS.flatMap((own, column): Entry[] => {
    const name = column === DOCUMENT ? documentColumnName(document.document) : own;
    const source = columns === undefined ? {} : columns[name];
    return source === undefined ? [] : [[column, name, source]];
  });
  const { kindFrom } = document.document ?? {};
  return kindFrom === undefined ? entries : [...entries, [KIND_COLUMN, KIND_NAME, kindFrom]];
}

/** The columns that stand in the file. */
function fieldEntriesOf(document: ProfileDocument): Entry[] {
  return entriesOf(document).filter(([, , source]) => source.fixed === undefined);
}

function layoutOf(document: ProfileDocument): HeaderLayout {
  const { dialect = {}, encoding = 'utf-8', unknownColumns = 'refuse' } = document;
  const { header = true, skipLines = 0 } = dialect;
  const entries = fieldEntriesOf(document);
  if (!isPositional(document)) {
    const names = entries.map(([column, name, source]) => [source.name ?? name, column] as const);
    const needed = entries.filter(isNeeded).map(([column]) => column);
    return {
      header,
      skipLines,
      encoding,
      by: { kind: 'names', names, needed, ignoreUnknown: unknownColumns === 'ignore' },
    };
  }
  const fields = new Array<number>(fieldsOf(document)).fill(IGNORED_COLUMN);
  for (const [column, , source] of entries) fields[(source.position ?? 1) - 1] = column;
  return { header, skipLines, encoding, by: { kind: 'positions', fields } };
}

function isPositional(document: ProfileDocument): boolean {
  return entriesOf(document).some(([, , source]) => source.position !== undefined);
}

function fieldsOf(document: ProfileDocument): number {
  return document.dialect?.fields ?? Math.max(...entriesOf(document).map(([, , source]) => source.position ?? 1));
}

function isNeeded([column, , source]: Entry): boolean {
  return column < REQUIRED_COLUMNS || column === KIND_COLUMN || source.required === true;
}

function readingOf(document: ProfileDocument): Reading | undefined {
  const { encoding = 'utf-8', locale = {}, nulls = [] } = document;
  const { decimal = '.', thousands = '', impliedDecimals, date = 'YYYY-MM-DD', pivot = 50 } = locale;
  const entries = entriesOf(document);
  const given = (key: 'fixed' | 'default'): ColumnValue[] =>
    entries.flatMap(([column, , source]) => {
      const value = source[key];
      return value === undefined ? [] : [{ column, value }];
    });
  const debtor = documentReading(document.document);
  const needed = entries.filter((entry) => entry[0] < COLUMN_COUNT && isNeeded(entry));
  const required = needed.reduce((bits, [column]) => bits | (1 << column), BASE_REQUIRED);
  const reading: Reading = {
    encoding,
    decimal: decimal.charCodeAt(0),
    thousands: thousands === '' ? 0 : thousands.charCodeAt(0),
    ...(impliedDecimals === undefined ? {} : { impliedDecimals }),
    date,
    pivot,
    required,
    nulls,
    fixed: given('fixed'),
    defaults: given('default'),
    ...(debtor === undefined ? {} : { document: debtor }),
  };
  const isDefault =
    encoding === 'utf-8' &&
    decimal === '.' &&
    thousands === '' &&
    impliedDecimals === undefined &&
    date === 'YYYY-MM-DD' &&
    required === BASE_REQUIRED &&
    debtor === undefined &&
    nulls.length + reading.fixed.length + reading.defaults.length === 0;
  return isDefault ? undefined : reading;
}

function problemsOf(document: ProfileDocument): string[] {
  const { dialect = {}, locale = {}, nulls = [], rules = {} } = document;
  const problems: string[] = [];
  if ((dialect.delimiter ?? ',') === (dialect.quote ?? '"')) problems.push('dialect: delimiter and quote are the same');
  if ((locale.decimal ?? '.') === locale.thousands) problems.push('locale: decimal and thousands are the same');
  for (const marker of nulls) {
    if (marker.trim() !== marker || / {2}/.test(marker)) {
      problems.push(`nulls: «${marker}» can never stand in a trimmed field`);
    }
  }
  if (locale.impliedDecimals !== undefined && (locale.decimal ?? locale.thousands) !== undefined) {
    problems.push('locale: amounts with implied decimals have no marks');
  }
  if (document.code === undefined) {
    problems.push(...documentProblems(document.document, Object.keys(document.columns ?? {})));
    problems.push(...columnProblems(document));
  }
  const bounds = (['amountMin', 'amountMax'] as const).map((key) => {
    const text = rules[key];
    const cents = text === undefined ? undefined : readCents(text);
    if (text !== undefined && (cents === undefined || cents < 1))
      problems.push(`rules.${key}: not an amount above zero`);
    return cents;
  });
  const { approval } = document;
  if (typeof approval === 'object' && approval.amountMin !== undefined && !isAmount(approval.amountMin)) {
    problems.push('approval.amountMin: not an amount above zero');
  }
  const [least, most] = bounds;
  if (least !== undefined && most !== undefined && least > most) problems.push('rules: amountMin is above amountMax');
  return problems;
}

function isAmount(text: string): boolean {
  return (readCents(text) ?? 0) > 0;
}

function columnProblems(document: ProfileDocument): string[] {
  const problems: string[] = [];
  const entries = entriesOf(document);
  const positional = isPositional(document);
  const { header = true, fields } = document.dialect ?? {};
  const { kindFrom } = document.document ?? {};
  const seen = new Set<string | number>();
  if (!header && !positional) problems.push('columns: without a header they stand by position');
  if (fields !== undefined && !positional) problems.push('dialect.fields: only where columns stand by position');
  for (let column = 0; column < REQUIRED_COLUMNS; column++) {
    const name = column === DOCUMENT ? documentColumnName(document.document) : COLUMNS[column];
    if (!entries.some(([one]) => one === column)) problems.push(`columns: ${name} is missing`);
  }
  for (const [column, name, source] of entries) {
    const says = (text: string): void => void problems.push(`${placeInDocument(name)}: ${text}`);
    const ways = [source.name, source.position, source.fixed].filter((way) => way !== undefined).length;
    if (ways > 1) says('give one of name, position and fixed');
    for (const key of ['fixed', 'default'] as const) {
      const value = source[key];
      if (value === undefined) continue;
      if (column === REF) says(`every debt has a reference of its own, so none can be ${key}`);
      else if (column === DOCUMENT && kindFrom !== undefined) {
        says(`a field says of which kind the document is, so it can not be ${key}`);
      } else if (!isConstant({ column, value }, document.document?.kind))
        says(`${key} is no value of this column as the default format stores it`);
    }
    if (source.fixed !== undefined) {
      if (source.default !== undefined) says('a fixed value needs no default');
      continue;
    }
    if (positional && source.position === undefined) says('the others stand by position, so this one must too');
    if (source.at !== undefined) continue;
    const place = positional ? source.position : (source.name ?? name);
    if (place !== undefined && seen.has(place)) says('another column stands there already');
    if (place !== undefined) seen.add(place);
    if (source.position !== undefined && fields !== undefined && source.position > fields) {
      says(`records have ${fields} fields`);
    }
  }
  if (positional && Math.max(fields ?? 0, ...[...seen].filter((place) => typeof place === 'number')) > FIELDS_MAX) {
    problems.push(`columns: a record has at most ${FIELDS_MAX} fields`);
  }
  return problems;
}

/** Of a record, where columns stand by position. */
export const FIELDS_MAX = 256;
