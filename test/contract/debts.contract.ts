/** The contract of the debts (src/io/ports/debts.ts), sentence by sentence, for any driver. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DebtFilter, DebtKey, DebtStore, StoredDebt } from '../../src/io/ports/debts.ts';
import { describeDocuments } from './debtDocuments.contract.ts';
import { byKey, CNPJS, CPFS, debt, hashOf, tombstone } from './debtRows.ts';
import { collect, type Fixture } from './support.ts';

export interface DebtsFixture extends Fixture<DebtStore> {
  /** Fails where the store’s own structures are damaged. */
  check(): Promise<void>;
  /** More rows than the store takes in one step; 40,000 where it does not say. */
  readonly manyRows?: number;
}

export function describeDebts(name: string, make: () => Promise<DebtsFixture>): void {
  describe(`debts: ${name}`, () => {
    let fixture: DebtsFixture;
    let debts: DebtStore;

    beforeEach(async () => {
      fixture = await make();
      debts = fixture.store;
    });

    afterEach(async () => {
      await fixture.check();
      await fixture.dispose();
    });

    const fetch = (...refs: string[]): Promise<(StoredDebt | undefined)[]> =>
      debts.fetch(
        'acme',
        refs.map((externalRef): DebtKey => ({ refHash: hashOf(externalRef), externalRef })),
      );
    const list = (filter: DebtFilter = {}, client = 'acme'): Promise<StoredDebt[]> =>
      collect(debts.list(client, filter));

    describe('write and fetch', () => {
      it('gives back every column as it was written', async () => {
        const rows = [
          debt('R-1', 1),
          debt('R-2', 1, {
            debtorEmail: null,
            debtorPhone: null,
            installment: null,
            creditorName: 'Lojas São João',
            accountType: 'cartão',
            amountCents: 999_999_999_999_999,
            dueDate: '0001-01-01',
            document: '00000000191',
            changedLine: 5_000_001,
          }),
          debt('R\'3"; --', 1, { debtorName: '😀 ŁÓDŹ', amountCents: 1 }),
        ];
        expect(await debts.write('acme', 1, rows)).toBe('written');
        expect(await fetch(...rows.map((row) => row.externalRef))).toEqual(rows);
      });

      it('keeps the order of the asking, with gaps and repetitions', async () => {
        const rows = ['a', 'b', 'c'].map((ref) => debt(ref, 1));
        await debts.write('acme', 1, rows);
        expect(await fetch('c', 'none', 'a', 'c', 'zzz', 'b')).toEqual([
          rows[2],
          undefined,
          rows[0],
          rows[2],
          undefined,
          rows[1],
        ]);
        expect(await fetch()).toEqual([]);
        expect(await fetch('x', 'y')).toEqual([undefined, undefined]);
      });

      it('takes no rows at all', async () => {
        expect(await debts.write('acme', 1, [])).toBe('written');
        expect(await list()).toEqual([]);
      });

      it('identifies a debt by client and reference, not by the hash alone', async () => {
        const twin = { refHash: 77 };
        const rows = [debt('A', 1, twin), debt('B', 1, twin)];
        await debts.write('acme', 1, rows);
        await debts.write('beta', 1, [debt('A', 1, { ...twin, client: 'beta', amountCents: 5 })]);
        const keys = ['B', 'A', 'C'].map((externalRef) => ({ refHash: 77, externalRef }));
        expect(await debts.fetch('acme', keys)).toEqual([rows[1], rows[0], undefined]);
        expect((await debts.fetch('beta', keys)).map((row) => row?.amountCents)).toEqual([undefined, 5, undefined]);
      });

      it('takes the least and the greatest hash', async () => {
        const rows = [debt('least', 1, { refHash: 0 }), debt('greatest', 1, { refHash: 4_294_967_295 })];
        await debts.write('acme', 1, rows);
        expect(await debts.fetch('acme', rows)).toEqual(rows);
        expect(await list()).toEqual(rows);
      });

      it('replaces whole rows under a later turn', async () => {
        await debts.write('acme', 1, [debt('R-1', 1)]);
        const next = debt('R-1', 2, { debtorEmail: null, document: CPFS[1], createdBatch: 'b-1', changedLine: 9 });
        expect(await debts.write('acme', 2, [next])).toBe('written');
        expect(await fetch('R-1')).toEqual([next]);
      });

      it('is idempotent: the same write again changes nothing', async () => {
        const rows = Array.from({ length: 20 }, (_, i) => debt(`R-${i}`, 3));
        for (let i = 0; i < 3; i++) expect(await debts.write('acme', 3, rows)).toBe('written');
        expect(await list()).toEqual([...rows].sort(byKey));
        expect(await list({ document: CPFS[0] })).toEqual([...rows].sort(byKey));
      });

      it('lets the batches of one turn write one after the other', async () => {
        await debts.write('acme', 1, [debt('R-1', 1, { changedBatch: 'b-1' })]);
        const next = debt('R-1', 1, { changedBatch: 'b-2', amountCents: 7, document: CPFS[2] });
        expect(await debts.write('acme', 1, [next])).toBe('written');
        expect(await fetch('R-1')).toEqual([next]);
        expect(await list({ document: CPFS[2] })).toEqual([next]);
      });

      it('writes more rows than fit in one step', async () => {
        const rows = Array.from({ length: fixture.manyRows ?? 40_000 }, (_, i) =>
          debt(`R-${i}`, 1, { changedLine: i + 2 }),
        ).sort(byKey);
        expect(await debts.write('acme', 1, rows)).toBe('written');
        const some = rows.filter((_, i) => i % 997 === 0);
        expect(await debts.fetch('acme', some)).toEqual(some);
        expect((await list()).length).toBe(rows.length);
        expect((await list({ document: CPFS[0] })).length).toBe(rows.length);
      });

      it('keeps what it answered when it is opened again', async () => {
        await debts.write('acme', 1, [debt('R-1', 1)]);
        debts = await fixture.reopen();
        expect(await fetch('R-1')).toEqual([debt('R-1', 1)]);
        expect(await list({ document: CPFS[0] })).toEqual([debt('R-1', 1)]);
      });
    });

    describe('turns', () => {
      it('refuses a row whose debt carries a later turn', async () => {
        const later = debt('R-1', 5);
        await debts.write('acme', 5, [later]);
        expect(await debts.write('acme', 4, [debt('R-1', 4, { amountCents: 1, document: CPFS[1] })])).toBe(
          'superseded',
        );
        expect(await fetch('R-1')).toEqual([later]);
        expect(await list({ document: CPFS[1] })).toEqual([]);
      });

      it('stops at the first refusal: no debt goes back, and what was written carries the turn', async () => {
        await debts.write('acme', 5, [debt('m', 5)]);
        const rows = ['a', 'm', 'z'].map((ref) => debt(ref, 4));
        expect(await debts.write('acme', 4, rows)).toBe('superseded');
        const [a, m, z] = await fetch('a', 'm', 'z');
        expect(m?.turn).toBe(5);
        for (const row of [a, z]) expect([undefined, 4]).toContain(row?.turn);
      });

      it('orders the turns of each client by themselves', async () => {
        await debts.write('acme', 9, [debt('R-1', 9)]);
        expect(await debts.write('beta', 1, [debt('R-1', 1, { client: 'beta' })])).toBe('written');
      });

      it('ends in the state of the latest turn, whatever the order and repetition of writes', async () => {
        const write = fc.record({
          turn: fc.integer({ min: 1, max: 4 }),
          refs: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 }),
        });
        let run = 0;
        await fc.assert(
          fc.asyncProperty(fc.array(write, { maxLength: 8 }), async (writes) => {
            const client = `p-${run++}`;
            // From turn to turn a debt goes from one kind of document to the other.
            const documents = [CPFS[0], CNPJS[0], CNPJS[1], CPFS[1], CNPJS[2]] as const;
            const rowOf = (ref: string, turn: number): StoredDebt =>
              debt(ref, turn, { client, amountCents: turn * 100, document: documents[turn] });
            const model = new Map<string, number>();
            for (const { turn, refs } of writes) {
              const answer = await debts.write(
                client,
                turn,
                refs.map((ref) => rowOf(ref, turn)),
              );
              const refused = refs.some((ref) => (model.get(ref) ?? 0) > turn);
              expect(answer).toBe(refused ? 'superseded' : 'written');
              const keys = refs.map((externalRef) => ({ refHash: hashOf(externalRef), externalRef }));
              for (const [i, stored] of (await debts.fetch(client, keys)).entries()) {
                const ref = refs[i] as string;
                const before = model.get(ref) ?? 0;
                if (!refused || before > turn) expect(stored?.turn).toBe(Math.max(before, turn));
                if (stored !== undefined) model.set(ref, stored.turn);
              }
            }
            const expected = [...model].map(([ref, turn]) => rowOf(ref, turn)).sort(byKey);
            expect(await list({}, client)).toEqual(expected);
            for (const document of documents) {
              expect(await list({ document }, client)).toEqual(expected.filter((row) => row.document === document));
            }
          }),
          { numRuns: 60, seed: 99 },
        );
      });
    });

    describe('upkeep', () => {
      it('changes no answer, however often and whenever it is done', async () => {
        const expected = new Map<string, StoredDebt>();
        const documents = [CPFS[0], CNPJS[0], CPFS[1], CNPJS[1], CNPJS[2]] as const;
        for (let turn = 1; turn <= 200; turn++) {
          const document = documents[turn % documents.length];
          const rows = [`same-${turn % 7}`, `new-${turn}`].map((ref) => debt(ref, turn, { document }));
          await debts.write('acme', turn, rows);
          for (const row of rows) expected.set(row.externalRef, row);
          if (turn % 90 === 0) await debts.tidy();
        }
        while (await debts.tidy());
        const sorted = [...expected.values()].sort(byKey);
        for (const document of documents)
          expect(await list({ document })).toEqual(sorted.filter((row) => row.document === document));
        expect(await list()).toEqual(sorted);
        expect(await debts.tidy()).toBe(false);
      });
    });

    describe('erased debts', () => {
      it('come back as tombstones, and no write changes them', async () => {
        await debts.write('acme', 1, [debt('R-1', 1), debt('R-2', 1)]);
        await debts.write('acme', 2, [tombstone('R-1', 2)]);
        expect(await debts.write('acme', 3, [debt('R-1', 3), debt('R-2', 3)])).toBe('written');
        expect(await fetch('R-1', 'R-2')).toEqual([tombstone('R-1', 2), debt('R-2', 3)]);
        expect(await debts.write('acme', 1, [debt('R-1', 1)])).toBe('written');
        expect(await fetch('R-1')).toEqual([tombstone('R-1', 2)]);
      });

      it('stand in no list', async () => {
        await debts.write('acme', 1, [debt('R-1', 1), debt('R-2', 1)]);
        await debts.write('acme', 2, [tombstone('R-1', 2)]);
        expect(await list()).toEqual([debt('R-2', 1)]);
        expect(await list({ document: CPFS[0] })).toEqual([debt('R-2', 1)]);
        expect(await list({ externalRef: 'R-1' })).toEqual([]);
      });
    });

    describeDocuments(() => fixture);

    describe('list', () => {
      const rows = Array.from({ length: 1500 }, (_, i) => debt(`R-${i}`, 1, { document: CPFS[i % 3] })).sort(byKey);

      beforeEach(async () => {
        await debts.write('acme', 1, rows);
        await debts.write('beta', 1, [debt('R-1', 1, { client: 'beta' })]);
      });

      it('gives all debts of the client and of no other, in the order of hash and reference', async () => {
        expect(await list()).toEqual(rows);
        expect(await list({}, 'beta')).toEqual([debt('R-1', 1, { client: 'beta' })]);
        expect(await list({}, 'nobody')).toEqual([]);
      });

      it('finds by document', async () => {
        for (const cpf of CPFS)
          expect(await list({ document: cpf })).toEqual(rows.filter((row) => row.document === cpf));
        expect(await list({ document: CPFS[1] }, 'beta')).toEqual([]);
      });

      it('finds by reference, alone and with the document', async () => {
        const [wanted] = rows.filter((row) => row.externalRef === 'R-777');
        expect(await list({ externalRef: 'R-777' })).toEqual([wanted]);
        expect(await list({ externalRef: 'R-777', document: wanted?.document as string })).toEqual([wanted]);
        expect(await list({ externalRef: 'R-777', document: CPFS[3] })).toEqual([]);
        expect(await list({ externalRef: 'none' })).toEqual([]);
      });

      it('finds by reference and hash, of this client alone', async () => {
        const asked = { externalRef: 'R-777', refHash: hashOf('R-777') };
        const [wanted] = rows.filter((row) => row.externalRef === 'R-777');
        expect(await list(asked)).toEqual([wanted]);
        expect(await list({ ...asked, document: wanted?.document as string })).toEqual([wanted]);
        expect(await list({ ...asked, document: CPFS[3] })).toEqual([]);
        expect(await list(asked, 'beta')).toEqual([]);
        expect(await list({ externalRef: 'none', refHash: hashOf('none') })).toEqual([]);
        await debts.write('acme', 2, [tombstone('R-777', 2)]);
        expect(await list(asked)).toEqual([]);
      });

      it('goes on after any debt of the list', async () => {
        for (const filter of [{}, { document: CPFS[0] }]) {
          const all = await collect(debts.list('acme', filter));
          expect(all.length).toBeGreaterThan(2);
          for (const index of [0, 1, 7, all.length >> 1, all.length - 2, all.length - 1]) {
            const { refHash, externalRef } = all[index] as StoredDebt;
            const rest = await collect(debts.list('acme', { ...filter, after: { refHash, externalRef } }));
            expect(rest).toEqual(all.slice(index + 1));
          }
        }
      });

      it('follows a debt to its new document', async () => {
        const changed = debt('R-0', 2, { document: CPFS[3], createdBatch: 'b-1', changedLine: 40 });
        await debts.write('acme', 2, [changed]);
        expect(await list({ document: CPFS[3] })).toEqual([changed]);
        expect((await list({ document: CPFS[0] })).some((row) => row.externalRef === 'R-0')).toBe(false);
        const back = debt('R-0', 3, { document: CPFS[0], createdBatch: 'b-1', changedLine: 41 });
        await debts.write('acme', 3, [back]);
        expect((await list({ document: CPFS[0] })).filter((row) => row.externalRef === 'R-0')).toEqual([back]);
        expect(await list({ document: CPFS[3] })).toEqual([]);
      });

      it('can stop in the middle, and be written to meanwhile', async () => {
        let seen = 0;
        for await (const row of debts.list('acme', {})) {
          await debts.write('acme', 2, [debt('while', 2)]);
          expect(row).toEqual(rows[seen++]);
          if (seen === 600) break;
        }
        expect((await list()).length).toBe(rows.length + 1);
      });
    });
  });
}
