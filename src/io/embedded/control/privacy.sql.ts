/** Operations on legal holds and erasures (port: privacy). */
import type { PrivacyRecord } from '../../ports/privacy.ts';
import { reading, writing } from './op.ts';

export const PRIVACY_TABLES = `
  CREATE TABLE privacy (
    client TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (client, id)
  ) STRICT, WITHOUT ROWID;

  -- NULL where the client was not erased.
  ALTER TABLE clients ADD COLUMN erased_at_ms INTEGER;
`;

export const privacyOps = {
  'privacy.add': writing(
    (db, record: PrivacyRecord): boolean =>
      db.change(
        'INSERT INTO privacy (client, id, revision, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
        record.client,
        record.id,
        record.revision,
        JSON.stringify(record),
      ) === 1,
  ),
  'privacy.replace': writing(
    (db, args: { readonly record: PrivacyRecord; readonly expectedRevision: number }): boolean => {
      const next = { ...args.record, revision: args.expectedRevision + 1 };
      return (
        db.change(
          'UPDATE privacy SET revision = ?, body = ? WHERE client = ? AND id = ? AND revision = ?',
          next.revision,
          JSON.stringify(next),
          next.client,
          next.id,
          args.expectedRevision,
        ) === 1
      );
    },
  ),
  'privacy.list': reading((db, client: string): PrivacyRecord[] =>
    db
      .rows<{ body: string }>('SELECT body FROM privacy WHERE client = ? ORDER BY id', client)
      .map(({ body }) => JSON.parse(body) as PrivacyRecord),
  ),
};
