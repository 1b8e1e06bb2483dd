/** Each hint about failing records with its proof, and examples that show a form and nobody. */
import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { fileHints } from '../../src/engine/check/fileHints.ts';
import { type Hint, hintsOf } from '../../src/engine/check/hints.ts';
import { maskedRecord, maskedValue } from '../../src/engine/check/masked.ts';
import { infer } from '../../src/engine/infer/infer.ts';
import { sampleOf } from '../../src/engine/infer/sample.ts';
import { planOf, type Rejected, rulesOf, tryRuns } from '../../src/engine/infer/trial.ts';
import { AMOUNT, DOCUMENT, EMAIL, NAME, NO_COLUMN, REF } from '../../src/kernel/columns.ts';
import { readOpening } from '../../src/kernel/opening.ts';
import { compileProfile, type ProfileDocument } from '../../src/kernel/profile.ts';
import { american, bare, cnpjWith, iso, type MadeDebt, madeDebts, money, slashed } from '../e2e/onboarding/debts.ts';

const TODAY = '2026-08-03';

/** The hints for a file under a document. */
function hinted(document: ProfileDocument, content: Buffer | string): Hint[] {
  const compiled = compileProfile(document);
  if ('problems' in compiled) throw new Error(compiled.problems.join());
  const bytes = Buffer.from(content);
  const opening = readOpening(bytes, bytes.length, true, compiled);
  if (opening.kind !== 'header') throw new Error(`${opening.kind} is no header`);
  const plan = planOf(compiled, opening);
  const rules = rulesOf(compiled, TODAY);
  const rejected: Rejected[] = [];
  tryRuns(plan, rules, [bytes.subarray(opening.end)], (one) => rejected.push(one));
  return hintsOf({ document, plan, rules, rejected });
}

const DEBTS = madeDebts(60, 9);
const HEADER = 'external_ref;debtor_name;cpf;amount;due_date;debtor_email\n';
const BASE: ProfileDocument = { format: 1, dialect: { delimiter: ';' }, locale: { decimal: ',', date: 'DD/MM/YYYY' } };

interface Written {
  readonly name?: (debt: MadeDebt, index: number) => string;
  readonly cpf?: (debt: MadeDebt, index: number) => string;
  readonly amount?: (debt: MadeDebt, index: number) => string;
  readonly day?: (debt: MadeDebt, index: number) => string;
  readonly email?: (debt: MadeDebt, index: number) => string;
}

function fileOf({ name, cpf, amount, day, email }: Written): string {
  const line = (d: MadeDebt, i: number): string =>
    [
      d.ref,
      name?.(d, i) ?? d.name,
      cpf?.(d, i) ?? d.cpf,
      amount?.(d, i) ?? money(d.cents, ',', ''),
      day?.(d, i) ?? slashed(d),
      email?.(d, i) ?? '',
    ].join(';');
  return HEADER + DEBTS.map((d, i) => `${line(d, i)}\n`).join('');
}

const COMPANY = {
  external_ref: {},
  debtor_name: {},
  cnpj: { name: 'cpf' },
  amount: {},
  due_date: {},
  debtor_email: {},
};
const quarter = (index: number): boolean => index % 4 === 0;

describe('a hint about failing records', () => {
  it.each<[string, string, ProfileDocument, Written, RegExp, number]>([
    [
      'decimal comma',
      'DECIMAL_COMMA',
      { ...BASE, locale: { date: 'DD/MM/YYYY' } },
      { amount: (d) => money(d.cents, ',', '.') },
      /"decimal": ","/,
      60,
    ],
    ['decimal point', 'DECIMAL_POINT', BASE, { amount: (d) => money(d.cents, '.', ',') }, /"decimal": "\."/, 60],
    [
      'thousands mark read as decimals',
      'THOUSANDS_MARK',
      BASE,
      { amount: (_, i) => (quarter(i) ? '1.234' : '99,00') },
      /"thousands": "\."/,
      15,
    ],
    ['days in another form', 'DATE_FORM', BASE, { day: bare }, /"date": "YYYYMMDD"/, 60],
    [
      'day and month swapped',
      'DAY_MONTH_SWAPPED',
      BASE,
      { day: (d) => american({ ...d, day: 13 + (d.day % 15) }) },
      /month before the day/,
      60,
    ],
    [
      'days with a time',
      'DATE_WITH_TIME',
      BASE,
      { day: (d, i) => (quarter(i) ? `${slashed(d)} 00:00` : slashed(d)) },
      /day alone/,
      15,
    ],
    [
      'days as numbers of a spreadsheet',
      'SPREADSHEET_DAY',
      BASE,
      { day: (d, i) => (quarter(i) ? '45321' : slashed(d)) },
      /as a date/,
      15,
    ],
    ['leading zeros lost', 'LEADING_ZEROS', BASE, { cpf: (d, i) => (quarter(i) ? '191' : d.cpf) }, /as text/, 15],
    [
      'CNPJs in a column of CPFs',
      'CNPJ',
      BASE,
      { cpf: (d, i) => (quarter(i) ? '11.222.333/0001-81' : i % 4 === 1 ? '12ABC34501DE35' : d.cpf) },
      /which documents/,
      30,
    ],
    [
      'CPFs in a column of CNPJs',
      'CPF',
      { ...BASE, document: { kind: 'cnpj' }, columns: COMPANY },
      { cpf: (d, i) => (quarter(i) ? d.cpf : cnpjWith(10_000_000 + i)) },
      /"kind": "cpf"/,
      15,
    ],
    [
      'numbers with an exponent',
      'SCIENTIFIC',
      BASE,
      { cpf: (d, i) => (quarter(i) ? '5,29982E+10' : d.cpf) },
      /as text/,
      15,
    ],
    [
      'a currency sign',
      'CURRENCY',
      BASE,
      { amount: (d, i) => (quarter(i) ? `R$ ${money(d.cents, ',', '')}` : money(d.cents, ',', '')) },
      /without it/,
      15,
    ],
    [
      'negative amounts',
      'NEGATIVE',
      BASE,
      { amount: (d, i) => (quarter(i) ? `-${money(d.cents, ',', '')}` : money(d.cents, ',', '')) },
      /what they mean/,
      15,
    ],
    [
      'amounts of zero',
      'ZERO_AMOUNTS',
      BASE,
      { amount: (d, i) => (quarter(i) ? '0,00' : money(d.cents, ',', '')) },
      /open debts/,
      15,
    ],
    ['markers of nothing', 'NULLS', BASE, { email: (_, i) => (quarter(i) ? 'N/A' : '') }, /"nulls": \["N\/A"\]/, 15],
    [
      'dates in the future',
      'FUTURE_DATES',
      BASE,
      { day: (d, i) => (quarter(i) ? slashed({ ...d, year: 2027 }) : slashed(d)) },
      /"futureDueDates": "accept"/,
      15,
    ],
    [
      'debts that are old',
      'OLD_DEBTS',
      BASE,
      { day: (d, i) => (quarter(i) ? slashed({ ...d, year: 2019 }) : slashed(d)) },
      /ageMonthsMax/,
      15,
    ],
    [
      'another quote',
      'QUOTE',
      BASE,
      { name: (d, i) => (quarter(i) ? `'${d.name}; filho'` : d.name) },
      /"quote": "'"/,
      15,
    ],
  ])('knows %s', (_, hint, document, written, change, passes) => {
    const hints = hinted(document, fileOf(written));
    const found = hints.find((one) => one.hint === hint);
    expect(found, JSON.stringify(hints)).toMatchObject({ passes, of: passes, change: expect.stringMatching(change) });
    // What explains most stands first, and what explains nothing is not said.
    expect(hints[0]?.passes).toBe(passes);
    expect(hints.every((one) => one.passes > 0)).toBe(true);
  });

  it('knows Windows-1252 read as UTF-8', () => {
    const content = Buffer.from(fileOf({}), 'latin1');
    const high = DEBTS.filter(({ name }) => /[^\x20-\x7e]/.test(name)).length;
    expect(hinted(BASE, content)).toEqual([expect.objectContaining({ hint: 'WINDOWS_1252', passes: high, of: high })]);
  });

  it('knows another delimiter, where columns stand by position', () => {
    const columns = {
      external_ref: { position: 1 },
      debtor_name: { position: 2 },
      cpf: { position: 3 },
      amount: { position: 4 },
      due_date: { position: 5 },
    };
    const document: ProfileDocument = {
      format: 1,
      dialect: { header: false, fields: 6 },
      locale: { decimal: ',', date: 'DD/MM/YYYY' },
      columns,
    };
    const content = fileOf({}).slice(HEADER.length);
    expect(hinted(document, content).find(({ hint }) => hint === 'DELIMITER')).toMatchObject({
      passes: 60,
      of: 60,
      change: expect.stringContaining('";"'),
    });
  });

  it('looks into objects and lines of fixed width too', () => {
    const object = (d: MadeDebt, i: number) =>
      JSON.stringify({
        external_ref: d.ref,
        debtor_name: d.name,
        cpf: quarter(i) ? '191' : d.cpf,
        amount: '1.00',
        due_date: iso(d),
      });
    const objects = DEBTS.map((d, i) => `${object(d, i)}\n`).join('');
    expect(hinted({ format: 1, kind: 'json-lines' }, objects)).toEqual([
      expect.objectContaining({ hint: 'LEADING_ZEROS', passes: 15, of: 15 }),
    ]);
    const places = {
      external_ref: { at: 1, bytes: 10 },
      debtor_name: { at: 11, bytes: 40 },
      cpf: { at: 51, bytes: 11 },
      amount: { at: 62, bytes: 12 },
      due_date: { at: 74, bytes: 10 },
    };
    const fixed: ProfileDocument = {
      format: 1,
      kind: 'fixed-width',
      fixedWidth: { bytes: 83 },
      encoding: 'windows-1252',
      columns: places,
    };
    const lines = DEBTS.map(
      (d) => `${d.ref.padEnd(10)}${d.name.padEnd(40)}${d.cpf}${money(d.cents, ',', '').padStart(12)}${iso(d)}\n`,
    ).join('');
    expect(hinted(fixed, Buffer.from(lines, 'latin1'))[0]).toMatchObject({ hint: 'DECIMAL_COMMA', passes: 60, of: 60 });
    const swapped = DEBTS.map(
      (d) =>
        `${d.ref.padEnd(10)}${d.name.padEnd(40)}${d.cpf}${money(d.cents, '.', '').padStart(12)}${d.year}-${20 + (d.day % 8)}-01\n`,
    ).join('');
    expect(hinted(fixed, Buffer.from(swapped, 'latin1'))[0]).toMatchObject({
      hint: 'DAY_MONTH_SWAPPED',
      passes: 60,
      of: 60,
    });
  });

  it('is none where nothing fails, and none that a single odd record proves', () => {
    expect(hinted(BASE, fileOf({}))).toEqual([]);
    const odd = hinted(BASE, fileOf({ cpf: (d, i) => (i === 0 ? '191' : i % 2 === 0 ? 'ISENTO' : d.cpf) }));
    expect(odd).toEqual([]);
  });
});

describe('a hint about the file', () => {
  async function hintsFor(document: ProfileDocument, content: string | Buffer, failed = false): Promise<string[]> {
    const bytes = Buffer.from(content);
    const sample = await sampleOf({ bytes: bytes.length, read: async (start, end) => bytes.subarray(start, end) });
    const proposal = await infer(sample, { today: TODAY });
    return fileHints(document, sample, proposal, failed).map(({ hint, change }) => `${hint} ${change}`);
  }
  const positions = {
    external_ref: { position: 1 },
    debtor_name: { position: 2 },
    cpf: { position: 3 },
    amount: { position: 4 },
    due_date: { position: 5 },
  };

  it.each<[string, ProfileDocument, string | Buffer, boolean, RegExp]>([
    [
      'a wrong delimiter',
      { ...BASE, dialect: {} },
      fileOf({}),
      true,
      /^DELIMITER .*";".*100 % of 60 sampled records would pass/,
    ],
    ['lines before the header', BASE, `Relatório\nde julho\n${fileOf({})}`, true, /^SKIPPED_LINES .*"skipLines": 2/],
    ['a header that is missing', BASE, fileOf({}).slice(HEADER.length), true, /^HEADER_MISSING /],
    [
      'a header taken for a record',
      { ...BASE, dialect: { delimiter: ';', header: false, fields: 6 }, columns: positions },
      fileOf({}),
      false,
      /^HEADER_THERE /,
    ],
    [
      'other names',
      { ...BASE, columns: { external_ref: {}, debtor_name: {}, cpf: {}, amount: { name: 'valor' }, due_date: {} } },
      fileOf({}).replace('amount', 'Valor da dívida'),
      true,
      /^NAME columns: \{ "amount": \{ "name": "Valor da dívida" \} \}/,
    ],
    [
      'UTF-8 read as Windows-1252',
      { ...BASE, encoding: 'windows-1252' },
      fileOf({}),
      false,
      /^UTF8 .*valid UTF-8, 0 are not/,
    ],
    ['text encoded twice', BASE, Buffer.from(Buffer.from(fileOf({})).toString('latin1')), false, /^ENCODED_TWICE /],
  ])('knows %s', async (_, document, content, failed, says) => {
    const hints = await hintsFor(document, content, failed);
    expect(
      hints.some((hint) => says.test(hint)),
      hints.join('\n'),
    ).toBe(true);
  });

  it("is none where the profile is the file's", async () => {
    expect(await hintsFor(BASE, fileOf({}))).toEqual([]);
  });
});

describe('an example', () => {
  it.each<[string, number, string]>([
    ['529.982.247-25', DOCUMENT, '***.982.247-**'],
    ['52998224725', DOCUMENT, '***982247**'],
    ['000052998224725', DOCUMENT, '*******982247**'],
    ['191', DOCUMENT, '***'],
    ['5,29982E+10', DOCUMENT, '*,*****E+**'],
    ['José da Silva 3', NAME, 'Xxxx xx Xxxxx 9'],
    ['ana@b', EMAIL, 'xxx@x'],
    ['1.234,5', AMOUNT, '1.234,5'],
    ['31/12/2024', 4, '31/12/2024'],
    ['CT-1234567', REF, 'CT-*******'],
  ])('of %s in column %i shows %s', (value, column, shown) => {
    expect(maskedValue(value, column)).toBe(shown);
  });

  it('of a whole record shows no name and no document', () => {
    const shown = maskedRecord('A1;José da Silva;529.982.247-25;52998224725;1.234,56;31/12/2024;11987654321\r\n');
    expect(shown).not.toMatch(/José|Silva|529|247-25|4725|119876/);
    expect(shown).toMatch(/^x1;xxxx xx xxxxx;\*\*\*\.982\.247-\*\*;/);
    expect(maskedValue('x\u001b[2J\n', NO_COLUMN)).not.toMatch(/[\u001b\n]/);
    expect(maskedRecord('A1;529 982 247 25;1')).not.toMatch(/529|247 25/);
    expect(maskedRecord('x'.repeat(1000)).length).toBeLessThan(70);
  });

  it('is of a day, which tells nobody', () => {
    expect(maskedValue(iso(DEBTS[0] as MadeDebt), 4)).toBe(iso(DEBTS[0] as MadeDebt));
  });
});
