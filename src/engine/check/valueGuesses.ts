/** Guesses about single values that failed: what may have been done to them before they came, which no profile undoes. */
import type { RecordCodeName } from '../../core/codes.ts';
import { checkCpf } from '../../kernel/fields.ts';
import { checkLocalAmount, checkLocalDate } from '../../kernel/locale.ts';
import type { RecordPlan } from '../../kernel/plan.ts';
import { isCnpj, isCpf } from '../infer/documents.ts';
import { asBytes } from '../infer/table.ts';

export interface ValueGuess {
  readonly hint: string;
  readonly says: string;
  readonly change: string;
  readonly proof: 'would pass' | 'are so';
  readonly codes: readonly RecordCodeName[];
  isSo(value: string, plan: RecordPlan, column: number): boolean;
}

const CPF_CODES: readonly RecordCodeName[] = ['CPF_FORMAT', 'CPF_CHECK_DIGITS'];
const DATE_CODES: readonly RecordCodeName[] = ['DATE_FORMAT', 'DATE_NOT_REAL', 'DUE_DATE_NOT_PAST'];
const SCIENTIFIC = /^\d(?:[.,]\d+)?E\+?\d{1,2}$/i;

function isAmount(value: string, { reading }: RecordPlan): boolean {
  const bytes = asBytes(value);
  return checkLocalAmount(bytes, 0, bytes.length, reading?.decimal ?? 0x2e, reading?.thousands ?? 0) >= 0;
}

function isDay(value: string, { reading }: RecordPlan): boolean {
  const bytes = asBytes(value);
  return checkLocalDate(bytes, 0, bytes.length, reading?.date ?? 'YYYY-MM-DD', reading?.pivot ?? 50) >= 0;
}

/** With day and month in each other's place; `undefined` where they are equal or do not stand like that. */
function swapped(value: string): string | undefined {
  const match = /^(\d{2})\/(\d{2})(\/\d{4})$/.exec(value);
  if (match !== null) return match[1] === match[2] ? undefined : `${match[2]}/${match[1]}${match[3]}`;
  const iso = /^(\d{4}-)(\d{2})-(\d{2})$/.exec(value);
  return iso === null || iso[2] === iso[3] ? undefined : `${iso[1]}${iso[3]}-${iso[2]}`;
}

export const VALUE_GUESSES: readonly ValueGuess[] = [
  {
    hint: 'LEADING_ZEROS',
    proof: 'would pass',
    says: 'leading zeros lost?',
    change: 'a spreadsheet took documents for numbers: ask for the column as text',
    codes: ['CPF_FORMAT'],
    isSo: (value) => /^\d{3,8}$/.test(value) && checkCpf(asBytes(value.padStart(11, '0')), 0, 11) >= 0,
  },
  {
    hint: 'CNPJ',
    proof: 'are so',
    says: 'CNPJs in a column of CPFs?',
    change: 'document: { "kind": "cnpj" }, or "kindFrom" a column that says which documents are of which kind',
    codes: CPF_CODES,
    isSo: (value) => isCnpj(value),
  },
  {
    hint: 'CPF',
    says: 'CPFs in a column of CNPJs?',
    change: 'document: { "kind": "cpf" }, or "kindFrom" a column that says which documents are of which kind',
    proof: 'are so',
    codes: ['CNPJ_FORMAT', 'CNPJ_CHECK_DIGITS'],
    isSo: (value) => isCpf(value),
  },
  {
    hint: 'SCIENTIFIC',
    proof: 'are so',
    says: 'numbers written with an exponent, as a spreadsheet does (5.3E+10)?',
    change: 'their digits are lost and nothing brings them back: ask for the column as text',
    codes: ['CPF_FORMAT', 'PHONE_FORMAT', 'AMOUNT_FORMAT'],
    isSo: (value) => SCIENTIFIC.test(value),
  },
  {
    hint: 'DAY_MONTH_SWAPPED',
    proof: 'would pass',
    says: 'day and month swapped?',
    change: 'no profile reads the month before the day: ask for dd/mm/yyyy or yyyy-mm-dd',
    codes: DATE_CODES,
    isSo: (value, plan) => {
      const other = swapped(value);
      return other !== undefined && isDay(other, plan);
    },
  },
  {
    hint: 'DATE_WITH_TIME',
    proof: 'would pass',
    says: 'days with a time behind them?',
    change: 'ask for the day alone',
    codes: ['DATE_FORMAT'],
    isSo: (value, plan) => /^\S+[T ]\d{1,2}:\d{2}/.test(value) && isDay(value.split(/[T ]/)[0] as string, plan),
  },
  {
    hint: 'SPREADSHEET_DAY',
    proof: 'are so',
    says: 'days as numbers of a spreadsheet (45321)?',
    change: 'ask for the column as a date',
    codes: ['DATE_FORMAT'],
    isSo: (value) => /^[34]\d{4}$/.test(value),
  },
  {
    hint: 'CURRENCY',
    proof: 'would pass',
    says: 'amounts with a currency sign?',
    change: 'ask for amounts without it',
    codes: ['AMOUNT_FORMAT'],
    isSo: (value, plan) => /^(?:R\$|BRL|\$)/i.test(value) && isAmount(value.replace(/^(?:R\$|BRL|\$)\s*/i, ''), plan),
  },
  {
    hint: 'NEGATIVE',
    proof: 'are so',
    says: 'negative amounts: credits among the debts?',
    change: 'ask the client what they mean; a debt is above zero',
    codes: ['AMOUNT_FORMAT'],
    isSo: (value, plan) => /^-|^\(.*\)$|-$/.test(value) && isAmount(value.replace(/^[-(]\s*|[-)]$/g, ''), plan),
  },
  {
    hint: 'ZERO_AMOUNTS',
    proof: 'are so',
    says: 'amounts of zero: debts that are settled?',
    change: 'ask for open debts alone',
    codes: ['AMOUNT_NOT_POSITIVE'],
    isSo: () => true,
  },
];
