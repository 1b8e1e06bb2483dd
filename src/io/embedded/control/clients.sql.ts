/** Operations on clients (port: clients). */
import type { Language } from '../../../core/language.ts';
import type { ClientNotify, ClientRecord } from '../../ports/clients.ts';
import { reading, writing } from './op.ts';

interface ClientRow {
  readonly id: string;
  readonly name: string;
  readonly profile: string;
  readonly amount_cents_min: number;
  readonly amount_cents_max: number;
  readonly created_at_ms: number;
  readonly notify: string | null;
  readonly erased_at_ms: number | null;
  readonly language: Language | null;
}

export const CLIENT_LANGUAGES = `
  -- Of the messages in its answers; NULL for English.
  ALTER TABLE clients ADD COLUMN language TEXT;
`;

export const clientOps = {
  'clients.add': writing(
    (db, client: ClientRecord): boolean =>
      db.change(
        `INSERT INTO clients (id, name, profile, amount_cents_min, amount_cents_max, created_at_ms, notify, erased_at_ms, language)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        client.id,
        client.name,
        client.profile,
        client.amountCentsMin,
        client.amountCentsMax,
        client.createdAtMs,
        notifyOf(client),
        client.erasedAtMs ?? null,
        client.language ?? null,
      ) === 1,
  ),
  'clients.update': writing(
    (db, client: ClientRecord): boolean =>
      db.change(
        `UPDATE clients SET name = ?, profile = ?, amount_cents_min = ?, amount_cents_max = ?, created_at_ms = ?,
           notify = ?, erased_at_ms = ?, language = ?
         WHERE id = ?`,
        client.name,
        client.profile,
        client.amountCentsMin,
        client.amountCentsMax,
        client.createdAtMs,
        notifyOf(client),
        client.erasedAtMs ?? null,
        client.language ?? null,
        client.id,
      ) === 1,
  ),
  'clients.get': reading((db, id: string): ClientRecord | undefined => {
    const row = db.row<ClientRow>('SELECT * FROM clients WHERE id = ?', id);
    return row === undefined ? undefined : clientOf(row);
  }),
  'clients.list': reading((db, _: null): ClientRecord[] =>
    db.rows<ClientRow>('SELECT * FROM clients ORDER BY id').map(clientOf),
  ),
};

function notifyOf({ notify }: ClientRecord): string | null {
  return notify === undefined ? null : JSON.stringify(notify);
}

function clientOf(row: ClientRow): ClientRecord {
  return {
    id: row.id,
    name: row.name,
    profile: row.profile,
    amountCentsMin: row.amount_cents_min,
    amountCentsMax: row.amount_cents_max,
    createdAtMs: row.created_at_ms,
    ...(row.notify === null ? {} : { notify: JSON.parse(row.notify) as ClientNotify }),
    ...(row.erased_at_ms === null ? {} : { erasedAtMs: row.erased_at_ms }),
    ...(row.language === null ? {} : { language: row.language }),
  };
}
