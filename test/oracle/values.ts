/**
 * Oracle, part 2: the rule of each column, said with strings and regular expressions.
 *
 * Input is the content of one field after unquoting, as a byte string; output the value as it is stored, or the code of
 * the first check that failed. Amounts come out as integer cents, in decimal.
 */
import type { RecordCodeName } from '../../src/core/codes.ts';
import { COLUMNS, type ColumnName, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import type { Reading } from '../../src/kernel/plan.ts';
import { bytesOf } from './grammar.ts';

export type Checked =
  | { readonly value: string; readonly warning: '' | 'CPF_PADDED' | 'CNPJ_PADDED' }
  | { readonly code: RecordCodeName };

// A BOM inside a field is data: without `ignoreBOM` the decoder would drop it.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a byte string in UTF-8, or `undefined` where it is not valid. */
export function decodeUtf8(byteText: string): string | undefined {
  try {
    return strictUtf8.decode(bytesOf(byteText));
  } catch {
    return undefined;
  }
}

export const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

const isName = (column: ColumnName) => column === 'debtor_name' || column === 'creditor_name';

/** The text of a byte string in the encoding; `undefined` where it is not valid. */
export function decode(byteText: string, encoding: Reading['encoding']): string | undefined {
  if (encoding === 'utf-8') return decodeUtf8(byteText);
  // What the platform calls iso-8859-1 is windows-1252, as the web has it; a byte string is the real one already.
  return encoding === 'iso-8859-1' ? byteText : new TextDecoder(encoding).decode(bytesOf(byteText));
}

/**
 * The rule of a column under a reading of its own: values come out as the default format stores them. `document`: the rule
 * of the record's document.
 */
export function checkLocalValue(
  column: ColumnName,
  content: string,
  reading: Reading,
  document: (text: string) => Checked = checkCpf,
): Checked {
  const blanks = isName(column) ? '[ \\t\\r\\n]+' : '[ \\t]+';
  const trimmed = content.replace(new RegExp(`^${blanks}`), '').replace(new RegExp(`${blanks}$`), '');
  const text = decode(trimmed, reading.encoding);
  if (text === undefined) return { code: 'UTF8_INVALID' };
  const folded = isName(column) ? text.replace(/[ \t\r\n]+/g, ' ') : text;
  if (CONTROL.test(folded)) return { code: 'CHARACTER_INVALID' };
  const index = COLUMNS.indexOf(column);
  if (folded === '' || reading.nulls.includes(folded)) {
    const given = reading.defaults.find((one) => one.column === index);
    if (given !== undefined) return stored(column, given.value);
    return ((reading.required >> index) & 1) === 1 ? { code: 'REQUIRED' } : ok('');
  }
  if (column === 'amount') return localAmount(folded, reading);
  if (column === 'due_date') return localDate(folded, reading);
  if (column === 'cpf') return document(folded);
  return RULES[column](folded);
}

/** A value that a profile gives, written as the default format has it. */
export function stored(column: ColumnName, value: string): Checked {
  if (column === 'amount' || column === 'due_date') return RULES[column](value);
  return ok(column === 'cpf' ? value.replace(/[./-]/g, '') : value);
}

function localAmount(text: string, { decimal, thousands, impliedDecimals }: Reading): Checked {
  if (impliedDecimals !== undefined) {
    if (text.length > 40 || !/^[0-9]+$/.test(text)) return { code: 'AMOUNT_FORMAT' };
    const cents = BigInt(text) * 10n ** BigInt(2 - impliedDecimals);
    if (cents >= 10n ** 15n) return { code: 'AMOUNT_TOO_LARGE' };
    return cents === 0n ? { code: 'AMOUNT_NOT_POSITIVE' } : ok(String(cents));
  }
  const escaped = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`;
  const grouped = thousands === 0 ? '' : `|[0-9]{1,3}(?:${escaped(thousands)}[0-9]{3})+`;
  const match = new RegExp(`^([0-9]+${grouped})(?:${escaped(decimal)}([0-9]{1,2}))?$`).exec(text);
  if (text.length > 40 || match === null) return { code: 'AMOUNT_FORMAT' };
  const units = match[1]!.replace(/[^0-9]/g, '');
  return checkAmount(match[2] === undefined ? units : `${units}.${match[2]}`);
}

const DATE_FORMS: Record<Reading['date'], RegExp> = {
  'YYYY-MM-DD': /^(?<y>[0-9]{4})-(?<m>[0-9]{2})-(?<d>[0-9]{2})$/,
  'DD/MM/YYYY': /^(?<d>[0-9]{2})\/(?<m>[0-9]{2})\/(?<y>[0-9]{4})$/,
  YYYYMMDD: /^(?<y>[0-9]{4})(?<m>[0-9]{2})(?<d>[0-9]{2})$/,
  DDMMYYYY: /^(?<d>[0-9]{2})(?<m>[0-9]{2})(?<y>[0-9]{4})$/,
  DDMMYY: /^(?<d>[0-9]{2})(?<m>[0-9]{2})(?<y>[0-9]{2})$/,
};

function localDate(text: string, { date, pivot }: Reading): Checked {
  const parts = DATE_FORMS[date].exec(text)?.groups;
  if (parts === undefined) return { code: 'DATE_FORMAT' };
  const { y, m, d } = parts as { y: string; m: string; d: string };
  const year = y.length === 4 ? y : `${Number(y) < pivot ? '20' : '19'}${y}`;
  return checkDate(`${year}-${m}-${d}`);
}

export function checkValue(column: ColumnName, content: string): Checked {
  const trimmed = isName(column)
    ? content.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '')
    : content.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '');
  if (trimmed === '') return COLUMNS.indexOf(column) < REQUIRED_COLUMNS ? { code: 'REQUIRED' } : ok('');
  const text = decodeUtf8(trimmed);
  if (text === undefined) return { code: 'UTF8_INVALID' };
  const folded = isName(column) ? text.replace(/[ \t\r\n]+/g, ' ') : text;
  if (CONTROL.test(folded)) return { code: 'CHARACTER_INVALID' };
  return RULES[column](folded);
}

const ok = (value: string): Checked => ({ value, warning: '' });

const length =
  (min: number, max: number) =>
  (text: string): Checked => {
    const codePoints = [...text].length;
    return codePoints < min || codePoints > max ? { code: 'LENGTH' } : ok(text);
  };

const RULES: Record<ColumnName, (text: string) => Checked> = {
  external_ref: length(1, 64),
  debtor_name: length(2, 120),
  creditor_name: length(2, 120),
  account_type: length(1, 40),
  cpf: checkCpf,
  amount: checkAmount,
  due_date: checkDate,
  debtor_email: checkEmail,
  debtor_phone: checkPhone,
  installment: checkInstallment,
};

export function checkCpf(text: string): Checked {
  let digits: string;
  let padded = false;
  if (/^[0-9]{11}$/.test(text)) digits = text;
  else if (/^[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}$/.test(text)) digits = text.replace(/[.-]/g, '');
  else if (/^[0-9]{9,10}$/.test(text)) {
    digits = text.padStart(11, '0');
    padded = true;
  } else return { code: 'CPF_FORMAT' };
  if (/^(.)\1{10}$/.test(digits)) return { code: 'CPF_REPEATED' };
  // DOMAIN: weights 10..2 over 9 digits, then 11..2 over 10; r = sum × 10 mod 11, 10 counts as 0.
  const check = (over: number): string => {
    let sum = 0;
    for (let i = 0; i < over; i++) sum += Number(digits[i]) * (over + 1 - i);
    return String(((sum * 10) % 11) % 10);
  };
  if (digits[9] !== check(9) || digits[10] !== check(10)) return { code: 'CPF_CHECK_DIGITS' };
  return { value: digits, warning: padded ? 'CPF_PADDED' : '' };
}

function checkAmount(text: string): Checked {
  if (text.length > 40 || !/^[0-9]+(\.[0-9]{1,2})?$/.test(text)) return { code: 'AMOUNT_FORMAT' };
  const [units, hundredths = ''] = text.split('.');
  const cents = BigInt(units!) * 100n + BigInt(hundredths.padEnd(2, '0'));
  if (cents >= 10n ** 15n) return { code: 'AMOUNT_TOO_LARGE' };
  if (cents === 0n) return { code: 'AMOUNT_NOT_POSITIVE' };
  return ok(String(cents));
}

export function isLeapYear(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

export function daysInMonth(year: number, month: number): number {
  return [31, isLeapYear(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}

function checkDate(text: string): Checked {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return { code: 'DATE_FORMAT' };
  const [year, month, day] = text.split('-').map(Number) as [number, number, number];
  const real = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
  return real ? ok(text) : { code: 'DATE_NOT_REAL' };
}

function checkEmail(text: string): Checked {
  const bad: Checked = { code: 'EMAIL_FORMAT' };
  if (text.length > 254 || !/^[\u0000-\u007f]*$/.test(text)) return bad;
  const parts = text.split('@');
  if (parts.length !== 2) return bad;
  const [local, domain] = parts as [string, string];
  if (local.length < 1 || local.length > 64) return bad;
  if (!local.split('.').every((atom) => /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+$/.test(atom))) return bad;
  const labels = domain.split('.');
  if (labels.length < 2) return bad;
  if (!labels.every((label) => /^[A-Za-z0-9-]{1,63}$/.test(label) && !/^-|-$/.test(label))) return bad;
  return labels.at(-1)!.length >= 2 ? ok(text) : bad;
}

function checkPhone(text: string): Checked {
  if (!/^\+?[0-9 ().-]*$/.test(text)) return { code: 'PHONE_FORMAT' };
  const digits = text.replace(/[^0-9]/g, '');
  if (digits.length < 8 || digits.length > 15) return { code: 'PHONE_FORMAT' };
  return ok((text.startsWith('+') ? '+' : '') + digits);
}

function checkInstallment(text: string): Checked {
  const match = /^([0-9]{1,3})(?:\/([0-9]{1,3}))?$/.exec(text);
  if (match === null) return { code: 'INSTALLMENT_FORMAT' };
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first >= 1 && last >= first ? ok(text) : { code: 'INSTALLMENT_FORMAT' };
}
