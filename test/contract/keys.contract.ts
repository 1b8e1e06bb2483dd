/** The contract of the API keys (src/io/ports/keys.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KeyRecord, KeyStore } from '../../src/io/ports/keys.ts';
import type { Fixture, MakeFixture } from './support.ts';

const key = (id: string, change: Partial<KeyRecord> = {}): KeyRecord => ({
  id: id.padEnd(10, '0'),
  scope: 'client',
  client: 'acme',
  name: 'their system',
  secretHash: 'ab'.repeat(32),
  createdAtMs: 1_768_478_400_000,
  endsAtMs: null,
  ...change,
});

export function describeKeys(name: string, make: MakeFixture<KeyStore>, pass: (ms: number) => Promise<void>): void {
  describe(`keys: ${name}`, () => {
    let fixture: Fixture<KeyStore>;
    let keys: KeyStore;

    beforeEach(async () => {
      fixture = await make();
      keys = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    it('adds a key once; adding it again changes nothing', async () => {
      expect(await keys.add(key('a'))).toBe(true);
      expect(await keys.add(key('a', { name: 'other', client: 'beta' }))).toBe(false);
      expect(await keys.get(key('a').id)).toEqual(key('a'));
      expect(await keys.find(key('a').id)).toEqual(key('a'));
      expect(await keys.get('zzzzzzzzzz')).toBeUndefined();
      expect(await keys.find('zzzzzzzzzz')).toBeUndefined();
    });

    it('lists by time of creation, of one client or of all', async () => {
      const all = [
        key('c', { createdAtMs: 1 }),
        key('a', { createdAtMs: 2, client: 'beta' }),
        key('b', { createdAtMs: 2, client: null, scope: 'operator', endsAtMs: 7 }),
      ];
      for (const record of [all[2], all[0], all[1]]) await keys.add(record as KeyRecord);
      expect(await keys.list()).toEqual(all);
      expect(await keys.list('beta')).toEqual([all[1]]);
      expect(await keys.list('nobody')).toEqual([]);
      expect(await (await fixture.reopen()).list()).toEqual(all);
    });

    it('ends a key, never later than was said before, and `find` learns of it in time', async () => {
      const { id } = key('a');
      await keys.add(key('a'));
      expect(await keys.find(id)).toEqual(key('a'));
      expect(await keys.end(id, 100)).toBe(true);
      expect(await keys.end(id, 200)).toBe(true);
      expect(await keys.get(id)).toEqual(key('a', { endsAtMs: 100 }));
      expect(await keys.end(id, 50)).toBe(true);
      await pass(keys.lagMsMax);
      expect(await keys.find(id)).toEqual(key('a', { endsAtMs: 50 }));
      expect(await keys.end('zzzzzzzzzz', 1)).toBe(false);
    });
  });
}
