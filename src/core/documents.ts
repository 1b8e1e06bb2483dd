/**
 * Documents of debtors as text: the eleven digits of a CPF, the fourteen characters of a CNPJ. Stored ones are never
 * short of zeros, so their length tells the kind.
 */

export type DocumentKind = 'cpf' | 'cnpj';

/** Of a document as it is stored. */
export function documentKindOf(document: string): DocumentKind {
  return document.length === 14 ? 'cnpj' : 'cpf';
}

/** How people may write each when they ask for one: whole, bare or with all marks. */
const WRITTEN: Readonly<Record<DocumentKind, { readonly form: RegExp; readonly says: string }>> = {
  cpf: {
    form: /^(?:[0-9]{11}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})$/,
    says: '11 digits, bare or with both points and the hyphen',
  },
  cnpj: {
    form: /^(?:[0-9A-Z]{12}[0-9]{2}|[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}\/[0-9A-Z]{4}-[0-9]{2})$/,
    says: '14 digits or capital letters, bare or with both points, slash and hyphen',
  },
};

/** The document as it is stored, or `undefined` where nothing of that kind is written so. Check digits are not looked at. */
export function readDocument(kind: DocumentKind, written: string): string | undefined {
  return WRITTEN[kind].form.test(written) ? written.replace(/[./-]/g, '') : undefined;
}

/** How a document of that kind is written, for messages, which must not repeat what was: it may be most of one. In words, for an
 *  example would be masked. */
export function documentForm(kind: DocumentKind): string {
  return WRITTEN[kind].says;
}

/** The same as a regular expression of JSON Schema. */
export function documentPattern(kind: DocumentKind): string {
  return WRITTEN[kind].form.source;
}

/** Shows which document is meant to somebody who knows it: `***.982.247-**`, `**.345.678/****-**`. */
export function maskedDocument(document: string): string {
  if (documentKindOf(document) === 'cpf') return `***.${document.slice(3, 6)}.${document.slice(6, 9)}-**`;
  return `**.${document.slice(2, 5)}.${document.slice(5, 8)}/****-**`;
}
