/** Documents in `debts.db`: two CNPJs with one number in the index, and a data folder of a build that knew CPFs alone. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { DebtsDb } from '../../src/io/embedded/debts/db.ts';
import { documentNumber } from '../../src/io/embedded/debts/documentRuns.ts';
import type { StoredDebt } from '../../src/io/ports/debts.ts';
import { debtsFixture, makeDataDir, removeDataDir } from './embeddedFixtures.ts';
import { collect } from './support.ts';

/** Found by trying: different documents whose remainders are equal. */
const [ONE, OTHER] = ['74JOMPEY000180', 'PUGGW310000173'] as const;

function debt(refHash: number, document: string): StoredDebt {
  const none = { debtorEmail: null, debtorPhone: null, creditorName: null, accountType: null, installment: null };
  const origin = { createdBatch: 'b-1', createdLine: refHash, changedBatch: 'b-1', changedLine: refHash };
  return {
    client: 'acme',
    refHash,
    externalRef: `R-${refHash}`,
    debtorName: 'Loja',
    document,
    amountCents: 100,
    dueDate: '2026-01-10',
    ...none,
    ...origin,
    turn: 1,
    createdAtMs: 1,
    changedAtMs: 1,
    erased: false,
  };
}

describe('two CNPJs with one number', () => {
  it('are told apart, and one that is forgotten takes nothing of the other', async () => {
    expect(documentNumber(ONE)).toBe(documentNumber(OTHER));
    const fixture = await debtsFixture('worker');
    try {
      const { store } = fixture;
      const refsOf = async (document: string): Promise<string[]> =>
        (await collect(store.list('acme', { document }))).map(({ externalRef }) => externalRef);
      await store.write('acme', 1, [debt(5, ONE), debt(6, OTHER), debt(7, ONE), debt(8, '52998224725')]);
      expect([await refsOf(ONE), await refsOf(OTHER)]).toEqual([['R-5', 'R-7'], ['R-6']]);
      const gone = [5, 7].map((n) => ({ ...debt(n, ''), debtorName: '', amountCents: 0, dueDate: '', erased: true }));
      await store.write('acme', 1, gone);
      await store.forget?.('acme', ONE);
      expect([await refsOf(ONE), await refsOf(OTHER), await refsOf('52998224725')]).toEqual([[], ['R-6'], ['R-8']]);
      await fixture.check();
    } finally {
      await fixture.dispose();
    }
  });
});

describe('a data folder of a build that knew CPFs alone', () => {
  it('is brought up to date when it is opened for writing, and keeps its debts', async () => {
    const dataDir = await makeDataDir();
    try {
      const path = join(dataDir, 'debts.db');
      const made = new DebtsDb(path, 'write', 1_000_000);
      made.close();
      const old = new DatabaseSync(path);
      old.exec(`DROP VIEW debts_readable;
        ALTER TABLE debts RENAME COLUMN document TO cpf;
        CREATE VIEW debts_readable AS SELECT client, external_ref, cpf FROM debts WHERE erased = 0;
        INSERT INTO debts VALUES ('acme', 1, 'R-1', 'Ana', '52998224725', 100, '2026-01-10', NULL, NULL, NULL, NULL, NULL,
          'b-1', 2, 'b-1', 2, 1, 1, 1, 0);
        PRAGMA user_version = 1`);
      old.close();
      expect(() => new DebtsDb(path, 'read', 1_000_000)).toThrow(/older build/);
      new DebtsDb(path, 'write', 1_000_000).close();
      const now = new DatabaseSync(path, { readOnly: true });
      const rows = now.prepare('SELECT external_ref, document_kind, document FROM debts_readable').all();
      expect(rows.map((row) => ({ ...row }))).toEqual([
        { external_ref: 'R-1', document_kind: 'cpf', document: '52998224725' },
      ]);
      now.close();
    } finally {
      await removeDataDir(dataDir);
    }
  });
});
