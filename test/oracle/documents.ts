/**
 * Oracle, part 3: documents of either kind, said with strings; cases that every engine must answer alike; and documents
 * made for files.
 */
import type { RecordCodeName } from '../../src/core/codes.ts';
import { COLUMNS, KIND_COLUMN } from '../../src/kernel/columns.ts';
import type { DocumentReading, Encoding, Reading } from '../../src/kernel/plan.ts';
import type { Random } from './random.ts';
import { type Checked, checkCpf, decode } from './values.ts';

export type Kind = 'cpf' | 'cnpj';

/** What a plan calls a column; `''` for none. */
export function nameOf(column: number | undefined, document: DocumentReading | undefined): string {
  if (column === KIND_COLUMN) return 'document_kind';
  if (column !== 2 || document === undefined) return COLUMNS[column ?? -1] ?? '';
  return document.kind === 'by field' ? 'document' : document.kind;
}

export interface DocumentRule {
  readonly kind: Kind | undefined;
  readonly check: (text: string) => Checked;
}

/** The rule of a record's document, by what stands in its field of the kind, if there is one. */
export function documentRule(said: string | undefined, reading: Reading | undefined): DocumentRule {
  const document = reading?.document ?? ({ kind: 'cpf', zeroPadded: false } as const);
  const kind = kindOf(said ?? '', document, reading?.encoding ?? 'utf-8');
  // Of a document of no known kind nothing is asked but that it is there.
  const check = (text: string): Checked =>
    kind === undefined ? { value: '', warning: '' } : checkDocument(text, kind, document.zeroPadded);
  return { kind, check };
}

/** The kind that the content of a record's own field says. */
function kindOf(content: string, reading: DocumentReading, encoding: Encoding): Kind | undefined {
  if (reading.kind !== 'by field') return reading.kind;
  const word = decode(content.replace(/^[ \t]+/, '').replace(/[ \t]+$/, ''), encoding);
  if (word === undefined) return undefined;
  if (reading.cpf.includes(word)) return 'cpf';
  return reading.cnpj.includes(word) ? 'cnpj' : undefined;
}

/** The rule of a document whose kind is known. */
function checkDocument(text: string, kind: Kind, zeroPadded: boolean): Checked {
  const characters = kind === 'cpf' ? 11 : 14;
  const bare = zeroPadded ? text.replace(new RegExp(`^0+(?=.{${characters}}$)`, 's'), '') : text;
  return kind === 'cpf' ? checkCpf(bare) : checkCnpj(bare);
}

export function checkCnpj(text: string): Checked {
  const masked = /^([0-9A-Z]{2})\.([0-9A-Z]{3})\.([0-9A-Z]{3})\/([0-9A-Z]{4})-([0-9]{2})$/.exec(text);
  const short = /^[0-9]{12,13}$/.test(text);
  const cnpj = masked === null ? text.padStart(short ? 14 : 0, '0') : masked.slice(1).join('');
  if (!/^[0-9A-Z]{12}[0-9]{2}$/.test(cnpj)) return { code: 'CNPJ_FORMAT' };
  if (/^0+$/.test(cnpj)) return { code: 'CNPJ_ZEROS' };
  const base = cnpj.slice(0, 12);
  if (cnpj !== base + cnpjDigits(base)) return { code: 'CNPJ_CHECK_DIGITS' };
  return { value: cnpj, warning: short ? 'CNPJ_PADDED' : '' };
}

/**
 * The check digits of the twelve characters of a CNPJ. From the right, weights go 2 to 9 and begin again; what lacks to a
 * multiple of 11 is the digit, 10 and 11 are 0 (source: Receita Federal, «Cálculo dos dígitos verificadores do CNPJ
 * alfanumérico»).
 */
export function cnpjDigits(base: string): string {
  let all = base;
  for (let digit = 0; digit < 2; digit++) {
    const values = [...all].reverse().map((character) => character.charCodeAt(0) - 48);
    const sum = values.reduce((total, value, place) => total + value * (2 + (place % 8)), 0);
    const lacks = 11 - (sum % 11);
    all += lacks > 9 ? 0 : lacks;
  }
  return all.slice(12);
}

/** A content, and what is stored of it after `=`, or its code. */
type Case = readonly [content: string, says: RecordCodeName | `=${string}`];

export const CNPJ_CASES: readonly Case[] = [
  ...['12ABC34501DE35', '11222333000181', '33000167000101', 'AA345678000114', '00000000000191'].map(
    (cnpj): Case => [cnpj, `=${cnpj}`],
  ),
  ['12.ABC.345/01DE-35', '=12ABC34501DE35'],
  ['11.222.333/0001-81', '=11222333000181'],
  [' 11.222.333/0001-81\t', '=11222333000181'],
  ['1222333000181', 'CNPJ_CHECK_DIGITS'],
  ['360305000104', '=00360305000104'],
  ['0360305000104', '=00360305000104'],
  ['60305000104', 'CNPJ_FORMAT'],
  ['191', 'CNPJ_FORMAT'],
  ['12ABC34501DE36', 'CNPJ_CHECK_DIGITS'],
  ['12ABC34501DE25', 'CNPJ_CHECK_DIGITS'],
  ['21ABC34501DE35', 'CNPJ_CHECK_DIGITS'],
  ['12ABC34501DEA5', 'CNPJ_FORMAT'],
  ['12ABC34501DE3A', 'CNPJ_FORMAT'],
  ['12abc34501de35', 'CNPJ_FORMAT'],
  ['12ABC34501De35', 'CNPJ_FORMAT'],
  ['ABC34501DE35', 'CNPJ_FORMAT'],
  ['2ABC34501DE35', 'CNPJ_FORMAT'],
  ['00000000000000', 'CNPJ_ZEROS'],
  ['00.000.000/0000-00', 'CNPJ_ZEROS'],
  ['000000000000', 'CNPJ_ZEROS'],
  ['11111111111111', 'CNPJ_CHECK_DIGITS'],
  ['99999999999999', 'CNPJ_CHECK_DIGITS'],
  ['112223330001811', 'CNPJ_FORMAT'],
  ['011222333000181', 'CNPJ_FORMAT'],
  ['11222333/0001-81', 'CNPJ_FORMAT'],
  ['11.222.333/0001.81', 'CNPJ_FORMAT'],
  ['11.222.333-0001/81', 'CNPJ_FORMAT'],
  ['11.222.333 0001-81', 'CNPJ_FORMAT'],
  ['1.1222.333/0001-81', 'CNPJ_FORMAT'],
  ['1122233300018:', 'CNPJ_FORMAT'],
  ['1122233300@181', 'CNPJ_FORMAT'],
  ['1122233300[181', 'CNPJ_FORMAT'],
  ['1122233300:181', 'CNPJ_FORMAT'],
  ['1122233300/181', 'CNPJ_FORMAT'],
  ['11222333000 81', 'CNPJ_FORMAT'],
  ['52998224725', 'CNPJ_FORMAT'],
  ['529.982.247-25', 'CNPJ_FORMAT'],
  ['ISENTO', 'CNPJ_FORMAT'],
];

const CPFS = ['52998224725', '529.982.247-25', '111.444.777-35', '00000000191', '000000191', '1234567890'];
const CNPJS = ['12ABC34501DE35', '12.ABC.345/01DE-35', '11222333000181', '00.000.000/0001-91', '360305000104'];

/** One that is right, mostly; written as files write it. */
export function madeDocument(random: Random, kind: Kind, zeroPadded: boolean): string {
  const alphabet = random.chance(0.5) ? '0123456789' : '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const base = Array.from({ length: 12 }, () => random.pick([...alphabet])).join('');
  const cnpj = base + cnpjDigits(base);
  const known = random.pick(kind === 'cpf' ? CPFS : [...CNPJS, cnpj, cnpj, cnpj]);
  if (!zeroPadded || random.chance(0.2)) return known;
  return known.replace(/[./-]/g, '').padStart(random.pick([14, 15, 16]), '0');
}
