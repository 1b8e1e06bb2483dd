/** The contract of holds and erasures on record (src/io/ports/privacy.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Erasure, Hold, PrivacyStore } from '../../src/io/ports/privacy.ts';
import type { Fixture, MakeFixture } from './support.ts';

const hold = (id: string, client = 'acme', change: Partial<Hold> = {}): Hold => ({
  kind: 'hold',
  client,
  id,
  revision: 1,
  person: 'abc',
  personText: '***.982.247-**',
  by: 'Jurídico',
  why: 'ação nº 7',
  atMs: 1_768_478_400_000,
  lifted: null,
  ...change,
});

const erasure: Erasure = {
  kind: 'erasure',
  client: 'acme',
  id: 'x-1',
  revision: 1,
  person: null,
  personText: null,
  state: 'running',
  startedAtMs: 1,
  endedAtMs: null,
  runs: 1,
  counts: { debts: 0, batches: 0, objects: 0, submissions: 0, deliveries: 0, keys: 0 },
};

export function describePrivacy(name: string, make: MakeFixture<PrivacyStore>): void {
  describe(`privacy: ${name}`, () => {
    let fixture: Fixture<PrivacyStore>;

    beforeEach(async () => {
      fixture = await make();
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    it('adds a record once, of each client by itself, and keeps it', async () => {
      const added = await Promise.all(['a', 'b', 'c'].map((why) => fixture.store.add(hold('h-1', 'acme', { why }))));
      expect(added.filter(Boolean)).toHaveLength(1);
      expect(await fixture.store.add(hold('h-1', 'beta'))).toBe(true);
      expect(await fixture.store.add(erasure)).toBe(true);
      expect(await fixture.store.add(hold('h-0'))).toBe(true);
      const stored = await (await fixture.reopen()).list('acme');
      const why = ['a', 'b', 'c'][added.indexOf(true)] as string;
      expect(stored).toEqual([hold('h-0'), hold('h-1', 'acme', { why }), erasure]);
    });

    it('replaces under the revision alone, and makes nothing', async () => {
      await fixture.store.add(hold('h-1'));
      const lifted = ['a', 'b', 'c'].map((by) => hold('h-1', 'acme', { lifted: { by, why: 'x', atMs: 2 } }));
      const taken = await Promise.all(lifted.map((one) => fixture.store.replace(one, 1)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await fixture.store.list('acme')).toEqual([{ ...lifted[taken.indexOf(true)], revision: 2 }]);
      expect(await fixture.store.replace(hold('h-1'), 1)).toBe(false);
      expect(await fixture.store.replace(hold('h-9'), 1)).toBe(false);
      expect(await fixture.store.list('acme')).toHaveLength(1);
      expect(await fixture.store.list('acm')).toEqual([]);
    });
  });
}
