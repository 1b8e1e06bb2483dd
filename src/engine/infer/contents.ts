/**
 * What the contents of a field look like, counted over a sample: which of them are documents, days, amounts, addresses, by
 * the kernel's own checks, and which look like something that no profile reads.
 */

import { checkCnpj } from '../../kernel/documents.ts';
import { checkCpf, checkEmail, checkInstallment, checkPhone, REF_LENGTH } from '../../kernel/fields.ts';
import { checkLocalAmount, checkLocalDate } from '../../kernel/locale.ts';
import type { DateForm } from '../../kernel/plan.ts';
import { asBytes, type Row } from './table.ts';

export const DATE_FORMS: readonly DateForm[] = ['YYYY-MM-DD', 'DD/MM/YYYY', 'YYYYMMDD', 'DDMMYYYY', 'DDMMYY'];

/** Marks of decimals and thousands, the plainest first. */
export const AMOUNT_MARKS = [
  ['.', ''],
  [',', ''],
  [',', '.'],
  ['.', ','],
  [',', ' '],
  ['.', ' '],
] as const;

/** Writings of days that no profile reads, by what they are. */
const FOREIGN_DATES: readonly (readonly [name: string, form: RegExp])[] = [
  ['DD-MM-YYYY', /^(?:0[1-9]|[12]\d|3[01])-(?:0[1-9]|1[0-2])-\d{4}$/],
  ['DD.MM.YYYY', /^(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.\d{4}$/],
  ['YYYY/MM/DD', /^\d{4}\/(?:0[1-9]|1[0-2])\/\d{2}$/],
  ['DD/MM/YY', /^(?:0[1-9]|[12]\d|3[01])\/(?:0[1-9]|1[0-2])\/\d{2}$/],
  ['D/M/YYYY', /^(?:[1-9]|[12]\d|3[01])\/(?:[1-9]|1[0-2])\/\d{4}$/],
  ['MM/DD/YYYY', /^(?:0?[1-9]|1[0-2])\/(?:1[3-9]|2\d|3[01])\/\d{4}$/],
  ['a day with a time', /^(?:\d{4}-\d{2}-\d{2}|\d{2}\/\d{2}\/\d{4})[T ]\d{1,2}:\d{2}/],
];

/** Writings of amounts that no profile reads. */
const FOREIGN_AMOUNTS: readonly (readonly [name: string, form: RegExp])[] = [
  ['a currency sign', /^(?:R\$|BRL|\$)\s?-?[\d.,]+$/i],
  ['a sign', /^[-+]\s?[\d.,]+$|^\([\d.,]+\)$|^[\d.,]+-$/],
  ['an exponent', /^\d(?:[.,]\d+)?E\+?\d+$/i],
  ['more than two decimals', /^\d+[.,]\d{4,}$|^\d{4,}[.,]\d{3}$/],
];

const SCIENTIFIC = /^\d(?:[.,]\d+)?E\+?\d{1,2}$/i;

/** Markers of nothing that people and programs write. Compared without case. */
const NOTHING: ReadonlySet<string> = new Set([
  'null',
  'nulo',
  'nil',
  'none',
  'n/a',
  '#n/a',
  'na',
  'nan',
  'n/d',
  'nd',
  '-',
  '--',
  '---',
  '.',
  '*',
  'n/i',
  'ni',
  'vazio',
  'sem',
  'nao informado',
  'nao consta',
  'nao tem',
  'sem email',
  'sem telefone',
  'isento',
  '0000-00-00',
  '00/00/0000',
  '00000000',
  '000000',
  '\\n',
]);

export interface Contents {
  /** Records, and those of them whose field holds something that is no marker of nothing. */
  readonly records: number;
  readonly filled: number;
  readonly distinct: number;
  readonly cpf: number;
  /** CPFs that were short of one to eight leading zeros; those of 9 or 10 digits are read all the same. */
  readonly short: number;
  readonly cnpj: number;
  readonly dates: Readonly<Record<DateForm, number>>;
  readonly foreignDates: ReadonlyMap<string, number>;
  /** Per entry of AMOUNT_MARKS; `marked` those that hold a mark of decimals or thousands at all. */
  readonly amounts: readonly number[];
  readonly marked: number;
  readonly foreignAmounts: ReadonlyMap<string, number>;
  readonly email: number;
  readonly phone: number;
  /** Telephones that look like nothing else: area code in brackets, country code, or ten or eleven digits that are no CPF. */
  readonly phoneLike: number;
  readonly installment: number;
  readonly installmentOf: number;
  /** Of letters and blanks, and of two words or more. */
  readonly text: number;
  readonly words: number;
  readonly integer: number;
  readonly scientific: number;
  /** Whole numbers that are one more than that of the record before: who counts them numbers records, not debts. */
  readonly counting: number;
  /** Contents that are longer than a reference may be. */
  readonly long: number;
  /** Markers of nothing, as they are written, with how often. */
  readonly nulls: ReadonlyMap<string, number>;
  /** Values and how often each stands there, up to a bound. */
  readonly values: ReadonlyMap<string, number>;
}

const DISTINCT_MAX = 20_000;

export function contentsAt(rows: readonly Row[], field: number): Contents {
  const tally = new Tally();
  for (const row of rows) tally.add(row[field] ?? '');
  return tally.contents();
}

class Tally {
  #records = 0;
  #filled = 0;
  #cpf = 0;
  #short = 0;
  #cnpj = 0;
  readonly #dates: Record<DateForm, number> = { 'YYYY-MM-DD': 0, 'DD/MM/YYYY': 0, YYYYMMDD: 0, DDMMYYYY: 0, DDMMYY: 0 };
  readonly #foreignDates = new Map<string, number>();
  readonly #amounts = AMOUNT_MARKS.map(() => 0);
  #marked = 0;
  readonly #foreignAmounts = new Map<string, number>();
  #email = 0;
  #phone = 0;
  #phoneLike = 0;
  #installment = 0;
  #installmentOf = 0;
  #text = 0;
  #words = 0;
  #integer = 0;
  #scientific = 0;
  #counting = 0;
  #before = Number.NaN;
  #long = 0;
  readonly #nulls = new Map<string, number>();
  readonly #values = new Map<string, number>();

  add(value: string): void {
    this.#records += 1;
    if (value === '') return;
    if (isNothing(value)) {
      count(this.#nulls, value);
      return;
    }
    this.#filled += 1;
    if (this.#values.size < DISTINCT_MAX || this.#values.has(value)) count(this.#values, value);
    if ([...value].length > REF_LENGTH.max) this.#long += 1;
    if (/\d/.test(value)) this.#digits(value);
    else if (/\p{L}{2}/u.test(value) && !value.includes('@')) {
      this.#text += 1;
      if (/\p{L}\.? +\p{L}/u.test(value)) this.#words += 1;
    }
    const bytes = asBytes(value);
    if (value.includes('@') && checkEmail(bytes, 0, bytes.length) >= 0) this.#email += 1;
  }

  #digits(value: string): void {
    const bytes = asBytes(value);
    const end = bytes.length;
    const isCpf = end <= 14 && checkCpf(bytes, 0, end) >= 0;
    if (isCpf) this.#cpf += 1;
    if (/^\d{3,10}$/.test(value) && checkCpf(asBytes(value.padStart(11, '0')), 0, 11) >= 0) this.#short += 1;
    if (end <= 18 && checkCnpj(bytes, 0, end) >= 0) this.#cnpj += 1;
    for (const form of DATE_FORMS)
      if (checkLocalDate(bytes, 0, end, form, 50) >= 0 && isLikely(value, form)) this.#dates[form] += 1;
    countFirst(this.#foreignDates, FOREIGN_DATES, value);
    for (const [index, [decimal, thousands]] of AMOUNT_MARKS.entries()) {
      const cents = checkLocalAmount(
        bytes,
        0,
        end,
        decimal.charCodeAt(0),
        thousands === '' ? 0 : thousands.charCodeAt(0),
      );
      if (cents >= 0) this.#amounts[index] = (this.#amounts[index] as number) + 1;
    }
    if (/^\d[\d., ]*[.,]\d+$|^\d{1,3}(?:[ ]\d{3})+$/.test(value)) this.#marked += 1;
    countFirst(this.#foreignAmounts, FOREIGN_AMOUNTS, value);
    if (SCIENTIFIC.test(value)) this.#scientific += 1;
    if (/^\d+$/.test(value)) this.#integer += 1;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (number === this.#before + 1) this.#counting += 1;
    this.#before = number;
    if (checkPhone(bytes, 0, end) >= 0) {
      this.#phone += 1;
      const digits = value.replace(/\D/g, '');
      const marked = /^\+|^\(?\d{2}\)|\d{4}-\d{4}$/.test(value) && !/^\d{4}-\d{2}-\d{2}$/.test(value);
      if (!isCpf && (marked || /^(?:55)?[1-9][1-9]9?\d{8}$/.test(digits))) this.#phoneLike += 1;
    }
    if (checkInstallment(bytes, 0, end) >= 0) {
      this.#installment += 1;
      if (value.includes('/')) this.#installmentOf += 1;
    }
  }

  contents(): Contents {
    return {
      records: this.#records,
      filled: this.#filled,
      distinct: this.#values.size,
      cpf: this.#cpf,
      short: this.#short,
      cnpj: this.#cnpj,
      dates: this.#dates,
      foreignDates: this.#foreignDates,
      amounts: this.#amounts,
      marked: this.#marked,
      foreignAmounts: this.#foreignAmounts,
      email: this.#email,
      phone: this.#phone,
      phoneLike: this.#phoneLike,
      installment: this.#installment,
      installmentOf: this.#installmentOf,
      text: this.#text,
      words: this.#words,
      integer: this.#integer,
      scientific: this.#scientific,
      counting: this.#counting,
      long: this.#long,
      nulls: this.#nulls,
      values: this.#values,
    };
  }
}

/** A year that a debt can have fallen due in: eight digits in a row are a day in many ways otherwise. */
function isLikely(value: string, form: DateForm): boolean {
  if (form === 'DDMMYY') return true;
  const year = Number(form.startsWith('YYYY') ? value.slice(0, 4) : value.slice(-4));
  return year >= 1950 && year <= 2099;
}

/** Whether a trimmed content is one of the markers of nothing that are known. */
export function isNothing(value: string): boolean {
  return NOTHING.has(value.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase());
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function countFirst(counts: Map<string, number>, kinds: readonly (readonly [string, RegExp])[], value: string): void {
  const kind = kinds.find(([, form]) => form.test(value));
  if (kind !== undefined) count(counts, kind[0]);
}

/** The kind that was counted most, with its count. */
export function mostOf(counts: ReadonlyMap<string, number>): readonly [name: string, count: number] | undefined {
  return [...counts].sort((a, b) => b[1] - a[1])[0];
}
