/**
 * Which documents a file has: CPFs, CNPJs, or both with a field that tells them apart. A number's length never tells the kind
 * to a reader, so where both stand and no field says which, that is left to people.
 */
import type { DocumentKind } from '../../core/documents.ts';
import { COLUMNS } from '../../kernel/columns.ts';
import { checkCnpj } from '../../kernel/documents.ts';
import { checkCpf } from '../../kernel/fields.ts';
import type { ColumnSource, ProfileDocument } from '../../kernel/profile.ts';
import { type Assignment, type Field, fieldText } from './assign.ts';
import { counted, type Findings, percent } from './findings.ts';
import { asBytes, type Row } from './table.ts';

/** Whether the text is a CNPJ with the right check digits, bare, with its marks, or short of one or two zeros. */
export function isCnpj(text: string): boolean {
  const bytes = asBytes(text);
  return checkCnpj(bytes, 0, bytes.length) >= 0;
}

export function isCpf(text: string): boolean {
  const bytes = asBytes(text);
  return bytes.length <= 14 && checkCpf(bytes, 0, bytes.length) >= 0;
}

/** The field of the kind, and what it says for either. */
export interface KindField {
  readonly field: number;
  readonly cpf: readonly string[];
  readonly cnpj: readonly string[];
}

export interface DocumentsFound {
  readonly kind: DocumentKind | 'by field';
  readonly by?: KindField;
}

/** A kind of which so few records are is taken for a mistake in them. */
const FEW = 0.02;
const WORDS_MAX = 8;

export function decideDocuments(
  rows: readonly Row[],
  fields: readonly Field[],
  assignment: Assignment,
  findings: Findings,
): DocumentsFound {
  const key = 'document';
  const at = assignment.get('cpf');
  if (at === undefined) return { kind: 'cpf' };
  const { filled, cpf, cnpj } = (fields[at] as Field).contents;
  if (cnpj <= filled * FEW) {
    if (cnpj > 0) findings.doubt(key, 'cpf', `${counted(cnpj, 'document')} of ${filled} are CNPJs: each is rejected`);
    return { kind: 'cpf' };
  }
  if (cpf <= filled * FEW) {
    findings.decide(key, 'cnpj', `${percent(cnpj, filled)} of ${filled} documents are CNPJs`);
    if (cpf > 0) findings.doubt(key, 'cnpj', `${counted(cpf, 'document')} of ${filled} are CPFs: each is rejected`);
    return { kind: 'cnpj' };
  }
  const by = kindField(rows, fields.length, at, new Set(assignment.values()));
  if (by !== undefined) {
    const words = `${by.cpf.map((word) => `«${word}»`).join(', ')} for ${cpf} CPFs, ${by.cnpj.map((word) => `«${word}»`).join(', ')} for ${cnpj} CNPJs`;
    findings.decide(key, `by ${fieldText(fields, by.field)}`, words);
    return { kind: 'by field', by };
  }
  const most = cpf >= cnpj ? 'cpf' : 'cnpj';
  findings.doubt(
    key,
    most,
    `${cpf} CPFs and ${cnpj} CNPJs in one column, and no other column tells which is which: those of one kind are rejected; ask for such a column, or for two files`,
  );
  return { kind: most };
}

/** The field whose few contents each go with one kind alone. */
function kindField(
  rows: readonly Row[],
  fields: number,
  at: number,
  taken: ReadonlySet<number>,
): KindField | undefined {
  const known = rows.flatMap((row): (readonly [Row, DocumentKind])[] => {
    const value = row[at] ?? '';
    const [one, other] = [isCpf(value), isCnpj(value)];
    return one === other ? [] : [[row, one ? 'cpf' : 'cnpj']];
  });
  for (let field = 0; field < fields; field++) {
    if (taken.has(field)) continue;
    const kinds = new Map<string, Set<DocumentKind>>();
    for (const [row, kind] of known) {
      const word = row[field] ?? '';
      kinds.set(word, (kinds.get(word) ?? new Set()).add(kind));
      if (kinds.size > WORDS_MAX) break;
    }
    const usable = [...kinds.keys()].every((word) => /^[\x20-\x7e\xa1-\xff]{1,32}$/.test(word));
    if (kinds.size < 2 || kinds.size > WORDS_MAX || !usable || [...kinds.values()].some((of) => of.size > 1)) continue;
    const of = (kind: DocumentKind): string[] => [...kinds].filter(([, set]) => set.has(kind)).map(([word]) => word);
    return { field, cpf: of('cpf'), cnpj: of('cnpj') };
  }
  return undefined;
}

/** The key `document` of a profile, `place` being where the field of the kind stands; nothing for CPFs alone. */
export function documentSource(
  { kind, by }: DocumentsFound,
  place: (field: number) => ColumnSource,
): Pick<ProfileDocument, 'document'> {
  if (kind === 'cpf') return {};
  if (kind === 'cnpj' || by === undefined) return { document: { kind: 'cnpj' } };
  return { document: { kindFrom: { ...place(by.field), cpf: by.cpf, cnpj: by.cnpj } } };
}

/** What a profile calls the columns, and where each stands. */
export function columnsSource(
  assignment: Assignment,
  { kind }: DocumentsFound,
  place: (field: number) => ColumnSource,
): NonNullable<ProfileDocument['columns']> {
  const sources = COLUMNS.flatMap((column) => {
    const field = assignment.get(column);
    if (field === undefined) return [];
    const name = column === 'cpf' ? (kind === 'by field' ? 'document' : kind) : column;
    const { name: own, ...source } = place(field);
    return [[name, own === undefined || own === name ? source : { name: own }]];
  });
  return Object.fromEntries(sources);
}
