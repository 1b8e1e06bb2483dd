/** Operations on the results of work and on recorded failures (port: registry). Results are sets by (batch, kind, work). */
import { assert } from '../../../core/assert.ts';
import type { ResultKind, ResultPage, WorkFailures, WorkResult } from '../../ports/registry.ts';
import type { ControlDb } from './db.ts';
import { reading, writing } from './op.ts';

interface WorkOf {
  readonly batch: string;
  readonly kind: ResultKind;
  readonly work: number;
}

export const resultOps = {
  /** The first one stands; the answer is the one that does. */
  'results.put': writing((db, args: WorkOf & { readonly body: string }): WorkResult => {
    db.change(
      'INSERT INTO results (batch, kind, work, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      args.batch,
      args.kind,
      args.work,
      args.body,
    );
    const stands = resultOf(db, args);
    assert(stands !== undefined, 'a result that was put is there');
    return stands;
  }),

  'results.get': reading((db, args: WorkOf): WorkResult | undefined => resultOf(db, args)),

  'results.count': reading((db, args: { readonly batch: string; readonly kind: ResultKind }): number => {
    const row = db.row<{ n: number }>(
      'SELECT count(*) AS n FROM results WHERE batch = ? AND kind = ?',
      args.batch,
      args.kind,
    );
    return row?.n ?? 0;
  }),

  'results.list': reading(
    (db, args: { readonly batch: string; readonly kind: ResultKind } & ResultPage): WorkResult[] =>
      db
        .rows<WorkResult>(
          'SELECT work, body FROM results WHERE batch = ? AND kind = ? AND work > ? ORDER BY work LIMIT ?',
          args.batch,
          args.kind,
          args.after,
          args.max,
        )
        .map(({ work, body }) => ({ work, body })),
  ),

  'results.works': reading((db, args: { readonly batch: string; readonly kind: ResultKind }): number[] =>
    db
      .rows<{ work: number }>(
        'SELECT work FROM results WHERE batch = ? AND kind = ? ORDER BY work',
        args.batch,
        args.kind,
      )
      .map(({ work }) => work),
  ),

  'results.drop': writing((db, args: { readonly batch: string; readonly kinds: readonly ResultKind[] }): number =>
    db.change(
      'DELETE FROM results WHERE batch = ? AND kind IN (SELECT value FROM json_each(?))',
      args.batch,
      JSON.stringify(args.kinds),
    ),
  ),

  /** How many distinct attempts at the work have failed, this one included. */
  'failures.record': writing(
    (
      db,
      args: { readonly batch: string; readonly work: string; readonly attempt: string; readonly says: string },
    ): number => {
      db.change(
        'INSERT INTO failures (batch, work, attempt, says) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
        args.batch,
        args.work,
        args.attempt,
        args.says,
      );
      const row = db.row<{ n: number }>(
        'SELECT count(*) AS n FROM failures WHERE batch = ? AND work = ?',
        args.batch,
        args.work,
      );
      return row?.n ?? 0;
    },
  ),

  'failures.of': reading((db, args: { readonly batch: string; readonly works: readonly string[] }): WorkFailures[] =>
    db
      .rows<WorkFailures>(
        `SELECT work, count(*) AS attempts, max(says) AS says FROM failures
          WHERE batch = ? AND work IN (SELECT value FROM json_each(?)) GROUP BY work`,
        args.batch,
        JSON.stringify(args.works),
      )
      .map(({ work, attempts, says }) => ({ work, attempts, says })),
  ),

  'failures.clear': writing((db, batch: string): number => db.change('DELETE FROM failures WHERE batch = ?', batch)),
};

function resultOf(db: ControlDb, work: WorkOf): WorkResult | undefined {
  const row = db.row<{ body: string }>(
    'SELECT body FROM results WHERE batch = ? AND kind = ? AND work = ?',
    work.batch,
    work.kind,
    work.work,
  );
  return row === undefined ? undefined : { work: work.work, body: row.body };
}
