/**
 * An operation on the control database: a pure, synchronous function of (database, arguments). It runs inside a
 * transaction that its caller opens, so the same operation serves the control thread, which groups many into one commit,
 * and a command that opens the database by itself.
 */
import type { ControlDb } from './db.ts';

export interface Op<A, R> {
  readonly writes: boolean;
  run(db: ControlDb, args: A): R;
}

export function reading<A, R>(run: (db: ControlDb, args: A) => R): Op<A, R> {
  return { writes: false, run };
}

export function writing<A, R>(run: (db: ControlDb, args: A) => R): Op<A, R> {
  return { writes: true, run };
}
