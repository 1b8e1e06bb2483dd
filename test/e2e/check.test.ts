/** `remessa profile check` from outside: what it says of a file, and that it leaves nothing. */
import { Buffer } from 'node:buffer';
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sandboxes } from './harness.ts';
import { filesBelow, ingested } from './judge.ts';
import { type MadeDebt, madeDebts, money, slashed } from './onboarding/debts.ts';

const sandbox = sandboxes();

const PROFILE = {
  format: 1,
  dialect: { delimiter: ';' },
  locale: { date: 'DD/MM/YYYY' },
  columns: {
    external_ref: { name: 'contrato' },
    debtor_name: { name: 'nome' },
    cpf: {},
    amount: { name: 'valor' },
    due_date: { name: 'vencimento' },
  },
};
const HEADER = 'contrato;nome;cpf;valor;vencimento\n';
const line = (d: MadeDebt, amount: string, cpf = d.cpf): string =>
  `${d.ref};${d.name};${cpf};${amount};${slashed(d)}\n`;

interface Report {
  readonly status: string;
  readonly reason: string | null;
  readonly records: number;
  readonly pass: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly errors: readonly {
    readonly code: string;
    readonly records: number;
    readonly examples: readonly { readonly line: number; readonly column: string; readonly value: string }[];
  }[];
  readonly hints: readonly {
    readonly hint: string;
    readonly passes?: number;
    readonly of?: number;
    readonly change: string;
  }[];
}

describe('check', () => {
  it('tells the errors that are most, with masked examples and proved hints, and leaves nothing', async () => {
    const { box } = sandbox;
    const debts = madeDebts(4000, 1);
    const text =
      HEADER +
      debts
        .map((d, i) =>
          line(d, i % 10 < 7 ? money(d.cents, ',', '.') : money(d.cents, '.', ''), i % 100 === 99 ? '191' : d.cpf),
        )
        .join('');
    const file = box.write('unknown.csv', gzipSync(text));
    const profile = box.write('p.json', JSON.stringify(PROFILE));
    const env = { REMESSA_RANGE_BYTES: '64KiB', REMESSA_READ_BYTES: '64KiB', REMESSA_RECORD_BYTES_MAX: '32KiB' };
    const ran = await box.run(['profile', 'check', file, '--profile', profile, '--as-of', '2026-08-03', '--json'], {
      env,
    });
    expect(ran.code, ran.stderr).toBe(0);
    const report = JSON.parse(ran.stdout) as Report;
    expect(report).toMatchObject({
      status: 'completed',
      reason: null,
      records: 4000,
      pass: 1160,
      rejected: 2840,
      duplicates: 0,
    });
    expect(report.errors.map(({ code, records }) => [code, records])).toEqual([
      ['AMOUNT_FORMAT', 2800],
      ['CPF_FORMAT', 40],
    ]);
    const [amounts, documents] = report.errors;
    expect(amounts?.examples.map(({ line: at, column, value }) => [at, column, value])).toEqual(
      [0, 1, 2].map((i) => [i + 2, 'amount', money((debts[i] as MadeDebt).cents, ',', '.')]),
    );
    expect(documents?.examples.map(({ line: at, column, value }) => [at, column, value])).toEqual(
      [101, 201, 301].map((at) => [at, 'document', '***']),
    );
    expect(report.hints[0]).toMatchObject({ hint: 'DECIMAL_COMMA', passes: 2800, of: 2800 });
    expect(report.hints.find(({ hint }) => hint === 'LEADING_ZEROS')).toMatchObject({ passes: 40, of: 40 });
    for (const { cpf, name } of debts.slice(0, 300)) {
      expect(ran.stdout + ran.stderr).not.toContain(cpf);
      expect(ran.stdout).not.toContain(name);
    }
    // It had no data folder, and has none now.
    expect(existsSync(box.dataDir)).toBe(false);
  });

  it('says in words why a file cannot be read at all, and exits 1; --strict tells rejects', async () => {
    const { box } = sandbox;
    const debts = madeDebts(50, 2);
    const good = HEADER + debts.map((d) => line(d, money(d.cents, '.', ''))).join('');
    const profile = box.write('p.json', JSON.stringify(PROFILE));
    const check = (content: string, ...options: string[]) =>
      box.run([
        'profile',
        'check',
        box.write('f.csv', content),
        '--profile',
        profile,
        '--as-of',
        '2026-08-03',
        ...options,
      ]);
    const wrong = await check(good.replaceAll(';', '|'));
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.not.stringMatching(/at /)]);
    expect(wrong.stdout).toMatch(/COLUMN_UNKNOWN: .*line 1/);
    expect(wrong.stdout).not.toMatch(/b-[0-9a-z]{16}/);
    expect(wrong.stdout).toMatch(
      /another delimiter\? dialect: \{ "delimiter": "\|" \}: 100 % of 50 sampled records would pass/,
    );
    const fine = await check(good, '--strict');
    expect([fine.code, fine.stdout]).toEqual([0, expect.stringMatching(/50 of 50 records pass, 0 would be rejected/)]);
    const strict = await check(`${good}X;Ana;1;1;1\n${good.split('\n')[1]}\n`, '--strict');
    expect([strict.code, strict.stdout]).toEqual([
      3,
      expect.stringMatching(/50 of 52 records pass, 1 would be rejected, 1 repeat/),
    ]);
  });

  it('goes beside a daemon, by a stored profile and the bounds of a client, and changes neither debts nor batches', async () => {
    const { box } = sandbox;
    const debts = madeDebts(30, 3);
    const file = box.write('f.csv', HEADER + debts.map((d) => line(d, money(d.cents, '.', ''))).join(''));
    await box.run(['clients', 'add', 'acme', '--name', 'Acme', '--amount-min', '500.00']);
    expect((await box.run(['profiles', 'add', 'p', box.write('p.json', JSON.stringify(PROFILE))])).code).toBe(0);
    const daemon = await box.serve();
    // What a killed check left behind goes with the next one; what somebody is making now stays.
    for (const [name, age] of [
      ['old', 600],
      ['new', 0],
    ] as const) {
      mkdirSync(box.data('scratch', name, 'objects'), { recursive: true });
      writeFileSync(box.data('scratch', name, 'objects', 'file'), 'x');
      const at = Date.now() / 1000 - age;
      utimesSync(box.data('scratch', name), at, at);
    }
    const ran = await box.run([
      'profile',
      'check',
      file,
      '--profile',
      'p@1',
      '--client',
      'acme',
      '--as-of',
      '2026-08-03',
      '--json',
    ]);
    expect(ran.code, ran.stderr).toBe(0);
    const below = debts.filter(({ cents }) => cents < 50_000).length;
    const report = JSON.parse(ran.stdout) as Report;
    expect([report.pass, report.errors.map(({ code, records }) => [code, records])]).toEqual([
      30 - below,
      [['AMOUNT_BELOW_MINIMUM', below]],
    ]);
    expect(readdirSync(box.data('scratch'))).toEqual(['new']);
    const batches = await box.run(['batches', '--json']);
    expect(JSON.parse(batches.stdout)).toEqual([]);
    expect(filesBelow(box.data('objects')).filter((path) => !path.includes('.incoming'))).toEqual([]);
    await daemon.kill('SIGTERM');
    const receipt = await ingested(box, file, 'acme', { options: ['--profile', 'p'] });
    expect(receipt.lines).toMatchObject({ created: 30 - below, rejected: below });
  });

  it('wants a profile and a file that are there', async () => {
    const { box } = sandbox;
    const file = box.write('f.csv', Buffer.from(HEADER));
    const none = await box.run(['profile', 'check', file, '--profile', box.path('none.json')]);
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/INPUT_MISSING/)]);
    const bad = await box.run(['profile', 'check', file, '--profile', box.write('bad.json', '{"format":2}')]);
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringMatching(/PROFILE_INVALID/)]);
    const missing = await box.run(['profile', 'check', join(box.root, 'no.csv'), '--profile', 'default']);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringMatching(/INPUT_MISSING/)]);
    expect((await box.run(['profile', 'check', file])).code).toBe(2);
    expect(existsSync(box.data('scratch'))).toBe(false);
  });
});
