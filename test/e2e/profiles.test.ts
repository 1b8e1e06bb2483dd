/** `remessa ingest` of files that profiles describe: every record's outcome, the answers in UTF-8, the pinned version. */
import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { csvRows } from './csv.ts';
import { sandboxes } from './harness.ts';
import { answersOf, ingested, storedDebts } from './judge.ts';

const sandbox = sandboxes();

const BRASIL = {
  format: 1,
  dialect: { delimiter: ';' },
  encoding: 'windows-1252',
  locale: { decimal: ',', thousands: '.', date: 'DD/MM/YYYY' },
  columns: {
    external_ref: { name: 'Contrato' },
    debtor_name: { name: 'Razão' },
    cpf: { name: 'CPF' },
    amount: { name: 'Valor' },
    due_date: { name: 'Vencimento' },
    creditor_name: { fixed: 'Energética São João' },
    account_type: { name: 'Tipo', default: 'conta' },
  },
  unknownColumns: 'ignore',
  nulls: ['NULL'],
  rules: { amountMin: '5.00' },
} as const;

const latin = (text: string) => Buffer.from(text, 'latin1');

const HEADER = 'Contrato;Razão;CPF;Obs;Valor;Vencimento;Tipo\r\n';
const GOOD = (n: number) =>
  `"Nº ${n}";"José da Conceição";"529.982.247-25";"a;b";"1.234,${String(n % 100).padStart(2, '0')}";"31/01/2026";"NULL"\r\n`;
const LITTLE = '"P";"Ana Luísa";"52998224725";"";"4,99";"31/01/2026";"luz"\r\n';
const WRONG = '"W";"Ação";"52998224725";"";"1234.56";"31/01/2026";"luz"\r\n';

async function added(document: unknown, name = 'brasil') {
  const { box } = sandbox;
  const ran = await box.run(['profiles', 'add', name, box.write(`${name}.json`, JSON.stringify(document))]);
  expect(ran.code, ran.stderr).toBe(0);
}

const SMALL_CUT = { REMESSA_RANGE_BYTES: '64KiB', REMESSA_READ_BYTES: '64KiB', REMESSA_RECORD_BYTES_MAX: '32KiB' };

describe('a profile', () => {
  it.each([
    ['in one message', 40, {}],
    ['in ranges and shards', 4000, { ...SMALL_CUT, REMESSA_SHARD_RECORDS: '1000' }],
  ])('reads a Brazilian file %s', async (_, good, env) => {
    const { box } = sandbox;
    await added(BRASIL);
    const goods = Array.from({ length: good }, (_unused, n) => GOOD(n + 1)).join('');
    const file = box.write('debts.csv', latin(HEADER + goods + LITTLE + WRONG));
    const receipt = await ingested(box, file, 'acme', { options: ['--profile', 'brasil'], env });
    expect(receipt.lines).toMatchObject({ total: good + 2, created: good, rejected: 2 });
    expect(receipt.rejectedBy).toEqual({ AMOUNT_FORMAT: 1, AMOUNT_BELOW_MINIMUM: 1 });
    if (good > 1000) expect(receipt.ranges).toBeGreaterThan(3);

    const debts = storedDebts(box, 'acme');
    expect(debts).toHaveLength(good);
    const shown = await box.run(['debts', '--client', 'acme', '--external-ref', 'Nº 7']);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      external_ref: 'Nº 7',
      debtor_name: 'José da Conceição',
      cpf: '52998224725',
      amount: '1234.07',
      due_date: '2026-01-31',
      creditor_name: 'Energética São João',
      account_type: 'conta',
    });

    const answers = await answersOf(box, receipt.batch);
    const retorno = csvRows(answers.retorno);
    expect(retorno[1]?.slice(0, 3)).toEqual(['2', 'Nº 1', 'created']);
    expect(csvRows(answers.rejects).map((row) => [row[1], row[2], row[4]])).toEqual([
      ['column', 'code', 'raw'],
      ['amount', 'AMOUNT_BELOW_MINIMUM', LITTLE.trim()],
      ['amount', 'AMOUNT_FORMAT', WRONG.trim()],
    ]);
    expect(answers.resubmit.equals(latin(HEADER + LITTLE + WRONG))).toBe(true);
    const batch = await box.run(['batch', receipt.batch, '--json']);
    expect(JSON.parse(batch.stdout)).toMatchObject({ profile: 'brasil@1' });

    // What was mended comes in by the same profile.
    const mended = box.write('mended.csv', latin(answers.resubmit.toString('latin1').replace('1234.56', '1234,56')));
    const again = await ingested(box, mended, 'acme', { options: ['--profile', 'brasil'], env });
    expect(again.lines).toMatchObject({ total: 2, created: 1, rejected: 1 });
  });

  it("without a header, by positions behind passed-over lines, is the client's own", async () => {
    const { box } = sandbox;
    const columns = {
      external_ref: { position: 5 },
      debtor_name: { position: 1 },
      cpf: { position: 2 },
      amount: { position: 3 },
      due_date: { position: 4 },
    };
    const locale = { date: 'DDMMYY', pivot: 50 };
    await added(
      { format: 1, dialect: { delimiter: '|', header: false, skipLines: 1, fields: 6 }, locale, columns },
      'lugar',
    );
    const add = await box.run(['clients', 'add', 'acme', '--name', 'Acme', '--profile', 'lugar']);
    expect(add.code, add.stderr).toBe(0);
    const text =
      'BANCO "X" 2026\nAna Lima|52998224725|10.00|310126|A1|\nAna Lima|52998224725|10.00|320126|A2|x\nAna|1\n';
    const receipt = await ingested(box, box.write('f.txt', text), 'acme');
    expect(receipt.lines).toMatchObject({ total: 3, created: 1, rejected: 2 });
    const { retorno, resubmit } = await answersOf(box, receipt.batch);
    expect(csvRows(retorno).map((row) => row.slice(0, 4))).toEqual([
      ['line', 'external_ref', 'outcome', 'code'],
      ['2', 'A1', 'created', ''],
      ['3', 'A2', 'rejected', 'DATE_NOT_REAL'],
      ['4', '', 'rejected', 'FIELD_COUNT'],
    ]);
    expect(resubmit.toString()).toBe('BANCO "X" 2026\nAna Lima|52998224725|10.00|320126|A2|x\nAna|1\n');
  });

  it('draws the lines of age and due date elsewhere', async () => {
    const { box } = sandbox;
    await added({ format: 1, rules: { ageMonthsMax: 120, futureDueDates: 'accept' } }, 'idade');
    const due = ['2016-08-03', '2016-08-02', '2026-08-03', '2030-01-01'];
    const rows = due.map((day, n) => `A${n},Ana,52998224725,1.00,${day}\n`).join('');
    const text = `external_ref,debtor_name,cpf,amount,due_date\n${rows}`;
    const receipt = await ingested(box, box.write('a.csv', text), 'acme', { options: ['--profile', 'idade'] });
    expect(receipt.lines).toMatchObject({ created: 3, rejected: 1 });
    expect(receipt.rejectedBy).toEqual({ DEBT_PRESCRIBED: 1 });
    expect(receipt.warnedBy).toEqual({ DEBT_NEAR_PRESCRIPTION: 1 });
  });

  it('stays the version that a batch was accepted under; one that nobody knows ends the batch', async () => {
    const { box } = sandbox;
    const version = (delimiter: string) => ({ format: 1, dialect: { delimiter } });
    await added(version(';'));
    await added(version('|'));
    const rows = (mark: string) =>
      ['external_ref,debtor_name,cpf,amount,due_date', 'A,Ana,52998224725,1.00,2026-01-31', '']
        .join('\n')
        .replaceAll(',', mark);
    const older = await ingested(box, box.write('a.csv', rows(';')), 'acme', { options: ['--profile', 'brasil@1'] });
    expect(older.lines['created']).toBe(1);
    const newer = await ingested(box, box.write('b.csv', rows('|')), 'acme', { options: ['--profile', 'brasil'] });
    expect(newer.lines['unchanged']).toBe(1);
    const unknown = await box.run(['ingest', box.path('a.csv'), '--client', 'acme', '--profile', 'brasil@9']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/no such profile/);
  });
});
