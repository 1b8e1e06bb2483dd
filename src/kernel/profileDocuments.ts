/** What a profile says of its records' documents, CPF or CNPJ: the key `document`, what is wrong with it, what it means. */
import type { DocumentKind } from '../core/documents.ts';
import { type ColumnName, DOCUMENT } from './columns.ts';
import { columnName } from './documents.ts';
import type { DocumentReading } from './plan.ts';

export interface DocumentSource {
  /** Of all records. */
  readonly kind?: DocumentKind;
  /** Or the field of each record that says it, and its trimmed contents for either. */
  readonly kindFrom?: {
    readonly name?: string;
    readonly position?: number;
    readonly at?: number;
    readonly bytes?: number;
    readonly line?: string;
    readonly cpf: readonly string[];
    readonly cnpj: readonly string[];
  };
  /** Numbers are filled up with zeros to a fixed width. */
  readonly zeroPadded?: boolean;
}

/** The field that says the kind, where the profile gives it no other name. */
export const KIND_NAME = 'document_kind';

/** How a profile calls its fields: the column of the document by the kinds which it reads. */
export type SourceName = ColumnName | 'cnpj' | 'document' | typeof KIND_NAME;

/** Where in a profile's document such a field is described. */
export function placeInDocument(name: SourceName): string {
  return name === KIND_NAME ? 'document.kindFrom' : `columns.${name}`;
}

/** Names that the column of the document has, of which a profile uses the one that fits. */
export const DOCUMENT_NAMES = ['cpf', 'cnpj', 'document'] as const;

/** Absent where the records have CPFs as the default format writes them. */
export function documentReading(source: DocumentSource | undefined): DocumentReading | undefined {
  const { kind = 'cpf', kindFrom, zeroPadded = false } = source ?? {};
  if (kindFrom !== undefined) return { kind: 'by field', cpf: kindFrom.cpf, cnpj: kindFrom.cnpj, zeroPadded };
  return kind === 'cpf' && !zeroPadded ? undefined : { kind, zeroPadded };
}

/** What a profile calls the column of the document. */
export function documentColumnName(source: DocumentSource | undefined): (typeof DOCUMENT_NAMES)[number] {
  return columnName(DOCUMENT, documentReading(source)) as (typeof DOCUMENT_NAMES)[number];
}

export function documentProblems(source: DocumentSource | undefined, columns: readonly string[]): string[] {
  const problems: string[] = [];
  const wanted = documentColumnName(source);
  for (const name of columns) {
    if ((DOCUMENT_NAMES as readonly string[]).includes(name) && name !== wanted) {
      problems.push(`columns.${name}: under this profile's «document» the column is called ${wanted}`);
    }
  }
  if (source === undefined) return problems;
  const { kind, kindFrom } = source;
  if ((kind === undefined) === (kindFrom === undefined)) problems.push('document: give one of kind and kindFrom');
  if (kindFrom === undefined) return problems;
  for (const word of kindFrom.cpf) {
    if (kindFrom.cnpj.includes(word)) problems.push(`document.kindFrom: «${word}» stands for both kinds`);
  }
  for (const word of [...kindFrom.cpf, ...kindFrom.cnpj]) {
    if (word.trim() !== word) problems.push(`document.kindFrom: «${word}» can never stand in a trimmed field`);
  }
  return problems;
}
