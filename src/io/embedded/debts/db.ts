/**
 * `debts.db`: the registered debts, one row each under readable names, and the index of documents.
 *
 * The table is clustered by (client, ref_hash, external_ref). A shard is an interval of hashes and is written in their
 * order, so writing is close to appending; clustered by the reference itself it was 6.5 µs a row and worsening.
 *
 * The index of documents is kept as sorted runs (documentRuns.ts): row by row it cost 10 µs a debt.
 */
import { Sqlite } from '../sqlite.ts';

/** The attached database in memory that holds the rows of the present write. */
export const INCOMING = 'incoming';

/** In the order of the table; `debtOf` and `valuesOf` follow it. */
export const DEBT_COLUMNS = [
  'client',
  'ref_hash',
  'external_ref',
  'debtor_name',
  'document',
  'amount_cents',
  'due_date',
  'debtor_email',
  'debtor_phone',
  'creditor_name',
  'account_type',
  'installment',
  'created_batch',
  'created_line',
  'changed_batch',
  'changed_line',
  'turn',
  'created_at_ms',
  'changed_at_ms',
  'erased',
] as const;

const SCHEMA = `
  -- A debt is (client, external_ref). ref_hash is the keyed hash of the reference, by which the table is ordered.
  -- turn orders the client's batches: a write under an earlier turn than the stored one is refused.
  -- erased = 1: a tombstone without personal data.
  CREATE TABLE debts (
    client TEXT NOT NULL,
    ref_hash INTEGER NOT NULL,
    external_ref TEXT NOT NULL,
    debtor_name TEXT NOT NULL,
    cpf TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    due_date TEXT NOT NULL,
    debtor_email TEXT,
    debtor_phone TEXT,
    creditor_name TEXT,
    account_type TEXT,
    installment TEXT,
    created_batch TEXT NOT NULL,
    created_line INTEGER NOT NULL,
    changed_batch TEXT NOT NULL,
    changed_line INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    erased INTEGER NOT NULL,
    PRIMARY KEY (client, ref_hash, external_ref)
  ) STRICT, WITHOUT ROWID;

  CREATE VIEW debts_readable AS
    SELECT client, external_ref, debtor_name, cpf,
           printf('%d.%02d', amount_cents / 100, amount_cents % 100) AS amount, due_date,
           debtor_email, debtor_phone, creditor_name, account_type, installment,
           created_batch, created_line, changed_batch, changed_line,
           strftime('%Y-%m-%dT%H:%M:%SZ', created_at_ms / 1000, 'unixepoch') AS created_at,
           strftime('%Y-%m-%dT%H:%M:%SZ', changed_at_ms / 1000, 'unixepoch') AS changed_at
      FROM debts WHERE erased = 0;

  -- Where the debts of a document are: runs of entries sorted by (document, ref_hash), cut into blocks. An entry may be
  -- out of date; the row in debts decides.
  CREATE TABLE document_runs (
    client TEXT NOT NULL,
    run INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    PRIMARY KEY (client, run)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE document_blocks (
    client TEXT NOT NULL,
    run INTEGER NOT NULL,
    first_entry BLOB NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (client, run, first_entry)
  ) STRICT, WITHOUT ROWID;
`;

/** Documents are CPFs and CNPJs: eleven digits or fourteen characters, by which the kind is told. */
const ANY_DOCUMENT = `
  DROP VIEW debts_readable;
  ALTER TABLE debts RENAME COLUMN cpf TO document;

  CREATE VIEW debts_readable AS
    SELECT client, external_ref, debtor_name,
           CASE length(document) WHEN 11 THEN 'cpf' WHEN 14 THEN 'cnpj' END AS document_kind, document,
           printf('%d.%02d', amount_cents / 100, amount_cents % 100) AS amount, due_date,
           debtor_email, debtor_phone, creditor_name, account_type, installment,
           created_batch, created_line, changed_batch, changed_line,
           strftime('%Y-%m-%dT%H:%M:%SZ', created_at_ms / 1000, 'unixepoch') AS created_at,
           strftime('%Y-%m-%dT%H:%M:%SZ', changed_at_ms / 1000, 'unixepoch') AS changed_at
      FROM debts WHERE erased = 0;
`;

const STEPS = [SCHEMA, ANY_DOCUMENT];

export class DebtsDb extends Sqlite {
  constructor(path: string, mode: 'read' | 'write', cacheBytes: number) {
    // A writer may have to let a whole checkpoint of another thread or process go by.
    super({ path, mode, busyMs: 30_000, cacheBytes, checkpointPages: 4000, pageBytes: 8192 });
    try {
      if (mode === 'write') {
        this.migrate(STEPS);
        this.db.exec(`ATTACH ':memory:' AS ${INCOMING}`);
      } else {
        this.checkVersion(STEPS);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }
}
