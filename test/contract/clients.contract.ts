/** The contract of the clients (src/io/ports/clients.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientRecord, ClientStore } from '../../src/io/ports/clients.ts';
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

    it('takes every id that the rule allows and refuses others', async () => {
      for (const id of ['a', '0', 'a-b', 'z'.repeat(40)]) expect(await clients.add(client(id))).toBe(true);
      for (const id of ['', '-a', 'A', 'a_b', 'a/b', '..', 'z'.repeat(41)]) {
        await expect(clients.add(client(id))).rejects.toThrow(/client id/);
      }
    });

    it('lists all by id, and keeps them', async () => {
      for (const id of ['beta', 'acme', 'c1']) await clients.add(client(id));
      const all = [client('acme'), client('beta'), client('c1')];
      expect(await clients.list()).toEqual(all);
      expect(await (await fixture.reopen()).list()).toEqual(all);
    });
  });
}
