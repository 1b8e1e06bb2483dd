/** Made plans and hostile files of the kinds that are not delimited, and the judges of their splits. Byte strings throughout. */
import { COLUMNS, type ColumnName, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import { createFold } from '../../src/kernel/formats/folds.ts';
import { lookAheadBytes, scanLinePiece } from '../../src/kernel/formats/lineScan.ts';
import { DEFAULT_DIALECT, type Reading, type RecordFormat, type RecordPlan } from '../../src/kernel/plan.ts';
import type { RangePlan, SplitFault, SplitPlan } from '../../src/kernel/split.ts';
import { COLUMN_CASES } from './column-cases.ts';
import { type Driver, driveKernel, judgeRecords } from './drive.ts';
import { oracleGroups, oracleLines, oracleRecordsOf } from './formats.ts';
import { byteString, bytesOf } from './grammar.ts';
import { judgeRanges, type SplitInput } from './judge.ts';
import type { OracleRecord } from './oracle.ts';
import type { Random } from './random.ts';
import { u } from './shape.ts';

export interface FormatFile {
  readonly plan: RecordPlan & { readonly format: RecordFormat };
  readonly bytes: Uint8Array;
}

export interface FormatSplit extends Omit<SplitInput, 'dialect'> {
  readonly format: RecordFormat;
}

/** Scans each piece as the picker does: what stands around it in sight, and rubbish around that. */
export function splitFormat(input: FormatSplit): SplitPlan | SplitFault {
  const { bytes, start, firstLine, rangeBytes, recordBytesMax, cuts, format } = input;
  const fold = createFold({ start, firstLine, rangeBytes, recordBytesMax }, format);
  let from = start;
  for (const to of cuts) {
    const before = from === start ? 0 : 1;
    const seen = Math.min(bytes.length, to + lookAheadBytes(format));
    const buffer = new Uint8Array(POISON.length + before + seen - from + POISON.length);
    buffer.set(POISON);
    buffer.set(bytes.subarray(from - before, seen), POISON.length);
    buffer.set(POISON, POISON.length + before + seen - from);
    const at = POISON.length + before;
    const piece = { bytes: buffer, from: at, to: at + to - from, end: at + seen - from };
    const fault = fold.add(
      scanLinePiece({ ...piece, complete: seen === bytes.length, offset: from, base: start }, format, recordBytesMax),
    );
    if (fault !== undefined) return fault;
    from = to;
  }
  return fold.finish();
}

/** Whoever looks farther than it may finds line ends, types and digits there. */
const POISON = bytesOf('0\n13\r\n3P{9');

/** `frameFault`: of files with a frame, what is first wrong with it. */
export function judgeFormatSplit(input: FormatSplit, frameFault?: SplitFault): string | undefined {
  const { bytes, start, firstLine, recordBytesMax, format } = input;
  const groups = oracleGroups(byteString(bytes), format, start, firstLine);
  const answer = splitFormat(input);
  const long = groups.find((group) => group.end - group.start > recordBytesMax);
  // A record is too long where it passes the limit.
  const isLongFirst = long !== undefined && (frameFault === undefined || long.start + recordBytesMax < frameFault.byte);
  const fault = isLongFirst ? { code: 'RECORD_TOO_LONG', line: long.line, byte: long.start } : frameFault;
  if (fault !== undefined || 'code' in answer) {
    const says = 'code' in answer ? `${answer.code} line ${answer.line} byte ${answer.byte}` : 'a plan';
    const wanted = fault === undefined ? 'a plan' : `${fault.code} line ${fault.line} byte ${fault.byte}`;
    return says === wanted ? undefined : `${says} instead of ${wanted}`;
  }
  if (answer.records !== groups.length) return `${answer.records} records instead of ${groups.length}`;
  const lines = oracleLines(byteString(bytes), format, start, firstLine);
  const lineAt = (byte: number): number => lines.find((line) => line.end > byte)?.line ?? firstLine + lines.length;
  return judgeRanges(input, groups, answer.ranges, lineAt);
}

/** Splits the file and reads each range of the split as a worker does. */
export function judgeFormatFile(
  file: FormatFile,
  how: { readonly cuts: readonly number[]; readonly rangeBytes: number; readonly chunkBytes: number },
  expected: readonly OracleRecord[] = oracleRecordsOf(file.bytes, file.plan),
  driver: Driver = driveKernel,
): string | undefined {
  const { plan, bytes } = file;
  for (const { start, end, firstLine } of rangesOf(file, how)) {
    const drive = { plan, bytes, start, end, firstLine, chunkBytes: how.chunkBytes, pageBytes: 4096 };
    const inside = expected.filter((record) => record.start >= start && record.start < end);
    const says = judgeRecords(drive, inside, driver);
    if (says !== undefined) return `range [${start}, ${end}): ${says}`;
  }
  return undefined;
}

type Range = Pick<RangePlan, 'start' | 'end' | 'firstLine'>;

/** Those of the split; of a CNAB file, which needs a frame for one, runs of its debts. */
function rangesOf({ plan, bytes }: FormatFile, how: Pick<FormatSplit, 'cuts' | 'rangeBytes'>): readonly Range[] {
  const { format } = plan;
  if (format.kind === 'json-lines' || format.kind === 'fixed-width') {
    const split = splitFormat({ ...plan, ...how, bytes, start: 0, firstLine: 1 });
    if ('code' in split) throw new Error(`the split fails with ${split.code}`);
    return split.ranges;
  }
  const ranges: Range[] = [{ start: 0, end: bytes.length, firstLine: 1 }];
  for (const { start, line } of oracleGroups(byteString(bytes), format)) {
    const last = ranges.at(-1)!;
    if (start - last.start < how.rangeBytes) continue;
    ranges.splice(-1, 1, { ...last, end: start }, { start, end: bytes.length, firstLine: line });
  }
  return ranges.filter(({ start, end }) => end > start);
}

const RECORD_BYTES_MAX = 1 << 14;

export function planOf<F extends RecordFormat>(
  random: Random,
  format: F,
  fields: readonly number[],
  reading?: Reading,
) {
  return {
    dialect: DEFAULT_DIALECT,
    format,
    fields,
    recordBytesMax: RECORD_BYTES_MAX,
    shards: random.integer(1, 4),
    hashSeed: 0x5eed,
    ...(reading === undefined ? {} : { reading }),
  };
}

/** `undefined` reads as the default format does. */
export function madeReading(random: Random, odd: Partial<Reading>): Reading | undefined {
  if (Object.keys(odd).length === 0 && random.chance(0.4)) return undefined;
  const required = random.chance(0.3) ? 0b111111 : 0b11111;
  return {
    encoding: 'utf-8',
    decimal: random.pick([0x2e, 0x2c]),
    thousands: 0,
    date: random.pick(['YYYY-MM-DD', 'DD/MM/YYYY', 'YYYYMMDD', 'DDMMYYYY', 'DDMMYY']),
    pivot: 50,
    required,
    nulls: random.chance(0.7) ? [] : ['-', '0'],
    fixed: random.chance(0.8) ? [] : [{ column: COLUMNS.indexOf('creditor_name'), value: 'Loja Ágil' }],
    defaults: random.chance(0.8) ? [] : [{ column: COLUMNS.indexOf('account_type'), value: 'CC' }],
    ...odd,
  };
}

const DATES = ['2025-01-31', '31/01/2025', '20250131', '31012025', '310125', '2024-02-30'];

/** Contents of a column, as bytes: mostly good ones of some notation. */
export function madeContent(random: Random, column: ColumnName): string {
  if (random.chance(0.15)) return random.pick(COLUMN_CASES[column])[0];
  if (random.chance(0.05)) return random.pick(['', ' ', '-', '0', '\xff', '\xc3', 'a\tb', ' x  y ']);
  switch (column) {
    case 'external_ref':
      return `C${random.integer(1, 1e6)}`;
    case 'debtor_name':
    case 'creditor_name':
      return u(random.pick(['Ana Souza', 'José  da Silva', 'Zé', 'Conceição "Lia" Gonçalves', 'Ana \\ Lima', '😀 Zé']));
    case 'cpf':
      return random.pick(['52998224725', '529.982.247-25', '11144477735', '191']);
    case 'amount':
      return random.pick(['1', '12.50', '12,50', '0.01', '7', '1234567.8', '123456', '000000012345']);
    case 'due_date':
      return random.pick(DATES);
    case 'debtor_email':
      return 'a.b@x.com';
    case 'debtor_phone':
      return '+55 11 98765-4321';
    case 'account_type':
      return u(random.pick(['CC', 'cartão']));
    case 'installment':
      return random.pick(['1', '3/12']);
  }
}

export function madeJsonFile(random: Random, count: number): FormatFile {
  const fields = random.shuffled([
    ...COLUMNS.keys().filter((column) => column < REQUIRED_COLUMNS || random.chance(0.6)),
  ]);
  const reading = madeReading(random, {});
  const fixed = reading?.fixed.map(({ column }) => column) ?? [];
  const columns = fields.filter((column) => !fixed.includes(column));
  const keys = columns.map((column) => random.pick([COLUMNS[column]!, `chave ${column}`, `número "${column}"`]));
  const format = { kind: 'json-lines', keys, ignoreUnknown: random.chance(0.5) } as const;
  const lineEnd = random.pick(['\n', '\r\n']);
  let text = '';
  for (let made = 0; made < count; made++) {
    text += jsonLine(random, keys, columns) + (random.chance(0.9) ? lineEnd : random.pick(['\n\n', '\r\n', '\n\r\n']));
  }
  if (random.chance(0.3)) text = text.replace(/[\r\n]+$/, '');
  return { plan: planOf(random, format, columns, reading), bytes: bytesOf(text) };
}

function jsonLine(random: Random, keys: readonly string[], columns: readonly number[]): string {
  const pairs = keys.map((key, index): string => {
    const name = COLUMNS[columns[index]!]!;
    return `${jsonText(random, u(key))}${blank(random)}:${blank(random)}${jsonValue(random, name)}`;
  });
  let kept = random.chance(0.5) ? pairs : random.shuffled(pairs);
  if (random.chance(0.3)) kept = kept.filter((pair) => random.chance(0.9) || /amount|name/.test(pair));
  if (random.chance(0.05)) kept = [...kept, random.pick(kept) ?? '"a":1'];
  if (random.chance(0.1)) kept.splice(random.integer(0, kept.length), 0, random.pick(OTHER_PAIRS));
  const line = `${blank(random)}{${blank(random)}${kept.join(`${blank(random)},`)}${blank(random)}}${blank(random)}`;
  return random.chance(0.1) ? broken(random, line) : line;
}

const OTHER_PAIRS = [
  '"x":[1,{"y":[true,false,null]},-0.5e+3]',
  '"\\u0078":{}',
  '"x":"\\ud83d\\ude00"',
  '"x":1,"x":2',
  '"__proto__":{"external_ref":"A"}',
  '"constructor":"\xff"',
  `"x":${'['.repeat(32)}${']'.repeat(32)}`,
  `"x":${'['.repeat(33)}${']'.repeat(33)}`,
  Array.from({ length: 250 }, (_, key) => `"k${key}":0`).join(),
  Array.from({ length: 257 }, (_, key) => `"k${key}":0`).join(),
];

const blank = (random: Random): string => (random.chance(0.9) ? '' : random.pick([' ', '\t', '  ', '\r']));

function jsonValue(random: Random, column: ColumnName): string {
  const dice = random.next();
  if (dice < 0.03) return 'null';
  if (dice < 0.05) return random.pick(['true', 'false', '[]', '{}', '[1]', '"a" ', '1.50', '-0', '1E3', '0.1e-7']);
  const content = madeContent(random, column);
  const isNumber = /^(0|[1-9][0-9]*)(\.[0-9]+)?$/.test(content);
  return isNumber && random.chance(0.5) ? content : jsonText(random, content);
}

/** A byte string as a JSON string: what must be is escaped, and now and then what need not be. */
function jsonText(random: Random, bytes: string): string {
  const eager = random.chance(0.1);
  let out = '"';
  for (const byte of bytes) {
    const code = byte.charCodeAt(0);
    if (byte === '"' || byte === '\\') out += `\\${byte}`;
    else if (code < 0x20 && random.chance(0.95)) out += `\\u${code.toString(16).padStart(4, '0')}`;
    else if (eager && code < 0x80 && random.chance(0.3)) {
      out += random.pick([`\\u${code.toString(16).padStart(4, '0')}`, byte === '/' ? '\\/' : byte]);
    } else out += byte;
  }
  if (eager) out += random.pick(['\\n', '\\ud83d\\ude00', '\\ud83d', '\\u00E7', '\\ude00\\ud83d', '']);
  return `${out}"`;
}

/** One byte replaced, put in or taken out; none becomes a line end, which has tests of its own. */
export function broken(random: Random, text: string): string {
  const at = random.integer(0, text.length);
  const byte = random.chance(0.7)
    ? random.pick([...'{}[]",:\\/0123456789.-+eEtfnu \t', '\0', '\x1a', '\x7f', '\x80', '\xff'])
    : String.fromCharCode(random.integer(0, 255)).replace('\n', ' ');
  return text.slice(0, at) + (random.chance(0.75) ? byte : '') + text.slice(at + random.integer(0, 1));
}

export function madeFixedFile(random: Random, count: number): FormatFile {
  const encoding = random.pick(['utf-8', 'windows-1252', 'iso-8859-1'] as const);
  const implied = random.chance(0.6) ? { impliedDecimals: random.pick([0, 1, 2]) } : {};
  const reading = madeReading(random, { encoding, ...implied });
  const fixed = reading?.fixed.map(({ column }) => column) ?? [];
  const columns = [...COLUMNS.keys()].filter(
    (column) => !fixed.includes(column) && (column < REQUIRED_COLUMNS || random.chance(0.5)),
  );
  let at = random.integer(0, 3);
  const slices = columns.map(() => {
    const slice = { at, bytes: random.pick([11, 12, 14, 20, 30]) };
    at += slice.bytes + random.pick([0, 0, 1]);
    return slice;
  });
  const lineBytes = at + random.integer(0, 4);
  const lineEnds = random.chance(0.7);
  const format = {
    kind: 'fixed-width',
    lineBytes,
    lineEnds,
    slices,
    skip: random.pick([[], ['H', '99'], ['C']]),
  } as const;
  const lineEnd = lineEnds ? random.pick(['\n', '\r\n']) : '';
  let text = '';
  for (let made = 0; made < count; made++) {
    const line = random.chance(0.1)
      ? random.pick(['H', '99', 'C1', '\x1a', '\x1a\x1a', '']).padEnd(random.chance(0.5) ? lineBytes : 0)
      : fixedLine(random, columns, slices, lineBytes);
    const whole = lineEnds ? line : line.padEnd(lineBytes).slice(0, lineBytes);
    text += (random.chance(0.1) && lineEnds ? broken(random, whole) : whole) + lineEnd;
  }
  if (random.chance(0.4)) text += random.pick(['\x1a', '\r\n', '\n', '\r', 'rest', '\x1a\r\n']);
  return { plan: planOf(random, format, columns, reading), bytes: bytesOf(text) };
}

function fixedLine(
  random: Random,
  columns: readonly number[],
  slices: readonly { readonly at: number; readonly bytes: number }[],
  lineBytes: number,
): string {
  let line = ' '.repeat(lineBytes);
  columns.forEach((column, field) => {
    const { at, bytes } = slices[field]!;
    const content = madeContent(random, COLUMNS[column]!).replaceAll('\n', ' ');
    const padded = random.pick([content.padEnd(bytes), content.padStart(bytes), content.padStart(bytes, '0')]);
    line = line.slice(0, at) + padded.slice(0, bytes) + line.slice(at + bytes);
  });
  return line;
}
