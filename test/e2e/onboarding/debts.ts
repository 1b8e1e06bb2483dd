/** Made debts, each with all that files can say of it, and what is stored of those columns that a file has. */
import { Random } from '../../oracle/random.ts';

export interface MadeDebt {
  readonly ref: string;
  readonly name: string;
  /** Eleven digits. */
  readonly cpf: string;
  readonly cents: number;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly email: string;
  readonly phone: string;
  readonly creditor: string;
  readonly type: string;
  readonly installment: string;
}

const FIRST = [
  'José',
  'Conceição',
  'Ana',
  'João',
  'Márcia',
  'Luís',
  'Antônio',
  'Débora',
  'Íris',
  'Otávio',
  'Caio',
  'Ângela',
];
const LAST = [
  'da Silva',
  'Souza',
  'Gonçalves',
  'de Araújo',
  'Magalhães',
  'Lima',
  'Corrêa',
  'dos Santos',
  'Brandão',
  'Assunção',
];
const CREDITORS = ['Companhia Energética São João', 'Telefonia Sabiá S.A.', 'Banco Açaí'];
const TYPES = ['cartão', 'empréstimo', 'energia'];

/** `days`: the last day of a month that is drawn; 12 leaves the order of day and month open. */
export function madeDebts(count: number, seed: number, days = 28): MadeDebt[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => {
    const first = random.pick(FIRST);
    const middle = random.pick(LAST);
    const name = `${first} ${middle} ${random.pick(LAST)}`;
    return {
      ref: `CT${String(1_000_000 + index * 7 + random.integer(0, 6))}`,
      name,
      cpf: cpfWith(random.integer(1_000_000, 999_999_999)),
      cents: random.chance(0.3) ? random.integer(100_000, 99_999_999) : random.integer(100, 99_999),
      year: random.integer(2022, 2025),
      month: random.integer(1, 12),
      day: random.integer(1, days),
      email: random.chance(0.4) ? '' : `${plain(first)}.${index}@exemplo.com.br`,
      phone: random.chance(0.4) ? '' : `11${random.integer(910_000_000, 999_999_999)}`,
      creditor: random.pick(CREDITORS),
      type: random.pick(TYPES),
      installment: `${random.integer(1, 6)}/${random.integer(6, 12)}`,
    };
  });
}

/** The CPF with these first nine digits (module 11; weights 10..2 and 11..2). */
export function cpfWith(nine: number): string {
  const digits = [...String(nine).padStart(9, '0')].map(Number);
  for (const weight of [10, 11]) {
    const sum = digits.reduce((total, digit, index) => total + digit * (weight - index), 0);
    digits.push(((sum * 10) % 11) % 10);
  }
  return digits.join('');
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** The CNPJ of a head office with this number (IN RFB 2.229/2024: a letter counts as its code less 48). */
export function cnpjWith(eight: number, letter = ''): string {
  const root = letter + String(eight).padStart(8, '0').slice(letter.length);
  const values = [...`${root}0001`].map((character) => character.charCodeAt(0) - 48);
  for (const weights of [
    [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2],
    [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2],
  ]) {
    const rest = weights.reduce((total, weight, index) => total + weight * (values[index] as number), 0) % 11;
    values.push(rest < 2 ? 0 : 11 - rest);
  }
  return `${root}0001${values.slice(12).join('')}`;
}

export const maskedCnpj = (cnpj: string): string => cnpj.replace(/(..)(...)(...)(....)(..)/, '$1.$2.$3/$4-$5');
export const maskedCpf = (cpf: string): string => cpf.replace(/(...)(...)(...)(..)/, '$1.$2.$3-$4');
const two = (number: number): string => String(number).padStart(2, '0');

export const iso = ({ year, month, day }: MadeDebt): string => `${year}-${two(month)}-${two(day)}`;
export const slashed = ({ year, month, day }: MadeDebt): string => `${two(day)}/${two(month)}/${year}`;
export const american = ({ year, month, day }: MadeDebt): string => `${two(month)}/${two(day)}/${year}`;
export const bare = ({ year, month, day }: MadeDebt): string => `${year}${two(month)}${two(day)}`;
export const bareDayFirst = ({ year, month, day }: MadeDebt): string => `${two(day)}${two(month)}${year}`;
export const short = (debt: MadeDebt): string => bareDayFirst(debt).replace(/..(..)$/, '$1');

/** `1.234,56` with these marks. */
export function money(cents: number, decimal: string, thousands: string): string {
  const units = String(Math.floor(cents / 100)).replace(/\B(?=(?:\d{3})+$)/g, thousands);
  return `${units}${decimal}${two(cents % 100)}`;
}

export const quoted = (text: string, quote = '"'): string => quote + text.replaceAll(quote, quote + quote) + quote;
