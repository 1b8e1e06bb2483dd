/**
 * Values that a profile gives to columns by itself: fixed ones and defaults, written as the default format writes them
 * and checked by its rules before any record is read. Texts stand side by side in one run of bytes.
 */
import type { DocumentKind } from '../core/documents.ts';
import { ACCOUNT_TYPE, AMOUNT, CREDITOR, DOCUMENT, DUE_DATE, EMAIL, INSTALLMENT, NAME, PHONE, REF } from './columns.ts';
import { CNPJ_CHARACTERS, checkCnpj, isPaddedCnpj, putCnpj } from './documents.ts';
import {
  ACCOUNT_TYPE_LENGTH,
  checkAmount,
  checkCpf,
  checkDate,
  checkEmail,
  checkInstallment,
  checkLength,
  checkPhone,
  isPaddedCpf,
  NAME_LENGTH,
  REF_LENGTH,
} from './fields.ts';
import type { ColumnValue } from './plan.ts';
import { codePoints } from './utf8.ts';

export interface Constant {
  readonly column: number;
  /** Of a text: where it stands among the bytes of all constants. */
  readonly start: number;
  readonly end: number;
  /** Of amount, day (packed) and CPF: the value; else 0. A CNPJ is a text. */
  readonly number: number;
}

/** A text must be as it is stored: trimmed, no two blanks in a row, of a telephone its digits after `+`. */
export function isConstant({ column, value }: ColumnValue, document: DocumentKind = 'cpf'): boolean {
  const text = Buffer.from(value, 'utf8');
  return checkConstant(column, text, document) >= 0 && value.trim() === value && !/ {2}/.test(value);
}

/** Asks for values that are constants. */
export function readConstants(
  values: readonly ColumnValue[],
  document: DocumentKind = 'cpf',
): { readonly bytes: Buffer; readonly list: Constant[] } {
  const texts: Buffer[] = [];
  let at = 0;
  const list = values.map(({ column, value }): Constant => {
    const written = Buffer.from(value, 'utf8');
    const number = Math.max(checkConstant(column, written, document), 0);
    const isCnpj = column === DOCUMENT && document === 'cnpj';
    if ((column === DOCUMENT && !isCnpj) || column === AMOUNT || column === DUE_DATE) {
      return { column, start: 0, end: 0, number };
    }
    const text = isCnpj ? bareCnpj(written) : written;
    texts.push(text);
    at += text.length;
    return { column, start: at - text.length, end: at, number: 0 };
  });
  return { bytes: Buffer.concat(texts), list };
}

function bareCnpj(written: Uint8Array): Buffer {
  const bare = Buffer.alloc(CNPJ_CHARACTERS);
  putCnpj(written, 0, written.length, bare, 0);
  return bare;
}

/** The value's number, or 0; below 0 where the value is none of the column. */
function checkConstant(column: number, text: Uint8Array, document: DocumentKind): number {
  const end = text.length;
  const characters = codePoints(text, 0, end);
  if (characters < 1) return -1;
  switch (column) {
    case REF:
      return checkLength(characters, REF_LENGTH);
    case NAME:
    case CREDITOR:
      return checkLength(characters, NAME_LENGTH);
    case ACCOUNT_TYPE:
      return checkLength(characters, ACCOUNT_TYPE_LENGTH);
    case DOCUMENT:
      if (document === 'cnpj') return isPaddedCnpj(0, end) ? -1 : checkCnpj(text, 0, end);
      return isPaddedCpf(0, end) ? -1 : checkCpf(text, 0, end);
    case AMOUNT:
      return checkAmount(text, 0, end);
    case DUE_DATE:
      return checkDate(text, 0, end);
    case EMAIL:
      return checkEmail(text, 0, end);
    case PHONE:
      return /^\+?[0-9]+$/.test(Buffer.from(text).toString('latin1')) ? checkPhone(text, 0, end) : -1;
    case INSTALLMENT:
      return checkInstallment(text, 0, end);
    default:
      return -1;
  }
}
