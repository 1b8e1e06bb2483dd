/**
 * `control.db`: batches, results, failures, lines and turns, queues, clients, and what the API needs. Small rows, all durable.
 *
 * Columns beside a JSON body are those that are queried; the body is what the port gives back.
 */

import { Sqlite } from '../sqlite.ts';
import { API_TABLES } from './apiTables.ts';
import { CLIENT_LANGUAGES } from './clients.sql.ts';
import { NOTIFY_TABLES } from './deliveries.sql.ts';
import { PRIVACY_TABLES } from './privacy.sql.ts';
import { PROFILE_SOURCES, PROFILE_TABLES } from './profiles.sql.ts';
import { REGISTRY_PLACES } from './registry.sql.ts';

const SCHEMA = `
  CREATE TABLE installation (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    amount_cents_min INTEGER NOT NULL,
    amount_cents_max INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- The last number given in each client's line.
  CREATE TABLE lines (
    client TEXT PRIMARY KEY,
    last_number INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- The last turn each client took; the body is the turn item as JSON.
  CREATE TABLE turns (
    client TEXT PRIMARY KEY,
    turn INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- seq is the order of acceptance. is_open: not final, or messages are still owed.
  CREATE TABLE batches (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    client TEXT NOT NULL,
    number INTEGER NOT NULL,
    in_line INTEGER NOT NULL,
    state TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (client, number)
  ) STRICT;
  CREATE INDEX batches_open ON batches (seq) WHERE is_open = 1;
  CREATE INDEX batches_in_line ON batches (client, number) WHERE in_line = 1;
  CREATE INDEX batches_of_client ON batches (client, seq);

  CREATE TABLE results (
    batch TEXT NOT NULL,
    kind TEXT NOT NULL,
    work INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (batch, kind, work)
  ) STRICT;

  CREATE TABLE failures (
    batch TEXT NOT NULL,
    work TEXT NOT NULL,
    attempt TEXT NOT NULL,
    says TEXT NOT NULL,
    PRIMARY KEY (batch, work, attempt)
  ) STRICT, WITHOUT ROWID;

  -- seq is the order of sending. free_at_ms: monotonic time before which nobody may receive it; while it is leased, the
  -- end of the lease. sent_at_ms: wall time.
  CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    client TEXT NOT NULL,
    body TEXT NOT NULL,
    is_dead INTEGER NOT NULL DEFAULT 0,
    receives INTEGER NOT NULL DEFAULT 0,
    free_at_ms INTEGER NOT NULL DEFAULT 0,
    receipt TEXT,
    sent_at_ms INTEGER NOT NULL,
    UNIQUE (queue, id)
  ) STRICT;
  CREATE INDEX messages_waiting ON messages (queue, is_dead, client, seq);
`;

/** A step that a released build took is never changed: what comes next is a step of its own. */
export const CONTROL_STEPS: readonly string[] = [
  SCHEMA,
  API_TABLES,
  NOTIFY_TABLES,
  PROFILE_TABLES,
  PRIVACY_TABLES,
  REGISTRY_PLACES,
  CLIENT_LANGUAGES,
  PROFILE_SOURCES,
];

export class ControlDb extends Sqlite {
  /** By queue, the group that was served last. It only spreads work, so it may be forgotten with the process. */
  readonly lastServed = new Map<string, string>();

  constructor(path: string, mode: 'read' | 'write') {
    super({ path, mode, busyMs: 10_000, cacheBytes: 8 * 1024 * 1024, checkpointPages: 1000, pageBytes: 4096 });
    try {
      // Lines of people are deleted by the engine, and an erasure cannot find them again: they go from the file with the row.
      if (mode === 'write') this.db.exec('PRAGMA secure_delete = ON');
      if (mode === 'write') this.migrate(CONTROL_STEPS);
      else this.checkVersion(CONTROL_STEPS);
    } catch (error) {
      this.close();
      throw error;
    }
  }
}
