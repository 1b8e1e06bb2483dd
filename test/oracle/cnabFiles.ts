/** Made CNAB files: frames, mostly sound ones, and debts under profiles of their own, with hostile lines among both. */
import { COLUMNS, KIND_COLUMN } from '../../src/kernel/columns.ts';
import type { CnabFormat } from '../../src/kernel/plan.ts';
import type { ProfileDocument } from '../../src/kernel/profile.ts';
import { COLUMN_CASES } from './column-cases.ts';
import { broken, type FormatFile, madeContent, planOf } from './formatFiles.ts';
import { bytesOf } from './grammar.ts';
import { compiled } from './profiles.ts';
import type { Random } from './random.ts';

const CNAB_FRAME_BYTES = { 'cnab-240': 30, 'cnab-400': 400 } as const;

/**
 * A CNAB file of lines of every kind, mostly in a sound order, and its frame: sound in half of the files. Lines of 240 are
 * shorter here, but as long as their frames need.
 */
export function madeCnabLines(
  random: Random,
  kind: CnabFormat['kind'],
): { readonly format: CnabFormat; readonly text: string } {
  const lineBytes = CNAB_FRAME_BYTES[kind];
  const lineEnds = random.chance(0.8);
  const format: CnabFormat = {
    kind,
    lineBytes,
    lineEnds,
    main: kind === 'cnab-240' ? 'P' : '1',
    mate: kind === 'cnab-240' ? 'Q' : '',
    slices: [],
    movement: { at: 15, bytes: 2 },
    entries: ['01'],
  };
  const lineEnd = lineEnds ? random.pick(['\n', '\r\n']) : '';
  const odd = random.chance(0.5) ? 0 : random.pick([0.02, 0.2]);
  const lines = kind === 'cnab-240' ? lotLines(random, lineBytes, odd) : numberedLines(random, odd);
  const text = lines
    .map((line) => {
      const ill = random.chance(odd)
        ? random.pick([broken(random, line), line.slice(1), `${line} `, '', '\x1a', 'x'])
        : line;
      return lineEnds ? ill : ill.padEnd(lineBytes).slice(0, lineBytes);
    })
    .map((line) => line + lineEnd)
    .join('');
  return { format, text: text + random.pick(['', '', '\x1a', '\r\n', '\n', ...(odd === 0 ? [] : ['x'])]) };
}

const digits = (value: number, count: number): string => String(value).padStart(count, '0');

function lotLines(random: Random, lineBytes: number, odd: number): string[] {
  const out: string[] = [];
  const line = (lot: number, rest: string): void => void out.push(`001${digits(lot, 4)}${rest}`.padEnd(lineBytes, '.'));
  const off = (): number => (random.chance(odd) ? random.pick([1, -1, 1_000_000]) : 0);
  let lots = 0;
  let lot = 0;
  let lines = 1;
  for (let more = random.integer(0, 4); more > 0; more--) {
    lot += random.chance(odd) ? random.integer(0, 2) : 1;
    lots++;
    const from = out.length;
    line(lot, '1');
    for (let debts = random.integer(0, 6); debts > 0; debts--) {
      const segments = random.chance(0.7)
        ? 'PQ'
        : random.pick(['P', 'Q', 'R', 'PQR', 'PQS', 'PRQ', 'QR', 'PQQ', '?', 'PQY', 'RR']);
      for (const segment of segments) line(random.chance(odd / 4) ? lot + 1 : lot, `300001${segment}`);
    }
    if (random.chance(odd / 2)) line(lot, random.pick(['2', '4', '1', '0']));
    if (!random.chance(odd / 2)) line(lot, `5${'.'.repeat(9)}${digits(out.length - from + 1 + off(), 6)}`);
    lines += out.length - from;
  }
  if (!random.chance(odd / 2)) {
    line(9999, `9${'.'.repeat(9)}${digits(lots + off(), 6)}${digits(lines + 1 + off(), 6)}`);
  }
  return out;
}

function numberedLines(random: Random, odd: number): string[] {
  const out: string[] = [];
  const line = (type: string): void => {
    const number = out.length + 2 + (random.chance(odd / 4) ? 1 : 0);
    out.push(type.padEnd(394, '.') + digits(number, 6));
  };
  for (let debts = random.integer(0, 8); debts > 0; debts--) {
    for (const type of random.chance(0.7) ? '1' : random.pick(['12', '2', '122', '13', '7', '1x'])) line(type);
  }
  if (random.chance(odd / 2)) line('0');
  if (!random.chance(odd / 2)) line('9');
  return out;
}

/** A CNAB file of debts under a profile of its kind, header and trailers left out or not at all right: readers pass them over. */
export function madeCnabFile(random: Random, count: number): FormatFile {
  const profile = compiled(madeCnabProfile(random));
  const layout = profile.format!;
  const format: CnabFormat = { ...(layout.format as CnabFormat), lineEnds: random.chance(0.8) };
  const lineEnd = format.lineEnds ? random.pick(['\n', '\r\n']) : '';
  let text = '';
  for (let made = 0; made < count; made++) {
    const odd = random.chance(0.1);
    const types = odd ? random.pick(ODD_DEBTS[format.kind]) : random.pick(DEBTS[format.kind]);
    for (const type of types.replaceAll('m', format.main)) {
      const line = cnabLine(random, format, layout.fields, type);
      const ill = random.chance(0.03)
        ? random.pick([broken(random, line), line.slice(1), `${line}x`, line.trimEnd(), ''])
        : line;
      text += (format.lineEnds ? ill : ill.padEnd(format.lineBytes).slice(0, format.lineBytes)) + lineEnd;
    }
  }
  if (random.chance(0.2)) text += random.pick(['\x1a', '\r\n', '\x1a\r\n']);
  return { plan: planOf(random, format, layout.fields, profile.reading), bytes: bytesOf(text) };
}

const DEBTS = { 'cnab-240': ['mQ', 'mQ', 'mQR', 'mQRS', 'mRQ', 'mQY'], 'cnab-400': ['m', 'm', 'm2', 'm23'] } as const;
const ODD_DEBTS = {
  'cnab-240': ['m', 'Q', 'R', 'mR', 'mQQ', 'QR', '?', '9', 'm1Q', 'mQ9'],
  'cnab-400': ['2', '9', '0', '?', 'm?2', '22'],
} as const;

function madeCnabProfile(random: Random): ProfileDocument {
  const reference = random.pick(['document-number', 'company-id', 'bank-number'] as const);
  const entries = random.pick([['01'], ['01', '06']]);
  const encoding = random.chance(0.5) ? {} : { encoding: random.pick(['utf-8', 'iso-8859-1'] as const) };
  const document = random.pick<Partial<ProfileDocument>>([
    {},
    {},
    { document: { kind: 'cnpj', zeroPadded: true } },
    { document: { kind: 'cpf', zeroPadded: true } },
  ]);
  if (random.chance(0.5)) {
    const columns = random.chance(0.5)
      ? {}
      : { columns: { account_type: { line: 'P', at: 107, bytes: 2 }, creditor_name: { fixed: 'Loja' } } };
    return { format: 1, kind: 'cnab-240', cnab: { reference, entries }, ...encoding, ...document, ...columns };
  }
  const bank = random.pick(['itau', 'bradesco', 'bb'] as const);
  const columns = random.chance(0.5) ? {} : { columns: { account_type: { at: 148, bytes: 2, default: 'DM' } } };
  return { format: 1, kind: 'cnab-400', cnab: { bank, reference, entries }, ...encoding, ...document, ...columns };
}

function cnabLine(
  random: Random,
  { kind, lineBytes, slices, movement }: CnabFormat,
  fields: readonly number[],
  type: string,
): string {
  const is240 = kind === 'cnab-240';
  let line = (is240 ? `34100013${digits(random.integer(0, 99_999), 5)}` : '') + type;
  if (is240 && /[0-9?]/.test(type)) line = `3410001${type}`;
  line = line.padEnd(lineBytes, random.pick([' ', ' ', '0', 'x']));
  const put = (at: number, bytes: number, content: string): void => {
    line = line.slice(0, at) + content.slice(0, bytes).padEnd(bytes) + line.slice(at + bytes);
  };
  put(movement.at, movement.bytes, random.chance(0.9) ? '01' : random.pick(['02', '06', '47', '  ', '1 ']));
  slices.forEach((slice, field) => {
    if (slice.line === type) put(slice.at, slice.bytes, cnabContent(random, fields[field]!, slice.bytes));
  });
  return line;
}

function cnabContent(random: Random, column: number, bytes: number): string {
  if (column === KIND_COLUMN) return digits(random.pick([1, 1, 2, 2, 0, 3]), bytes);
  const name = COLUMNS[column]!;
  if (random.chance(0.05)) return random.pick(COLUMN_CASES[name])[0].replaceAll('\n', ' ');
  switch (name) {
    case 'cpf':
      return random
        .pick(['52998224725', '11222333000181', '12ABC34501DE35', '11144477735', '0'])
        .padStart(bytes, random.pick(['0', '0', ' ']));
    case 'amount':
      return digits(random.pick([0, 1, 1050, 123_456_789, 9_999_999_999_999]), bytes);
    case 'due_date':
      return random.pick(
        bytes === 8 ? ['10012026', '29022024', '30022024', '00000000'] : ['100126', '290224', '300224', '000000'],
      );
    case 'external_ref':
      return random.chance(0.1) ? '0'.repeat(bytes) : digits(random.integer(1, 1e6), bytes);
    default:
      return madeContent(random, name).replaceAll('\n', ' ');
  }
}
