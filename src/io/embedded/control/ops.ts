/**
 * The table of all operations on the control database, and the two ways to run them: one in a transaction of its own, or
 * a group of waiting ones in a single transaction, so that one sync of the disk serves them all.
 */
import { Fault, type FaultData, isFault } from '../../../core/faults.ts';
import { guarded } from '../sqlite.ts';
import { clientOps } from './clients.sql.ts';
import type { ControlDb } from './db.ts';
import { deliveryOps } from './deliveries.sql.ts';
import { idempotencyOps } from './idempotency.sql.ts';
import { keyOps } from './keys.sql.ts';
import type { Op } from './op.ts';
import { privacyOps } from './privacy.sql.ts';
import { profileOps } from './profiles.sql.ts';
import { queueOps } from './queue.sql.ts';
import { registryOps } from './registry.sql.ts';
import { resultOps } from './results.sql.ts';
import { submissionOps } from './submissions.sql.ts';

export const CONTROL_OPS = {
  ...registryOps,
  ...resultOps,
  ...queueOps,
  ...clientOps,
  ...profileOps,
  ...keyOps,
  ...submissionOps,
  ...idempotencyOps,
  ...deliveryOps,
  ...privacyOps,
};

export type OpName = keyof typeof CONTROL_OPS;
export type OpArgs<K extends OpName> = Parameters<(typeof CONTROL_OPS)[K]['run']>[1];
export type OpResult<K extends OpName> = ReturnType<(typeof CONTROL_OPS)[K]['run']>;

/** A call as it crosses to the control thread: plain data. */
export interface Call {
  readonly id: number;
  readonly op: OpName;
  readonly args: unknown;
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly fault: FaultData }
  | { readonly id: number; readonly ok: false; readonly bug: string };

export function runAlone<K extends OpName>(db: ControlDb, name: K, args: OpArgs<K>): OpResult<K> {
  const op = opOf(name);
  return db.transaction(op.writes ? 'write' : 'read', () => op.run(db, args)) as OpResult<K>;
}

/**
 * Runs the calls in order in one transaction and answers after its commit. A call that fails by itself (a bug) is undone
 * alone; a fault of the store undoes the whole group, and every call of it answers that fault.
 */
export function runGroup(db: ControlDb, calls: readonly Call[]): Answer[] {
  const writes = calls.some((call) => opOf(call.op).writes);
  try {
    return db.transaction(writes ? 'write' : 'read', () => calls.map((call) => runInGroup(db, call)));
  } catch (error) {
    return calls.map((call) => failed(call.id, error));
  }
}

function runInGroup(db: ControlDb, call: Call): Answer {
  const op = opOf(call.op);
  if (op.writes) db.sql('SAVEPOINT one_call').run();
  try {
    const value = guarded(() => op.run(db, call.args));
    if (op.writes) db.sql('RELEASE one_call').run();
    return { id: call.id, ok: true, value };
  } catch (error) {
    if (isFault(error) || !db.db.isTransaction) throw error;
    if (op.writes) {
      db.sql('ROLLBACK TO one_call').run();
      db.sql('RELEASE one_call').run();
    }
    return failed(call.id, error);
  }
}

function failed(id: number, error: unknown): Answer {
  if (isFault(error)) return { id, ok: false, fault: error.toJSON() };
  return { id, ok: false, bug: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** What the answer says, as it would have been returned or thrown without a thread in between. */
export function resultOf(answer: Answer): unknown {
  if (answer.ok) return answer.value;
  if ('fault' in answer) throw Fault.from(answer.fault);
  throw new Error(`a control operation failed: ${answer.bug}`);
}

function opOf(name: OpName): Op<unknown, unknown> {
  return CONTROL_OPS[name] as Op<unknown, unknown>;
}
