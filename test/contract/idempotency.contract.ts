/** The contract of the answers to idempotent requests (src/io/ports/idempotency.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BeginAnswer, IdempotencyStore } from '../../src/io/ports/idempotency.ts';
import type { Fixture, MakeFixture } from './support.ts';

const START_MS = 1_768_478_400_000;
const LEASE_MS = 1000;

/** `recordsGo`: when records that are kept no longer go: by the sweep, or by themselves some time. */
export function describeIdempotency(
  name: string,
  make: MakeFixture<IdempotencyStore>,
  recordsGo: 'swept' | 'by themselves' = 'swept',
): void {
  describe(`idempotency: ${name}`, () => {
    let fixture: Fixture<IdempotencyStore>;
    let store: IdempotencyStore;

    beforeEach(async () => {
      fixture = await make();
      store = fixture.store;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    const claim = (owner: string, key = 'k', scope = 'acme') => ({ scope, key, owner });
    const begin = (
      owner: string,
      change: Partial<Parameters<IdempotencyStore['begin']>[0]> = {},
    ): Promise<BeginAnswer> =>
      store.begin({
        ...claim(owner),
        fingerprint: 'f',
        nowMs: START_MS,
        leaseMs: LEASE_MS,
        keepAfterMs: 0,
        ...change,
      });

    it('lets exactly one of many begin', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => begin(`o-${i}`)));
      expect(answers.filter(({ kind }) => kind === 'begun')).toEqual([{ kind: 'begun', noted: null }]);
      const others = answers.filter(({ kind }) => kind !== 'begun');
      expect(others).toEqual(Array(9).fill({ kind: 'running', fingerprint: 'f', leaseEndsMs: START_MS + LEASE_MS }));
    });

    it('takes away all records of a scope, and no other', async () => {
      for (let i = 0; i < 40; i++) {
        await begin('o', { key: `k-${i}` });
        await store.finish(claim('o', `k-${i}`), 'f', 'a');
      }
      await begin('o', { key: 'running' });
      await begin('o', { scope: 'acme-2' });
      await store.finish(claim('o', 'k', 'acme-2'), 'f', 'a');
      expect(await store.remove('acme')).toBe(41);
      expect(await store.remove('acme')).toBe(0);
      expect(await begin('p', { key: 'k-7' })).toEqual({ kind: 'begun', noted: null });
      expect(await begin('p', { scope: 'acme-2' })).toMatchObject({ kind: 'done' });
    });

    it('answers what was finished, to everyone after, over a reopening', async () => {
      await begin('o-1', { fingerprint: null });
      expect(await begin('o-2')).toMatchObject({ kind: 'running', fingerprint: null });
      expect(await store.finish(claim('o-1'), 'print', '{"status":201}')).toBe(true);
      const done = { kind: 'done', fingerprint: 'print', answer: '{"status":201}' };
      expect(await begin('o-2')).toEqual(done);
      store = await fixture.reopen();
      expect(await begin('o-3', { nowMs: START_MS + 10 * LEASE_MS })).toEqual(done);
      expect(await store.abandon(claim('o-1'))).toBe(false);
      expect(await begin('o-3')).toEqual(done);
    });

    it('keeps scopes and keys apart', async () => {
      await begin('o-1');
      expect(await begin('o-2', { scope: 'beta' })).toMatchObject({ kind: 'begun' });
      expect(await begin('o-2', { key: 'k2' })).toMatchObject({ kind: 'begun' });
    });

    it('may be begun anew after it was abandoned', async () => {
      await begin('o-1');
      await store.note(claim('o-1'), { fingerprint: 'f', effect: 'e' });
      expect(await store.abandon(claim('o-1'))).toBe(true);
      expect(await begin('o-2')).toEqual({ kind: 'begun', noted: null });
    });

    it('is taken up where the lease ran out, with what was noted; the former owner has no say then', async () => {
      await begin('o-1');
      expect(await store.note(claim('o-1'), { fingerprint: 'print', effect: 'object 7' })).toBe(true);
      expect(await begin('o-2', { nowMs: START_MS + LEASE_MS - 1 })).toMatchObject({ kind: 'running' });
      const taken = await begin('o-2', { nowMs: START_MS + LEASE_MS, fingerprint: 'other' });
      expect(taken).toEqual({ kind: 'begun', noted: { fingerprint: 'print', effect: 'object 7' } });
      expect(await store.extend(claim('o-1'), START_MS + 9 * LEASE_MS)).toBe(false);
      expect(await store.note(claim('o-1'), { fingerprint: 'x', effect: 'x' })).toBe(false);
      expect(await store.finish(claim('o-1'), 'x', 'x')).toBe(false);
      expect(await store.abandon(claim('o-1'))).toBe(false);
      expect(await store.extend(claim('o-2'), START_MS + 5 * LEASE_MS)).toBe(true);
      expect(await begin('o-3', { nowMs: START_MS + 3 * LEASE_MS })).toMatchObject({
        kind: 'running',
        fingerprint: 'print',
        leaseEndsMs: START_MS + 5 * LEASE_MS,
      });
      expect(await store.finish(claim('o-2'), 'print', 'a')).toBe(true);
    });

    it('counts no more when it is older than is kept, and is swept in bounded steps', async () => {
      for (let i = 0; i < 5; i++) {
        await begin('o', { key: `k${i}`, nowMs: START_MS + i });
        await store.finish(claim('o', `k${i}`), 'f', 'a');
      }
      expect(await begin('p', { key: 'k0', nowMs: START_MS + 9, keepAfterMs: START_MS + 1 })).toMatchObject({
        kind: 'begun',
        noted: null,
      });
      const swept: number[] = [];
      for (let round = 0; round < 3; round++) swept.push(await store.sweep(START_MS + 4, 2));
      expect(swept).toEqual(recordsGo === 'swept' ? [2, 1, 0] : [0, 0, 0]);
      expect(await begin('p', { key: 'k4' })).toMatchObject({ kind: 'done' });
    });
  });
}
