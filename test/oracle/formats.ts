/**
 * The oracle for files that are not delimited: where their records are and what their fields hold, said with strings and
 * regular expressions. Byte strings: one character is one byte. Shares no code with the kernel but its tables.
 */
import type { RecordCodeName } from '../../src/core/codes.ts';
import { COLUMNS, type ColumnName, KIND_COLUMN, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import type { CnabFormat, FixedWidthFormat, JsonLinesFormat, RecordFormat, RecordPlan } from '../../src/kernel/plan.ts';
import { type DocumentRule, documentRule, nameOf } from './documents.ts';
import { byteString } from './grammar.ts';
import { KEPT, type OracleRecord, type OracleRejected, type OracleStaged } from './oracle.ts';
import { type Checked, checkLocalValue, checkValue, stored } from './values.ts';

/** A physical line, its end left out of `text`. */
export interface OracleLine {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface OracleGroup {
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly lines: readonly OracleLine[];
}

/** Every line from byte `from` on. */
export function oracleLines(text: string, format: RecordFormat, from = 0, firstLine = 1): OracleLine[] {
  const lines: OracleLine[] = [];
  for (let start = from, line = firstLine; start < text.length; line++) {
    let end: number;
    let content: string;
    if (format.kind !== 'json-lines' && !format.lineEnds) {
      end = Math.min(text.length, start + format.lineBytes);
      content = text.slice(start, end);
      // What is less than a line and begins like the end of an old file is nothing.
      if (content.length < format.lineBytes && /^[\n\r\x1a]/.test(content)) content = '';
    } else {
      const lf = text.indexOf('\n', start);
      end = lf < 0 ? text.length : lf + 1;
      content = lf < 0 ? text.slice(start) : text.slice(start, lf).replace(/\r$/, '');
      if (format.kind !== 'json-lines' && /^\x1a\r?$/.test(content)) content = '';
    }
    lines.push({ line, start, end, text: content });
    start = end;
  }
  return lines;
}

export type OracleLineKind = 'empty' | 'frame' | 'skipped' | 'single' | 'main' | 'mate' | 'further' | 'unknown';

export function oracleLineKind({ text }: OracleLine, format: RecordFormat): OracleLineKind {
  if (text === '') return 'empty';
  switch (format.kind) {
    case 'json-lines':
      return 'single';
    case 'fixed-width':
      return format.skip.some((prefix) => text.startsWith(prefix)) ? 'skipped' : 'single';
    case 'cnab-400': {
      const [type = ''] = text;
      if (type === '0' || type === '9') return 'frame';
      if (type === format.main) return 'main';
      return /[1-8]/.test(type) ? 'further' : 'unknown';
    }
    case 'cnab-240': {
      const [type = '', segment = ''] = [text[7], text[13]];
      if (/[0159]/.test(type)) return 'frame';
      if (type !== '3') return 'unknown';
      if (segment === format.main) return 'main';
      if (segment === format.mate) return 'mate';
      return /[A-Z]/.test(segment) ? 'further' : 'unknown';
    }
  }
}

/** Lines put together to records: a main line, its mate directly or after further ones, and further ones. */
export function oracleGroups(text: string, format: RecordFormat, from = 0, firstLine = 1): OracleGroup[] {
  const groups: OracleLine[][] = [];
  let open: { lines: OracleLine[]; kinds: OracleLineKind[] } | undefined;
  for (const line of oracleLines(text, format, from, firstLine)) {
    const kind = oracleLineKind(line, format);
    if (kind === 'empty' || kind === 'frame' || kind === 'skipped') {
      open = undefined;
      continue;
    }
    const isDebt = open !== undefined && (open.kinds[0] === 'main' || open.kinds.includes('mate'));
    const joins =
      (kind === 'mate' && open?.kinds[0] === 'main' && !open.kinds.includes('mate')) || (kind === 'further' && isDebt);
    if (joins && open !== undefined) {
      open.lines.push(line);
      open.kinds.push(kind);
      continue;
    }
    open = { lines: [line], kinds: [kind] };
    groups.push(open.lines);
  }
  return groups.map((lines) => ({
    line: lines[0]!.line,
    start: lines[0]!.start,
    end: lines.at(-1)!.end,
    lines,
  }));
}

/** What a field holds. */
type Content = { readonly text: string; readonly plainNumber?: boolean } | 'absent';

interface Refusal {
  readonly code: RecordCodeName;
  readonly column?: string;
}

export function oracleRecordsOf(bytes: Uint8Array, plan: RecordPlan, from = 0, firstLine = 1): OracleRecord[] {
  const { format } = plan;
  if (format === undefined) throw new Error('delimited files have an oracle of their own');
  return oracleGroups(byteString(bytes), format, from, firstLine).map((group) => {
    const read = readGroup(group, format, plan);
    return judge(group, plan, read.contents, read.refusal);
  });
}

interface Read {
  readonly refusal?: Refusal;
  /** Absent where the fields cannot be read. */
  readonly contents?: readonly Content[];
}

function readGroup(group: OracleGroup, format: RecordFormat, plan: RecordPlan): Read {
  switch (format.kind) {
    case 'json-lines':
      return readJson(group.lines[0]!.text, format, plan);
    case 'fixed-width':
      return readFixed(group.lines[0]!.text, format);
    default:
      return readCnab(group, format, plan);
  }
}

function readFixed(text: string, format: FixedWidthFormat): Read {
  if (text.length !== format.lineBytes) return { refusal: { code: 'LINE_LENGTH' } };
  return { contents: format.slices.map(({ at, bytes }) => ({ text: text.slice(at, at + bytes) })) };
}

const TOKENS = /"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|[{}[\],:]/gs;
const DEEPEST = 32;
const KEYS_MOST = 256;

/** The platform says whether a line is JSON; what it holds is read from its tokens, because the platform rounds numbers. */
function readJson(text: string, format: JsonLinesFormat, plan: RecordPlan): Read {
  if (!/^[ \t\r\n]*\{/.test(text)) return { refusal: { code: 'JSON_INVALID' } };
  const upToTooDeep = tooDeep(text);
  if (!isJson(upToTooDeep ?? text)) return { refusal: { code: 'JSON_INVALID' } };
  if (upToTooDeep !== undefined) return { refusal: { code: 'JSON_TOO_LARGE' } };
  const contents: Content[] = format.keys.map(() => 'absent');
  const seen = new Set<string>();
  let refusal: Refusal | undefined;
  for (const [index, [keyToken, token]] of pairsOf(text).entries()) {
    const key = unescaped(keyToken);
    const field = format.keys.findIndex((one) => byteString(Buffer.from(one, 'utf8')) === key);
    const column = field < 0 ? '' : (COLUMNS[plan.fields[field]!] ?? '');
    if (field < 0 && !format.ignoreUnknown) refusal ??= { code: 'JSON_KEY_UNKNOWN' };
    if (seen.has(key)) refusal ??= { code: 'JSON_KEY_REPEATED', column };
    seen.add(key);
    const isValue = token.startsWith('"') || /^[-0-9]/.test(token) || token === 'null';
    if (index === KEYS_MOST) refusal ??= { code: 'JSON_TOO_LARGE' };
    if (field < 0) continue;
    if (!isValue) refusal ??= { code: 'JSON_VALUE', column };
    else if (token === 'null') contents[field] = { text: '' };
    else contents[field] = token.startsWith('"') ? { text: unescaped(token) } : { text: token, plainNumber: true };
  }
  return refusal === undefined ? { contents } : { refusal };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The text up to where values are nested too deep, and what closes it there: whoever reads comes no farther. */
function tooDeep(text: string): string | undefined {
  const closers: string[] = [];
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === '{') closers.unshift('}');
    if (token === '[') closers.unshift(']');
    if (token === '}' || token === ']') closers.shift();
    if (closers.length > DEEPEST + 1) return text.slice(0, index + 1) + closers.join('');
  }
  return undefined;
}

/** Tokens of the keys of the outermost object, with the first token of their values. */
function pairsOf(text: string): [key: string, value: string][] {
  const pairs: [string, string][] = [];
  let depth = 0;
  let key: string | undefined;
  for (const [token] of text.matchAll(TOKENS)) {
    if (depth === 1 && key !== undefined && token !== ':') {
      pairs.push([key, token]);
      key = undefined;
    } else if (depth === 1 && key === undefined && token.startsWith('"')) key = token;
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
  }
  return pairs;
}

const LETTERS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** The bytes that a token of a string stands for; a surrogate that is alone in the form that UTF-8 forbids. */
function unescaped(token: string): string {
  return token
    .slice(1, -1)
    .replace(/\\(?:u([dD][89abAB]..)\\u([dD][c-fC-F]..)|u(....)|(.))/g, (_, high, low, one, letter: string) => {
      if (high !== undefined) {
        const point = 0x10000 + ((Number.parseInt(high, 16) & 0x3ff) << 10) + (Number.parseInt(low, 16) & 0x3ff);
        return byteString(Buffer.from(String.fromCodePoint(point), 'utf8'));
      }
      if (one === undefined) return LETTERS[letter] ?? letter;
      const unit = Number.parseInt(one, 16);
      if (unit < 0xd800 || unit > 0xdfff) return byteString(Buffer.from(String.fromCharCode(unit), 'utf8'));
      return String.fromCharCode(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 63), 0x80 | (unit & 63));
    });
}

function readCnab(group: OracleGroup, format: CnabFormat, plan: RecordPlan): Read {
  const { lines } = group;
  const kinds = lines.map((line) => oracleLineKind(line, format));
  if (lines.some(({ text }) => text.length !== format.lineBytes)) return { refusal: { code: 'LINE_LENGTH' } };
  if (kinds[0] === 'unknown') return { refusal: { code: 'LINE_UNKNOWN' } };
  if (kinds[0] !== 'main') return { refusal: { code: 'CNAB_LINE_ALONE' } };
  const signAt = format.kind === 'cnab-240' ? 13 : 0;
  const contents = format.slices.map(({ line, at, bytes }, field): Content => {
    const text = lines.find((one) => one.text[signAt] === line)?.text.slice(at, at + bytes) ?? '';
    return { text: COLUMNS[plan.fields[field]!] === 'external_ref' && /^ *0+ *$/.test(text) ? '' : text };
  });
  const { at, bytes } = format.movement;
  if (!format.entries.includes(lines[0]!.text.slice(at, at + bytes))) {
    return { refusal: { code: 'CNAB_MOVEMENT' }, contents };
  }
  if (format.mate !== '' && !kinds.includes('mate')) return { refusal: { code: 'CNAB_MATE_MISSING' }, contents };
  return { contents };
}

function judge(
  { line, start, end }: OracleGroup,
  { fields, reading }: RecordPlan,
  contents: readonly Content[] | undefined,
  refusal: Refusal | undefined,
): OracleRecord {
  const place = { line, start, end };
  const rejected = (values: Readonly<Record<string, string>>, { code, column = '' }: Refusal): OracleRejected => ({
    ...place,
    outcome: 'rejected',
    code,
    column,
    cents: (values['amount'] ?? '') === '' ? undefined : Number(values['amount']),
    ref: values['external_ref'] ?? '',
  });
  if (contents === undefined) return rejected({}, refusal!);
  const values = Object.fromEntries(COLUMNS.map((name) => [name, ''])) as Record<ColumnName, string>;
  for (const { column, value } of reading?.fixed ?? []) {
    const given = stored(COLUMNS[column]!, value);
    if ('value' in given) values[COLUMNS[column]!] = given.value;
  }
  let warning: OracleStaged['warning'] = '';
  let fault = refusal;
  const said = contents[fields.indexOf(KIND_COLUMN)];
  const document = documentRule(said === 'absent' ? undefined : said?.text, reading);
  contents.forEach((content, field) => {
    const number = fields[field]!;
    const name = nameOf(number, reading?.document);
    if (number === KIND_COLUMN && document.kind === undefined)
      fault ??= { code: 'DOCUMENT_KIND_UNKNOWN', column: name };
    const column = COLUMNS[number];
    if (column === undefined) return;
    const checked = checkContent(column, content, reading, document.check);
    if ('code' in checked) fault ??= { code: checked.code, column: name };
    else {
      const kept = content === 'absent' && checked.value === '' && COLUMNS.indexOf(column) >= REQUIRED_COLUMNS;
      values[column] = kept ? KEPT : checked.value;
      if (checked.warning !== '') warning = checked.warning;
    }
  });
  if (fault !== undefined) return rejected(values, fault);
  return { ...place, outcome: 'staged', values, cents: Number(values.amount), warning };
}

function checkContent(
  column: ColumnName,
  content: Content,
  reading: RecordPlan['reading'],
  document: DocumentRule['check'],
): Checked {
  if (content === 'absent') return checkContent(column, { text: '' }, reading, document);
  if (reading === undefined) return checkValue(column, content.text);
  const plain = content.plainNumber === true && column === 'amount' && !reading.nulls.includes(content.text);
  return plain ? checkValue(column, content.text) : checkLocalValue(column, content.text, reading, document);
}
