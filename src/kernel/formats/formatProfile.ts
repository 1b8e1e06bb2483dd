/**
 * What a profile says of files that are not delimited: the keys `kind`, `fixedWidth` and `cnab`, where each column stands, what is
 * wrong with them, and the format that they mean.
 */
import { assert } from '../../core/assert.ts';
import type { CnabFormat, RecordFormat, Slice } from '../plan.ts';
import type { ColumnSource, Entry, ProfileDocument } from '../profile.ts';
import { KIND_NAME, placeInDocument } from '../profileDocuments.ts';
import { BANK_NUMBERS } from './cnabLayouts.ts';
import { cnabEntries, cnabLayoutOf, cnabProblems } from './cnabProfile.ts';

export const KINDS = ['delimited', 'json-lines', 'fixed-width', 'cnab-240', 'cnab-400'] as const;
export type Kind = (typeof KINDS)[number];

/** How lines of a fixed width follow one another. */
export interface FixedWidthSource {
  /** Of every line, its end left out. */
  readonly bytes: number;
  /** `none`: lines follow one another without a line end. */
  readonly lineEnds?: 'lf' | 'none';
  /** Lines that begin so are headers, trailers or remarks, and are passed over. */
  readonly skip?: readonly string[];
}

/** A format, and the columns of its fields. */
export interface FormatLayout {
  readonly format: RecordFormat;
  readonly fields: readonly number[];
}

/** What stands in the file: a column, or a field that a module is given. */
type FieldEntry = readonly [column: number, name: string, source: Pick<ColumnSource, 'name' | 'at' | 'bytes' | 'line'>];

/** Asks for a document without problems; absent for a delimited file. `entries`: its columns that are not fixed. */
export function formatOf(document: ProfileDocument, entries: readonly FieldEntry[]): FormatLayout | undefined {
  const fields = entries.map(([column]) => column);
  switch (document.kind) {
    case 'json-lines': {
      const keys = entries.map(([, name, source]) => source.name ?? name);
      return { format: { kind: 'json-lines', keys, ignoreUnknown: document.unknownColumns === 'ignore' }, fields };
    }
    case 'fixed-width': {
      const { bytes = 0, lineEnds = 'lf', skip = [] } = document.fixedWidth ?? {};
      const slices = entries.map(([, , source]) => sliceOf(source));
      return {
        format: { kind: 'fixed-width', lineBytes: bytes, lineEnds: lineEnds === 'lf', slices, skip },
        fields,
      };
    }
    case 'cnab-240':
    case 'cnab-400':
      return { format: cnabFormat(document, document.kind, entries), fields };
    default:
      return undefined;
  }
}

function cnabFormat(document: ProfileDocument, kind: CnabFormat['kind'], entries: readonly FieldEntry[]): CnabFormat {
  const layout = cnabLayoutOf(document);
  assert(layout !== undefined, 'a CNAB profile without problems has a layout');
  const { lineBytes, main, mate, movement } = layout;
  const slices = entries.map(([, , source]) => ({ ...sliceOf(source), line: source.line ?? main }));
  const { bank } = document.cnab ?? {};
  // Whether lines have ends, the file itself shows.
  return {
    kind,
    ...(bank === undefined ? {} : { bank: BANK_NUMBERS[bank] }),
    lineBytes,
    lineEnds: true,
    main,
    mate,
    slices,
    movement: sliceOf(movement),
    entries: cnabEntries(document),
  };
}

function sliceOf({ at = 1, bytes = 1 }: Pick<ColumnSource, 'at' | 'bytes'>): Slice {
  return { at: at - 1, bytes };
}

const CNAB_KINDS: readonly Kind[] = ['cnab-240', 'cnab-400'];

/** Keys of documents that only some kinds of files have, with those kinds. */
const KEYS_OF_KINDS: readonly (readonly [key: keyof ProfileDocument, kinds: readonly Kind[]])[] = [
  ['dialect', ['delimited']],
  ['unknownColumns', ['delimited', 'json-lines']],
  ['fixedWidth', ['fixed-width']],
  ['cnab', CNAB_KINDS],
];

/** Ways in which a column can stand in a file, with the kinds of files that have them. */
const WAYS_OF_KINDS: readonly (readonly [way: keyof ColumnSource, kinds: readonly Kind[]])[] = [
  ['name', ['delimited', 'json-lines']],
  ['position', ['delimited']],
  ['at', ['fixed-width', ...CNAB_KINDS]],
  ['bytes', ['fixed-width', ...CNAB_KINDS]],
  ['line', CNAB_KINDS],
];

export function formatProblems(document: ProfileDocument, entries: readonly Entry[]): string[] {
  const { kind = 'delimited', encoding = 'utf-8', fixedWidth } = document;
  const problems = KEYS_OF_KINDS.filter(([key, kinds]) => document[key] !== undefined && !kinds.includes(kind)).map(
    ([key]) => `${key}: not in a profile of the kind ${kind}`,
  );
  for (const [, name, source] of entries) {
    for (const [way, kinds] of WAYS_OF_KINDS) {
      if (source[way] !== undefined && !kinds.includes(kind)) {
        problems.push(`${placeInDocument(name)}.${way}: not in a profile of the kind ${kind}`);
      }
    }
  }
  if (kind === 'json-lines' && encoding !== 'utf-8') problems.push('encoding: JSON is UTF-8');
  problems.push(...cnabProblems(document));
  if (kind === 'fixed-width' && fixedWidth === undefined) problems.push('fixedWidth: say how many bytes a line has');
  const lineBytes = kind === 'fixed-width' ? fixedWidth?.bytes : cnabLayoutOf(document)?.lineBytes;
  return lineBytes === undefined ? problems : [...problems, ...sliceProblems(entries, lineBytes)];
}

function sliceProblems(entries: readonly Entry[], lineBytes: number): string[] {
  return entries.flatMap(([, name, { fixed, at, bytes }]) => {
    if (fixed !== undefined) return [];
    const place = placeInDocument(name);
    if (at === undefined || bytes === undefined)
      return [`${place}: give at and bytes${name === KIND_NAME ? '' : ', or fixed'}`];
    return at + bytes - 1 > lineBytes ? [`${place}: lines have ${lineBytes} bytes`] : [];
  });
}
