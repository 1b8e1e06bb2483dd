/** The contract of the clients (src/io/ports/clients.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientRecord, ClientStore, ProfileRecord } from '../../src/io/ports/clients.ts';
import type { Fixture, MakeFixture } from './support.ts';

const client = (id: string, change: Partial<ClientRecord> = {}): ClientRecord => ({
  id,
  name: `Loja ${id}`,
  profile: 'default',
  amountCentsMin: 1,
  amountCentsMax: 999_999_999_999_999,
  createdAtMs: 1_768_478_400_000,
  ...change,
});

const profile = (name: string, version: number, document = `{"format":1}`): ProfileRecord => ({
  name,
  version,
  document,
  createdAtMs: 1_768_478_400_000,
});

export function describeClients(name: string, make: MakeFixture<ClientStore>): void {
  describe(`clients: ${name}`, () => {
    let fixture: Fixture<ClientStore>;
    let clients: ClientStore;

    beforeEach(async () => {
      fixture = await make();
      clients = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    it('adds a client once; adding it again changes nothing', async () => {
      const added = await Promise.all(['a', 'b', 'c'].map((text) => clients.add(client('acme', { name: text }))));
      expect(added.filter(Boolean)).toHaveLength(1);
      const stored = await clients.get('acme');
      expect(stored?.name).toBe(['a', 'b', 'c'][added.indexOf(true)]);
      expect(await clients.add(client('acme', { name: 'other' }))).toBe(false);
      expect(await clients.get('acme')).toEqual(stored);
    });

    it('replaces what is known of one that exists', async () => {
      expect(await clients.update(client('acme'))).toBe(false);
      expect(await clients.get('acme')).toBeUndefined();
      await clients.add(client('acme'));
      await clients.add(client('beta'));
      const changed = client('acme', { name: 'Ágil', amountCentsMin: 100, amountCentsMax: 5000, profile: 'x' });
      expect(await clients.update(changed)).toBe(true);
      expect(await clients.get('acme')).toEqual(changed);
      expect(await clients.get('beta')).toEqual(client('beta'));
    });

    it('keeps how a client is told, with its secrets, until that is taken away', async () => {
      const notify = {
        kinds: ['failed', 'completed'] as const,
        webhook: { url: 'https://hook.example/é', secrets: ['whsec_a', 'whsec_b'] },
        mail: { to: ['a@b.example'], language: 'pt-BR' as const },
      };
      await clients.add(client('acme', { notify }));
      expect(await (await fixture.reopen()).get('acme')).toEqual(client('acme', { notify }));
      clients = await fixture.reopen();
      await clients.update(client('acme'));
      expect(await clients.get('acme')).toEqual(client('acme'));
      expect(Object.hasOwn((await clients.get('acme')) ?? {}, 'notify')).toBe(false);
    });

    it('keeps the language of a client, until that is taken away', async () => {
      await clients.add(client('acme', { language: 'pt-BR' }));
      await clients.add(client('beta'));
      expect(await (await fixture.reopen()).list()).toEqual([client('acme', { language: 'pt-BR' }), client('beta')]);
      clients = await fixture.reopen();
      await clients.update(client('acme'));
      await clients.update(client('beta', { language: 'en' }));
      expect(await clients.list()).toEqual([client('acme'), client('beta', { language: 'en' })]);
      expect(Object.hasOwn((await clients.get('acme')) ?? {}, 'language')).toBe(false);
    });

    it('takes every id that the rule allows and refuses others', async () => {
      for (const id of ['a', '0', 'a-b', 'z'.repeat(40)]) expect(await clients.add(client(id))).toBe(true);
      for (const id of ['', '-a', 'A', 'a_b', 'a/b', '..', 'z'.repeat(41)]) {
        await expect(clients.add(client(id))).rejects.toThrow(/client id/);
      }
    });

    it('adds a version of a profile once, and never changes it', async () => {
      const texts = ['{"format":1,"encoding":"utf-8"}', '{"format":1,"encoding":"windows-1252"}', '{"format":1}'];
      const added = await Promise.all(texts.map((text) => clients.addProfile(profile('vendas', 1, text))));
      expect(added.filter(Boolean)).toHaveLength(1);
      const first = await clients.getProfile('vendas', 1);
      expect(first).toEqual(profile('vendas', 1, texts[added.indexOf(true)]));
      expect(await clients.addProfile(profile('vendas', 2))).toBe(true);
      expect(await clients.addProfile(profile('vendas', 1, '{}'))).toBe(false);
      expect(await clients.getProfile('vendas', 1)).toEqual(first);
    });

    it('keeps where the rules service gave a version, and whose it is', async () => {
      const source = { url: 'https://rules.example/acme/é', etag: 'W/"7"' };
      const given = [
        { ...profile('_shared/vendas', 1), source: { ...source, etag: null } },
        { ...profile('acme/vendas', 1), source },
        { ...profile('acme/vendas', 2), source },
        profile('vendas', 1),
      ];
      for (const one of given) expect(await clients.addProfile(one)).toBe(true);
      expect(await clients.getProfile('acme/vendas')).toEqual(given[2]);
      expect(await clients.getProfile('acme/vendas', 1)).toEqual(given[1]);
      expect(await clients.getProfile('vendas')).toEqual(given[3]);
      expect(Object.hasOwn((await clients.getProfile('vendas')) ?? {}, 'source')).toBe(false);
      expect(await clients.getProfile('beta/vendas')).toBeUndefined();
      expect(await (await fixture.reopen()).listProfiles()).toEqual(given);
    });

    it('gives the newest version of a name, or the one that is named', async () => {
      expect(await clients.getProfile('vendas')).toBeUndefined();
      for (const version of [1, 2, 9, 10, 11, 100]) await clients.addProfile(profile('vendas', version));
      for (const name of ['venda', 'vendas-2', 'vendas2']) await clients.addProfile(profile(name, 7));
      expect(await clients.getProfile('vendas')).toEqual(profile('vendas', 100));
      expect(await clients.getProfile('vendas', 10)).toEqual(profile('vendas', 10));
      expect(await clients.getProfile('vendas', 3)).toBeUndefined();
      expect(await clients.getProfile('venda')).toEqual(profile('venda', 7));
      for (const name of ['', 'v', 'vendas-', 'Vendas']) expect(await clients.getProfile(name)).toBeUndefined();
      const all = [...[1, 2, 9, 10, 11, 100].map((version) => ['vendas', version] as const), ['vendas-2', 7] as const];
      const wanted = [
        profile('venda', 7),
        ...all.map(([name, version]) => profile(name, version)),
        profile('vendas2', 7),
      ];
      expect(await clients.listProfiles()).toEqual(wanted);
      expect(await clients.list()).toEqual([]);
      expect(await (await fixture.reopen()).listProfiles()).toEqual(wanted);
    });

    it('refuses a profile of a name or version that none has', async () => {
      for (const name of ['', '-a', 'A', 'a@1', 'a#1', 'a/', '/a', 'a/b/c', '_x/a', '_shared', '_shared/A']) {
        await expect(clients.addProfile(profile(name, 1))).rejects.toThrow(/profile/);
      }
      await expect(clients.addProfile(profile('a', 0))).rejects.toThrow(/profile/);
    });

    it('lists all by id, and keeps them', async () => {
      for (const id of ['beta', 'acme', 'c1']) await clients.add(client(id));
      const all = [client('acme'), client('beta'), client('c1')];
      expect(await clients.list()).toEqual(all);
      expect(await (await fixture.reopen()).list()).toEqual(all);
    });
  });
}
