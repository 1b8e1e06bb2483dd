/**
 * Which column a name in a header means, in Portuguese, English or the abbreviations of spreadsheets; accents, case, marks and
 * little words are folded. A name may mean several columns: the contents then decide.
 */
import { COLUMNS, type ColumnName } from '../../kernel/columns.ts';
import { FOREIGN_WORDS, NAMES } from './synonyms.ts';

/** How sure a name is, from 0 to 1; below 0 where it names something that no column is. */
export interface NameFit {
  readonly column: ColumnName;
  readonly fit: number;
}

/** Words that say nothing by themselves. */
const LITTLE: ReadonlySet<string> = new Set([
  'de',
  'do',
  'da',
  'dos',
  'das',
  'o',
  'a',
  'e',
  'the',
  'of',
  'em',
  'no',
  'na',
  'para',
]);
/** Abbreviations, each with the word it stands for. */
const SHORT: Readonly<Record<string, string>> = {
  dt: 'data',
  dta: 'data',
  nr: 'numero',
  num: 'numero',
  nro: 'numero',
  no: 'numero',
  n: 'numero',
  cod: 'codigo',
  cd: 'codigo',
  id: 'codigo',
  identificador: 'codigo',
  vl: 'valor',
  vlr: 'valor',
  val: 'valor',
  venc: 'vencimento',
  vcto: 'vencimento',
  vencto: 'vencimento',
  vcmto: 'vencimento',
  vencido: 'vencimento',
  tel: 'telefone',
  fone: 'telefone',
  cel: 'celular',
  doc: 'documento',
  docto: 'documento',
  nm: 'nome',
  cli: 'cliente',
  dev: 'devedor',
  contr: 'contrato',
  ctr: 'contrato',
  tit: 'titulo',
  parc: 'parcela',
  prest: 'prestacao',
  mail: 'email',
  sld: 'saldo',
  tp: 'tipo',
  ref: 'referencia',
};

const FOREIGN: ReadonlySet<string> = new Set(FOREIGN_WORDS.split(' '));
/** Of which the whole name is still one of ours. */
const OURS: ReadonlySet<string> = new Set(['endereco email', 'endereco eletronico', 'inadimplente desde']);

const BY_NAME = new Map<string, NameFit[]>();
for (const column of COLUMNS) {
  for (const [fit, names] of NAMES[column]) {
    for (const name of names.split('; ')) BY_NAME.set(name, [...(BY_NAME.get(name) ?? []), { column, fit }]);
  }
}

/** Lower case, without accents, marks and little words, abbreviations written out. */
export function foldedName(name: string): string {
  const words = name
    .replace(/([a-zà-ÿ0-9])([A-ZÀ-Ý])/g, '$1 $2')
    .replace(/[º°ª]/g, ' ')
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  // `nº` is a number, `no` by itself is «in the».
  const long = words.map((word, index) => (word === 'no' && index > 0 ? word : (SHORT[word] ?? word)));
  const kept = long.filter((word) => !LITTLE.has(word));
  return (kept.length === 0 ? long : kept).join(' ');
}

/** What the name may mean, the surest first; nothing for a name that says nothing. */
export function meaningsOf(name: string): NameFit[] {
  const folded = foldedName(name);
  const whole = BY_NAME.get(folded);
  if (whole !== undefined) return [...whole].sort((a, b) => b.fit - a.fit);
  if (isForeign(name)) return [];
  // Parts of it: the longest known name that its words hold counts, the less the more is left over.
  const words = folded.split(' ');
  const found = new Map<ColumnName, number>();
  for (let from = 0; from < words.length; from++) {
    for (let to = from + 1; to <= words.length; to++) {
      for (const { column, fit } of BY_NAME.get(words.slice(from, to).join(' ')) ?? []) {
        const part = fit * (0.4 + (0.45 * (to - from)) / words.length);
        found.set(column, Math.max(found.get(column) ?? 0, part));
      }
    }
  }
  return [...found].map(([column, fit]) => ({ column, fit })).sort((a, b) => b.fit - a.fit);
}

/** Whether the name says that it is no column of ours. */
export function isForeign(name: string): boolean {
  const folded = foldedName(name);
  return !OURS.has(folded) && folded.split(' ').some((word) => FOREIGN.has(word));
}
