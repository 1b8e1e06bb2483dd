/**
 * Operations on the registry (port: registry). Each write is one conditional write, decided inside the transaction that
 * the caller holds.
 */
import {
  acceptedBatch,
  type Batch,
  type BatchDraft,
  type BatchFilter,
  FINAL_STATES,
  type OpenPage,
  type TurnItem,
  turnItemOf,
} from '../../ports/registry.ts';
import type { ControlDb } from './db.ts';
import { reading, writing } from './op.ts';

export interface AcceptAnswer {
  readonly batch: Batch;
  readonly created: boolean;
}

interface Body {
  readonly body: string;
}

export const registryOps = {
  'registry.installation': writing((db, proposal: { readonly hashSeed: number }): { readonly hashSeed: number } => {
    db.change(
      `INSERT INTO installation (name, value) VALUES ('hash_seed', ?) ON CONFLICT DO NOTHING`,
      proposal.hashSeed,
    );
    return { hashSeed: hashSeedOf(db) ?? proposal.hashSeed };
  }),

  'registry.hashSeed': reading((db, _args: null): number | undefined => hashSeedOf(db)),

  'registry.accept': writing((db, draft: BatchDraft): AcceptAnswer => {
    const stored = batchOf(db, draft.id);
    if (stored !== undefined) return { batch: stored, created: false };
    const batch = acceptedBatch(draft, nextNumber(db, draft.client));
    db.change(
      `INSERT INTO batches (id, client, number, accepted_number, in_line, state, is_open, revision, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      batch.id,
      batch.client,
      batch.number,
      batch.acceptedNumber,
      Number(batch.inLine),
      batch.state,
      Number(isOpen(batch)),
      batch.revision,
      JSON.stringify(batch),
    );
    return { batch, created: true };
  }),

  'registry.get': reading((db, id: string): Batch | undefined => batchOf(db, id)),

  'registry.replace': writing(
    (db, args: { readonly batch: Batch; readonly expectedRevision: number }): boolean =>
      store(db, args.batch, args.expectedRevision) !== undefined,
  ),

  'registry.requeue': writing(
    (db, args: { readonly batch: Batch; readonly expectedRevision: number }): Batch | undefined => {
      const revision = db.row<{ revision: number }>(
        'SELECT revision FROM batches WHERE id = ?',
        args.batch.id,
      )?.revision;
      if (revision !== args.expectedRevision) return undefined;
      return store(db, { ...args.batch, number: nextNumber(db, args.batch.client) }, args.expectedRevision);
    },
  ),

  'registry.list': reading((db, filter: BatchFilter): Batch[] =>
    db
      .rows<Body>(
        `SELECT body FROM batches
          WHERE (?1 IS NULL OR client = ?1) AND (?2 IS NULL OR state IN (SELECT value FROM json_each(?2)))
            AND (?4 IS NULL OR accepted_number < ?4)
          ORDER BY seq DESC LIMIT ?3`,
        filter.client ?? null,
        filter.states === undefined ? null : JSON.stringify(filter.states),
        filter.limit ?? -1,
        filter.before ?? null,
      )
      .map(parseBatch),
  ),

  'registry.open': reading((db, page: { readonly max: number; readonly after?: string }): OpenPage => {
    const rows = db.rows<Body & { readonly seq: number }>(
      'SELECT seq, body FROM batches WHERE is_open = 1 AND seq > ? ORDER BY seq LIMIT ?',
      Number(page.after ?? 0),
      page.max,
    );
    const last = rows.length < page.max ? undefined : rows.at(-1);
    return { batches: rows.map(parseBatch), ...(last === undefined ? {} : { next: String(last.seq) }) };
  }),

  'registry.lineHead': reading(
    (db, args: { readonly client: string; readonly max: number; readonly after: number }): Batch[] =>
      db
        .rows<Body>(
          'SELECT body FROM batches WHERE client = ? AND in_line = 1 AND number > ? ORDER BY number LIMIT ?',
          args.client,
          args.after,
          args.max,
        )
        .map(parseBatch),
  ),

  'registry.turnOf': reading((db, client: string): TurnItem => {
    return turnItemOf(db.row<Body>('SELECT body FROM turns WHERE client = ?', client)?.body);
  }),

  'registry.takeTurns': writing(
    (db, args: { readonly client: string; readonly expectedTurn: number; readonly next: TurnItem }): boolean => {
      const { client, expectedTurn, next } = args;
      const body = JSON.stringify(next);
      const stored = db.row<{ turn: number }>('SELECT turn FROM turns WHERE client = ?', client);
      if ((stored?.turn ?? 0) !== expectedTurn) return false;
      db.change(
        `INSERT INTO turns (client, turn, body) VALUES (?, ?, ?)
         ON CONFLICT (client) DO UPDATE SET turn = excluded.turn, body = excluded.body`,
        client,
        next.turn,
        body,
      );
      return true;
    },
  ),
};

function hashSeedOf(db: ControlDb): number | undefined {
  return db.row<{ value: number }>(`SELECT value FROM installation WHERE name = 'hash_seed'`)?.value;
}

/** Writes the batch where the stored revision is the expected one; what was stored, or `undefined`. */
function store(db: ControlDb, batch: Batch, expectedRevision: number): Batch | undefined {
  const stored: Batch = { ...batch, revision: expectedRevision + 1 };
  const changed = db.change(
    `UPDATE batches SET number = ?, in_line = ?, state = ?, is_open = ?, revision = ?, body = ?
      WHERE id = ? AND revision = ?`,
    stored.number,
    Number(stored.inLine),
    stored.state,
    Number(isOpen(stored)),
    stored.revision,
    JSON.stringify(stored),
    stored.id,
    expectedRevision,
  );
  return changed === 1 ? stored : undefined;
}

function nextNumber(db: ControlDb, client: string): number {
  const row = db.row<{ last_number: number }>(
    `INSERT INTO lines (client, last_number) VALUES (?, 1)
     ON CONFLICT (client) DO UPDATE SET last_number = last_number + 1 RETURNING last_number`,
    client,
  );
  return row?.last_number ?? 1;
}

function isOpen(batch: Batch): boolean {
  return !FINAL_STATES.has(batch.state) || batch.owed.length > 0;
}

function batchOf(db: ControlDb, id: string): Batch | undefined {
  const row = db.row<Body>('SELECT body FROM batches WHERE id = ?', id);
  return row === undefined ? undefined : parseBatch(row);
}

/** A build before this one knew of no second place, for none was ever given. */
function parseBatch(row: Body): Batch {
  const batch = JSON.parse(row.body) as Batch;
  return { ...batch, acceptedNumber: batch.acceptedNumber ?? batch.number };
}

/** A step of the database's own: until then a batch had one place for good. */
export const REGISTRY_PLACES = `
  ALTER TABLE batches ADD COLUMN accepted_number INTEGER NOT NULL DEFAULT 0;
  UPDATE batches SET accepted_number = number;
  CREATE INDEX batches_accepted ON batches (client, accepted_number);
`;
