/**
 * Operations on the work queues (port: queue).
 *
 * Invariants: a message is leased while its receipt is set and `free_at_ms` lies ahead; the receipt of an expired lease
 * stays good until somebody else receives the message. Times called `nowMs` are monotonic, `sentAtMs` is wall time.
 */
import type { OutgoingMessage, QueueDepth, ReceivedMessage } from '../../ports/queue.ts';
import type { ControlDb } from './db.ts';
import { reading, writing } from './op.ts';

export interface SendArgs {
  readonly queue: string;
  readonly messages: readonly OutgoingMessage[];
  readonly sentAtMs: number;
}

export interface ReceiveArgs {
  readonly queue: string;
  readonly max: number;
  readonly leaseMs: number;
  readonly receivesMax: number;
  readonly nowMs: number;
  /** Random; the receipts of this call are made from it, so that no two deliveries share one. */
  readonly nonce: string;
}

export interface LeaseArgs {
  readonly queue: string;
  readonly id: string;
  readonly receipt: string;
}

interface MessageRow {
  readonly seq: number;
  readonly id: string;
  readonly client: string;
  readonly body: string;
  readonly receives: number;
}

export const queueOps = {
  /** An id that waits, is leased or lies among the dead letters is left as it is. How many are new. */
  'queue.send': writing((db, args: SendArgs): number => {
    let added = 0;
    for (const message of args.messages) {
      added += db.change(
        `INSERT INTO messages (queue, id, client, body, sent_at_ms) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (queue, id) DO NOTHING`,
        args.queue,
        message.id,
        message.group,
        message.body,
        args.sentAtMs,
      );
    }
    return added;
  }),

  'queue.receive': writing((db, args: ReceiveArgs): ReceivedMessage[] => {
    const received: ReceivedMessage[] = [];
    while (received.length < args.max) {
      const row = nextOf(db, args.queue, args.nowMs);
      if (row === undefined) break;
      if (row.receives >= args.receivesMax) {
        db.change('UPDATE messages SET is_dead = 1, receipt = NULL, free_at_ms = 0 WHERE seq = ?', row.seq);
        continue;
      }
      const receipt = `${args.nonce}-${received.length}`;
      db.change(
        'UPDATE messages SET receives = receives + 1, receipt = ?, free_at_ms = ? WHERE seq = ?',
        receipt,
        args.nowMs + args.leaseMs,
        row.seq,
      );
      db.lastServed.set(args.queue, row.client);
      const { id, client: group, body } = row;
      received.push({ id, group, body, receipt, receives: row.receives + 1 });
    }
    return received;
  }),

  'queue.extend': writing(
    (db, args: LeaseArgs & { readonly untilMs: number }): boolean =>
      db.change(
        'UPDATE messages SET free_at_ms = ? WHERE queue = ? AND id = ? AND receipt = ?',
        args.untilMs,
        args.queue,
        args.id,
        args.receipt,
      ) === 1,
  ),

  'queue.ack': writing(
    (db, args: LeaseArgs): boolean =>
      db.change(
        'DELETE FROM messages WHERE queue = ? AND id = ? AND receipt = ?',
        args.queue,
        args.id,
        args.receipt,
      ) === 1,
  ),

  'queue.release': writing(
    (db, args: LeaseArgs & { readonly freeAtMs: number }): boolean =>
      db.change(
        'UPDATE messages SET receipt = NULL, free_at_ms = ? WHERE queue = ? AND id = ? AND receipt = ?',
        args.freeAtMs,
        args.queue,
        args.id,
        args.receipt,
      ) === 1,
  ),

  'queue.depth': reading(
    (db, args: { readonly queue: string; readonly nowMs: number; readonly wallMs: number }): QueueDepth => {
      const row = db.row<{ waiting: number; leased: number; dead: number; oldest: number | null }>(
        `SELECT count(*) FILTER (WHERE is_dead = 0 AND NOT leased) AS waiting,
                count(*) FILTER (WHERE is_dead = 0 AND leased) AS leased,
                count(*) FILTER (WHERE is_dead = 1) AS dead,
                min(sent_at_ms) FILTER (WHERE is_dead = 0 AND NOT leased) AS oldest
           FROM (SELECT is_dead, sent_at_ms, receipt IS NOT NULL AND free_at_ms > ? AS leased
                   FROM messages WHERE queue = ?)`,
        args.nowMs,
        args.queue,
      );
      const oldest = row?.oldest ?? null;
      return {
        waiting: row?.waiting ?? 0,
        leased: row?.leased ?? 0,
        dead: row?.dead ?? 0,
        // Wall time may have gone back since the message was sent.
        oldestMs: oldest === null ? 0 : Math.max(0, args.wallMs - oldest),
      };
    },
  ),

  'queue.redrive': writing((db, queue: string): number =>
    db.change(
      'UPDATE messages SET is_dead = 0, receives = 0, receipt = NULL, free_at_ms = 0 WHERE queue = ? AND is_dead = 1',
      queue,
    ),
  ),

  /**
   * Ends every lease and delay. For a new engine of the folder: whoever held them is gone, and monotonic time may have
   * started anew with the machine.
   */
  'queue.resetLeases': writing((db, _: null): number =>
    db.change('UPDATE messages SET receipt = NULL, free_at_ms = 0 WHERE receipt IS NOT NULL OR free_at_ms <> 0'),
  ),
};

/**
 * The next message by turns: the first free one of the first group, by name, after the group that was served last,
 * beginning anew after the last name. Both look-ups walk the index (queue, is_dead, client, seq) and step only over
 * messages that are leased or delayed.
 */
function nextOf(db: ControlDb, queue: string, nowMs: number): MessageRow | undefined {
  const last = db.lastServed.get(queue);
  if (last !== undefined) {
    const after = db.row<MessageRow>(
      `SELECT seq, id, client, body, receives FROM messages
        WHERE queue = ? AND is_dead = 0 AND client > ? AND free_at_ms <= ? ORDER BY client, seq LIMIT 1`,
      queue,
      last,
      nowMs,
    );
    if (after !== undefined) return after;
  }
  return db.row<MessageRow>(
    `SELECT seq, id, client, body, receives FROM messages
      WHERE queue = ? AND is_dead = 0 AND free_at_ms <= ? ORDER BY client, seq LIMIT 1`,
    queue,
    nowMs,
  );
}
