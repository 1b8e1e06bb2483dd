/**
 * The registered debts in `debts.db` (port: debts).
 *
 * A write goes in transactions of up to `CHUNK_ROWS` rows; each is durable by itself and right by itself, since a turn's
 * rows are a function of the batch. Threads of one process take turns to write (writeTurn.ts); other processes wait at
 * SQLite's lock. Calls block their thread: this runs in workers, and in commands that do nothing else.
 *
 * Memory: the page cache, the rows the caller passes, and an image of records that are registered (image.ts).
 */
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { assert } from '../../../core/assert.ts';
import type {
  DebtFilter,
  DebtKey,
  DebtRecords,
  DebtStore,
  Registration,
  StoredDebt,
  WriteAnswer,
} from '../../ports/debts.ts';
import { guarded } from '../sqlite.ts';
import type { WriteTurn } from '../writeTurn.ts';
import { DEBT_COLUMNS, DebtsDb } from './db.ts';
import { appendRun, documentNumber, encodeRun, forgetDocument, hashesOf, mergeSmallestRuns } from './documentRuns.ts';
import { DebtRegister } from './register.ts';

export interface DebtsOptions {
  readonly path: string;
  readonly mode: 'read' | 'write';
  readonly cacheBytes: number;
  readonly writeTurn: WriteTurn;
}

/** Rows of one transaction: long enough that its sync costs little, short enough that others need not wait long. */
const CHUNK_ROWS = 16_384;
/** Rows of one step of a list. */
const LIST_ROWS = 512;
/** More runs than this are merged when the engine is idle. */
const RUNS_MAX = 64;

const COLUMNS = DEBT_COLUMNS.join(', ');
const SELECT = `SELECT ${COLUMNS} FROM debts`;

const KEY_COLUMNS: ReadonlySet<string> = new Set(['client', 'ref_hash', 'external_ref']);

const UPSERT = `INSERT INTO debts (${COLUMNS}) VALUES (${DEBT_COLUMNS.map(() => '?').join(', ')})
  ON CONFLICT DO UPDATE SET ${DEBT_COLUMNS.filter((column) => !KEY_COLUMNS.has(column))
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}
  WHERE debts.turn <= excluded.turn AND debts.erased = 0`;

type Row = readonly SQLOutputValue[];

export class EmbeddedDebts implements DebtStore {
  readonly #db: DebtsDb;
  readonly #mode: 'read' | 'write';
  readonly #writeTurn: WriteTurn;
  #registering: DebtRegister | undefined;

  constructor(options: DebtsOptions) {
    this.#db = new DebtsDb(options.path, options.mode, options.cacheBytes);
    this.#mode = options.mode;
    this.#writeTurn = options.writeTurn;
  }

  async fetch(client: string, keys: readonly DebtKey[]): Promise<(StoredDebt | undefined)[]> {
    return this.#db.transaction('read', () => {
      if (!this.#anyBetween(client, keys)) return keys.map(() => undefined);
      const byKey = this.#db.arrays(`${SELECT} WHERE client = ? AND ref_hash = ? AND external_ref = ?`);
      return keys.map(({ refHash, externalRef }) => {
        const row = byKey.get(client, refHash, externalRef) as Row | undefined;
        return row === undefined ? undefined : debtOf(row);
      });
    });
  }

  async write(client: string, turn: number, rows: readonly StoredDebt[]): Promise<WriteAnswer> {
    assert(this.#mode === 'write', 'debts are written by a store opened for writing');
    for (let from = 0; from < rows.length; from += CHUNK_ROWS) {
      const chunk = rows.length <= CHUNK_ROWS ? rows : rows.slice(from, from + CHUNK_ROWS);
      if (this.#writeChunk(client, turn, chunk) === 'superseded') return 'superseded';
    }
    return 'written';
  }

  async register(
    registration: Registration,
    records: DebtRecords,
    order: Int32Array,
    fates: Uint8Array,
  ): Promise<WriteAnswer> {
    assert(this.#mode === 'write', 'debts are registered by a store opened for writing');
    this.#registering ??= new DebtRegister(this.#db, this.#writeTurn);
    return this.#registering.register(registration, records, order, fates);
  }

  async *list(client: string, filter: DebtFilter): AsyncIterable<StoredDebt> {
    const { externalRef, refHash } = filter;
    if (externalRef !== undefined && refHash !== undefined) {
      const [debt] = await this.fetch(client, [{ refHash, externalRef }]);
      if (debt?.erased === false && (filter.document ?? debt.document) === debt.document) yield debt;
    } else if (filter.document === undefined) yield* this.#listAll(client, filter.externalRef, filter.after);
    else yield* this.#listDocument(client, filter.document, filter.externalRef, filter.after);
  }

  /** Entries of the index go; then what was overwritten goes from the log, and from the pages of the file. */
  async forget(client: string, document: string | undefined): Promise<void> {
    assert(this.#mode === 'write', 'debts are forgotten by a store opened for writing');
    await this.#writeTurn.hold(() =>
      this.#db.transaction('write', () =>
        forgetDocument(this.#db, client, document === undefined ? -1 : documentNumber(document)),
      ),
    );
    guarded(() => this.#db.db.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
  }

  /** One bounded step of tidying the index of documents, for idle times; whether there may be more to do. */
  async tidy(): Promise<boolean> {
    assert(this.#mode === 'write', 'runs are merged by a store opened for writing');
    return this.#writeTurn.hold(() => this.#db.transaction('write', () => mergeSmallestRuns(this.#db, RUNS_MAX)));
  }

  /** From now on, what this store deletes or overwrites leaves no trace in the pages of the file. */
  overwriteDeleted(): void {
    guarded(() => this.#db.db.exec('PRAGMA secure_delete = ON'));
  }

  async close(): Promise<void> {
    this.#db.close();
  }

  /** Whether the client has any debt among the hashes asked: a first load asks for millions and has none. */
  #anyBetween(client: string, keys: readonly DebtKey[]): boolean {
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    for (const { refHash } of keys) {
      if (refHash < least) least = refHash;
      if (refHash > greatest) greatest = refHash;
    }
    if (least > greatest) return false;
    const any = this.#db.row<{ found: number }>(
      'SELECT 1 AS found FROM debts WHERE client = ? AND ref_hash BETWEEN ? AND ? LIMIT 1',
      client,
      least,
      greatest,
    );
    return any !== undefined;
  }

  #writeChunk(client: string, turn: number, rows: readonly StoredDebt[]): WriteAnswer {
    const run = guarded(() => this.#runOf(client, rows));
    return this.#writeTurn.hold(() => {
      try {
        return this.#db.transaction('write', (): WriteAnswer => {
          const upsert = this.#db.sql(UPSERT);
          for (const row of rows) {
            assert(row.client === client && row.turn === turn, 'rows carry the client and turn of their write');
            if (Number(upsert.run(...valuesOf(row)).changes) === 0) this.#checkRefusal(row);
          }
          appendRun(this.#db, client, run);
          return 'written';
        });
      } catch (error) {
        if (error instanceof Superseded) return 'superseded';
        throw error;
      }
    });
  }

  /** A row is left as it is where it is a tombstone, or where it carries a later turn: then the whole write stops. */
  #checkRefusal(row: StoredDebt): void {
    const stored = this.#db.row<{ erased: number }>(
      'SELECT erased FROM debts WHERE client = ? AND ref_hash = ? AND external_ref = ?',
      row.client,
      row.refHash,
      row.externalRef,
    );
    if (stored?.erased !== 1) throw new Superseded();
  }

  /**
   * The index entries of a write: those of debts that are new or have another document than before. Asked before the
   * transaction, for an entry once written stays: where the stored document is this one, its entry is there.
   */
  #runOf(client: string, rows: readonly StoredDebt[]): Buffer {
    const documents: number[] = [];
    const hashes: number[] = [];
    for (const row of rows) {
      assert(Number.isInteger(row.refHash) && row.refHash >= 0 && row.refHash <= 0xffff_ffff, 'a hash is a uint32');
      const document = documentNumber(row.document);
      if (document < 0) continue;
      const isNew = row.createdBatch === row.changedBatch && row.createdLine === row.changedLine;
      if (!isNew && this.#storedDocument(client, row) === row.document) continue;
      documents.push(document);
      hashes.push(row.refHash);
    }
    return encodeRun(documents, hashes);
  }

  #storedDocument(client: string, key: DebtKey): string | undefined {
    return this.#db.row<{ document: string }>(
      'SELECT document FROM debts WHERE client = ? AND ref_hash = ? AND external_ref = ?',
      client,
      key.refHash,
      key.externalRef,
    )?.document;
  }

  /** Walks the key in steps: a statement that stayed open while the caller is slow would keep the log from shrinking. */
  async *#listAll(
    client: string,
    externalRef: string | undefined,
    after: DebtKey | undefined,
  ): AsyncIterable<StoredDebt> {
    const step = `${SELECT} WHERE client = ?1 AND (ref_hash, external_ref) > (?2, ?3) AND erased = 0
         AND (?4 IS NULL OR external_ref = ?4) ORDER BY ref_hash, external_ref LIMIT ${LIST_ROWS}`;
    let [hash, ref] = [after?.refHash ?? -1, after?.externalRef ?? ''];
    for (;;) {
      const rows = guarded(() => this.#db.arrays(step).all(client, hash, ref, externalRef ?? null)) as unknown as Row[];
      for (const row of rows) {
        const debt = debtOf(row);
        hash = debt.refHash;
        ref = debt.externalRef;
        yield debt;
      }
      if (rows.length < LIST_ROWS) return;
    }
  }

  async *#listDocument(
    client: string,
    document: string,
    externalRef: string | undefined,
    after: DebtKey = { refHash: -1, externalRef: '' },
  ): AsyncIterable<StoredDebt> {
    const number = documentNumber(document);
    if (number < 0) return;
    const ofHash = `${SELECT} WHERE client = ?1 AND ref_hash = ?2 AND document = ?3 AND erased = 0
         AND (ref_hash, external_ref) > (?5, ?6) AND (?4 IS NULL OR external_ref = ?4) ORDER BY external_ref`;
    for (const hash of guarded(() => hashesOf(this.#db, client, number))) {
      if (hash < after.refHash) continue;
      const rows = guarded(() =>
        this.#db.arrays(ofHash).all(client, hash, document, externalRef ?? null, after.refHash, after.externalRef),
      ) as unknown as Row[];
      yield* rows.map(debtOf);
    }
  }
}

/** Ends a transaction from within: a row carries a later turn. */
class Superseded extends Error {}

/** In the order of `DEBT_COLUMNS`. */
function valuesOf(debt: StoredDebt): SQLInputValue[] {
  return [
    debt.client,
    debt.refHash,
    debt.externalRef,
    debt.debtorName,
    debt.document,
    debt.amountCents,
    debt.dueDate,
    debt.debtorEmail,
    debt.debtorPhone,
    debt.creditorName,
    debt.accountType,
    debt.installment,
    debt.createdBatch,
    debt.createdLine,
    debt.changedBatch,
    debt.changedLine,
    debt.turn,
    debt.createdAtMs,
    debt.changedAtMs,
    debt.erased ? 1 : 0,
  ];
}

/** STRICT columns have these types and no others. */
function debtOf(row: Row): StoredDebt {
  return {
    client: row[0] as string,
    refHash: row[1] as number,
    externalRef: row[2] as string,
    debtorName: row[3] as string,
    document: row[4] as string,
    amountCents: row[5] as number,
    dueDate: row[6] as string,
    debtorEmail: row[7] as string | null,
    debtorPhone: row[8] as string | null,
    creditorName: row[9] as string | null,
    accountType: row[10] as string | null,
    installment: row[11] as string | null,
    createdBatch: row[12] as string,
    createdLine: row[13] as number,
    changedBatch: row[14] as string,
    changedLine: row[15] as number,
    turn: row[16] as number,
    createdAtMs: row[17] as number,
    changedAtMs: row[18] as number,
    erased: row[19] === 1,
  };
}
