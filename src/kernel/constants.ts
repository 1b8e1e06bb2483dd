/**
 * Values that a profile gives to columns by itself: fixed ones and defaults, written as the default format writes them
 * and checked by its rules before any record is read. Texts stand side by side in one run of bytes.
 */
import { ACCOUNT_TYPE, AMOUNT, CPF, CREDITOR, DUE_DATE, EMAIL, INSTALLMENT, NAME, PHONE, REF } from './columns.ts';
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
  /** Of amount, day (packed) and CPF: the value; else 0. */
  readonly number: number;
}

/** A text must be as it is stored: trimmed, no two blanks in a row, of a telephone its digits after `+`. */
export function isConstant({ column, value }: ColumnValue): boolean {
  return checkConstant(column, Buffer.from(value, 'utf8')) >= 0 && value.trim() === value && !/ {2}/.test(value);
}

/** Asks for values that are constants. */
export function readConstants(values: readonly ColumnValue[]): { readonly bytes: Buffer; readonly list: Constant[] } {
  const texts: Buffer[] = [];
  let at = 0;
  const list = values.map(({ column, value }): Constant => {
    const text = Buffer.from(value, 'utf8');
    const number = Math.max(checkConstant(column, text), 0);
    if (column === CPF || column === AMOUNT || column === DUE_DATE) return { column, start: 0, end: 0, number };
    texts.push(text);
    at += text.length;
    return { column, start: at - text.length, end: at, number: 0 };
  });
  return { bytes: Buffer.concat(texts), list };
}

/** The value's number, or 0; below 0 where the value is none of the column. */
function checkConstant(column: number, text: Uint8Array): number {
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
    case CPF:
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
