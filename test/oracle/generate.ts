/** Made inputs for the fuzz tests: hostile byte soups for the splitter, mutated records for the checks of fields. */
import { COLUMNS, type ColumnName, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import { COLUMN_CASES } from './column-cases.ts';
import type { Drive } from './drive.ts';
import { bytesOf, oracleRecords } from './grammar.ts';
import { planOf, type SplitInput } from './judge.ts';
import type { OracleRead } from './oracle.ts';
import type { Random } from './random.ts';

const SOUP: readonly (readonly [text: string, weight: number])[] = [
  ['"', 7],
  ['""', 1],
  [',', 4],
  ['\n', 5],
  ['\r', 3],
  ['\r\n', 3],
  ['\r\r\n', 1],
  ['a', 3],
  ['bc', 1],
  [' ', 1],
  ['\0', 1],
  ['\xc3\xa3', 1],
  ['\xf0\x9f\x98\x80', 1],
  ['\xef\xbb\xbf', 1],
  ['\xff', 1],
];
const SOUP_WEIGHTED = SOUP.flatMap(([text, weight]) => new Array<string>(weight).fill(text));

/** A byte string of up to about `lengthMax` bytes in which everything that matters to the grammar is frequent. */
export function soup(random: Random, lengthMax: number): string {
  let text = '';
  const length = random.integer(0, lengthMax);
  while (text.length < length) text += random.pick(SOUP_WEIGHTED);
  return text;
}

/** Whole hostile lines: after a few of them all lanes of a scan have met, or none. */
const LINES: readonly string[] = [
  'ab\n',
  'ab\r\n',
  'a,b\n',
  ',\n',
  '\n',
  '\r\n',
  '\r\r\n',
  '\r',
  'a"\n',
  'a"b\n',
  'a"b"\r\n',
  'a,b"\n',
  ' "a"\n',
  '"a"\n',
  '"a"\r\n',
  '"a"\r',
  '"a" \n',
  '"a"b,c\n',
  '"a"b"c\n',
  '"a""b"\n',
  '""\n',
  '""""\r\n',
  'a,"b",c\n',
  '"a,b"\n',
  '"a\nb"\n',
  '"a\r\n\r\nb",c\r\n',
  'a,"\n"\n',
  'a,"b""\n""c"\r\n',
  '"\n',
  'a,"b\n',
  '"\r\n"',
];

function lines(random: Random, count: number): string {
  let text = '';
  for (let i = random.integer(1, count); i > 0; i--) text += random.pick(LINES);
  return text;
}

/** Ends of random pieces that tile `[start, end)`. */
export function randomCuts(random: Random, start: number, end: number): number[] {
  const pieceBytesMax = random.pick([1, 2, 3, 5, 8, 20, 60, 1000, 1000]);
  const cuts: number[] = [];
  for (let at = start; at < end; ) cuts.push((at = Math.min(end, at + random.integer(1, pieceBytesMax))));
  return cuts;
}

/** Header and records; the columns are a random choice in random order. Byte strings. */
export interface MadeFile {
  readonly columns: readonly ColumnName[];
  readonly header: string;
  readonly records: readonly string[];
}

export function madeFile(random: Random, records: number): MadeFile {
  const optional = COLUMNS.slice(REQUIRED_COLUMNS).filter(() => random.chance(0.5));
  const columns = random.shuffled([...COLUMNS.slice(0, REQUIRED_COLUMNS), ...optional]);
  const header = `${columns.join(',')}${random.pick(['\n', '\r\n'])}`;
  const made: string[] = [];
  while (made.length < records) {
    const text = madeRecord(random, columns, made.length === records - 1);
    // An open quote would swallow all that follows; splitting has its own tests.
    if (oracleRecords(text).every((record) => !record.unclosed)) made.push(text);
  }
  return { columns, header, records: made };
}

/** One record: good values, then perhaps odd values, then perhaps broken bytes. */
function madeRecord(random: Random, columns: readonly ColumnName[], isLast: boolean): string {
  const fields = columns.map((column) => field(random, value(random, column)));
  if (random.chance(0.02)) fields.push('');
  if (random.chance(0.02)) fields.pop();
  let text = fields.join(',');
  if (random.chance(0.1)) text = mutated(random, text);
  return text + (isLast && random.chance(0.5) ? '' : random.pick(['\n', '\r\n']));
}

function field(random: Random, content: string): string {
  const must = /[",\r\n]/.test(content);
  if (must ? random.chance(0.97) : random.chance(0.2)) return `"${content.replaceAll('"', '""')}"`;
  return content.replace(/[,\n"]/g, '');
}

function value(random: Random, column: ColumnName): string {
  const dice = random.next();
  if (dice < 0.08) return random.pick(COLUMN_CASES[column])[0];
  const good = goodValue(random, column);
  if (dice < 0.14) return mutated(random, good);
  if (dice < 0.2) return random.pick([' ', '\t', '  ']) + good + random.pick(['', ' ', '\t']);
  return good;
}

function goodValue(random: Random, column: ColumnName): string {
  const digits = (count: number) => Array.from({ length: count }, () => random.integer(0, 9)).join('');
  switch (column) {
    case 'external_ref':
      return `${random.pick(['C', 'REF-', '\xc3\xa7', ''])}${digits(random.integer(1, 20))}`;
    case 'debtor_name':
    case 'creditor_name':
      return random.pick([
        'Ana Souza',
        'Jos\xc3\xa9 da  Silva',
        'Maria\tClara',
        'Lu\nZ',
        'O\x27Neil, "Jr"',
        'Z\xf0\x9f\x98\x80',
      ]);
    case 'cpf':
      return madeCpf(random, digits(9));
    case 'amount':
      return random.pick([
        digits(random.integer(1, 14)),
        `${digits(random.integer(1, 13))}.${digits(random.integer(1, 2))}`,
      ]);
    case 'due_date': {
      const two = (min: number, max: number) => String(random.integer(min, max)).padStart(2, '0');
      return `${random.pick(['2020', '2021', '2024', '2025', digits(4)])}-${two(0, 13)}-${two(1, 31)}`;
    }
    case 'debtor_email':
      return random.pick(['', `a.${digits(3)}@x.com`, `maria+${digits(2)}@sub.dominio-1.com.br`, "o'neil@x.org"]);
    case 'debtor_phone':
      return random.pick([
        '',
        `+55${digits(11)}`,
        `(${digits(2)}) ${digits(5)}-${digits(4)}`,
        digits(random.integer(6, 17)),
      ]);
    case 'account_type':
      return random.pick(['', 'CC', 'poupan\xc3\xa7a', 'x'.repeat(random.integer(38, 42))]);
    case 'installment':
      return random.pick([
        '',
        digits(random.integer(1, 3)),
        `${digits(random.integer(1, 3))}/${digits(random.integer(1, 4))}`,
      ]);
  }
}

function madeCpf(random: Random, nine: string): string {
  let cpf = nine;
  for (const over of [9, 10]) {
    let sum = 0;
    for (let i = 0; i < over; i++) sum += Number(cpf[i]) * (over + 1 - i);
    cpf += String(((sum * 10) % 11) % 10);
  }
  const dice = random.next();
  if (dice < 0.3) return `${cpf.slice(0, 3)}.${cpf.slice(3, 6)}.${cpf.slice(6, 9)}-${cpf.slice(9)}`;
  return dice < 0.4 ? cpf.replace(/^0{1,2}/, '') : cpf;
}

/** One or two bytes replaced, inserted, removed or doubled. */
function mutated(random: Random, text: string): string {
  let out = text;
  for (let times = random.integer(1, 2); times > 0; times--) {
    const at = random.integer(0, out.length);
    const byte = random.chance(0.5)
      ? random.pick([
          ...'0123456789.-/+@ ,"\r\t\0',
          '\x7f',
          '\x80',
          '\xc2',
          '\xc3',
          '\xe2',
          '\xed',
          '\xf0',
          '\xff',
          '\xa9',
        ])
      : String.fromCharCode(random.integer(0, 255));
    const safe = byte === '\n' ? ' ' : byte;
    const remove = random.integer(0, 1);
    out = out.slice(0, at) + (random.chance(0.75) ? safe : '') + out.slice(at + remove);
  }
  return out;
}

/** One hostile input with a random way to cut it. */
export function splitInput(random: Random): SplitInput {
  // Mostly short, so that each odd meeting of a few bytes comes up; some long, for what works on many bytes at once.
  const dice = random.next();
  const text = dice < 0.5 ? soup(random, 24) : dice < 0.93 ? lines(random, 12) : calmSoup(random, 400);
  const bytes = bytesOf(text);
  const start = random.chance(0.9) ? 0 : random.integer(0, bytes.length);
  return {
    bytes,
    start,
    firstLine: random.pick([1, 2, 1000]),
    recordBytesMax: random.chance(0.3) ? random.integer(1, 30) : 1 << 18,
    rangeBytes: random.pick([1, 2, 3, 5, 8, 13, 50, 1000]),
    cuts: randomCuts(random, start, bytes.length),
  };
}

/** Longer runs of plain bytes between what matters. */
function calmSoup(random: Random, lengthMax: number): string {
  let text = '';
  const length = random.integer(0, lengthMax);
  while (text.length < length)
    text += 'x'.repeat(random.integer(0, 40)) + (random.chance(0.3) ? '\n' : soup(random, 4));
  return text;
}

/** A way to read a made file. */
export interface MadeDrive {
  readonly recordBytesMax: number;
  readonly shards: number;
  readonly chunkBytes: number;
  /** The whole body as one range. */
  of(read: OracleRead): Drive;
}

/** A made file and a random way to read it. */
export function fileInput(random: Random, records: number): { bytes: Uint8Array; drive: MadeDrive } {
  const made = madeFile(random, records);
  const bytes = bytesOf(made.header + made.records.join(''));
  const recordBytesMax = 1 << 14;
  const shards = random.integer(1, 5);
  const chunkBytes = random.pick([1, 3, 17, 64, 100, 1000, 1 << 20]);
  const of = (read: OracleRead): Drive => ({
    plan: planOf(read.fields, recordBytesMax, shards),
    bytes,
    start: read.header.end,
    end: bytes.length,
    firstLine: read.header.line + (bytes[read.header.end - 1] === 0x0a ? 1 : 0),
    chunkBytes,
    pageBytes: 4096,
  });
  return { bytes, drive: { recordBytesMax, shards, chunkBytes, of } };
}
