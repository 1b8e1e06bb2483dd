/**
 * Port: submissions, lines that a client sends one by one or many at a time, to become one file.
 *
 * Contract
 * - A submission is named by (client, id); no call of one client sees or touches another's.
 * - `create` is idempotent by its name; the stored one is answered.
 * - `append` reserves consecutive numbers, from 1 on, on the header while that is open, and stores the lines under them.
 *   Once it answered `appended`, the lines survive a loss of power and `read` gives them, whatever races with it. Repeated
 *   with the same token it changes nothing and answers the first numbers. It is refused where the submission is closed,
 *   expired (untouched for `idleMs`), or would hold more than it may; then nothing is stored.
 * - `close` ends appending: after it answered, no append is acknowledged any more. It is refused where there are no
 *   lines; closing what is closed or submitted answers it as it is.
 * - `read` gives lines by number, ascending. Numbers that were never acknowledged may be missing.
 * - `finish` records the batch of a closed submission; the first batch recorded stands, and is answered.
 * - `discard` takes an open one away with its lines. `remove` takes away any, header and lines, whatever its state; it
 *   answers whether there was one.
 * - `sweep` ends what was left alone: open ones untouched before `idleBeforeMs` become `expired`; lines of expired and
 *   submitted ones are freed; headers of those untouched before `keepBeforeMs` go, unless
 *   the store lets them expire by itself. It does at most `max` rows a call and
 *   answers whether there may be more.
 * - A line is JSON text; the store does not look into it.
 */

export type SubmissionState = 'open' | 'closed' | 'submitted' | 'expired';

export interface SubmissionDraft {
  readonly client: string;
  readonly id: string;
  /** The client's name for what the lines become: metadata only, and sensitive. */
  readonly file: string;
  /** The columns its lines may have, of the default format; `null` for whichever its lines name. */
  readonly columns: readonly string[] | null;
  readonly dryRun: boolean;
  /** `YYYY-MM-DD`; `null` for the day of acceptance. */
  readonly asOf: string | null;
  readonly createdAtMs: number;
}

export interface Submission extends SubmissionDraft {
  readonly state: SubmissionState;
  /** Numbers that were reserved: the last line's number. */
  readonly lines: number;
  readonly bytes: number;
  /** Bit i: some line has the i-th column of the default format. */
  readonly columnsUsed: number;
  /** When it was created, appended to, closed or finished last. */
  readonly touchedAtMs: number;
  readonly batch: string | null;
}

export interface Append {
  readonly client: string;
  readonly id: string;
  readonly lines: readonly string[];
  readonly columnsUsed: number;
  /** Names this append among those of its submission, so that it can be repeated; `null` where it never is. */
  readonly token: string | null;
  readonly linesMax: number;
  /** Of the UTF-8 text of all lines. */
  readonly bytesMax: number;
  readonly nowMs: number;
  readonly idleMs: number;
}

export type AppendAnswer =
  /** Numbers `first` to `first + lines - 1`. */
  { readonly kind: 'appended'; readonly first: number } | { readonly kind: 'unknown' | 'closed' | 'expired' | 'full' };

export type CloseAnswer =
  | { readonly kind: 'closed'; readonly submission: Submission }
  | { readonly kind: 'unknown' | 'expired' | 'empty' };

export interface SubmissionLine {
  readonly number: number;
  readonly line: string;
}

export interface SubmissionStore {
  create(draft: SubmissionDraft): Promise<{ readonly submission: Submission; readonly created: boolean }>;
  get(client: string, id: string): Promise<Submission | undefined>;
  /** Newest first, by (createdAtMs, id); after the one given. */
  list(
    client: string,
    page: { readonly max: number; readonly before?: { readonly createdAtMs: number; readonly id: string } },
  ): Promise<Submission[]>;
  countOpen(client: string): Promise<number>;
  append(append: Append): Promise<AppendAnswer>;
  close(client: string, id: string, nowMs: number, idleMs: number): Promise<CloseAnswer>;
  /** The first `max` lines whose number is above `after`. */
  read(client: string, id: string, page: { readonly after: number; readonly max: number }): Promise<SubmissionLine[]>;
  finish(client: string, id: string, batch: string, nowMs: number): Promise<string | undefined>;
  discard(client: string, id: string): Promise<'discarded' | 'unknown' | 'not_open'>;
  remove(client: string, id: string): Promise<boolean>;
  /** Closed ones without a batch, untouched since then: whoever submitted them may have died. */
  unfinished(untouchedSinceMs: number, max: number): Promise<Submission[]>;
  sweep(options: {
    readonly idleBeforeMs: number;
    readonly keepBeforeMs: number;
    readonly nowMs: number;
    readonly max: number;
  }): Promise<{ readonly expired: number; readonly more: boolean }>;
}
