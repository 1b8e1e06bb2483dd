/**
 * `remessa profile infer` from outside: the profile that it proposes for files of really different shapes reads them as they
 * are, to the last value; and where it cannot decide, it says what.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { type Ran, type Sandbox, sandboxes } from './harness.ts';
import { ingested } from './judge.ts';
import { american, iso, type MadeDebt, madeDebts, money } from './onboarding/debts.ts';
import { type OptionalColumn, SHAPES } from './onboarding/shapes.ts';

const sandbox = sandboxes();

interface Report {
  readonly document: Readonly<Record<string, unknown>>;
  readonly complete: boolean;
  readonly decided: readonly Finding[];
  readonly doubts: readonly Finding[];
  readonly undecided: readonly Finding[];
  readonly trial?: { readonly records: number; readonly passed: number };
}

interface Finding {
  readonly key: string;
  readonly value: string;
  readonly evidence: string;
}

const COLUMNS: Readonly<Record<OptionalColumn, string>> = {
  email: 'debtor_email',
  phone: 'debtor_phone',
  creditor: 'creditor_name',
  type: 'account_type',
  installment: 'installment',
};

/** All debts of the client, by reference. */
function stored(box: Sandbox): unknown[] {
  const db = new DatabaseSync(box.data('debts.db'), { readOnly: true });
  try {
    const columns = `external_ref, debtor_name, document, amount_cents, due_date, ${Object.values(COLUMNS).join(', ')}`;
    return db
      .prepare(`SELECT ${columns} FROM debts ORDER BY external_ref`)
      .all()
      .map((row) => Object.values(row));
  } finally {
    db.close();
  }
}

function expected(debts: readonly MadeDebt[], optional: readonly OptionalColumn[]): unknown[] {
  const value = (debt: MadeDebt, column: OptionalColumn): string | null =>
    optional.includes(column) && debt[column] !== '' ? debt[column] : null;
  return debts
    .map((debt) => [
      debt.ref,
      debt.name,
      debt.cpf,
      debt.cents,
      iso(debt),
      ...(Object.keys(COLUMNS) as OptionalColumn[]).map((column) => value(debt, column)),
    ])
    .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}

describe('infer', () => {
  it.each(
    SHAPES.map((make) => make()).map((shape) => [shape.name, shape] as const),
  )('finds a profile that reads %s as it is', async (_, shape) => {
    const { box } = sandbox;
    const file = box.write('unknown.dat', shape.bytes);
    const draft = box.path('draft.json');
    const ran = await box.run(['profile', 'infer', file, '--out', draft]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stdout).toBe('');
    const added = await box.run(['profile', 'add', 'found', draft]);
    expect(added.code, added.stderr).toBe(0);
    const receipt = await ingested(box, file, 'acme', { options: ['--profile', 'found'] });
    expect(receipt.lines, ran.stderr).toMatchObject({
      total: shape.debts.length,
      created: shape.debts.length,
      rejected: 0,
    });
    expect(stored(box)).toEqual(expected(shape.debts, shape.optional));
    // What it says holds no one's document or name.
    for (const { cpf, name } of shape.debts.slice(0, 50)) {
      expect(ran.stderr).not.toContain(cpf);
      expect(ran.stderr).not.toContain(name);
    }
  });
});

async function reported(
  box: Sandbox,
  content: Buffer | string,
  ...options: string[]
): Promise<{ readonly ran: Ran; readonly report: Report }> {
  const ran = await box.run(['profile', 'infer', box.write('unknown.dat', content), '--json', ...options]);
  return { ran, report: JSON.parse(ran.stdout) as Report };
}

const HEADER = 'contrato;nome;cpf;valor;vencimento\n';
const file = (debts: readonly MadeDebt[], day: (debt: MadeDebt) => string): string =>
  HEADER + debts.map((d) => `${d.ref};${d.name};${d.cpf};${money(d.cents, ',', '')};${day(d)}\n`).join('');

const FIXTURES = join(import.meta.dirname, '../../fixtures/profiles');

describe('CNAB files', () => {
  const NAMES = ['cnab-240', 'cnab-400-itau', 'cnab-400-bradesco', 'cnab-400-bb'];
  it.each(NAMES)('are known by their lines and header: %s', async (name) => {
    const { box } = sandbox;
    const file = join(FIXTURES, `${name}.rem`);
    const draft = box.path('draft.json');
    const ran = await box.run(['profile', 'infer', file, '--as-of', '2026-08-03', '--out', draft]);
    expect(ran.code, ran.stderr).toBe(0);
    expect(JSON.parse(readFileSync(draft, 'utf8'))).toEqual(
      JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')),
    );
    expect(ran.stderr).toMatch(/cnab.reference {2}document-number: which number of a title is the debt's reference/);
    expect((await box.run(['profile', 'add', 'found', draft])).code).toBe(0);
    const receipt = await ingested(box, file, 'acme', { options: ['--profile', 'found'] });
    const debts = JSON.parse(readFileSync(join(FIXTURES, `${name}.debts.json`), 'utf8')) as unknown[];
    expect(receipt.lines).toMatchObject({ created: debts.length });
  });
});

describe('infer from outside', () => {
  it('names what it cannot decide, and gives the rest to be mended', async () => {
    const { box } = sandbox;
    const { ran, report } = await reported(box, file(madeDebts(60, 21), american));
    expect([ran.code, report.complete]).toEqual([1, false]);
    expect(report.undecided).toEqual([
      {
        key: 'locale.date',
        value: '',
        evidence: expect.stringMatching(/only be read MM\/DD\/YYYY, which no profile reads/),
      },
    ]);
    const draft = box.path('draft.json');
    const again = await box.run(['profile', 'infer', box.path('unknown.dat'), '--out', draft]);
    expect([again.code, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toMatch(/not decided:\n {2}locale.date/);
    expect(again.stderr).toMatch(/no whole profile yet/);
    expect(JSON.parse(readFileSync(draft, 'utf8'))).toEqual(report.document);
  });

  it('knows which column has the references that a client has registered', async () => {
    const { box } = sandbox;
    const debts = madeDebts(40, 41);
    const known = box.write(
      'known.csv',
      `external_ref,debtor_name,cpf,amount,due_date\n${debts.map((d) => `${d.ref},${d.name},${d.cpf},1.00,${iso(d)}\n`).join('')}`,
    );
    await ingested(box, known, 'acme');
    const content = `pedido;chave;nome;cpf;valor;vencimento\n${debts.map((d, i) => `${d.ref};K${i};${d.name};${d.cpf};${money(d.cents, ',', '')};${iso(d)}\n`).join('')}`;
    const { report } = await reported(box, content, '--client', 'acme');
    expect(report.doubts).toContainEqual({
      key: 'columns.external_ref',
      value: '«pedido»',
      evidence: expect.stringMatching(/40 of its values are references that are registered/),
    });
    const stranger = await box.run(['profile', 'infer', box.path('unknown.dat'), '--client', 'nobody']);
    expect(stranger.code).toBe(2);
  });

  it.each<[string, Buffer, RegExp, number]>([
    ['nothing', Buffer.alloc(0), /FILE_EMPTY/, 1],
    ['an archive', Buffer.from('PK\x03\x04....'), /FILE_ARCHIVE/, 1],
    ['UTF-16', Buffer.from('\ufeffa;b;c\n', 'utf16le'), /FILE_UTF16/, 1],
    ['gzip that was cut', Buffer.from('1f8b08000000000000034b', 'hex'), /GZIP_TRUNCATED/, 1],
  ])('is no text: %s', async (_, content, says, code) => {
    const { box } = sandbox;
    const ran = await box.run(['profile', 'infer', box.write('unknown.dat', content)]);
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(ran.stderr).toMatch(says);
  });

  it('says that there is no such file, and writes no half document', async () => {
    const { box } = sandbox;
    const missing = await box.run(['profile', 'infer', box.path('none.csv')]);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringMatching(/INPUT_MISSING/)]);
    const path = box.write('unknown.dat', file(madeDebts(30, 51), iso));
    const refused = await box.run(['profile', 'infer', path, '--out', box.path('no', 'such', 'folder.json')]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/--out cannot be written: ENOENT/)]);
  });
});
