/**
 * The plan of a batch: all that the kernel must know to read any range of its file, frozen in the manifest by the picker
 * so that every attempt, in every process, reads alike. Plain data.
 */
import type { DocumentKind } from '../core/documents.ts';
import { IGNORED_COLUMN, KIND_COLUMN } from './columns.ts';
import type { ModulePlan } from './modules/interface.ts';

export interface Dialect {
  /** One byte, for example 0x2c. */
  readonly delimiter: number;
  /** One byte, for example 0x22. */
  readonly quote: number;
}

export const DEFAULT_DIALECT: Dialect = { delimiter: 0x2c, quote: 0x22 };

export type Encoding = 'utf-8' | 'windows-1252' | 'iso-8859-1';

export type DateForm = 'YYYY-MM-DD' | 'DD/MM/YYYY' | 'YYYYMMDD' | 'DDMMYYYY' | 'DDMMYY';

/** Which documents the records have, where these are not CPFs alone as the default format writes them. */
export type DocumentReading = {
  /** Numbers are filled up with zeros to a fixed width, wider than the document. */
  readonly zeroPadded: boolean;
} & (
  | { readonly kind: DocumentKind }
  /** The kind of each is told by the field of KIND_COLUMN: its trimmed contents for either. */
  | { readonly kind: 'by field'; readonly cpf: readonly string[]; readonly cnpj: readonly string[] }
);

/** A value for a column, written as the default format writes it. */
export interface ColumnValue {
  readonly column: number;
  readonly value: string;
}

/** How values are written and which must be there, where that is not as the default format has it. */
export interface Reading {
  readonly encoding: Encoding;
  /** Bytes: before the decimals of an amount, and between its groups of three digits; 0 for no such groups. */
  readonly decimal: number;
  readonly thousands: number;
  /** Amounts are digits alone, of which so many are decimals: 0 to 2. Absent: a mark stands before them. */
  readonly impliedDecimals?: number;
  readonly date: DateForm;
  /** Of years with two digits, those below are of 2000 to 2099, others of 1900 to 1999. */
  readonly pivot: number;
  /** Bit i: column i must have a value. The columns that every record has are always among them. */
  readonly required: number;
  /** Trimmed contents, in ASCII, that count as empty. */
  readonly nulls: readonly string[];
  /** Values of columns that no field has. */
  readonly fixed: readonly ColumnValue[];
  /** Values of columns whose field is empty. */
  readonly defaults: readonly ColumnValue[];
  /** Absent: CPFs, as the default format has them. */
  readonly document?: DocumentReading;
}

/**
 * Kinds of files beside delimited ones. A record is one line, or, of CNAB, the lines of one debt. `slices`, `keys` say for
 * each field of the plan where it stands.
 */
export type RecordFormat = JsonLinesFormat | FixedWidthFormat | CnabFormat;

/** One flat object a line. */
export interface JsonLinesFormat {
  readonly kind: 'json-lines';
  readonly keys: readonly string[];
  /** Keys of no column are passed over; else they refuse the record. */
  readonly ignoreUnknown: boolean;
}

/** How lines of a fixed number of bytes follow one another. */
export interface LineShape {
  /** Of every line, its end left out. */
  readonly lineBytes: number;
  /** LF or CRLF after each line, or nothing. */
  readonly lineEnds: boolean;
}

/** The most that a line of a fixed number of bytes may have. */
export const LINE_BYTES_MAX = 10_000;

/** Bytes of a line: `[at, at + bytes)`, from 0. */
export interface Slice {
  readonly at: number;
  readonly bytes: number;
}

export interface FixedWidthFormat extends LineShape {
  readonly kind: 'fixed-width';
  readonly slices: readonly Slice[];
  /** Lines that begin so are no records. ASCII, at most 16 characters. */
  readonly skip: readonly string[];
}

/** FEBRABAN's files of charges, and those of single banks before them. */
export interface CnabFormat extends LineShape {
  readonly kind: 'cnab-240' | 'cnab-400';
  /** The number of the bank whose layout it is; absent where all banks have it. */
  readonly bank?: string;
  /** One character: the segment (240) or the type (400) of the line that begins a debt. */
  readonly main: string;
  /** The segment or type that must follow it; empty for none. */
  readonly mate: string;
  readonly slices: readonly (Slice & { readonly line: string })[];
  /** Where the main line says what is to be done with the debt, and which of these codes enter it. */
  readonly movement: Slice;
  readonly entries: readonly string[];
}

export interface RecordPlan {
  /** Of delimited files; the default one for all others. */
  readonly dialect: Dialect;
  /** Absent: the file is delimited. */
  readonly format?: RecordFormat;
  /** The module that makes records of those of the file; `fields` are then the columns that it gives. */
  readonly code?: ModulePlan;
  /** Absent: as the default format has it. */
  readonly reading?: Reading;
  /** For each field of a record, from the left, the number of its column (see `columns.ts`), KIND_COLUMN or IGNORED_COLUMN. */
  readonly fields: readonly number[];
  /** A longer record, its line end included, ends the batch. */
  readonly recordBytesMax: number;
  /** How many shards the batch's records are dealt to. */
  readonly shards: number;
  /** Keys the hash of references, so that no client can aim records at one shard. */
  readonly hashSeed: number;
}

/** What `registering` applies to every record, frozen at acceptance. Amounts in cents, days as `YYYY-MM-DD`. */
export interface BusinessRules {
  readonly version: number;
  readonly businessDate: string;
  readonly amountCentsMin: number;
  readonly amountCentsMax: number;
  /** How old a debt may be; five years where absent. */
  readonly ageMonthsMax?: number;
  /** Debts need not be overdue. */
  readonly acceptsFuture?: boolean;
  /** Of records with one reference in a file; `first` where absent. */
  readonly duplicates?: DuplicatesPolicy;
}

/** Which of several records with one reference is registered: see `stages/debts/duplicates.ts`. */
export const DUPLICATES_POLICIES = ['first', 'last', 'reject', 'reject-all'] as const;
export type DuplicatesPolicy = (typeof DUPLICATES_POLICIES)[number];

export const RULES_VERSION = 1;

/** The columns that a record of the plan has, be it from a field or fixed: of all others the stored values are kept. */
export function columnsOf(plan: Pick<RecordPlan, 'fields' | 'reading'>): number[] {
  const fixed = plan.reading?.fixed.map(({ column }) => column) ?? [];
  return [...plan.fields.filter((column) => column !== IGNORED_COLUMN && column !== KIND_COLUMN), ...fixed];
}
