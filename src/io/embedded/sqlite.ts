/**
 * A connection to one SQLite file: settings, prepared statements, transactions, and SQLite's errors as faults.
 *
 * Promises
 * - A transaction that returned is on disk (WAL, synchronous=FULL).
 * - `STORE_FULL`, `STORE_IO`, `STORE_BUSY` and `STORE_CORRUPT` stand for what SQLite reports; their text holds no values.
 * - Anything else SQLite throws (a broken constraint, a statement used wrongly) is a bug and comes through as it is.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { assert } from '../../core/assert.ts';
import { Fault, type FaultCode } from '../../core/faults.ts';

export interface SqliteOptions {
  readonly path: string;
  readonly mode: 'read' | 'write';
  /** How long a statement waits for another process or thread that holds the lock. */
  readonly busyMs: number;
  /** Bytes of the page cache. */
  readonly cacheBytes: number;
  /** Pages the write-ahead log may hold before it is moved into the database. */
  readonly checkpointPages: number;
  readonly pageBytes: number;
}

export class Sqlite {
  readonly db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #arrayStatements = new Map<string, StatementSync>();

  constructor(options: SqliteOptions) {
    this.db = guarded(() => open(options));
  }

  /** The prepared statement of a text, made once. Texts are constants of the program: they hold no values. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** The same, giving rows as arrays in the order of the columns selected. */
  arrays(text: string): StatementSync {
    let statement = this.#arrayStatements.get(text);
    if (statement === undefined) {
      statement = this.db.prepare(text);
      statement.setReturnArrays(true);
      this.#arrayStatements.set(text, statement);
    }
    return statement;
  }

  /** Puts a database, given as its bytes, in place of an attached one; statements are prepared anew afterwards. */
  replaceAttached(name: string, bytes: Uint8Array): void {
    this.#forget();
    guarded(() => this.db.deserialize(bytes, { dbName: name }));
  }

  /** The first row, typed by the caller after the columns it selects. */
  row<T extends object>(text: string, ...values: SQLInputValue[]): T | undefined {
    return this.sql(text).get(...values) as T | undefined;
  }

  rows<T extends object>(text: string, ...values: SQLInputValue[]): T[] {
    return this.sql(text).all(...values) as T[];
  }

  /** Runs a statement that writes; how many rows it changed. */
  change(text: string, ...values: SQLInputValue[]): number {
    return Number(this.sql(text).run(...values).changes);
  }

  /** `write` takes the one writer's place at once, so that nothing read inside can be out of date at the commit. */
  transaction<T>(kind: 'read' | 'write', run: () => T): T {
    return guarded(() => {
      this.db.exec(kind === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN');
      try {
        const result = run();
        this.db.exec('COMMIT');
        return result;
      } catch (error) {
        this.#rollback();
        throw error;
      }
    });
  }

  /**
   * Brings the database to the schema of this build: `steps[i]` is the text that leads from version i to i + 1, the
   * number kept in the database itself. Refuses one that a later build has changed.
   */
  migrate(steps: readonly string[]): void {
    this.transaction('write', () => {
      const found = this.version();
      if (found >= steps.length) return;
      for (const step of steps.slice(found)) this.db.exec(step);
      this.db.exec(`PRAGMA user_version = ${steps.length}`);
    });
    this.checkVersion(steps);
  }

  checkVersion(steps: readonly string[]): void {
    const found = guarded(() => this.version());
    const known = steps.length;
    if (found === known) return;
    const older =
      found === 0
        ? 'the database has no tables'
        : 'an older build wrote this data folder; start `remessa serve` once, which brings it up to date';
    const says = found > known ? 'a newer build wrote this data folder; use that build' : older;
    throw new Fault('STORE_CORRUPT', `${says} (schema ${found}, this build knows ${known})`);
  }

  version(): number {
    const row = this.row<{ user_version: number }>('PRAGMA user_version');
    assert(row !== undefined, 'every database has a user_version');
    return row.user_version;
  }

  close(): void {
    if (!this.db.isOpen) return;
    this.#forget();
    this.db.close();
  }

  #forget(): void {
    this.#statements.clear();
    this.#arrayStatements.clear();
  }

  #rollback(): void {
    // SQLite has ended the transaction by itself where the disk is full or broken.
    if (!this.db.isOpen || !this.db.isTransaction) return;
    try {
      this.db.exec('ROLLBACK');
    } catch {
      // The error that led here tells more, and it is the one thrown.
    }
  }
}

function open(options: SqliteOptions): DatabaseSync {
  const db = new DatabaseSync(options.path, { readOnly: options.mode === 'read', timeout: options.busyMs });
  try {
    if (options.mode === 'write') {
      db.exec(`PRAGMA page_size = ${options.pageBytes}`);
      enterWal(db);
      db.exec('PRAGMA synchronous = FULL');
      db.exec(`PRAGMA wal_autocheckpoint = ${options.checkpointPages}`);
    }
    db.exec(`PRAGMA cache_size = -${Math.ceil(options.cacheBytes / 1024)}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

const WAL_ENTRY_TRIES = 100;
const WAL_ENTRY_WAIT_MS = 20;

/**
 * Two processes that open a new database at once may both find it locked here, where SQLite does not wait by itself: it
 * does so to avoid a deadlock, and trying again is what its documentation asks for.
 */
function enterWal(db: DatabaseSync): void {
  for (let tries = 1; ; tries++) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (tries === WAL_ENTRY_TRIES || codeOf(error) !== 'STORE_BUSY') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAL_ENTRY_WAIT_MS);
    }
  }
}

/** Runs a piece of database work; errors of the store leave it as faults. */
export function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw sqliteFault(error);
  }
}

/** By SQLite's primary result code (the low byte). https://sqlite.org/rescode.html */
const FAULT_OF_CODE: Readonly<Record<number, FaultCode>> = {
  3: 'STORE_IO', // PERM
  5: 'STORE_BUSY', // BUSY
  6: 'STORE_BUSY', // LOCKED
  7: 'STORE_IO', // NOMEM
  8: 'STORE_IO', // READONLY: a folder or file system that cannot be written
  10: 'STORE_IO', // IOERR
  11: 'STORE_CORRUPT', // CORRUPT
  13: 'STORE_FULL', // FULL
  14: 'STORE_IO', // CANTOPEN
  15: 'STORE_BUSY', // PROTOCOL: too many processes raced for the log
  22: 'STORE_IO', // NOLFS
  26: 'STORE_CORRUPT', // NOTADB
};

export function sqliteFault(error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  return new Fault(code, `SQLite ${(error as { errcode: number }).errcode}: ${(error as { errstr: string }).errstr}`);
}

function codeOf(error: unknown): FaultCode | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return FAULT_OF_CODE[error.errcode & 0xff];
}
