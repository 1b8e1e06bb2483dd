/**
 * Peer of `ingest`: `sqlite3 .import` of the file into one table with a key on the reference and an index on the document,
 * under the pragmas of the program's own debts table. It checks nothing and answers nothing.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { COLUMNS, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import { csvRows } from '../csvRows.ts';
import { settingsFor } from '../engine.ts';
import { runCommand } from '../program.ts';
import type { Case } from './case.ts';

/** As `io/embedded/debts/db.ts` opens its database. */
const PAGE_BYTES = 8192;
const CHECKPOINT_PAGES = 4000;

export const sqliteImportCase: Case = {
  apart: true,
  async open({ path, workFolder, threads, truth }) {
    const database = join(workFolder, 'peer.db');
    const { debtsCacheBytes } = settingsFor(workFolder, threads);
    const columns = COLUMNS.map((name, column) => `${name} TEXT${column < REQUIRED_COLUMNS ? ' NOT NULL' : ''}`);
    const script = `
PRAGMA page_size = ${PAGE_BYTES};
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
PRAGMA cache_size = -${Math.ceil(debtsCacheBytes / 1024)};
CREATE TABLE debts (${columns.join(', ')}, PRIMARY KEY (external_ref));
CREATE INDEX debts_by_document ON debts (cpf);
.import --csv --skip 1 '${path.replaceAll("'", "''")}' debts
`;
    let checked = false;
    const clear = (): void => {
      for (const end of ['', '-wal', '-shm']) rmSync(database + end, { force: true });
    };
    return {
      async pass() {
        const { spent, peakBytes, stderr } = await runCommand('sqlite3', [database], script);
        // A repeated key is told and left out; anything else is trouble.
        const trouble = stderr.split('\n').find((line) => line !== '' && !line.includes('UNIQUE constraint failed'));
        if (trouble !== undefined) throw new Error(`sqlite3 said: ${trouble}`);
        return { found: {}, spent, peakBytes };
      },
      async after() {
        const created = checked ? undefined : await createdFound(database, truth);
        checked = true;
        clear();
        return created === undefined ? {} : { created };
      },
      async close() {
        clear();
      },
    };
  },
};

/** How many of the debts that a first ingest registers are in the peer's table. */
async function createdFound(path: string, truth: string | undefined): Promise<number | undefined> {
  if (truth === undefined) return undefined;
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const find = database.prepare('SELECT 1 FROM debts WHERE external_ref = ?');
    let found = 0;
    for await (const [, ref = '', outcome] of csvRows(truth)) {
      if (outcome === 'created' && find.get(ref) !== undefined) found++;
    }
    return found;
  } finally {
    database.close();
  }
}
