/**
 * Made profiles and made files in their notation, for the tests of what a profile asks of the kernel: good values written
 * as the profile has it, the odd ones of every rule, and broken bytes. Byte strings: one character is one byte.
 */
import { COLUMNS, type ColumnName, IGNORED_COLUMN, KIND_COLUMN, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import type { RecordPlan } from '../../src/kernel/plan.ts';
import {
  type ColumnSource,
  type CompiledProfile,
  compileProfile,
  type ProfileDocument,
} from '../../src/kernel/profile.ts';
import { type DocumentSource, documentColumnName, type SourceName } from '../../src/kernel/profileDocuments.ts';
import { COLUMN_CASES } from './column-cases.ts';
import { CNPJ_CASES, type Kind, madeDocument } from './documents.ts';
import type { Drive } from './drive.ts';
import { byteString, bytesOf, oracleRecords } from './grammar.ts';
import { checkRecord, type OracleRecord } from './oracle.ts';
import type { Random } from './random.ts';

export interface ProfileFile {
  readonly document: ProfileDocument;
  readonly plan: RecordPlan;
  /** Records alone: headers have tests of their own. */
  readonly bytes: Uint8Array;
  readonly records: readonly OracleRecord[];
}

export function compiled(document: ProfileDocument): CompiledProfile {
  const profile = compileProfile(document);
  if ('problems' in profile) throw new Error(profile.problems.join('; '));
  return profile;
}

/** A profile of random notation. `fast`: only what the kernel on WebAssembly reads by itself. */
export function madeProfile(random: Random, fast: boolean): ProfileDocument {
  const decimal = random.pick(['.', ',', ',']);
  const columns: Partial<Record<SourceName, ColumnSource>> = {};
  const document = madeDocumentSource(random);
  for (const [index, column] of COLUMNS.entries()) {
    if (index >= REQUIRED_COLUMNS && random.chance(0.4)) {
      if (random.chance(0.4)) columns[column] = { fixed: CONSTANTS[column] };
      continue;
    }
    const isDocument = column === 'cpf';
    const mayFix = !fast && column !== 'external_ref' && !(isDocument && document?.kindFrom !== undefined);
    const given = isDocument && document?.kind === 'cnpj' ? random.pick(CNPJ_CONSTANTS) : CONSTANTS[column];
    const name = isDocument ? documentColumnName(document) : column;
    if (mayFix && random.chance(0.1)) columns[name] = { fixed: given };
    else
      columns[name] = {
        ...(mayFix && random.chance(0.2) ? { default: given } : {}),
        ...(index >= REQUIRED_COLUMNS && random.chance(0.3) ? { required: true } : {}),
      };
  }
  return {
    format: 1,
    dialect: { delimiter: random.pick([',', ';', '|', '\t']), quote: random.pick(['"', '"', "'"]) },
    encoding: random.pick(['utf-8', 'windows-1252', 'iso-8859-1']),
    locale: {
      decimal,
      thousands: random.pick(['', decimal === ',' ? '.' : ',', ' ']),
      date: random.pick(['YYYY-MM-DD', 'DD/MM/YYYY', 'YYYYMMDD', 'DDMMYYYY', 'DDMMYY']),
      pivot: random.pick([0, 30, 50, 100]),
    },
    columns,
    ...(document === undefined ? {} : { document }),
    ...(fast || random.chance(0.5) ? {} : { nulls: random.pick([['NULL'], ['-', 'N/A'], ['NULL', '0', 'x']]) }),
  };
}

/** Half of the profiles know of CNPJs. */
function madeDocumentSource(random: Random): DocumentSource | undefined {
  const zeroPadded = random.chance(0.3) ? { zeroPadded: true } : {};
  if (random.chance(0.4)) return undefined;
  if (random.chance(0.4)) return { kind: random.pick(['cpf', 'cnpj', 'cnpj']), ...zeroPadded };
  const words = random.pick([
    { cpf: ['F'], cnpj: ['J'] },
    { cpf: ['1', '01'], cnpj: ['2', '02'] },
    { cpf: ['Pessoa Física', 'PF'], cnpj: ['Pessoa Jurídica', '"PJ"'] },
    { cpf: ['contribuinte, pessoa física'], cnpj: ['contribuinte, pessoa jurídica', 'é'.repeat(32)] },
  ]);
  return { kindFrom: { ...words, ...(random.chance(0.5) ? { name: 'tipo' } : {}) }, ...zeroPadded };
}

const CNPJ_CONSTANTS = ['11222333000181', '12.ABC.345/01DE-35'] as const;

const CONSTANTS: Readonly<Record<ColumnName, string>> = {
  external_ref: '',
  debtor_name: 'Não informado',
  cpf: '52998224725',
  amount: '1234567.80',
  due_date: '2025-02-28',
  debtor_email: 'a@b.co',
  debtor_phone: '+551133334444',
  creditor_name: 'Energética São João',
  account_type: 'conta de luz',
  installment: '1/12',
};

export function madeProfileFile(random: Random, document: ProfileDocument, count: number): ProfileFile {
  const profile = compiled(document);
  const { layout, dialect, reading } = profile;
  if (layout.by.kind !== 'names') throw new Error('made profiles name their columns');
  const fields = random.shuffled(layout.by.names.map(([, column]) => column));
  // The kernel on WebAssembly takes up to 16 fields.
  for (let extra = random.pick([0, 0, 0, 1, 3]); extra > 0; extra--) {
    fields.splice(random.integer(0, fields.length), 0, IGNORED_COLUMN);
  }
  const marks = { delimiter: String.fromCharCode(dialect.delimiter), quote: String.fromCharCode(dialect.quote) };
  const quoted = random.pick([0.1, 0.5, 1]);
  const lineEnd = random.pick(['\n', '\r\n']);
  let text = '';
  for (let made = 0; made < count; ) {
    const kind = kindFor(random, document);
    const values = fields.map((column) => fieldOf(random, document, column, kind, marks, quoted));
    if (random.chance(0.02)) values.push('');
    if (random.chance(0.02)) values.pop();
    let record = values.join(marks.delimiter);
    if (random.chance(0.06)) record = broken(random, record);
    record += random.chance(0.9) ? lineEnd : random.pick(['\n', '\r\n']);
    // An open quote would swallow all that follows; splitting has its own tests.
    const read = oracleRecords(record, 0, 1, marks);
    if (read.length === 0 || read.some((one) => one.unclosed || one.end !== record.length)) continue;
    text += record;
    made++;
  }
  const plan: RecordPlan = {
    dialect,
    fields,
    recordBytesMax: 1 << 14,
    shards: random.integer(1, 5),
    hashSeed: 0x5eed,
    ...(reading === undefined ? {} : { reading }),
  };
  const bytes = bytesOf(text);
  const records = oracleRecords(text, 0, 2, marks).map((record) => checkRecord(record, fields, reading));
  return { document, plan, bytes, records };
}

/** The whole of a made file as one range. */
export function driveOf(file: ProfileFile, chunkBytes: number): Drive {
  const { plan, bytes } = file;
  return { plan, bytes, start: 0, end: bytes.length, firstLine: 2, chunkBytes, pageBytes: 4096 };
}

function fieldOf(
  random: Random,
  document: ProfileDocument,
  column: number,
  kind: Kind,
  marks: { readonly delimiter: string; readonly quote: string },
  quoted: number,
): string {
  const content = contentOf(random, document, column, kind);
  const must = [marks.delimiter, marks.quote, '\r', '\n'].some((mark) => content.includes(mark));
  if (must ? random.chance(0.97) : random.chance(quoted)) {
    return marks.quote + content.replaceAll(marks.quote, marks.quote + marks.quote) + marks.quote;
  }
  return [marks.delimiter, marks.quote, '\r', '\n'].reduce((text, mark) => text.replaceAll(mark, ''), content);
}

/** Of a record: what its field says, where the profile asks one. */
function kindFor(random: Random, { document }: ProfileDocument): Kind {
  if (document?.kindFrom !== undefined) return random.pick(['cpf', 'cnpj']);
  return document?.kind ?? 'cpf';
}

function contentOf(random: Random, document: ProfileDocument, number: number, kind: Kind): string {
  const dice = random.next();
  const { kindFrom, zeroPadded = false } = document.document ?? {};
  const column = COLUMNS[number];
  if (number !== KIND_COLUMN && column === undefined) return random.pick(['', 'x', 'qualquer']);
  if (dice < 0.06 && column !== undefined) {
    return column === 'cpf' && random.chance(0.7) ? random.pick(CNPJ_CASES)[0] : random.pick(COLUMN_CASES[column])[0];
  }
  if (dice < 0.1) return random.pick(document.nulls ?? ['', 'NULL']);
  if (dice < 0.12) return '';
  const wordOf = (words: readonly string[] = []): string => encoded(document, random.pick(words));
  const good =
    column === undefined
      ? wordOf(kindFrom?.[kind])
      : column === 'cpf'
        ? madeDocument(random, random.chance(0.95) ? kind : 'cnpj', zeroPadded)
        : goodOf(random, document, column);
  if (dice < 0.18) return broken(random, good);
  if (dice < 0.22) return random.pick([' ', '\t', '  ']) + good + random.pick(['', ' ', '\t']);
  return good;
}

function encoded(document: ProfileDocument, text: string): string {
  if (document.encoding === 'iso-8859-1') return text.replace(/[^\u0000-\u00ff]/g, '?');
  if (document.encoding !== 'windows-1252') return byteString(Buffer.from(text, 'utf8'));
  return [...text].map((character) => WINDOWS_1252.get(character) ?? '?').join('');
}

/** By character, the byte that the platform reads as it. */
const WINDOWS_1252 = new Map(
  Array.from({ length: 256 }, (_, byte) => [
    new TextDecoder('windows-1252').decode(Uint8Array.of(byte)),
    String.fromCharCode(byte),
  ]),
);

const NAMES = [
  'Ana Souza',
  'José  da Silva',
  'Conceição Araújo Gonçalves',
  '“Loja” – São João €',
  'Ÿ'.repeat(40),
  'Zé',
];

function goodOf(random: Random, document: ProfileDocument, column: Exclude<ColumnName, 'cpf'>): string {
  const digits = (count: number) => Array.from({ length: count }, () => random.integer(0, 9)).join('');
  switch (column) {
    case 'external_ref':
      return `${encoded(document, random.pick(['C', 'Nº-', '§']))}${digits(random.integer(1, 20))}`;
    case 'debtor_name':
    case 'creditor_name':
      return encoded(document, random.pick(NAMES));
    case 'amount':
      return amountOf(random, document, digits);
    case 'due_date':
      return dateOf(random, document);
    case 'debtor_email':
      return random.pick(['', 'a.b@x.com', 'maria+1@sub.dominio-1.com.br']);
    case 'debtor_phone':
      return random.pick(['', `+55${digits(11)}`, `(${digits(2)}) ${digits(5)}-${digits(4)}`]);
    case 'account_type':
      return random.pick(['', 'CC', encoded(document, 'poupança'), encoded(document, 'ção '.repeat(10).trim())]);
    case 'installment':
      return random.pick(['', '1', '3/12', '12/3']);
  }
}

function amountOf(random: Random, document: ProfileDocument, digits: (count: number) => string): string {
  const { decimal = '.', thousands = '' } = document.locale ?? {};
  const units = random.pick([digits(random.integer(1, 14)), String(random.integer(1, 99_999))]);
  const grouped = random.chance(0.6) ? units.replace(/\B(?=(?:[0-9]{3})+$)/g, thousands) : units;
  const odd = random.chance(0.05) ? grouped.replace(thousands, '') : grouped;
  return random.pick([
    odd,
    `${odd}${decimal}${digits(2)}`,
    `${odd}${decimal}${digits(2)}`,
    `${odd}${decimal}${digits(1)}`,
  ]);
}

function dateOf(random: Random, document: ProfileDocument): string {
  const two = (min: number, max: number) => String(random.integer(min, max)).padStart(2, '0');
  const day = two(1, 31);
  const month = random.chance(0.05) ? two(0, 14) : two(1, 12);
  const year = random.pick(['2020', '2024', '2025', '1999', `${two(0, 99)}${two(0, 99)}`]);
  switch (document.locale?.date ?? 'YYYY-MM-DD') {
    case 'DD/MM/YYYY':
      return `${day}/${month}/${year}`;
    case 'YYYYMMDD':
      return `${year}${month}${day}`;
    case 'DDMMYYYY':
      return `${day}${month}${year}`;
    case 'DDMMYY':
      return `${day}${month}${year.slice(2)}`;
    default:
      return `${year}-${month}-${day}`;
  }
}

/** One byte replaced, put in or taken out. */
function broken(random: Random, text: string): string {
  const at = random.integer(0, text.length);
  const byte = random.chance(0.6)
    ? random.pick([...'0123456789.-/+@ ,;"\'\t\0', '\x7f', '\x80', '\x81', '\x9f', '\xa0', '\xc2', '\xe9', '\xff'])
    : String.fromCharCode(random.integer(0, 255));
  const safe = byte === '\n' ? ' ' : byte;
  return text.slice(0, at) + (random.chance(0.75) ? safe : '') + text.slice(at + random.integer(0, 1));
}
