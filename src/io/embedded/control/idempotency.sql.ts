/** Operations on the answers to idempotent requests (port: idempotency). */
import type { BeginAnswer, IdempotencyClaim, IdempotencyNote } from '../../ports/idempotency.ts';
import { writing } from './op.ts';

interface Row {
  readonly fingerprint: string | null;
  readonly effect: string | null;
  readonly answer: string | null;
  readonly lease_ends_ms: number;
  readonly created_at_ms: number;
}

export interface BeginArgs extends IdempotencyClaim {
  readonly fingerprint: string | null;
  readonly nowMs: number;
  readonly leaseMs: number;
  readonly keepAfterMs: number;
}

/** The present owner's record, not yet answered. */
const OWNED = 'scope = ?1 AND key = ?2 AND owner = ?3 AND answer IS NULL';

export const idempotencyOps = {
  'idempotency.begin': writing((db, args: BeginArgs): BeginAnswer => {
    const { scope, key, owner, nowMs } = args;
    const row = db.row<Row>(
      `SELECT fingerprint, effect, answer, lease_ends_ms, created_at_ms FROM idempotency
        WHERE scope = ? AND key = ?`,
      scope,
      key,
    );
    const kept = row !== undefined && row.created_at_ms >= args.keepAfterMs ? row : undefined;
    if (kept?.answer != null) return { kind: 'done', fingerprint: kept.fingerprint ?? '', answer: kept.answer };
    if (kept !== undefined && kept.lease_ends_ms > nowMs) {
      return { kind: 'running', fingerprint: kept.fingerprint, leaseEndsMs: kept.lease_ends_ms };
    }
    const noted =
      kept?.effect == null || kept.fingerprint === null ? null : { fingerprint: kept.fingerprint, effect: kept.effect };
    db.change(
      `INSERT OR REPLACE INTO idempotency (scope, key, owner, fingerprint, effect, answer, lease_ends_ms, created_at_ms)
       VALUES (?, ?, ?, ?, ?, NULL, ?, ?)`,
      scope,
      key,
      owner,
      noted?.fingerprint ?? args.fingerprint,
      noted?.effect ?? null,
      nowMs + args.leaseMs,
      kept?.created_at_ms ?? nowMs,
    );
    return { kind: 'begun', noted };
  }),
  'idempotency.extend': writing(
    (db, args: IdempotencyClaim & { readonly leaseEndsMs: number }): boolean =>
      db.change(
        `UPDATE idempotency SET lease_ends_ms = ?4 WHERE ${OWNED}`,
        args.scope,
        args.key,
        args.owner,
        args.leaseEndsMs,
      ) === 1,
  ),
  'idempotency.note': writing(
    (db, args: IdempotencyClaim & IdempotencyNote): boolean =>
      db.change(
        `UPDATE idempotency SET fingerprint = ?4, effect = ?5 WHERE ${OWNED}`,
        args.scope,
        args.key,
        args.owner,
        args.fingerprint,
        args.effect,
      ) === 1,
  ),
  'idempotency.finish': writing(
    (db, args: IdempotencyClaim & { readonly fingerprint: string; readonly answer: string }): boolean =>
      db.change(
        `UPDATE idempotency SET fingerprint = ?4, answer = ?5, effect = NULL WHERE ${OWNED}`,
        args.scope,
        args.key,
        args.owner,
        args.fingerprint,
        args.answer,
      ) === 1,
  ),
  'idempotency.abandon': writing(
    (db, args: IdempotencyClaim): boolean =>
      db.change(`DELETE FROM idempotency WHERE ${OWNED}`, args.scope, args.key, args.owner) === 1,
  ),
  'idempotency.remove': writing((db, { scope }: { readonly scope: string }): number =>
    db.change('DELETE FROM idempotency WHERE scope = ?', scope),
  ),
  'idempotency.sweep': writing((db, args: { readonly createdBeforeMs: number; readonly max: number }): number =>
    db.change(
      `DELETE FROM idempotency WHERE (scope, key) IN
         (SELECT scope, key FROM idempotency WHERE created_at_ms < ? ORDER BY created_at_ms LIMIT ?)`,
      args.createdBeforeMs,
      args.max,
    ),
  ),
};
