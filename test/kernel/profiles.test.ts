/** What a profile asks of the kernel, against the oracle: every notation of a value, hostile files of random profiles. */
import { describe, expect, it } from 'vitest';
import { COLUMNS, IGNORED_COLUMN } from '../../src/kernel/columns.ts';
import type { Reading, RecordPlan } from '../../src/kernel/plan.ts';
import { compileProfile, type ProfileDocument } from '../../src/kernel/profile.ts';
import { CNPJ_CASES, documentRule } from '../oracle/documents.ts';
import { judgeRecords } from '../oracle/drive.ts';
import { bytesOf, oracleRecords } from '../oracle/grammar.ts';
import { show } from '../oracle/judge.ts';
import { checkRecord } from '../oracle/oracle.ts';
import { compiled, driveOf, madeProfile, madeProfileFile } from '../oracle/profiles.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';
import { checkLocalValue } from '../oracle/values.ts';

const PROFILES = 500;
const RECORDS = 25;

function readingOf(document: Omit<ProfileDocument, 'format'>): Reading {
  const { reading } = compiled({ format: 1, ...document });
  if (reading === undefined) throw new Error('the profile reads as the default format does');
  return reading;
}

describe('notations', () => {
  const br = readingOf({ locale: { decimal: ',', thousands: '.', date: 'DD/MM/YYYY' } });
  const blanks = readingOf({ locale: { decimal: '.', thousands: ' ', date: 'DDMMYY', pivot: 30 } });
  const cases: readonly (readonly [reading: Reading, column: 'amount' | 'due_date', content: string, says: string])[] =
    [
      [br, 'amount', '1234,56', '123456'],
      [br, 'amount', '1.234,56', '123456'],
      [br, 'amount', '1.234.567', '123456700'],
      [br, 'amount', '0,5', '50'],
      [br, 'amount', '9.999.999.999.999,99', '999999999999999'],
      [br, 'amount', '10.000.000.000.000', 'AMOUNT_TOO_LARGE'],
      [br, 'amount', '0,00', 'AMOUNT_NOT_POSITIVE'],
      [br, 'amount', '1234.56', 'AMOUNT_FORMAT'],
      [br, 'amount', '1.23', 'AMOUNT_FORMAT'],
      [br, 'amount', '1234.567', 'AMOUNT_FORMAT'],
      [br, 'amount', '.234', 'AMOUNT_FORMAT'],
      [br, 'amount', '1.234.56,00', 'AMOUNT_FORMAT'],
      [br, 'amount', '1.2345', 'AMOUNT_FORMAT'],
      [br, 'amount', '1.234,', 'AMOUNT_FORMAT'],
      [br, 'amount', '1,234', 'AMOUNT_FORMAT'],
      [br, 'amount', '1,2.3', 'AMOUNT_FORMAT'],
      [br, 'amount', ',50', 'AMOUNT_FORMAT'],
      [br, 'amount', '-1,00', 'AMOUNT_FORMAT'],
      [br, 'amount', 'R$ 1,00', 'AMOUNT_FORMAT'],
      [blanks, 'amount', '12 345.6', '1234560'],
      [blanks, 'amount', '12  345.6', 'AMOUNT_FORMAT'],
      [br, 'due_date', '31/01/2025', '2025-01-31'],
      [br, 'due_date', '29/02/2024', '2024-02-29'],
      [br, 'due_date', '29/02/2025', 'DATE_NOT_REAL'],
      [br, 'due_date', '00/01/2025', 'DATE_NOT_REAL'],
      [br, 'due_date', '01/13/2025', 'DATE_NOT_REAL'],
      [br, 'due_date', '01/01/0000', 'DATE_NOT_REAL'],
      [br, 'due_date', '2025-01-31', 'DATE_FORMAT'],
      [br, 'due_date', '1/1/2025', 'DATE_FORMAT'],
      [br, 'due_date', '31-01-2025', 'DATE_FORMAT'],
      [blanks, 'due_date', '310129', '2029-01-31'],
      [blanks, 'due_date', '310130', '1930-01-31'],
      [blanks, 'due_date', '290200', '2000-02-29'],
      [blanks, 'due_date', '3101300', 'DATE_FORMAT'],
      [readingOf({ locale: { date: 'YYYYMMDD' } }), 'due_date', '20250131', '2025-01-31'],
      [readingOf({ locale: { date: 'YYYYMMDD' } }), 'due_date', '20251301', 'DATE_NOT_REAL'],
      [readingOf({ locale: { date: 'DDMMYYYY' } }), 'due_date', '31012025', '2025-01-31'],
      [readingOf({ locale: { date: 'DDMMYYYY' } }), 'due_date', '3101202a', 'DATE_FORMAT'],
    ];

  it.each(cases)('oracle and kernel say of %#: %s %s «%s» is %s', (reading, column, content, says) => {
    const checked = checkLocalValue(column, content, reading);
    expect('code' in checked ? checked.code : checked.value).toBe(says);
    expect(judgeOne(reading, column, content)).toBeUndefined();
  });

  it('every byte of both encodings is read as the platform reads it', () => {
    for (const encoding of ['windows-1252', 'iso-8859-1'] as const) {
      const reading = readingOf({ encoding });
      for (let byte = 0; byte < 256; byte++) {
        if (byte === 0x0a || byte === 0x0d || byte === 0x22 || byte === 0x3b) continue;
        const content = `a${String.fromCharCode(byte)}b`;
        expect(judgeOne(reading, 'debtor_name', content), `${encoding} ${byte}`).toBeUndefined();
      }
    }
    const euro = checkLocalValue('debtor_name', 'Jos\xe9 \x80', readingOf({ encoding: 'windows-1252' }));
    expect(euro).toEqual({ value: 'José €', warning: '' });
    expect(checkLocalValue('debtor_name', 'Jos\xe9 \x80', readingOf({ encoding: 'iso-8859-1' }))).toEqual({
      code: 'CHARACTER_INVALID',
    });
    expect(checkLocalValue('debtor_name', 'a\x81b', readingOf({ encoding: 'windows-1252' }))).toEqual({
      code: 'CHARACTER_INVALID',
    });
  });

  it('markers of nothing, defaults, fixed and required columns', () => {
    const columns = Object.fromEntries(COLUMNS.map((name) => [name, {}])) as Record<string, object>;
    columns['creditor_name'] = { fixed: 'Loja Ágil' };
    columns['account_type'] = { default: 'CC' };
    columns['debtor_email'] = { required: true };
    columns['due_date'] = { default: '2025-02-28' };
    const { reading } = compiled({ format: 1, columns, nulls: ['NULL', '-'] } as ProfileDocument);
    const fields = [0, 1, 2, 3, 4, 5, IGNORED_COLUMN, 6, 8, 9];
    const text =
      'A;Ana;52998224725;1.50;-;a@b.co;x;NULL;;\n' +
      'B;Ana;52998224725;1.50; NULL ;NULL;x;;"-";1\n' +
      'NULL;Ana;52998224725;1.50;2025-01-01;a@b.co;x;;;\n' +
      'C;-;52998224725;NULL;2025-01-01;a@b.co;"x"y;;;\n' +
      'D;-;52998224725;1.00;2025-01-01;a@b.co;;;;\n';
    const bytes = bytesOf(text);
    const plan: RecordPlan = {
      dialect: { delimiter: 0x3b, quote: 0x22 },
      fields,
      recordBytesMax: 1000,
      shards: 2,
      hashSeed: 1,
      ...(reading === undefined ? {} : { reading }),
    };
    const records = oracleRecords(text, 0, 1, { delimiter: ';', quote: '"' }).map((r) =>
      checkRecord(r, fields, reading),
    );
    expect(records.map((r) => (r.outcome === 'staged' ? r.values : [r.code, r.column]))).toEqual([
      {
        ...Object.fromEntries(COLUMNS.map((name) => [name, ''])),
        external_ref: 'A',
        debtor_name: 'Ana',
        cpf: '52998224725',
        amount: '150',
        due_date: '2025-02-28',
        debtor_email: 'a@b.co',
        creditor_name: 'Loja Ágil',
        account_type: 'CC',
      },
      ['REQUIRED', 'debtor_email'],
      ['REQUIRED', 'external_ref'],
      ['QUOTE_MALFORMED', ''],
      ['REQUIRED', 'debtor_name'],
    ]);
    for (let chunkBytes = 1; chunkBytes <= bytes.length; chunkBytes++) {
      const drive = { plan, bytes, start: 0, end: bytes.length, firstLine: 1, chunkBytes, pageBytes: 4096 };
      expect(judgeRecords(drive, records)).toBeUndefined();
    }
  });
});

describe('a CNPJ', () => {
  const reading = readingOf({ document: { kind: 'cnpj' } });
  it.each(CNPJ_CASES)('oracle and kernel say of %j %s', (content, says) => {
    const checked = checkLocalValue('cpf', content, reading, documentRule(undefined, reading).check);
    expect('code' in checked ? checked.code : `=${checked.value}`).toBe(says);
    expect(judgeOne(reading, 'cpf', content)).toBeUndefined();
  });
});

/** One content in a record that is good otherwise, unquoted and quoted. */
function judgeOne(
  reading: Reading,
  column: 'amount' | 'due_date' | 'debtor_name' | 'cpf',
  content: string,
): string | undefined {
  const date = {
    'YYYY-MM-DD': '2025-01-31',
    'DD/MM/YYYY': '31/01/2025',
    YYYYMMDD: '20250131',
    DDMMYYYY: '31012025',
    DDMMYY: '310125',
  };
  const good = {
    external_ref: 'A',
    debtor_name: 'Ana',
    cpf: '52998224725',
    amount: '10',
    due_date: date[reading.date],
  };
  const fields = [4, 2, 1, 3, 0];
  const line = (value: string) =>
    fields.map((index) => (COLUMNS[index] === column ? value : good[COLUMNS[index] as 'cpf'])).join(';');
  const text = `${line(content)}\n${line(`"${content}"`)}\r\n`;
  const records = oracleRecords(text, 0, 1, { delimiter: ';', quote: '"' }).map((r) => checkRecord(r, fields, reading));
  const bytes = bytesOf(text);
  const plan = {
    dialect: { delimiter: 0x3b, quote: 0x22 },
    reading,
    fields,
    recordBytesMax: 400,
    shards: 1,
    hashSeed: 1,
  };
  const drive = { plan, bytes, start: 0, end: bytes.length, firstLine: 1, chunkBytes: 7, pageBytes: 4096 };
  return judgeRecords(drive, records);
}

describe('files of random profiles', () => {
  it(`${PROFILES} profiles read their files as the oracle does, cut anywhere`, () => {
    const seed = fuzzSeed(11);
    const random = new Random(seed);
    const codes = new Map<string, number>();
    for (let i = 0; i < PROFILES; i++) {
      const file = madeProfileFile(random, madeProfile(random, random.chance(0.5)), RECORDS);
      const says = judgeRecords(driveOf(file, random.pick([1, 3, 17, 100, 1000, 1 << 20])), file.records);
      if (says !== undefined) {
        expect.fail(
          `REMESSA_FUZZ_SEED=${seed}, profile ${i}: ${says}\n${JSON.stringify(file.document)}\n${show(file.bytes)}`,
        );
      }
      for (const record of file.records) {
        const code = record.outcome === 'rejected' ? record.code : record.warning;
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    // The files are worth something only where every code comes up and good records are frequent.
    expect(codes.size).toBe(24);
    expect(codes.get('')).toBeGreaterThan(PROFILES * 4);
  });

  it('one file, cut at every place', () => {
    const random = new Random(12);
    for (let i = 0; i < 6; i++) {
      const file = madeProfileFile(random, madeProfile(random, i % 2 === 0), 8);
      for (let chunkBytes = 1; chunkBytes <= file.bytes.length; chunkBytes++) {
        expect(judgeRecords(driveOf(file, chunkBytes), file.records)).toBeUndefined();
      }
    }
  });
});

describe('the approval that a document asks for', () => {
  it.each([
    [undefined, undefined],
    ['required', {}],
    [{ recordsMin: 10 }, { recordsMin: 10 }],
    [
      { recordsMin: 10, amountMin: '500000.50' },
      { recordsMin: 10, centsMin: 50_000_050 },
    ],
  ] as const)('%j is the rule %j', (approval, rule) => {
    const document = { format: 1, ...(approval === undefined ? {} : { approval }) } as const;
    expect(compiled(document).approval).toEqual(rule);
  });
});

describe('documents that contradict themselves', () => {
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, {}]));
  it.each([
    [{ dialect: { delimiter: '"' } }, /delimiter and quote/],
    [{ locale: { decimal: ',', thousands: ',' } }, /decimal and thousands/],
    [{ dialect: { header: false } }, /stand by position/],
    [{ dialect: { fields: 3 } }, /only where columns stand by position/],
    [{ columns: { external_ref: {} } }, /cpf is missing/],
    [{ columns: { ...columns, external_ref: { fixed: 'A' } } }, /reference of its own/],
    [{ columns: { ...columns, amount: { fixed: '1,00' } } }, /columns.amount: fixed is no value/],
    [{ columns: { ...columns, amount: { fixed: '1.00', name: 'x' } } }, /one of name, position and fixed/],
    [{ columns: { ...columns, cpf: { name: 'amount' } } }, /stands there already/],
    [{ columns: { ...columns, cpf: { position: 3 } } }, /stand by position, so/],
    [{ columns: { ...columns, account_type: { fixed: ' CC' } } }, /columns.account_type: fixed/],
    [{ nulls: [' x'] }, /can never stand/],
    [{ rules: { amountMin: '2', amountMax: '1' } }, /above amountMax/],
    [{ rules: { amountMin: '0' } }, /not an amount above zero/],
    [{ approval: { amountMin: '0.00' } }, /approval.amountMin: not an amount above zero/],
    [{ approval: { recordsMin: 5, amountMin: '1,00' } }, /approval.amountMin: not an amount/],
  ] as const)('%j', (document, says) => {
    const answer = compileProfile({ format: 1, ...document } as ProfileDocument);
    expect('problems' in answer ? answer.problems.join('; ') : 'fine').toMatch(says);
  });
});
