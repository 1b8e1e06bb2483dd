/**
 * Operations on submissions (port: submissions). An append is two statements: the conditional update of the header, which
 * reserves the numbers, and one row for all its lines.
 */
import type {
  Append,
  AppendAnswer,
  CloseAnswer,
  Submission,
  SubmissionDraft,
  SubmissionLine,
  SubmissionState,
} from '../../ports/submissions.ts';
import type { ControlDb } from './db.ts';
import { reading, writing } from './op.ts';

interface Name {
  readonly client: string;
  readonly id: string;
}

interface Row {
  readonly seq: number;
  readonly client: string;
  readonly id: string;
  readonly file: string;
  readonly columns: string | null;
  readonly dry_run: number;
  readonly as_of: string | null;
  readonly state: SubmissionState;
  readonly lines: number;
  readonly bytes: number;
  readonly columns_used: number;
  readonly created_at_ms: number;
  readonly touched_at_ms: number;
  readonly batch: string | null;
}

type AppendArgs = Omit<Append, 'lines'> & { readonly count: number; readonly bytes: number; readonly body: string };

interface ListArgs {
  readonly client: string;
  readonly max: number;
  readonly before?: { readonly createdAtMs: number; readonly id: string };
}

const APPEND = `UPDATE submissions
    SET lines = lines + ?3, bytes = bytes + ?4, columns_used = columns_used | ?5, touched_at_ms = max(touched_at_ms, ?6)
  WHERE client = ?1 AND id = ?2 AND state = 'open' AND touched_at_ms > ?7 AND lines + ?3 <= ?8 AND bytes + ?4 <= ?9
  RETURNING seq, lines`;

export const submissionOps = {
  'submissions.create': writing(
    (db, draft: SubmissionDraft): { readonly submission: Submission; readonly created: boolean } => {
      const stored = rowOf(db, draft);
      if (stored !== undefined) return { submission: submissionOf(stored), created: false };
      db.change(
        `INSERT INTO submissions (client, id, file, columns, dry_run, as_of, state, lines, bytes, columns_used,
           created_at_ms, touched_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', 0, 0, 0, ?7, ?7)`,
        draft.client,
        draft.id,
        draft.file,
        draft.columns === null ? null : JSON.stringify(draft.columns),
        Number(draft.dryRun),
        draft.asOf,
        draft.createdAtMs,
      );
      return { submission: submissionOf(rowOf(db, draft) as Row), created: true };
    },
  ),

  'submissions.get': reading((db, name: Name): Submission | undefined => {
    const row = rowOf(db, name);
    return row === undefined ? undefined : submissionOf(row);
  }),

  'submissions.list': reading((db, args: ListArgs): Submission[] =>
    db
      .rows<Row>(
        `SELECT * FROM submissions WHERE client = ?1 AND (created_at_ms, id) < (?2, ?3)
          ORDER BY created_at_ms DESC, id DESC LIMIT ?4`,
        args.client,
        args.before?.createdAtMs ?? Number.MAX_SAFE_INTEGER,
        args.before?.id ?? '',
        args.max,
      )
      .map(submissionOf),
  ),

  'submissions.countOpen': reading((db, client: string): number => {
    const row = db.row<{ n: number }>(
      `SELECT count(*) AS n FROM submissions WHERE client = ? AND state = 'open'`,
      client,
    );
    return row?.n ?? 0;
  }),

  'submissions.append': writing((db, args: AppendArgs): AppendAnswer => {
    if (args.token !== null) {
      const known = db.row<{ first: number }>(
        `SELECT l.first FROM submission_lines l JOIN submissions s ON s.seq = l.submission
          WHERE s.client = ? AND s.id = ? AND l.token = ?`,
        args.client,
        args.id,
        args.token,
      );
      if (known !== undefined) return { kind: 'appended', first: known.first };
    }
    const header = db.row<{ seq: number; lines: number }>(
      APPEND,
      args.client,
      args.id,
      args.count,
      args.bytes,
      args.columnsUsed,
      args.nowMs,
      args.nowMs - args.idleMs,
      args.linesMax,
      args.bytesMax,
    );
    if (header === undefined) return { kind: refusalOf(db, args) };
    const first = header.lines - args.count + 1;
    db.change(
      'INSERT INTO submission_lines (submission, first, count, token, body) VALUES (?, ?, ?, ?, ?)',
      header.seq,
      first,
      args.count,
      args.token,
      args.body,
    );
    return { kind: 'appended', first };
  }),

  'submissions.close': writing((db, args: Name & { readonly nowMs: number; readonly idleMs: number }): CloseAnswer => {
    const row = rowOf(db, args);
    if (row === undefined) return { kind: 'unknown' };
    if (row.state === 'expired') return { kind: 'expired' };
    if (row.state !== 'open') return { kind: 'closed', submission: submissionOf(row) };
    if (row.touched_at_ms <= args.nowMs - args.idleMs) return { kind: 'expired' };
    if (row.lines === 0) return { kind: 'empty' };
    db.change(`UPDATE submissions SET state = 'closed', touched_at_ms = ? WHERE seq = ?`, args.nowMs, row.seq);
    return { kind: 'closed', submission: { ...submissionOf(row), state: 'closed', touchedAtMs: args.nowMs } };
  }),

  'submissions.read': reading((db, args: Name & { readonly after: number; readonly max: number }): SubmissionLine[] => {
    const row = rowOf(db, args);
    const lines: SubmissionLine[] = [];
    if (row === undefined) return lines;
    // The append that holds the number after `after` begins at or before it: appends do not overlap.
    const appends = db.rows<{ first: number; body: string }>(
      `SELECT first, body FROM submission_lines WHERE submission = ?1
            AND first >= coalesce((SELECT max(first) FROM submission_lines WHERE submission = ?1 AND first <= ?2 + 1), 0)
          ORDER BY first LIMIT ?3`,
      row.seq,
      args.after,
      args.max,
    );
    for (const { first, body } of appends) {
      for (const [index, line] of (JSON.parse(body) as string[]).entries()) {
        if (first + index > args.after && lines.length < args.max) lines.push({ number: first + index, line });
      }
      if (lines.length === args.max) break;
    }
    return lines;
  }),

  'submissions.finish': writing(
    (db, args: Name & { readonly batch: string; readonly nowMs: number }): string | undefined => {
      db.change(
        `UPDATE submissions SET state = 'submitted', batch = ?3, touched_at_ms = ?4
          WHERE client = ?1 AND id = ?2 AND state = 'closed'`,
        args.client,
        args.id,
        args.batch,
        args.nowMs,
      );
      return rowOf(db, args)?.batch ?? undefined;
    },
  ),

  'submissions.discard': writing((db, name: Name): 'discarded' | 'unknown' | 'not_open' => {
    const row = rowOf(db, name);
    if (row === undefined) return 'unknown';
    if (row.state !== 'open') return 'not_open';
    db.change('DELETE FROM submission_lines WHERE submission = ?', row.seq);
    db.change('DELETE FROM submissions WHERE seq = ?', row.seq);
    return 'discarded';
  }),

  'submissions.remove': writing((db, name: Name): boolean => {
    const row = rowOf(db, name);
    if (row === undefined) return false;
    db.change('DELETE FROM submission_lines WHERE submission = ?', row.seq);
    return db.change('DELETE FROM submissions WHERE seq = ?', row.seq) === 1;
  }),

  'submissions.unfinished': reading(
    (db, args: { readonly untouchedSinceMs: number; readonly max: number }): Submission[] =>
      db
        .rows<Row>(
          `SELECT * FROM submissions WHERE state = 'closed' AND touched_at_ms < ? ORDER BY touched_at_ms LIMIT ?`,
          args.untouchedSinceMs,
          args.max,
        )
        .map(submissionOf),
  ),

  'submissions.sweep': writing(
    (
      db,
      args: {
        readonly idleBeforeMs: number;
        readonly keepBeforeMs: number;
        readonly nowMs: number;
        readonly max: number;
      },
    ): { readonly expired: number; readonly more: boolean } => {
      const expired = db.change(
        `UPDATE submissions SET state = 'expired', touched_at_ms = ?3 WHERE seq IN
           (SELECT seq FROM submissions WHERE state = 'open' AND touched_at_ms <= ?1 LIMIT ?2)`,
        args.idleBeforeMs,
        args.max,
        args.nowMs,
      );
      const freed = db.change(
        `DELETE FROM submission_lines WHERE (submission, first) IN
           (SELECT l.submission, l.first FROM submissions s JOIN submission_lines l ON l.submission = s.seq
             WHERE s.state IN ('submitted', 'expired') LIMIT ?)`,
        args.max,
      );
      const gone = db.change(
        `DELETE FROM submissions WHERE seq IN
           (SELECT seq FROM submissions s WHERE state IN ('submitted', 'expired') AND touched_at_ms < ?1
               AND NOT EXISTS (SELECT 1 FROM submission_lines l WHERE l.submission = s.seq) LIMIT ?2)`,
        args.keepBeforeMs,
        args.max,
      );
      return { expired, more: Math.max(expired, freed, gone) === args.max };
    },
  ),
};

function rowOf(db: ControlDb, { client, id }: Name): Row | undefined {
  return db.row<Row>('SELECT * FROM submissions WHERE client = ? AND id = ?', client, id);
}

function refusalOf(db: ControlDb, args: AppendArgs): 'unknown' | 'closed' | 'expired' | 'full' {
  const row = rowOf(db, args);
  if (row === undefined) return 'unknown';
  if (row.state === 'expired') return 'expired';
  if (row.state !== 'open') return 'closed';
  return row.touched_at_ms <= args.nowMs - args.idleMs ? 'expired' : 'full';
}

function submissionOf(row: Row): Submission {
  return {
    client: row.client,
    id: row.id,
    file: row.file,
    columns: row.columns === null ? null : (JSON.parse(row.columns) as string[]),
    dryRun: row.dry_run === 1,
    asOf: row.as_of,
    createdAtMs: row.created_at_ms,
    state: row.state,
    lines: row.lines,
    bytes: row.bytes,
    columnsUsed: row.columns_used,
    touchedAtMs: row.touched_at_ms,
    batch: row.batch,
  };
}
