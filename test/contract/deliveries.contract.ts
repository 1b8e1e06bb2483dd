/** The contract of deliveries (src/io/ports/deliveries.ts), sentence by sentence, for any driver. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Delivery, DeliveryState, DeliveryStore } from '../../src/io/ports/deliveries.ts';
import { MemoryDeliveries } from '../support/memoryDeliveries.ts';
import type { Fixture, MakeFixture } from './support.ts';

const BEGAN_MS = 1_768_478_400_000;

const delivery = (id: string, change: Partial<Delivery> = {}): Delivery => ({
  id,
  event: `e-${id}`,
  client: 'acme',
  batch: 'b-1',
  channel: 'webhook',
  payload: '{"ação":"☃"}',
  gathers: false,
  state: 'pending',
  revision: 1,
  tries: 0,
  attempts: [],
  createdAtMs: BEGAN_MS,
  nextAtMs: BEGAN_MS,
  ...change,
});

const ids = (found: readonly Delivery[]): string[] => found.map(({ id }) => id);

export function describeDeliveries(name: string, make: MakeFixture<DeliveryStore>, sweeps = true): void {
  describe(`deliveries: ${name}`, () => {
    let fixture: Fixture<DeliveryStore>;
    let store: DeliveryStore;

    beforeEach(async () => {
      fixture = await make();
      store = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    it('keeps the first one stored under an id, and keeps it when it is opened again', async () => {
      await store.add([delivery('d-1'), delivery('d-2', { payload: '{}' })]);
      await store.add([delivery('d-1', { payload: '"other"', batch: 'b-9' })]);
      await store.add([delivery('d-1', { client: 'beta' })]);
      const again = await fixture.reopen();
      expect(await again.get('acme', 'd-1')).toEqual(delivery('d-1'));
      expect(await again.get('beta', 'd-1')).toEqual(delivery('d-1', { client: 'beta' }));
      expect(await again.get('acme', 'd-3')).toBeUndefined();
      expect(ids(await again.due(BEGAN_MS, 10))).toHaveLength(3);
    });

    it('replaces under the revision alone, and one of many', async () => {
      await store.add([delivery('d-1')]);
      const changes = ['a', 'b', 'c', 'd'].map((says) =>
        delivery('d-1', { tries: 1, attempts: [{ atMs: 1, ms: 2, says }] }),
      );
      const taken = await Promise.all(changes.map((change) => store.replace(change, 1)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      const stored = await store.get('acme', 'd-1');
      expect(stored).toEqual({ ...changes[taken.indexOf(true)], revision: 2 });
      expect(await store.replace(delivery('d-1'), 1)).toBe(false);
      expect(await store.replace(delivery('d-9'), 1)).toBe(false);
      expect(await store.get('acme', 'd-1')).toEqual(stored);
      expect(await store.get('acme', 'd-9')).toBeUndefined();
    });

    it('gives what is due, the earliest first, and nothing else', async () => {
      await store.add([
        delivery('d-1', { nextAtMs: BEGAN_MS + 300 }),
        delivery('d-2', { nextAtMs: BEGAN_MS + 100 }),
        delivery('d-3', { nextAtMs: BEGAN_MS + 200, client: 'beta' }),
        delivery('d-4', { state: 'delivered' }),
        delivery('d-5', { nextAtMs: BEGAN_MS + 9000 }),
      ]);
      expect(await store.due(BEGAN_MS + 99, 10)).toEqual([]);
      expect(ids(await store.due(BEGAN_MS + 300, 10))).toEqual(['d-2', 'd-3', 'd-1']);
      expect(ids(await store.due(BEGAN_MS + 300, 2))).toEqual(['d-2', 'd-3']);
    });

    it('goes by the time that was written last, forth and back', async () => {
      await store.add([delivery('d-1', { nextAtMs: BEGAN_MS + 100 })]);
      await store.replace(delivery('d-1', { nextAtMs: BEGAN_MS + 500 }), 1);
      expect(await store.due(BEGAN_MS + 499, 10)).toEqual([]);
      expect(ids(await store.due(BEGAN_MS + 500, 10))).toEqual(['d-1']);
      await store.replace(delivery('d-1', { nextAtMs: BEGAN_MS + 100 }), 2);
      expect(ids(await store.due(BEGAN_MS + 100, 10))).toEqual(['d-1']);
      await store.replace(delivery('d-1', { state: 'failed', nextAtMs: BEGAN_MS + 100 }), 3);
      expect(await store.due(BEGAN_MS + 1000, 10)).toEqual([]);
      await store.replace(delivery('d-1', { nextAtMs: BEGAN_MS + 700 }), 4);
      expect(ids(await store.due(BEGAN_MS + 1000, 10))).toEqual(['d-1']);
      // Long after, when what leads nowhere is tidied away, the one that is pending is still found.
      expect(ids(await store.due(BEGAN_MS + 10_000_000, 10))).toEqual(['d-1']);
      expect(ids(await store.due(BEGAN_MS + 10_000_000, 10))).toEqual(['d-1']);
    });

    it("tells a client's pending ones of a channel, and lists the newest first", async () => {
      await store.add([
        delivery('d-1', { channel: 'mail', nextAtMs: BEGAN_MS + 9000 }),
        delivery('d-2', { batch: 'b-2' }),
        delivery('d-3', { channel: 'mail', state: 'delivered' }),
        delivery('d-4', { channel: 'mail' }),
        delivery('d-4', { channel: 'mail', client: 'beta' }),
      ]);
      expect(ids(await store.pending('acme', 'mail', 10))).toEqual(['d-1', 'd-4']);
      expect(ids(await store.pending('acme', 'mail', 1))).toEqual(['d-1']);
      expect(ids(await store.list({ client: 'acme', limit: 3 }))).toEqual(['d-4', 'd-3', 'd-2']);
      expect(ids(await store.list({ client: 'acme', batch: 'b-2', limit: 3 }))).toEqual(['d-2']);
      expect(ids(await store.list({ client: 'acme', state: 'delivered', limit: 3 }))).toEqual(['d-3']);
      expect(await store.list({ client: 'acm', limit: 3 })).toEqual([]);
    });

    it('removes those of a client or of its batches, for good', async () => {
      await store.add([delivery('d-1'), delivery('d-2', { batch: 'b-2' }), delivery('d-1', { client: 'beta' })]);
      expect(await store.remove('acme', new Set(['b-2', 'b-3']))).toBe(1);
      expect(ids(await store.list({ client: 'acme', limit: 9 }))).toEqual(['d-1']);
      expect(await store.remove('acme')).toBe(1);
      expect(await store.remove('acme')).toBe(0);
      expect(await store.replace(delivery('d-1'), 1)).toBe(false);
      expect((await store.due(BEGAN_MS, 9)).map(({ client }) => client)).toEqual(['beta']);
    });

    it.runIf(sweeps)('sweeps what ended long ago, and never what is pending', async () => {
      await store.add([
        delivery('d-1', { state: 'delivered' }),
        delivery('d-2', { state: 'failed' }),
        delivery('d-3'),
        delivery('d-4', { state: 'delivered', createdAtMs: BEGAN_MS + 10 }),
      ]);
      expect(await store.sweep(BEGAN_MS + 1, 1)).toBe(1);
      expect(await store.sweep(BEGAN_MS + 1, 10)).toBe(1);
      expect(await store.sweep(BEGAN_MS + 1, 10)).toBe(0);
      expect(ids(await store.list({ client: 'acme', limit: 9 }))).toEqual(['d-4', 'd-3']);
    });

    it('does what a plain list does, whatever comes', async () => {
      const states: DeliveryState[] = ['pending', 'pending', 'delivered', 'failed'];
      const id = fc.integer({ min: 1, max: 4 }).map((n) => `d-${n}`);
      const client = fc.constantFrom('acme', 'beta');
      const at = fc.integer({ min: 0, max: 5 }).map((n) => BEGAN_MS + n * 100);
      const step = fc.oneof(
        fc.record({ do: fc.constant('add' as const), id, client, at }),
        fc.record({ do: fc.constant('replace' as const), id, client, at, state: fc.constantFrom(...states) }),
        fc.record({ do: fc.constant('remove' as const), id, client, at }),
        fc.record({ do: fc.constant('due' as const), id, client, at }),
      );
      const model = new MemoryDeliveries();
      await store.remove('acme');
      await store.remove('beta');
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          for (const { do: what, ...given } of steps) {
            const on = async (each: DeliveryStore): Promise<unknown> => {
              if (what === 'add') return each.add([delivery(given.id, { client: given.client, nextAtMs: given.at })]);
              if (what === 'remove') return each.remove(given.client);
              if (what === 'due') return ids(await each.due(given.at, 100)).sort();
              const known = await each.get(given.client, given.id);
              const state = 'state' in given ? given.state : 'pending';
              return each.replace({ ...delivery(given.id), ...known, nextAtMs: given.at, state }, known?.revision ?? 1);
            };
            expect(await on(store)).toEqual(await on(model));
          }
          for (const one of ['acme', 'beta']) {
            const filter = { client: one, limit: 100 };
            expect(await store.list(filter)).toEqual(await model.list(filter));
          }
        }),
        { numRuns: 15, seed: 20_261_121 },
      );
    });
  });
}
