/** The kernel's reading of ranges against the oracle: every case, every chunking; every rule of every column. */
import { Readable } from 'node:stream';
import csvParser from 'csv-parser';
import { describe, expect, it } from 'vitest';
import { AssertionFailed } from '../../src/core/assert.ts';
import { COLUMNS, type ColumnName } from '../../src/kernel/columns.ts';
import { RangeKernel } from '../../src/kernel/kernel.ts';
import { COLUMN_CASES } from '../oracle/column-cases.ts';
import { driveKernel, judgeRecords } from '../oracle/drive.ts';
import { bytesOf } from '../oracle/grammar.ts';
import { planOf } from '../oracle/judge.ts';
import { type OracleRead, oracleFile } from '../oracle/oracle.ts';
import { HEADER, row, u } from '../oracle/shape.ts';
import { checkValue } from '../oracle/values.ts';
import { CASES } from './cases.ts';

const PAGE_BYTES = 4096;
const RECORD_BYTES_MAX = 1 << 15;

const readable = CASES.filter((shape) => 'records' in shape.expect);

function readOf(bytes: Uint8Array, recordBytesMax = RECORD_BYTES_MAX): OracleRead {
  const read = oracleFile(bytes, { recordBytesMax });
  if (read.fault !== undefined) throw new Error(`the oracle answers ${read.fault}`);
  return read;
}

interface Part {
  readonly start: number;
  readonly end: number;
  readonly firstLine: number;
}

/** Everything behind the header in ranges of so many records; empty lines belong to the range before them. */
function rangesOf(read: OracleRead, bytes: Uint8Array, recordsPerRange: number): Part[] {
  const starts = read.records
    .filter((_, index) => index > 0 && index % recordsPerRange === 0)
    .map(({ start }) => start);
  const edges = [read.header.end, ...starts, bytes.length];
  return edges.slice(0, -1).flatMap((start, index) => {
    const end = edges[index + 1]!;
    const firstLine = 1 + bytes.subarray(0, start).filter((byte) => byte === 0x0a).length;
    return end > start ? [{ start, end, firstLine }] : [];
  });
}

function judgeFile(
  bytes: Uint8Array,
  options: {
    recordBytesMax?: number;
    shards: number;
    chunkBytes: number;
    recordsPerRange?: number;
    pageBytes?: number;
  },
): string | undefined {
  const { recordBytesMax = RECORD_BYTES_MAX, shards, chunkBytes, pageBytes = PAGE_BYTES } = options;
  const read = readOf(bytes, recordBytesMax);
  const plan = planOf(read.fields, recordBytesMax, shards);
  for (const part of rangesOf(read, bytes, options.recordsPerRange ?? Infinity)) {
    const inside = read.records.filter(({ start }) => start >= part.start && start < part.end);
    const says = judgeRecords({ plan, bytes, ...part, chunkBytes, pageBytes }, inside);
    if (says !== undefined) return `[${part.start}, ${part.end}): ${says}`;
  }
  return undefined;
}

describe('a range', () => {
  it.each(readable)('gives what the oracle gives, in chunks of every size: $name', (shape) => {
    const bytes = bytesOf(shape.file);
    const { recordBytesMax } = shape;
    const body = bytes.length - readOf(bytes, recordBytesMax).header.end;
    for (let chunkBytes = 1; chunkBytes <= body; chunkBytes++) {
      const shards = 1 + (chunkBytes % 5);
      for (const recordsPerRange of [Infinity, 1, 2]) {
        const says = judgeFile(bytes, { recordBytesMax, shards, chunkBytes, recordsPerRange });
        if (says !== undefined) expect.fail(`chunks of ${chunkBytes}, ${shards} shards: ${says}`);
      }
    }
  });

  it('fills pages and blocks of every shard and gives them in line order', () => {
    const good = Array.from({ length: 900 }, (_, i) => `${row(`R${i % 700}`, { name: u(`Émile ${i}`) })}\n`);
    const mixed = good.map((text, i) => (i % 7 === 3 ? `${row(`X${i}`, { cpf: '52998224726' })}\r\n` : text));
    const bytes = bytesOf(HEADER + mixed.join(''));
    for (const shards of [1, 2, 3, 4, 5, 64]) {
      for (const chunkBytes of [100, 1000, 4096, 1 << 20]) {
        expect(judgeFile(bytes, { shards, chunkBytes, recordsPerRange: 400 })).toBeUndefined();
      }
    }
  });

  it('takes records of up to the limit: the raw bytes of a rejected one are kept whole', () => {
    const long = RECORD_BYTES_MAX - row('A', { name: '""' }).length - 1;
    const records = [
      row('A', { name: `"${'\n'.repeat(long)}"` }),
      row('B', { name: `"${u('Zé ').repeat(40)}"` }),
      row('C', { name: `"x${' '.repeat(long - 2)}y"` }),
      row('D', { name: 'y'.repeat(long) }),
      row('E'),
    ];
    const bytes = bytesOf(HEADER + records.map((text) => `${text}\n`).join(''));
    for (const chunkBytes of [1000, RECORD_BYTES_MAX, 1 << 20]) {
      expect(judgeFile(bytes, { shards: 2, chunkBytes })).toBeUndefined();
    }
    const outcomes = readOf(bytes).records.map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['rejected', 'staged', 'staged', 'rejected', 'staged']);
  });

  it('packs the largest record that passes into the smallest page', () => {
    const wide = '\u{10ffff}';
    const email = `${'a'.repeat(64)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`;
    const values: Record<ColumnName, string> = {
      external_ref: wide.repeat(64),
      debtor_name: wide.repeat(120),
      cpf: '99999999808',
      amount: '9999999999999.99',
      due_date: '9999-12-31',
      debtor_email: email,
      debtor_phone: '+123456789012345',
      creditor_name: wide.repeat(120),
      account_type: wide.repeat(40),
      installment: '999/999',
    };
    const line = COLUMNS.map((column) => u(values[column])).join(',');
    const bytes = bytesOf(`${COLUMNS.join(',')}\n${`${line}\n`.repeat(9)}`);
    const read = readOf(bytes);
    expect(read.records.map(({ outcome }) => outcome)).toEqual(new Array(9).fill('staged'));
    expect(judgeFile(bytes, { shards: 3, chunkBytes: 777 })).toBeUndefined();
  });

  it('counts totals beyond 32 and 53 bits', () => {
    const large = Array.from({ length: 30 }, (_, i) =>
      row(`R${i}`, { amount: '9999999999999.99', cpf: i % 2 ? '1' : '191'.padStart(11, '0') }),
    );
    const bytes = bytesOf(`${HEADER}${large.join('\n')}\n`);
    expect(judgeFile(bytes, { shards: 1, chunkBytes: 1 << 16 })).toBeUndefined();
  });

  it('reads another delimiter and another quote', () => {
    const columns = [0, 1, 2, 3, 4];
    const text = `A,"1";'Souza; ''Ana''\n"x"';52998224725;10.50;2025-01-31\nB;'Ana'x;1;1;1\n`;
    const bytes = bytesOf(text);
    const plan = { ...planOf(columns, RECORD_BYTES_MAX, 1), dialect: { delimiter: 0x3b, quote: 0x27 } };
    const { records } = driveKernel({
      plan,
      bytes,
      start: 0,
      end: bytes.length,
      firstLine: 2,
      chunkBytes: 7,
      pageBytes: PAGE_BYTES,
    });
    const values = ['A,"1"', `Souza; 'Ana' "x"`, '52998224725', '1050', '2025-01-31', '', '', '', '', ''];
    const split = text.indexOf('B;');
    expect(records.map((record) => JSON.parse(record))).toEqual([
      [2, 'staged', 0, split, values, ''],
      [4, 'rejected', 'QUOTE_MALFORMED', 'debtor_name', -1, '', text.slice(split)],
    ]);
  });

  it.each([
    { delimiter: 0x2c, quote: 0x2c },
    { delimiter: 0x0a, quote: 0x22 },
    { delimiter: 0x0d, quote: 0x22 },
    { delimiter: 0x2c, quote: 0x0a },
    { delimiter: 0, quote: 0x22 },
    { delimiter: 0x2c, quote: 0xe9 },
    { delimiter: 0x100, quote: 0x22 },
  ])('cannot be asked for with a dialect that has no meaning: %o', (dialect) => {
    const plan = { ...planOf([0, 1, 2, 3, 4], RECORD_BYTES_MAX, 1), dialect };
    expect(() => new RangeKernel(plan, 1, 0, PAGE_BYTES)).toThrow(AssertionFailed);
  });

  it('keeps lines and offsets of ranges that begin far into a file', () => {
    const bytes = bytesOf(`${HEADER}\n${row('A')}\n${row('B', { name: '"x\ny"' })}\r\n\n${row('C')}`);
    const read = readOf(bytes);
    const plan = planOf(read.fields, RECORD_BYTES_MAX, 1);
    const { end: start } = read.header;
    const driven = (firstLine: number) =>
      driveKernel({
        plan,
        bytes,
        start,
        end: bytes.length,
        firstLine,
        chunkBytes: 50,
        pageBytes: PAGE_BYTES,
      }).records.map((text) => JSON.parse(text)[0] as number);
    expect(driven(2)).toEqual([3, 4, 7]);
    expect(driven(2 ** 31)).toEqual([2 ** 31 + 1, 2 ** 31 + 2, 2 ** 31 + 5]);
  });
});

/** A content as a field: unquoted where that is possible, and quoted. */
function asFields(content: string): string[] {
  const quoted = `"${content.replaceAll('"', '""')}"`;
  return /[",\r\n]/.test(content) ? [quoted] : [content, quoted];
}

const GOOD: Record<ColumnName, string> = {
  external_ref: 'A-1',
  debtor_name: 'Ana Souza',
  cpf: '52998224725',
  amount: '10.50',
  due_date: '2025-01-31',
  debtor_email: 'a@b.co',
  debtor_phone: '+5511987654321',
  creditor_name: 'Loja',
  account_type: 'CC',
  installment: '1/2',
};

/** All columns; the one under test holds each content in turn, at both ends of the record and in its middle. */
function fileOf(column: ColumnName, contents: readonly string[]): string {
  const others = COLUMNS.filter((name) => name !== column);
  const orders = [
    [column, ...others],
    [...others, column],
    [...others.slice(0, 4), column, ...others.slice(4)],
  ];
  const order = orders[contents.length % 3]!;
  const lines = contents.map((content) => order.map((name) => (name === column ? content : GOOD[name])).join(','));
  return `${order.join(',')}\n${lines.map((line, i) => line + (i % 2 ? '\r\n' : '\n')).join('')}`;
}

describe.each(COLUMNS.map((column) => ({ column })))('column $column', ({ column }) => {
  it.each(
    COLUMN_CASES[column].map(([content, expected]) => ({ content, expected })),
  )('the oracle says $expected to $content', ({ content, expected }) => {
    const checked = checkValue(column, content);
    expect('code' in checked ? checked.code : `=${checked.value}`).toBe(expected);
  });

  it('the kernel says the same to every case', () => {
    const contents = COLUMN_CASES[column].flatMap(([content]) => asFields(content));
    for (const extra of [[], ['x'], ['x', 'y']]) {
      const bytes = bytesOf(fileOf(column, [...contents, ...extra]));
      for (const chunkBytes of [97, 1 << 20]) {
        expect(judgeFile(bytes, { shards: 2, chunkBytes })).toBeUndefined();
      }
    }
  });
});

describe('UTF-8', () => {
  /** Every lead byte with the continuations at the edges of their ranges. */
  function sequences(): string[] {
    const edges = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xa8, 0xa9, 0xaa, 0xbf, 0xc0];
    const out: string[] = [];
    for (let lead = 0x80; lead <= 0xff; lead++) {
      out.push(String.fromCharCode(lead));
      for (const second of edges) {
        out.push(String.fromCharCode(lead, second));
        for (const third of [0x41, 0x7f, 0x80, 0xa8, 0xa9, 0xaa, 0xbf, 0xc0]) {
          out.push(String.fromCharCode(lead, second, third));
          if (lead >= 0xf0)
            for (const fourth of [0x41, 0x80, 0xbf, 0xc0]) out.push(String.fromCharCode(lead, second, third, fourth));
        }
      }
    }
    return out;
  }

  it.each([
    'external_ref',
    'debtor_name',
  ] as const)('is checked as strictly as the platform does it, in %s', (column) => {
    const made = sequences();
    expect(made.length).toBeGreaterThan(15_000);
    const contents = made.map((sequence, i) => (i % 2 === 0 ? `ab${sequence}` : `a${sequence}b`));
    expect(judgeFile(bytesOf(fileOf(column, contents)), { shards: 1, chunkBytes: 1 << 16 })).toBeUndefined();
  });
});

describe('second opinions', () => {
  it('csv-parser reads the same values from benign files', async () => {
    const text = `${HEADER}${row('A', { name: '"Souza, ""Ana"""' })}\n${row('B', { name: u('José') })}\r\n${row('C', { name: '"x\ny"' })}\n`;
    const rows: Record<string, string>[] = [];
    for await (const parsed of Readable.from([Buffer.from(bytesOf(text))]).pipe(csvParser())) rows.push(parsed);
    const seen = readOf(bytesOf(text)).records.map((record) =>
      record.outcome === 'staged' ? record.values : undefined,
    );
    expect(seen.map((values) => [values?.external_ref, values?.debtor_name, values?.cpf, values?.due_date])).toEqual(
      rows.map((r) => [r['external_ref'], r['debtor_name']?.replace('\n', ' '), r['cpf'], r['due_date']]),
    );
    expect(rows.length).toBe(3);
    expect(judgeFile(bytesOf(text), { shards: 1, chunkBytes: 11 })).toBeUndefined();
  });

  it('an independent formula gives the same check digits of a CPF', () => {
    // Weights 1..9 (and 0..9), sum mod 11, 10 counts as 0: the ascending form of the same rule.
    const digit = (text: string, from: number) =>
      ([...text].reduce((sum, d, i) => sum + Number(d) * (i + from), 0) % 11) % 10;
    const cpfs: string[] = [];
    for (let i = 0; i < 2000; i++) {
      const nine = String((i * 499_979 + 7) % 1_000_000_000).padStart(9, '0');
      const first = digit(nine, 1);
      const second = digit(nine + first, 0);
      const right = `${nine}${first}${second}`;
      expect(checkValue('cpf', right)).toEqual({ value: right, warning: '' });
      const off = `${nine}${first}${(second + 1 + (i % 9)) % 10}`;
      expect(checkValue('cpf', off)).toEqual({ code: 'CPF_CHECK_DIGITS' });
      cpfs.push(right, off, `${nine}${(first + 1 + (i % 9)) % 10}${second}`);
    }
    expect(judgeFile(bytesOf(fileOf('cpf', cpfs)), { shards: 4, chunkBytes: 1 << 16 })).toBeUndefined();
  });
});
