/** Operations on deliveries (port: deliveries). The body is what the port gives back; the columns are what is asked by. */
import type { Delivery, DeliveryChannel, DeliveryFilter } from '../../ports/deliveries.ts';
import type { ControlDb } from './db.ts';
import { reading, writing } from './op.ts';

/** The tables that the notifier uses, and what is known of how each client is told (JSON, NULL for not at all). */
export const NOTIFY_TABLES = `
  CREATE TABLE deliveries (
    client TEXT NOT NULL,
    id TEXT NOT NULL,
    batch TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    next_at_ms INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (client, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX deliveries_due ON deliveries (next_at_ms) WHERE state = 'pending';
  CREATE INDEX deliveries_ended ON deliveries (created_at_ms) WHERE state <> 'pending';

  ALTER TABLE clients ADD COLUMN notify TEXT;
`;

interface BodyRow {
  readonly body: string;
}

function deliveryOf(row: BodyRow): Delivery {
  return JSON.parse(row.body) as Delivery;
}

function valuesOf(delivery: Delivery): readonly (string | number)[] {
  const { state, revision, nextAtMs } = delivery;
  return [state, revision, nextAtMs, JSON.stringify(delivery)];
}

export const deliveryOps = {
  'deliveries.add': writing((db, deliveries: readonly Delivery[]): void => {
    for (const delivery of deliveries) {
      const { client, id, batch, channel, createdAtMs } = delivery;
      db.change(
        `INSERT INTO deliveries (client, id, batch, channel, created_at_ms, state, revision, next_at_ms, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        client,
        id,
        batch,
        channel,
        createdAtMs,
        ...valuesOf(delivery),
      );
    }
  }),
  'deliveries.replace': writing(
    (db, args: { readonly delivery: Delivery; readonly expectedRevision: number }): boolean => {
      const next = { ...args.delivery, revision: args.expectedRevision + 1 };
      return (
        db.change(
          `UPDATE deliveries SET state = ?, revision = ?, next_at_ms = ?, body = ?
            WHERE client = ? AND id = ? AND revision = ?`,
          ...valuesOf(next),
          next.client,
          next.id,
          args.expectedRevision,
        ) === 1
      );
    },
  ),
  'deliveries.get': reading((db, args: { readonly client: string; readonly id: string }): Delivery | undefined => {
    const row = db.row<BodyRow>('SELECT body FROM deliveries WHERE client = ? AND id = ?', args.client, args.id);
    return row === undefined ? undefined : deliveryOf(row);
  }),
  'deliveries.due': reading((db, args: { readonly nowMs: number; readonly max: number }): Delivery[] =>
    db
      .rows<BodyRow>(
        `SELECT body FROM deliveries WHERE state = 'pending' AND next_at_ms <= ? ORDER BY next_at_ms, id LIMIT ?`,
        args.nowMs,
        args.max,
      )
      .map(deliveryOf),
  ),
  'deliveries.pending': reading(
    (db, args: { readonly client: string; readonly channel: DeliveryChannel; readonly max: number }): Delivery[] =>
      db
        .rows<BodyRow>(
          `SELECT body FROM deliveries WHERE client = ? AND channel = ? AND state = 'pending' ORDER BY id LIMIT ?`,
          args.client,
          args.channel,
          args.max,
        )
        .map(deliveryOf),
  ),
  'deliveries.list': reading((db, filter: DeliveryFilter): Delivery[] =>
    db
      .rows<BodyRow>(
        `SELECT body FROM deliveries WHERE client = ?1 AND (?2 IS NULL OR batch = ?2) AND (?3 IS NULL OR state = ?3)
          ORDER BY id DESC LIMIT ?4`,
        filter.client,
        filter.batch ?? null,
        filter.state ?? null,
        filter.limit,
      )
      .map(deliveryOf),
  ),
  'deliveries.remove': writing(
    (db, args: { readonly client: string; readonly batches: readonly string[] | null }): number =>
      db.change(
        `DELETE FROM deliveries WHERE client = ?1 AND (?2 IS NULL OR batch IN (SELECT value FROM json_each(?2)))`,
        args.client,
        args.batches === null ? null : JSON.stringify(args.batches),
      ),
  ),
  'deliveries.sweep': writing((db, args: { readonly createdBeforeMs: number; readonly max: number }): number =>
    db.change(
      `DELETE FROM deliveries WHERE (client, id) IN (SELECT client, id FROM deliveries
         WHERE state <> 'pending' AND created_at_ms < ? ORDER BY created_at_ms LIMIT ?)`,
      args.createdBeforeMs,
      args.max,
    ),
  ),
} satisfies Record<string, { run(db: ControlDb, args: never): unknown }>;
