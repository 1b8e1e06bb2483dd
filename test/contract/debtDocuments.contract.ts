/** The part of the contract of the debts that tells of documents, CPFs and CNPJs side by side; run by describeDebts. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { DebtFilter, DebtStore, StoredDebt } from '../../src/io/ports/debts.ts';
import { byKey, CNPJS, CPFS, debt, hashOf, tombstone } from './debtRows.ts';
import { collect, type Fixture } from './support.ts';

/** `fixtureOf` answers the fixture of the present test. */
export function describeDocuments(fixtureOf: () => Fixture<DebtStore>): void {
  describe('documents of both kinds', () => {
    const DOCUMENTS = [...CPFS, ...CNPJS];
    const rows = Array.from({ length: 80 }, (_, i) => debt(`D-${i}`, 1, { document: DOCUMENTS[i % 8] })).sort(byKey);
    let fixture: Fixture<DebtStore>;
    let debts: DebtStore;
    const fetch = (...refs: string[]): Promise<(StoredDebt | undefined)[]> =>
      debts.fetch(
        'acme',
        refs.map((externalRef) => ({ refHash: hashOf(externalRef), externalRef })),
      );
    const list = (filter: DebtFilter = {}, client = 'acme'): Promise<StoredDebt[]> =>
      collect(debts.list(client, filter));
    const of = (document: string): StoredDebt[] => rows.filter((row) => row.document === document);

    beforeEach(async () => {
      fixture = fixtureOf();
      debts = fixture.store;
      await debts.write('acme', 1, rows);
      await debts.write('beta', 1, [debt('D-4', 1, { client: 'beta', document: CNPJS[0] })]);
    });

    it('come back as they were written, also after it was opened again', async () => {
      const refs = rows.map((row) => row.externalRef);
      expect(await fetch(...refs)).toEqual(rows);
      debts = await fixture.reopen();
      expect(await fetch(...refs)).toEqual(rows);
      expect(await list()).toEqual(rows);
      for (const document of DOCUMENTS) expect(await list({ document })).toEqual(of(document));
    });

    it('are found each by itself, of this client alone', async () => {
      for (const document of DOCUMENTS) {
        expect(of(document)).toHaveLength(10);
        expect(await list({ document })).toEqual(of(document));
      }
      expect((await list({ document: CNPJS[0] }, 'beta')).map((row) => row.client)).toEqual(['beta']);
      for (const document of [CNPJS[1], CPFS[0]]) expect(await list({ document }, 'beta')).toEqual([]);
      expect(await list({ document: '11222333000181' })).toEqual([]);
    });

    it('go with a reference, with its hash, and with where a list goes on', async () => {
      const firms = of(CNPJS[0]);
      for (const [index, row] of firms.entries()) {
        const { externalRef, refHash, document } = row;
        expect(await list({ externalRef, document })).toEqual([row]);
        expect(await list({ externalRef, refHash, document })).toEqual([row]);
        for (const other of [CNPJS[1], CPFS[0]]) {
          expect(await list({ externalRef, document: other })).toEqual([]);
          expect(await list({ externalRef, refHash, document: other })).toEqual([]);
        }
        expect(await list({ document, after: { externalRef, refHash } })).toEqual(firms.slice(index + 1));
      }
    });

    it('change from one kind to the other and back, and a debt is found under its present one alone', async () => {
      const way = [CNPJS[0], CPFS[3], CNPJS[1], CNPJS[0], CNPJS[2], CPFS[0], CNPJS[3]];
      for (const [index, document] of way.entries()) {
        const now = debt('moves', index + 2, { document });
        expect(await debts.write('acme', index + 2, [now])).toBe('written');
        expect(await fetch('moves')).toEqual([now]);
        for (const asked of DOCUMENTS) {
          const found = (await list({ document: asked })).filter((row) => row.externalRef === 'moves');
          expect(found).toEqual(asked === document ? [now] : []);
        }
      }
      while (await debts.tidy());
      debts = await fixture.reopen();
      expect(await fetch('moves')).toEqual([debt('moves', way.length + 1, { document: CNPJS[3] })]);
      for (const document of way.slice(0, -1)) expect(await list({ document })).toEqual(of(document));
    });

    it('keep a debt that carries a later turn, whichever kind the refused row has', async () => {
      const later = debt('late', 9, { document: CNPJS[0] });
      await debts.write('acme', 9, [later]);
      expect(await debts.write('acme', 8, [debt('late', 8, { document: CPFS[0] })])).toBe('superseded');
      expect(await fetch('late')).toEqual([later]);
      expect(await list({ document: CPFS[0] })).toEqual(of(CPFS[0]));
      expect((await list({ document: CNPJS[0] })).length).toBe(of(CNPJS[0]).length + 1);
    });

    it.each([CNPJS[0], CNPJS[2], CPFS[0]])('are erased one by one: %s, and no other', async (erased) => {
      const gone = of(erased).map((row) => tombstone(row.externalRef, 1));
      expect(await debts.write('acme', 1, gone)).toBe('written');
      await debts.forget?.('acme', erased);
      for (let opened = 0; opened < 2; opened++) {
        expect(await list({ document: erased })).toEqual([]);
        expect(await fetch(...gone.map((row) => row.externalRef))).toEqual(gone);
        for (const document of DOCUMENTS) {
          if (document !== erased) expect(await list({ document })).toEqual(of(document));
        }
        expect(await list()).toEqual(rows.filter((row) => row.document !== erased));
        debts = await fixture.reopen();
      }
      expect((await list({ document: CNPJS[0] }, 'beta')).length).toBe(1);
      // No later write, with whatever document, brings one back.
      const again = gone.map((row) => debt(row.externalRef, 2, { document: CNPJS[3] }));
      expect(await debts.write('acme', 2, again)).toBe('written');
      expect(await fetch(...gone.map((row) => row.externalRef))).toEqual(gone);
      expect(await list({ document: CNPJS[3] })).toEqual(of(CNPJS[3]));
    });
  });
}
