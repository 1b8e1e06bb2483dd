/**
 * Documents of debtors: of which kind one is, and the rules of those that are no CPF (those are in `fields.ts`).
 *
 * The kind is told by the profile, for the whole file or by a field of each record; it never follows from a number's
 * length, for a short number padded to 11 and to 14 digits can be right as either. A CPF is eleven digits. A CNPJ is
 * fourteen characters, since July 2026 with letters too: twelve of 0–9 and A–Z, then two check digits (IN RFB
 * 2.229/2024). Both are stored as text, and the text's length tells them apart.
 */
import { RECORD_CODES } from '../core/codes.ts';
import { COLUMNS, DOCUMENT, KIND_COLUMN } from './columns.ts';
import type { DocumentReading, Encoding } from './plan.ts';

/** Of a record's document. */
export const CPF_KIND = 0;
export const CNPJ_KIND = 1;
/** The field that should say it says neither. */
export const UNKNOWN_KIND = -1;

export const CPF_DIGITS = 11;
export const CNPJ_CHARACTERS = 14;
const MASKED_CNPJ_BYTES = 18;
/** A spreadsheet takes leading zeros away; of a CPF and a CNPJ alike up to two are put back. */
const PADDED_CNPJ_BYTES_MIN = 12;

const CNPJ_FORMAT = -RECORD_CODES.CNPJ_FORMAT.id;
const CNPJ_ZEROS = -RECORD_CODES.CNPJ_ZEROS.id;
const CNPJ_CHECK_DIGITS = -RECORD_CODES.CNPJ_CHECK_DIGITS.id;

const ZERO = 0x30;
const DOT = 0x2e;
const SLASH = 0x2f;
const HYPHEN = 0x2d;
/** A character's value is its code less that of `0`: letters are 17 to 42. */
const A = 17;
const Z = 42;
/** Of the second check digit, from the left; the first takes them from the second on. */
const WEIGHTS = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2] as const;

/**
 * Whether `[start, end)` is a CNPJ: bare, as `AA.AAA.AAA/AAAA-00`, or 12 to 13 bare digits that lack their leading zeros.
 * At least 0 where it is; below 0 a record code's id, negated.
 */
export function checkCnpj(bytes: Uint8Array, start: number, end: number): number {
  const size = end - start;
  const masked = size === MASKED_CNPJ_BYTES;
  if (masked) {
    if (bytes[start + 2] !== DOT || bytes[start + 6] !== DOT) return CNPJ_FORMAT;
    if (bytes[start + 10] !== SLASH || bytes[start + 15] !== HYPHEN) return CNPJ_FORMAT;
  } else if (size < PADDED_CNPJ_BYTES_MIN || size > CNPJ_CHARACTERS) return CNPJ_FORMAT;
  const mayHaveLetters = size >= CNPJ_CHARACTERS;
  let at = masked ? start : end - CNPJ_CHARACTERS;
  let any = 0;
  let first = 0;
  let second = 0;
  for (let i = 0; i < 12; i++) {
    if (masked && (i === 2 || i === 5 || i === 8)) at++;
    const value = at < start ? 0 : bytes[at] - ZERO;
    at++;
    if (!isDigit(value) && !(mayHaveLetters && value >= A && value <= Z)) return CNPJ_FORMAT;
    any |= value;
    first += value * WEIGHTS[i + 1];
    second += value * WEIGHTS[i];
  }
  const given = bytes[end - 2] - ZERO;
  const last = bytes[end - 1] - ZERO;
  if (!isDigit(given) || !isDigit(last)) return CNPJ_FORMAT;
  if ((any | given | last) === 0) return CNPJ_ZEROS;
  if (given !== checkDigit(first) || last !== checkDigit(second + given * WEIGHTS[12])) return CNPJ_CHECK_DIGITS;
  return 0;
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9;
}

function checkDigit(sum: number): number {
  const rest = sum % 11;
  return rest < 2 ? 0 : 11 - rest;
}

/** Whether a CNPJ that passed lacked leading zeros. */
export function isPaddedCnpj(start: number, end: number): boolean {
  return end - start < CNPJ_CHARACTERS;
}

/** Writes the fourteen characters of a CNPJ that passed; `out` may be the same bytes where it is not padded. */
export function putCnpj(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): void {
  let at = to;
  for (let left = CNPJ_CHARACTERS - (end - start); left > 0; left--) out[at++] = ZERO;
  for (let from = start; from < end; from++) {
    const byte = bytes[from];
    if (byte >= ZERO) out[at++] = byte;
  }
}

/**
 * Where the document begins in a number that is filled up with zeros to a fixed width, as in fixed-width files, once
 * those zeros are left out; `start` where there are none too many. Asks for the characters of the kind at the end.
 */
export function afterZeros(bytes: Uint8Array, start: number, end: number, kind: number): number {
  const from = end - (kind === CNPJ_KIND ? CNPJ_CHARACTERS : CPF_DIGITS);
  for (let at = start; at < from; at++) if (bytes[at] !== ZERO) return start;
  return Math.max(start, from);
}

/** What a field that says a kind holds, trimmed, as it stands in the file. */
export interface KindWord {
  readonly bytes: Uint8Array;
  readonly kind: number;
}

/** The words of a plan, those of CPFs first; none where no field says the kind. */
export function kindWords(document: DocumentReading | undefined, encoding: Encoding): KindWord[] {
  if (document?.kind !== 'by field') return [];
  const of = (kind: number) => (word: string) => ({ bytes: wordBytes(word, encoding), kind });
  return [...document.cpf.map(of(CPF_KIND)), ...document.cnpj.map(of(CNPJ_KIND))];
}

/** Tells the kind by what a field holds. */
export class KindWords {
  readonly #words: readonly KindWord[];

  constructor(words: readonly KindWord[]) {
    this.#words = words;
  }

  /** The kind that the trimmed content `[start, end)` stands for, or UNKNOWN_KIND. */
  kindOf(bytes: Uint8Array, start: number, end: number): number {
    for (const word of this.#words) {
      if (word.bytes.length !== end - start) continue;
      let at = start;
      while (at < end && bytes[at] === word.bytes[at - start]) at++;
      if (at === end) return word.kind;
    }
    return UNKNOWN_KIND;
  }
}

/** A word as it stands in a file of the encoding. Words hold printable characters of ISO-8859-1, which all have alike. */
function wordBytes(word: string, encoding: Encoding): Uint8Array {
  return Buffer.from(word, encoding === 'utf-8' ? 'utf8' : 'latin1');
}

/** What a plan calls its columns, in rejects and in headers: by the kinds of documents that it reads. */
export function columnName(column: number, document?: DocumentReading): string {
  if (column === KIND_COLUMN) return 'document_kind';
  if (column === DOCUMENT && document !== undefined) return document.kind === 'by field' ? 'document' : document.kind;
  return COLUMNS[column] ?? '';
}
