/** Operations on API keys (port: keys). */
import type { KeyRecord, KeyScope } from '../../ports/keys.ts';
import type { ControlDb } from './db.ts';
import { reading, writing } from './op.ts';

interface KeyRow {
  readonly id: string;
  readonly scope: KeyScope;
  readonly client: string | null;
  readonly name: string;
  readonly secret_hash: string;
  readonly created_at_ms: number;
  readonly ends_at_ms: number | null;
}

export const keyOps = {
  'keys.add': writing(
    (db, key: KeyRecord): boolean =>
      db.change(
        `INSERT INTO api_keys (id, scope, client, name, secret_hash, created_at_ms, ends_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        key.id,
        key.scope,
        key.client,
        key.name,
        key.secretHash,
        key.createdAtMs,
        key.endsAtMs,
      ) === 1,
  ),
  'keys.get': reading((db, id: string): KeyRecord | undefined => keyOf(db, id)),
  'keys.list': reading((db, client: string | null): KeyRecord[] =>
    db
      .rows<KeyRow>('SELECT * FROM api_keys WHERE ?1 IS NULL OR client = ?1 ORDER BY created_at_ms, id', client)
      .map(recordOf),
  ),
  'keys.end': writing(
    (db, args: { readonly id: string; readonly endsAtMs: number }): boolean =>
      db.change(
        'UPDATE api_keys SET ends_at_ms = min(coalesce(ends_at_ms, ?1), ?1) WHERE id = ?2',
        args.endsAtMs,
        args.id,
      ) === 1,
  ),
};

export function keyOf(db: ControlDb, id: string): KeyRecord | undefined {
  const row = db.row<KeyRow>('SELECT * FROM api_keys WHERE id = ?', id);
  return row === undefined ? undefined : recordOf(row);
}

function recordOf(row: KeyRow): KeyRecord {
  return {
    id: row.id,
    scope: row.scope,
    client: row.client,
    name: row.name,
    secretHash: row.secret_hash,
    createdAtMs: row.created_at_ms,
    endsAtMs: row.ends_at_ms,
  };
}
