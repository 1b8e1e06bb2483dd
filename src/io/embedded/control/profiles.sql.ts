/** Operations on profiles (port: clients), and their table. */
import type { ProfileRecord, ProfileSource } from '../../ports/clients.ts';
import { reading, writing } from './op.ts';

export const PROFILE_TABLES = `
  -- document: JSON, never changed.
  CREATE TABLE profiles (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (name, version)
  ) STRICT, WITHOUT ROWID;
`;

export const PROFILE_SOURCES = `
  -- JSON; NULL where no rules service gave it.
  ALTER TABLE profiles ADD COLUMN source TEXT;
`;

interface ProfileRow {
  readonly name: string;
  readonly version: number;
  readonly document: string;
  readonly created_at_ms: number;
  readonly source: string | null;
}

export const profileOps = {
  'profiles.add': writing(
    (db, profile: ProfileRecord): boolean =>
      db.change(
        `INSERT INTO profiles (name, version, document, created_at_ms, source) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO NOTHING`,
        profile.name,
        profile.version,
        profile.document,
        profile.createdAtMs,
        profile.source === undefined ? null : JSON.stringify(profile.source),
      ) === 1,
  ),
  'profiles.get': reading(
    (db, args: { readonly name: string; readonly version?: number }): ProfileRecord | undefined => {
      const row =
        args.version === undefined
          ? db.row<ProfileRow>('SELECT * FROM profiles WHERE name = ? ORDER BY version DESC LIMIT 1', args.name)
          : db.row<ProfileRow>('SELECT * FROM profiles WHERE name = ? AND version = ?', args.name, args.version);
      return row === undefined ? undefined : profileOf(row);
    },
  ),
  'profiles.list': reading((db, _: null): ProfileRecord[] =>
    db.rows<ProfileRow>('SELECT * FROM profiles ORDER BY name, version').map(profileOf),
  ),
};

function profileOf(row: ProfileRow): ProfileRecord {
  return {
    name: row.name,
    version: row.version,
    document: row.document,
    createdAtMs: row.created_at_ms,
    ...(row.source === null ? {} : { source: JSON.parse(row.source) as ProfileSource }),
  };
}
