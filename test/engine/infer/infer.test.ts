/** What is inferred of a file's parts, and that nothing that a file holds breaks it. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { infer, type Proposal } from '../../../src/engine/infer/infer.ts';
import { foldedName, isForeign, meaningsOf } from '../../../src/engine/infer/names.ts';
import { sampleOf } from '../../../src/engine/infer/sample.ts';
import { readProfile } from '../../../src/engine/profiles.ts';
import type { ColumnName } from '../../../src/kernel/columns.ts';
import {
  american,
  cnpjWith,
  iso,
  type MadeDebt,
  madeDebts,
  money,
  short,
  slashed,
} from '../../e2e/onboarding/debts.ts';

const TODAY = '2026-08-03';

async function inferred(content: string | Buffer): Promise<Proposal> {
  const bytes = Buffer.from(content);
  const sample = await sampleOf({ bytes: bytes.length, read: async (start, end) => bytes.subarray(start, end) });
  return await infer(sample, { today: TODAY });
}

describe('a name in a header', () => {
  it.each<[string, ColumnName]>([
    ['Nome', 'debtor_name'],
    ['NOME_DO_DEVEDOR', 'debtor_name'],
    ['nm_cli', 'debtor_name'],
    ['Razão Social', 'debtor_name'],
    ['Sacado', 'debtor_name'],
    ['CPF', 'cpf'],
    ['CPF/CNPJ', 'cpf'],
    ['cpfCnpj', 'cpf'],
    ['Nº CPF', 'cpf'],
    ['Valor', 'amount'],
    ['VLR. TÍTULO', 'amount'],
    ['Saldo Devedor (R$)', 'amount'],
    ['vl_divida', 'amount'],
    ['Vencimento', 'due_date'],
    ['Dt. Vencto', 'due_date'],
    ['DATA_VENCIMENTO', 'due_date'],
    ['dueDate', 'due_date'],
    ['Contrato', 'external_ref'],
    ['Nr Contrato', 'external_ref'],
    ['Nº do Título', 'external_ref'],
    ['Nosso Número', 'external_ref'],
    ['ID', 'external_ref'],
    ['E-mail', 'debtor_email'],
    ['e_mail do cliente', 'debtor_email'],
    ['Fone', 'debtor_phone'],
    ['Celular 1', 'debtor_phone'],
    ['Credor', 'creditor_name'],
    ['Tipo de Dívida', 'account_type'],
    ['Parcela', 'installment'],
    ['PREST', 'installment'],
  ])('%s means %s first', (name, column) => {
    expect(meaningsOf(name)[0]?.column, foldedName(name)).toBe(column);
  });

  it.each([
    'Data de Emissão',
    'Juros',
    'Valor pago',
    'CEP',
    'Cidade',
    'UF',
    'Observação',
    'Data de nascimento',
    'Tipo de pessoa',
    'RG',
  ])('%s is of no column', (name) => {
    expect([isForeign(name), meaningsOf(name)]).toEqual([true, []]);
  });

  it('may mean several', () => {
    expect(new Set(meaningsOf('Documento').map(({ column }) => column))).toEqual(new Set(['cpf', 'external_ref']));
    for (const name of ['', '???', '__proto__', 'constructor', '\u0000']) expect(meaningsOf(name)).toEqual([]);
  });
});

const debts = madeDebts(80, 3);
const table = (header: string, line: (debt: (typeof debts)[number], index: number) => string): string =>
  [header, ...debts.map(line)].join('\n').concat('\n');

describe('a proposal', () => {
  it('says no more than the file differs by', async () => {
    const { document, complete, doubts } = await inferred(
      table(
        'external_ref,debtor_name,cpf,amount,due_date',
        (d) => `${d.ref},${d.name},${d.cpf},${money(d.cents, '.', '')},${iso(d)}`,
      ),
    );
    expect([document, complete, doubts]).toEqual([{ format: 1 }, true, []]);
  });

  it('tells the column of documents from that of references by what stands in it', async () => {
    const { document } = await inferred(
      table(
        'documento;numero documento;nome;valor;vencimento',
        (d) => `${d.ref};${d.cpf};${d.name};${money(d.cents, ',', '')};${iso(d)}`,
      ),
    );
    expect(document.columns).toMatchObject({ external_ref: { name: 'documento' }, cpf: { name: 'numero documento' } });
  });

  it('is not misled by single faulty contents: a reference that is too long, an amount with other marks', async () => {
    const [first, ...others] = madeDebts(120, 41);
    const rows = [{ ...first!, ref: 'X'.repeat(70) }, ...others].map((debt, index) => {
      const amount = index === 5 ? '1 234,56' : money(debt.cents + 100_000, ',', '');
      return `${debt.ref};${debt.name};${debt.cpf};${amount};${iso(debt)}`;
    });
    const { document, complete } = await inferred(`contrato;nome;cpf;valor;vencimento\n${rows.join('\n')}\n`);
    expect(complete).toBe(true);
    expect(document.columns?.external_ref).toEqual({ name: 'contrato' });
    expect(document.locale).toEqual({ decimal: ',' });
  });

  it('takes the column whose name is the surest, and names the other', async () => {
    const proposal = await inferred(
      table(
        'contrato;nome;cpf;valor atualizado;valor;vencimento',
        (d) => `${d.ref};${d.name};${d.cpf};${money(d.cents + 500, ',', '')};${money(d.cents, ',', '')};${iso(d)}`,
      ),
    );
    expect(proposal.document.columns?.amount).toEqual({ name: 'valor' });
    expect(proposal.doubts).toContainEqual({
      key: 'columns.amount',
      value: '«valor»',
      evidence: "could be «valor atualizado» as well: which one is the debt's?",
    });
  });

  it('reads a repeated header by position', async () => {
    const { document, complete } = await inferred(
      table(
        'contrato;nome;cpf;valor;vencimento;nome',
        (d) => `${d.ref};${d.name};${d.cpf};${money(d.cents, ',', '')};${iso(d)};São Paulo`,
      ),
    );
    expect([complete, document.dialect, document.columns?.debtor_name]).toEqual([
      true,
      { delimiter: ';', fields: 6 },
      { position: 2 },
    ]);
  });

  it('leaves out an optional column whose contents would reject their records', async () => {
    const content = (bad: number) =>
      table(
        'contrato;nome;cpf;valor;vencimento;email',
        (d, i) =>
          `${d.ref};${d.name};${d.cpf};${money(d.cents, ',', '')};${iso(d)};${i < bad ? 'sem arroba' : `a${i}@b.com`}`,
      );
    const few = await inferred(content(3));
    expect(few.document.columns?.debtor_email).toEqual({ name: 'email' });
    expect(few.doubts.map(({ evidence }) => evidence).join()).toMatch(/3 of 80 contents of «email» are none/);
    const many = await inferred(content(30));
    expect([many.complete, many.document.columns?.debtor_email, many.document.unknownColumns]).toEqual([
      true,
      undefined,
      'ignore',
    ]);
    expect(many.trial).toMatchObject({ records: 80, passed: 80 });
  });

  it('takes markers of nothing for what they are', async () => {
    const { document, trial } = await inferred(
      table(
        'contrato;nome;cpf;valor;vencimento;fone',
        (d, i) =>
          `${d.ref};${d.name};${d.cpf};${money(d.cents, ',', '')};${iso(d)};${i % 3 === 0 ? 'N/A' : i % 3 === 1 ? '-' : d.phone}`,
      ),
    );
    expect(new Set(document.nulls)).toEqual(new Set(['N/A', '-']));
    expect(trial).toMatchObject({ passed: 80 });
  });

  it('finds the pivot of years with two digits', async () => {
    const { document } = await inferred(
      table(
        'contrato;nome;cpf;valor;venc',
        (d, i) => `${d.ref};${d.name};${d.cpf};${money(d.cents, ',', '')};${i % 9 === 0 ? '150399' : short(d)}`,
      ),
    );
    expect(document.locale).toMatchObject({ date: 'DDMMYY', pivot: 99 });
  });

  it.each<[string, (cents: number) => string, object, RegExp | undefined]>([
    ['comma and points', (c) => money(c, ',', '.'), { decimal: ',', thousands: '.' }, undefined],
    ['comma alone', (c) => money(c, ',', ''), { decimal: ',' }, undefined],
    ['point and commas', (c) => `"${money(c, '.', ',')}"`, { thousands: ',' }, undefined],
    [
      'small ones with a comma',
      (c) => money((c % 90_000) + 1, ',', ''),
      { decimal: ',', thousands: '.' },
      /no amount of a thousand or more/,
    ],
    [
      'groups without decimals',
      (c) => money(c - (c % 100) + 100, ',', '.').slice(0, -3),
      { decimal: ',', thousands: '.' },
      /could be those of decimals/,
    ],
  ])('finds the marks of amounts: %s', async (_, written, locale, doubt) => {
    const proposal = await inferred(
      table(
        'contrato;nome;cpf;valor;vencimento',
        (d) => `${d.ref};${d.name};${d.cpf};${written(d.cents)};${slashed(d)}`,
      ),
    );
    expect(proposal.document.locale).toEqual({ ...locale, date: 'DD/MM/YYYY' });
    const said = proposal.doubts
      .filter(({ key }) => key.startsWith('locale'))
      .map(({ evidence }) => evidence)
      .join();
    if (doubt === undefined) expect(said).toBe('');
    else expect(said).toMatch(doubt);
    expect(proposal.trial).toMatchObject({ passed: 80 });
  });

  it('leaves CPFs and CNPJs in one column to people, where nothing tells them apart', async () => {
    const content = (cnpjs: number) =>
      table(
        'contrato;nome;cpf_cnpj;valor;vencimento',
        (d, i) =>
          `${d.ref};${d.name};${i < cnpjs ? cnpjWith(10_000_000 + i) : d.cpf};${money(d.cents, ',', '')};${iso(d)}`,
      );
    const mixed = await inferred(content(30));
    expect([mixed.complete, mixed.document.document]).toEqual([true, undefined]);
    expect(mixed.doubts.find(({ key }) => key === 'document')?.evidence).toMatch(/50 CPFs and 30 CNPJs in one column/);
    const one = await inferred(content(1));
    expect(one.doubts.find(({ key }) => key === 'document')?.evidence).toMatch(/1 document of 80 are CNPJs/);
  });

  it('is the same each time', async () => {
    const content = table(
      'contrato;nome;cpf;valor;vencimento',
      (d) => `${d.ref};${d.name};${d.cpf};${money(d.cents, ',', '')};${slashed(d)}`,
    );
    expect(await inferred(content)).toEqual(await inferred(content));
  });
});

const HEADER = 'contrato;nome;cpf;valor;vencimento\n';
const file = (
  debts: readonly MadeDebt[],
  day: (debt: MadeDebt) => string,
  amount = (debt: MadeDebt) => money(debt.cents, ',', ''),
) => HEADER + debts.map((d) => `${d.ref};${d.name};${d.cpf};${amount(d)};${day(d)}\n`).join('');

describe('what infer cannot decide', () => {
  it.each<[string, string, string, RegExp]>([
    [
      'months that stand first',
      file(madeDebts(60, 21), american),
      'locale.date',
      /MM\/DD\/YYYY, which no profile reads/,
    ],
    ['days with a time', file(madeDebts(60, 22), (d) => `${iso(d)} 00:00:00`), 'locale.date', /a day with a time/],
    [
      'amounts with a currency',
      file(madeDebts(60, 23), iso, (d) => `R$ ${money(d.cents, ',', '.')}`),
      'locale.decimal',
      /a currency sign/,
    ],
    [
      'another separator',
      file(madeDebts(60, 24), iso).replaceAll(';', '^'),
      'dialect.delimiter',
      /"\^", which no profile reads/,
    ],
    [
      'no documents',
      file(madeDebts(60, 25), iso).replaceAll(/;\d{11};/g, ';ISENTO;'),
      'columns.cpf',
      /no field has CPFs/,
    ],
    [
      'a CNAB 400 of a bank that is not known',
      `${'0'.padEnd(76)}999${' '.repeat(321)}\n${'1'.padEnd(400)}\n`,
      'cnab.bank',
      /that of bank 999 is none that profiles know/,
    ],
    ['an array of objects', `[\n{"a":1},\n{"a":2}\n]\n`, 'kind', /one object a line/],
    ['objects without documents', JSON.stringify({ id: 1 }), 'columns.cpf', /no field has CPFs/],
    ['no records', HEADER, 'records', /nothing to look at/],
  ])('is named: %s', async (_, content, key, says) => {
    const proposal = await inferred(content);
    expect(proposal.complete).toBe(false);
    expect(proposal.undecided.find((one) => one.key === key)?.evidence, JSON.stringify(proposal)).toMatch(says);
  });

  it.each<[string, string, string, RegExp]>([
    [
      'day and month',
      file(madeDebts(60, 31, 12), (d) => `${iso(d).slice(8)}/${iso(d).slice(5, 7)}/${d.year}`),
      'locale.date',
      /no day above 12 among 60/,
    ],
    [
      'cents or units',
      file(madeDebts(60, 32), iso, (d) => String(d.cents)),
      'locale.decimal',
      /hundred times too great/,
    ],
    [
      'lost zeros',
      file(
        madeDebts(200, 33).map((d, i) => ({ ...d, cpf: i % 9 === 0 ? '191' : d.cpf })),
        iso,
      ),
      'columns.cpf',
      /leading zeros/,
    ],
    [
      'repeated references',
      file(
        madeDebts(60, 34).map((d, i) => ({ ...d, ref: `R${i % 20}` })),
        iso,
      ),
      'columns.external_ref',
      /40 of 60 references repeat/,
    ],
    [
      'a mixture of encodings',
      `${file(madeDebts(60, 35), iso)}A1;Jos\u0000;52998224725;1,00;2024-01-31\n`,
      'encoding',
      /UTF-8/,
    ],
  ])('though it goes on: %s', async (_, content, key, says) => {
    const bytes = Buffer.from(content, 'utf8');
    if (key === 'encoding') bytes[bytes.indexOf(0)] = 0xe9;
    const proposal = await inferred(bytes);
    expect(proposal.complete, JSON.stringify(proposal)).toBe(true);
    expect(
      proposal.doubts
        .filter((one) => one.key === key)
        .map(({ evidence }) => evidence)
        .join('; '),
    ).toMatch(says);
  });
});

describe('whatever a file holds', () => {
  const cell = fc.oneof(
    fc.constantFrom(
      '',
      '52998224725',
      '529.982.247-25',
      '1.234,56',
      '1234.56',
      '31/01/2025',
      '20250131',
      'NULL',
      'Ana da Silva',
      'a@b.com',
      '3/12',
    ),
    fc.constantFrom(
      '__proto__',
      'constructor',
      '=1+1',
      'R$ 5',
      '5,3E+10',
      '"',
      '""',
      "'",
      '\u0000',
      'é',
      '\u2028',
      'x'.repeat(300),
      'cpf',
      'valor',
      'nome',
      'vencimento',
      'contrato',
    ),
    fc.string({ maxLength: 12 }),
  );
  const text = fc
    .tuple(
      fc.array(fc.array(cell, { minLength: 1, maxLength: 9 }), { maxLength: 25 }),
      fc.constantFrom(',', ';', '\t', '|', '^'),
      fc.constantFrom('\n', '\r\n', '\r'),
    )
    .map(([rows, delimiter, end]) => Buffer.from(rows.map((row) => row.join(delimiter) + end).join('')));
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), cell);
  const objects = fc
    .array(
      fc.oneof(
        fc.dictionary(fc.constantFrom('id', 'nome', 'cpf', 'valor', 'vencimento', '__proto__', ''), value),
        fc.jsonValue(),
      ),
      { maxLength: 15 },
    )
    .map((records) => Buffer.from(records.map((one) => `${JSON.stringify(one)}\n`).join('')));
  const bytes = fc.uint8Array({ maxLength: 400 }).map((raw) => Buffer.from(raw));

  it('is looked at without an error, and a whole profile is one that can be stored', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, bytes, objects), async (content) => {
        const proposal = await inferred(content);
        expect(proposal.complete).toBe(proposal.undecided.length === 0);
        if (!proposal.complete) return;
        const { document } = await readProfile(JSON.stringify(proposal.document));
        expect(document).toEqual(proposal.document);
        expect(proposal.trial?.records).toBeGreaterThanOrEqual(proposal.trial?.passed ?? 0);
      }),
      { numRuns: 300 },
    );
  });

  it('tells no value of it but names that are shortened and masked', async () => {
    const proposal = await inferred('A1;Ana 52998224725;529.982.247-25;10,00;2025-01-31\n'.repeat(30));
    const said = JSON.stringify([proposal.decided, proposal.doubts, proposal.undecided]);
    expect(said).not.toMatch(/52998224725|529\.982\.247-25|Ana/);
  });
});
