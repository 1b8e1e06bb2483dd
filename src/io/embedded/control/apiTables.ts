/** The tables of `control.db` that the input API uses: keys, submissions, answers to idempotent requests. */

export const API_TABLES = `
  -- secret_hash: SHA-256 in hexadecimal. ends_at_ms: from then on the key does not count.
  CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    client TEXT,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;

  -- columns: a JSON array, or NULL. lines: the last number that was reserved.
  CREATE TABLE submissions (
    seq INTEGER PRIMARY KEY,
    client TEXT NOT NULL,
    id TEXT NOT NULL,
    file TEXT NOT NULL,
    columns TEXT,
    dry_run INTEGER NOT NULL,
    as_of TEXT,
    state TEXT NOT NULL,
    lines INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    columns_used INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    touched_at_ms INTEGER NOT NULL,
    batch TEXT,
    UNIQUE (client, id)
  ) STRICT;
  CREATE INDEX submissions_of_client ON submissions (client, created_at_ms, id);
  CREATE INDEX submissions_touched ON submissions (state, touched_at_ms);

  -- The lines of one append, numbers first to first + count - 1; the body is a JSON array of their texts.
  CREATE TABLE submission_lines (
    submission INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    token TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (submission, first)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX submission_tokens ON submission_lines (submission, token) WHERE token IS NOT NULL;

  -- lease_ends_ms: wall time. answer: NULL while the request runs.
  CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    owner TEXT NOT NULL,
    fingerprint TEXT,
    effect TEXT,
    answer TEXT,
    lease_ends_ms INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_created ON idempotency (created_at_ms);
`;
