import { describe, expect, it } from 'vitest';
import { clientRecord, storedDebt, TestWorld, VALID_CNPJ, VALID_CPF } from './world.ts';

function worldWithDebts(): TestWorld {
  const world = new TestWorld();
  world.held.clients.push(clientRecord(), clientRecord({ id: 'other' }));
  world.held.debts.push(
    storedDebt(),
    storedDebt({ externalRef: 'R "2"', document: '11144477735', amountCents: 999_999_999_999_999 }),
    storedDebt({ externalRef: 'firm', document: VALID_CNPJ }),
    storedDebt({ client: 'other', externalRef: 'theirs' }),
  );
  return world;
}

const FIRST = {
  client: 'acme',
  external_ref: 'R-1',
  debtor_name: 'Maria da Silva',
  cpf: VALID_CPF,
  cnpj: null,
  amount: '1234.56',
  due_date: '2025-01-31',
  debtor_email: null,
  debtor_phone: null,
  creditor_name: null,
  account_type: null,
  installment: '3/12',
  created: { batch: 'b-1', line: 2 },
  changed: { batch: 'b-2', line: 7 },
  turn: 5,
};

describe('debts', () => {
  it('prints one JSON object a line, with exact amounts, of the one client', async () => {
    const world = worldWithDebts();
    const { code, out, err } = await world.run('debts', '--client', 'acme');
    expect({ code, err, opened: world.opened, closed: world.closed }).toEqual({
      code: 0,
      err: '',
      opened: ['read'],
      closed: 1,
    });
    const rows = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toHaveLength(3);
    expect(rows[0]).toEqual(FIRST);
    expect(Object.keys(rows[0])).toEqual(Object.keys(FIRST));
    expect(rows[1]).toMatchObject({ external_ref: 'R "2"', amount: '9999999999999.99' });
    expect(rows[2]).toMatchObject({ external_ref: 'firm', cpf: null, cnpj: VALID_CNPJ });
  });

  it.each([[VALID_CPF], ['529.982.247-25']])('takes the document as %s', async (cpf) => {
    const { out } = await worldWithDebts().run('debts', '--client', 'acme', '--cpf', cpf);
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(out)).toMatchObject({ external_ref: 'R-1' });
  });

  it.each([[VALID_CNPJ], ['12.ABC.345/01DE-35']])('takes a CNPJ as %s', async (cnpj) => {
    const { out } = await worldWithDebts().run('debts', '--client', 'acme', '--cnpj', cnpj);
    expect(JSON.parse(out)).toMatchObject({ external_ref: 'firm' });
  });

  it('takes a reference', async () => {
    const { out } = await worldWithDebts().run('debts', '--client', 'acme', '--external-ref', 'R "2"');
    expect(JSON.parse(out)).toMatchObject({ cpf: '11144477735' });
  });

  it.each([
    '5299822472',
    '529982247250',
    '529.98224725',
    '529.982.247-2X',
    '',
    'abc',
  ])('refuses %j as a document', async (cpf) => {
    const world = worldWithDebts();
    const { code, out, err } = await world.run('debts', '--client', 'acme', '--cpf', cpf);
    expect({ code, out, opened: world.opened }).toEqual({ code: 2, out: '', opened: [] });
    expect(err).toMatch(/^remessa: USAGE: .*--cpf takes 11 digits/);
  });

  it.each([
    '12abc34501de35',
    '12ABC34501DE3',
    '12ABC345/01DE-35',
    '12ABC34501DEA5',
    VALID_CPF,
  ])('refuses %j as a CNPJ', async (cnpj) => {
    const { code, err } = await worldWithDebts().run('debts', '--client', 'acme', '--cnpj', cnpj);
    expect({ code, err: err.includes(cnpj) }).toEqual({ code: 2, err: false });
    expect(err).toMatch(/^remessa: USAGE: .*--cnpj takes 14 digits or capital letters/);
  });

  it('takes one kind of document at a time', async () => {
    const args = ['debts', '--client', 'acme', '--cpf', VALID_CPF, '--cnpj', VALID_CNPJ];
    const { code, err } = await worldWithDebts().run(...args);
    expect(code).toBe(2);
    expect(err).toContain('give one of --cpf and --cnpj');
  });

  it('prints nothing where there is nothing', async () => {
    const { code, out } = await worldWithDebts().run('debts', '--client', 'acme', '--external-ref', 'theirs');
    expect({ code, out }).toEqual({ code: 0, out: '' });
  });
});
