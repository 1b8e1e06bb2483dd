import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientRecord, TestWorld } from './world.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'remessa-profiles-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function fileOf(document: unknown): string {
  const path = join(folder, 'p.json');
  writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document));
  return path;
}

const BR = { format: 1, dialect: { delimiter: ';' }, locale: { decimal: ',', date: 'DD/MM/YYYY' } };

describe('profiles', () => {
  it('adds one version after another, and shows each', async () => {
    const world = new TestWorld();
    expect(await world.run('profiles', 'add', 'brasil', fileOf(BR))).toEqual({
      code: 0,
      out: '',
      err: 'profile brasil@1 added\n',
    });
    const second = { ...BR, encoding: 'windows-1252' };
    expect((await world.run('profiles', 'add', 'brasil', fileOf(second))).err).toBe('profile brasil@2 added\n');
    expect(JSON.parse((await world.run('profiles', 'show', 'brasil')).out)).toEqual(second);
    expect(JSON.parse((await world.run('profiles', 'show', 'brasil@1')).out)).toEqual(BR);
    expect((await world.run('profiles', 'list')).out.split('\n')[1]).toMatch(/^brasil {2}1 /);
    expect(JSON.parse((await world.run('profiles', 'list', '--json')).out)).toHaveLength(2);
    const missing = await world.run('profiles', 'show', 'brasil@3');
    expect(missing.code).toBe(1);
    expect(missing.err).toMatch(/PROFILE_UNKNOWN|no such profile/);
  });

  it.each([
    ['{', /not JSON/],
    ['{}', /required property 'format'/],
    [{ format: 2 }, /format: must be equal to constant \(1\)/],
    [{ format: 1, dialect: { delimiter: 'x' } }, /dialect.delimiter: .*";"/],
    [{ format: 1, dialeto: {} }, /«dialeto»/],
    [{ format: 1, encoding: 'latin1', locale: { pivot: 101 } }, /encoding: .*locale.pivot: must be <= 100/],
    [{ format: 1, columns: { cpf_cnpj: {} } }, /columns: .*«cpf_cnpj»/],
    [{ format: 1, nulls: ['é'] }, /nulls.0/],
    [{ format: 1, approval: 'yes' }, /approval: .*must/],
    [{ format: 1, approval: {} }, /approval: .*fewer than 1/],
    [{ format: 1, columns: { cpf: {} } }, /external_ref is missing/],
    [{ format: 1, kind: 'json-lines', dialect: {}, encoding: 'windows-1252' }, /dialect: not in .*; encoding: JSON is/],
    [{ format: 1, kind: 'fixed-width' }, /fixedWidth: say how many bytes/],
    [
      { format: 1, kind: 'fixed-width', fixedWidth: { bytes: 9 }, columns: { cpf: { at: 1, bytes: 11 } } },
      /have 9 bytes/,
    ],
    [{ format: 1, kind: 'cnab-400' }, /cnab.bank: every bank has/],
    [{ format: 1, kind: 'cnab-240', cnab: { bank: 'itau' }, locale: { decimal: ',' } }, /cnab.bank: .*locale.decimal/],
    [{ format: 1, cnab: {}, columns: { cpf: { line: 'P' } } }, /cnab: not in .*columns.cpf.line: not in/],
  ])('refuses %j with every problem', async (document, says) => {
    const world = new TestWorld();
    const { code, err } = await world.run('profiles', 'add', 'brasil', fileOf(document));
    expect(code).toBe(1);
    expect(err).toMatch(says);
    expect(world.held.profiles).toEqual([]);
  });

  it('adds those that come with the program, under their names or others', async () => {
    const world = new TestWorld();
    expect((await world.run('profile', 'add', 'cnab-240', '--shipped')).err).toBe('profile cnab-240@1 added\n');
    expect((await world.run('profile', 'add', 'loja', '--shipped', 'cnab-400-itau')).err).toBe(
      'profile loja@1 added\n',
    );
    const shown = JSON.parse((await world.run('profile', 'show', 'loja')).out) as unknown;
    expect(shown).toEqual({ format: 1, kind: 'cnab-400', cnab: { bank: 'itau' } });
    expect(JSON.parse((await world.run('profile', 'shipped', 'cnab-400-itau')).out)).toEqual(shown);
    expect((await world.run('profile', 'shipped')).out).toMatch(/^cnab-240 +CNAB 240/m);
    const unknown = await world.run('profile', 'add', 'x', '--shipped', 'constructor');
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringMatching(/constructor; shipped are .*cnab-240/)]);
    expect((await world.run('profile', 'add', 'x')).code).toBe(2);
    expect((await world.run('profile', 'add', 'x', fileOf(BR), '--shipped')).code).toBe(2);
  });

  it.each(['default', 'Brasil', 'a@1', ''])('refuses the name «%s»', async (name) => {
    expect((await new TestWorld().run('profiles', 'add', name, fileOf(BR))).code).toBe(2);
  });

  it('says that a document is not there', async () => {
    const { code, err } = await new TestWorld().run('profiles', 'add', 'x', join(folder, 'none.json'));
    expect(code).toBe(1);
    expect(err).toMatch(/none\.json/);
  });

  it('is named by clients only where it exists', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord());
    const refused = await world.run('clients', 'set', 'acme', '--profile', 'brasil');
    expect(refused.code).toBe(1);
    expect(world.held.clients[0]?.profile).toBe('default');
    await world.run('profiles', 'add', 'brasil', fileOf(BR));
    expect((await world.run('clients', 'set', 'acme', '--profile', 'brasil')).code).toBe(0);
    expect(world.held.clients[0]?.profile).toBe('brasil');
    expect((await world.run('clients', 'set', 'acme', '--profile', 'default')).code).toBe(0);
  });
});
