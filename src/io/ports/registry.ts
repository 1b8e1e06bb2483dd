/**
 * Port: the registry. Batches, the results of their work, recorded failures, each client's line and turn.
 *
 * Contract
 * - Every write is one conditional write on one item and survives a loss of power once answered; every read is strongly
 *   consistent (it sees all writes answered before it began).
 * - `accept` is idempotent by `id`. A new batch gets the next number of its client's line; numbers grow in the order in
 *   which acceptances were answered, and never repeat.
 * - `replace` writes a batch only where the stored `revision` is the one given; it stores `revision + 1`. `false`
 *   otherwise, and nothing changes.
 * - `putResult` stores the first result for (batch, kind, work) and drops later ones; it answers the one that stands.
 * - `requeue` gives a batch the next number of its client's line, conditional on the revision. It is the only way back for
 *   a batch that has left the line: `replace` is never given one that is in line where the stored one is not. Its place in
 *   lists stays that of its acceptance (`acceptedNumber`).
 * - `open` gives batches that are not final, or that still owe messages, page by page: a walk from the beginning to the page
 *   without `next` gives each that is open all the while exactly once; one that opened or closed meanwhile may be among
 *   them. A page is in the order of acceptance; pages are in no order.
 * - `takeTurns` is a compare-and-swap of the client's one turn item.
 * - Bodies are JSON texts; the registry does not look into results.
 */
import type { Language } from '../../core/language.ts';
import type { NoticeKind, ProfileSource } from './clients.ts';

export type BatchState =
  | 'accepted'
  | 'picking'
  | 'processing'
  | 'staged'
  | 'previewing'
  | 'awaiting_approval'
  | 'registering'
  | 'stalled'
  | 'completed'
  | 'failed'
  | 'cancelled';

export const FINAL_STATES: ReadonlySet<BatchState> = new Set(['completed', 'failed', 'cancelled']);

/** Messages that a transition leaves to be sent; each names a set of messages with derived ids. */
export type Owed = 'pick' | 'ranges' | 'settle' | 'shards' | 'finish' | 'line' | 'free' | 'ask' | 'notify';

export interface BatchFailure {
  readonly code: string;
  /** The whole message, as the client reads it. */
  readonly message: string;
  readonly line?: number;
  readonly byte?: number;
}

/** What is not as it should be about a batch that goes on all the same. */
export interface BatchWarning {
  readonly code: string;
  /** The whole message, as the client reads it. */
  readonly message: string;
}

/** When a batch is to be approved before it registers. With no bound every one is; else one that reaches a bound. */
export interface ApprovalRule {
  readonly recordsMin?: number;
  /** Of all records whose amount could be read. */
  readonly centsMin?: number;
}

/** The rule that holds for a batch, fixed when it was picked, and where it stands. */
export interface Approval extends ApprovalRule {
  /** `undecided` until the sums are known that the rule asks for; `required` until somebody approves. */
  readonly standing: 'undecided' | 'required' | 'not_needed' | 'approved';
  /** The end of the time to decide, once it waits for it. */
  readonly untilMs?: number;
  /** Who approved it, and when. */
  readonly by?: string;
  readonly atMs?: number;
}

export interface Batch {
  readonly id: string;
  readonly client: string;
  /** The client's name for the file: metadata only, and sensitive. */
  readonly file: string;
  readonly bucket: string;
  readonly key: string;
  readonly version: string;
  readonly etag: string;
  /** Bytes of the accepted object. */
  readonly bytes: number;
  /** Name and version, or a name that was not known at acceptance. */
  readonly profile: string;
  /** Its lines were collected here: they are in the default format, whatever the profile says of files. */
  readonly collected?: boolean;
  /** Whether a profile was named without a version: the picker then asks the rules service, where there is one. */
  readonly asksRules?: boolean;
  /** Where the rules service gave the profile; absent where it did not. */
  readonly profileSource?: ProfileSource;
  readonly warnings?: readonly BatchWarning[];
  /** The module that reads it, once it is picked. */
  readonly module?: { readonly name: string; readonly version: string };
  readonly amountCentsMin: number;
  readonly amountCentsMax: number;
  readonly businessDate: string;
  /** Checks everything and writes no debt; stands in no line. */
  readonly dryRun: boolean;
  /** Whether somebody is to be told of its end, fixed at acceptance: a batch of which nobody is told costs no message. */
  readonly notify?: boolean;
  /** Of its answers' messages and of the reason it failed for, fixed at acceptance; English where absent. */
  readonly language?: Language;
  /** What its profile says of notices, in place of what the client's settings say; fixed at acceptance. */
  readonly notifications?: { readonly kinds?: readonly NoticeKind[]; readonly digest?: boolean };
  readonly acceptedAtMs: number;
  /** When its file and its answers were erased; its numbers stay. */
  readonly erasedAtMs?: number;

  /** Place in the client's line: the order of registering. */
  readonly number: number;
  /** The place it was accepted at: the order of lists. It never changes. */
  readonly acceptedNumber: number;
  /** Whether it still stands in the client's line. */
  readonly inLine: boolean;
  readonly state: BatchState;
  /** Grows by one with each write: the condition of the next. */
  readonly revision: number;
  readonly owed: readonly Owed[];
  /** The object the manifest describes: the accepted one, or what was inflated from it. */
  readonly manifestKey: string | null;
  /** For a small batch: no manifest object, no staging, no parts. */
  readonly small: boolean;
  /** The manifest itself where the batch is small (JSON text); it needs no object then. */
  readonly manifest: string | null;
  readonly records: number;
  readonly ranges: number;
  readonly shards: number;
  /** Absent where nobody is asked. */
  readonly approval?: Approval;
  readonly turn: number | null;
  readonly turnAtMs: number | null;
  /** Why it failed, stalled or was cancelled. */
  readonly failure: BatchFailure | null;
  /** The receipt, as JSON text, once the batch is final. */
  readonly receipt: string | null;
  readonly updatedAtMs: number;
  /** When it was last told that it is too long on its way. */
  readonly overdueToldMs?: number;
  /**
   * When it first came to each state, when all its shards were done (`finishing`) and when it was approved (`approved`): how
   * long each stage took.
   */
  readonly enteredMs: Readonly<Partial<Record<BatchState | 'finishing' | 'approved', number>>>;
}

/** What acceptance knows; the registry adds number, state and revision. */
export type BatchDraft = Pick<
  Batch,
  | 'id'
  | 'client'
  | 'file'
  | 'bucket'
  | 'key'
  | 'version'
  | 'etag'
  | 'bytes'
  | 'profile'
  | 'collected'
  | 'asksRules'
  | 'amountCentsMin'
  | 'amountCentsMax'
  | 'businessDate'
  | 'dryRun'
  | 'notify'
  | 'language'
  | 'notifications'
  | 'acceptedAtMs'
>;

/** The batch that `accept` stores: first in its life, owing its pick. */
export function acceptedBatch(draft: BatchDraft, number: number): Batch {
  return {
    ...draft,
    number,
    acceptedNumber: number,
    inLine: !draft.dryRun,
    state: 'accepted',
    revision: 1,
    owed: ['pick'],
    manifestKey: null,
    small: false,
    manifest: null,
    records: 0,
    ranges: 0,
    shards: 0,
    turn: null,
    turnAtMs: null,
    failure: null,
    receipt: null,
    updatedAtMs: draft.acceptedAtMs,
    enteredMs: { accepted: draft.acceptedAtMs },
  };
}

/**
 * `range` a staged range, `staged` the table of all of them, `preview` and `shard` a shard's outcomes, `approval` what is
 * shown to who is to approve, `finish` the answers.
 */
export type ResultKind = 'range' | 'staged' | 'preview' | 'approval' | 'shard' | 'finish';

export interface WorkResult {
  readonly work: number;
  readonly body: string;
}

export interface WorkFailures {
  readonly work: string;
  readonly attempts: number;
  readonly says: string;
}

export interface ResultPage {
  readonly after: number;
  readonly max: number;
}

/** Batches at consecutive places of the line, from `number` on: the first has `turn`, each later one the next. */
export interface TurnSpan {
  readonly number: number;
  readonly turn: number;
  readonly batches: number;
}

export interface TurnItem {
  /** The last turn that was taken; 0 for none. */
  readonly turn: number;
  /** Who took the last turns together, by their places in line, ascending. */
  readonly spans: readonly TurnSpan[];
  /** When they were taken: the time that debts written under them carry. */
  readonly takenAtMs: number;
}

const NO_TURNS: TurnItem = { turn: 0, spans: [], takenAtMs: 0 };

/**
 * The item from its text; that of a client without one, too. A build before this one named batches in place of their places:
 * of those nobody is known, and what was left of its last run takes turns anew.
 */
export function turnItemOf(text: string | undefined): TurnItem {
  if (text === undefined) return NO_TURNS;
  const { turn, spans = [], takenAtMs } = JSON.parse(text) as TurnItem;
  return { turn, spans, takenAtMs };
}

export interface BatchFilter {
  readonly client?: string;
  readonly states?: readonly BatchState[];
  readonly limit?: number;
  /** Only batches that were accepted at a place before this one; it goes with `client`. */
  readonly before?: number;
}

export interface OpenPage {
  readonly batches: readonly Batch[];
  /** Where the walk goes on; absent at its end. */
  readonly next?: string;
}

export interface Registry {
  /**
   * What is fixed for the life of the installation: `hashSeed` (uint32) keys the hash of references. The first caller's
   * proposal is stored; every later call answers that one.
   */
  installation(proposal: { readonly hashSeed: number }): Promise<{ readonly hashSeed: number }>;
  /** The seed that was fixed, for who only reads; `undefined` as long as none is. */
  hashSeed(): Promise<number | undefined>;
  accept(draft: BatchDraft): Promise<{ readonly batch: Batch; readonly created: boolean }>;
  get(id: string): Promise<Batch | undefined>;
  replace(batch: Batch, expectedRevision: number): Promise<boolean>;
  requeue(batch: Batch, expectedRevision: number): Promise<Batch | undefined>;
  /** Newest acceptance first. */
  list(filter: BatchFilter): Promise<Batch[]>;
  /** At most `max` open batches, from the beginning or from where a page before ended. */
  open(page: { readonly max: number; readonly after?: string }): Promise<OpenPage>;
  /** The first `max` batches that stand in the client's line, by number; with `after`, of those with a higher one. */
  lineHead(client: string, max: number, after?: number): Promise<Batch[]>;

  putResult(batch: string, kind: ResultKind, work: number, body: string): Promise<WorkResult>;
  getResult(batch: string, kind: ResultKind, work: number): Promise<WorkResult | undefined>;
  countResults(batch: string, kind: ResultKind): Promise<number>;
  /** By work, ascending; of a page, the first `max` whose work is above `after`. */
  listResults(batch: string, kind: ResultKind, page?: ResultPage): Promise<WorkResult[]>;
  /** The works that have a result, ascending. */
  listWorks(batch: string, kind: ResultKind): Promise<number[]>;
  dropResults(batch: string, kinds: readonly ResultKind[]): Promise<void>;

  /** Records one failure of a piece of work; answers how many distinct attempts of it have failed. */
  recordFailure(batch: string, work: string, attempt: string, says: string): Promise<number>;
  /** Of the works given those that have failed: how many distinct attempts did, and what one of them said. */
  failuresOf(batch: string, works: readonly string[]): Promise<WorkFailures[]>;
  clearFailures(batch: string): Promise<void>;

  turnOf(client: string): Promise<TurnItem>;
  /** Stores `next` where the stored turn is `expectedTurn`; `false` otherwise. */
  takeTurns(client: string, expectedTurn: number, next: TurnItem): Promise<boolean>;
}
