/**
 * Profiles of CNAB files: the key `cnab`, and the document that they stand for. A CNAB profile names no columns, for the
 * layout says where they stand; those that it names all the same take the place of the layout's, or come beside them.
 */
import type { ColumnSource, ProfileDocument } from '../profile.ts';
import { documentColumnName } from '../profileDocuments.ts';
import { type Bank, CNAB_240, CNAB_400, CNAB_ENTRY, type CnabLayout, type Reference } from './cnabLayouts.ts';

export interface CnabSource {
  /** Of CNAB 400, which every bank has in its own way. */
  readonly bank?: Bank;
  /** Which number of a title is its reference; the document's where absent. */
  readonly reference?: Reference;
  /** Movements that enter a debt: 01 where absent. */
  readonly entries?: readonly string[];
}

export function cnabLayoutOf({ kind, cnab = {} }: ProfileDocument): CnabLayout | undefined {
  if (kind === 'cnab-240') return CNAB_240;
  return kind === 'cnab-400' && cnab.bank !== undefined ? CNAB_400[cnab.bank] : undefined;
}

export function cnabEntries({ cnab = {} }: ProfileDocument): readonly string[] {
  return cnab.entries ?? [CNAB_ENTRY];
}

/** The document with all that the layout says; any other document as it is. */
export function withCnabLayout(document: ProfileDocument): ProfileDocument {
  const layout = cnabLayoutOf(document);
  if (layout === undefined) return document;
  const { cpf, cnpj, ...kindPlace } = layout.documentKind;
  const debtor = document.document ?? { kindFrom: { ...kindPlace, cpf: [cpf], cnpj: [cnpj] }, zeroPadded: true };
  const { document: documentPlace, ...places } = layout.columns;
  const columns: Record<string, ColumnSource> = {
    external_ref: layout.references[document.cnab?.reference ?? 'document-number'],
    ...places,
    [documentColumnName(debtor)]: documentPlace,
    ...document.columns,
  };
  return {
    ...document,
    encoding: document.encoding ?? 'windows-1252',
    locale: { ...document.locale, impliedDecimals: 2, date: layout.date },
    columns,
    document: debtor,
  };
}

export function cnabProblems(document: ProfileDocument): string[] {
  const { kind, cnab = {}, locale = {} } = document;
  if (kind !== 'cnab-240' && kind !== 'cnab-400') return [];
  const problems: string[] = [];
  if (kind === 'cnab-240' && cnab.bank !== undefined) problems.push('cnab.bank: CNAB 240 is the same for all banks');
  if (kind === 'cnab-400' && cnab.bank === undefined) problems.push('cnab.bank: every bank has a CNAB 400 of its own');
  if (cnab.reference !== undefined && document.columns?.external_ref !== undefined) {
    problems.push('cnab.reference: columns.external_ref says already where the reference stands');
  }
  for (const key of Object.keys(locale)) {
    if (key !== 'pivot') problems.push(`locale.${key}: CNAB has its own way of writing amounts and days`);
  }
  return problems;
}
