/**
 * The checks of single records (docs/FORMAT.md) as one would write them in plain JavaScript, on a row of strings: the peer
 * of the kernel's checks on bytes. Nothing of the kernel is used, so that neither can be wrong for both.
 */
import { COLUMNS } from '../../src/kernel/columns.ts';

export type Row = Readonly<Record<string, string | undefined>>;

export interface Checked {
  /** Code of the first faulty column; empty where all passed. */
  readonly code: string;
  /** Integer cents; -1 where the amount cannot be read. */
  readonly cents: number;
}

const REQUIRED_COLUMNS = 5;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const BLANKS = /[ \t\r\n]+/g;
const EDGES = /^[ \t]+|[ \t]+$/g;
const NAME_EDGES = /^[ \t\r\n]+|[ \t\r\n]+$/g;
const AMOUNT = /^([0-9]+)(?:\.([0-9]{1,2}))?$/;
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const CPF = /^(?:[0-9]{9,11}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2})$/;
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const EMAIL = new RegExp(`^(?=[^@]{1,64}@)${ATOM}(?:\\.${ATOM})*@(?:${LABEL}\\.)+(?=[^.]{2})${LABEL}$`);
const PHONE = /^\+?[0-9 ().-]*$/;
const INSTALLMENT = /^([0-9]{1,3})(?:\/([0-9]{1,3}))?$/;

export function checkRow(row: Row): Checked {
  let code = '';
  let cents = -1;
  for (let column = 0; column < COLUMNS.length; column++) {
    const name = COLUMNS[column];
    // The amount is read even after a fault: receipts sum what was rejected.
    if (code !== '' && name !== 'amount') continue;
    const fault = checkField(name, column, row[name] ?? '');
    if (typeof fault === 'number') cents = fault;
    else if (code === '') code = fault;
  }
  return { code, cents };
}

/** A code, empty for none; of an amount that was read, its cents. */
function checkField(name: (typeof COLUMNS)[number], column: number, raw: string): string | number {
  const isName = name === 'debtor_name' || name === 'creditor_name';
  let value = raw.replace(isName ? NAME_EDGES : EDGES, '');
  if (value === '') return column < REQUIRED_COLUMNS ? 'REQUIRED' : '';
  if (isName) value = value.replace(BLANKS, ' ');
  if (CONTROL.test(value)) return 'CHARACTER_INVALID';
  switch (name) {
    case 'external_ref':
      return checkLength(value, 1, 64);
    case 'debtor_name':
    case 'creditor_name':
      return checkLength(value, 2, 120);
    case 'account_type':
      return checkLength(value, 1, 40);
    case 'cpf':
      return checkCpf(value);
    case 'amount':
      return checkAmount(value);
    case 'due_date':
      return checkDate(value);
    case 'debtor_email':
      return value.length <= 254 && EMAIL.test(value) ? '' : 'EMAIL_FORMAT';
    case 'debtor_phone': {
      const digits = value.replace(/[^0-9]/g, '').length;
      return PHONE.test(value) && digits >= 8 && digits <= 15 ? '' : 'PHONE_FORMAT';
    }
    case 'installment': {
      const match = INSTALLMENT.exec(value);
      const [first, of] = [Number(match?.[1] ?? 0), match?.[2]];
      return first >= 1 && (of === undefined || Number(of) >= first) ? '' : 'INSTALLMENT_FORMAT';
    }
  }
}

function checkLength(value: string, min: number, max: number): string {
  // Only texts that may be too long by UTF-16 units are counted by code points.
  const length = value.length > max || value.length <= min ? [...value].length : value.length;
  return length < min || length > max ? 'LENGTH' : '';
}

function checkCpf(value: string): string {
  if (!CPF.test(value)) return 'CPF_FORMAT';
  const digits = value.replace(/[.-]/g, '').padStart(11, '0');
  if (digits === digits.charAt(0).repeat(11)) return 'CPF_REPEATED';
  return checkDigit(digits, 9) === digits.charCodeAt(9) - 48 && checkDigit(digits, 10) === digits.charCodeAt(10) - 48
    ? ''
    : 'CPF_CHECK_DIGITS';
}

function checkDigit(digits: string, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (digits.charCodeAt(i) - 48) * (count + 1 - i);
  return ((sum * 10) % 11) % 10;
}

function checkAmount(value: string): string | number {
  const match = value.length <= 40 ? AMOUNT.exec(value) : null;
  if (match === null) return 'AMOUNT_FORMAT';
  const units = Number(match[1]);
  if (units >= 1e13) return 'AMOUNT_TOO_LARGE';
  const cents = units * 100 + Number((match[2] ?? '').padEnd(2, '0'));
  return cents === 0 ? 'AMOUNT_NOT_POSITIVE' : cents;
}

function checkDate(value: string): string {
  const match = DATE.exec(value);
  if (match === null) return 'DATE_FORMAT';
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (year === 0 || month === 0 || month > 12 || day === 0) return 'DATE_NOT_REAL';
  return day <= daysIn(year, month) ? '' : 'DATE_NOT_REAL';
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
