/**
 * The sub-batches of a batch, one by one: its ranges and its shards, and how the work on each stands. Everything follows from
 * what the registry and the manifest hold, so any process can tell it; a page at a time, however many there are.
 *
 * Faults: `BATCH_ERASED` where the plan of an ended batch is gone.
 */
import { Fault, isFault } from '../../core/faults.ts';
import { maskedMessage, printable } from '../../core/text.ts';
import type { Manifest } from '../../engine/manifest.ts';
import type { ObjectStore } from '../../io/ports/objects.ts';
import { type Batch, FINAL_STATES, type Registry, type ResultKind } from '../../io/ports/registry.ts';
import type { RangeResult } from '../intermediate.task.ts';
import type { PreviewPart } from '../preview.task.ts';
import type { ShardResult } from '../registering.task.ts';
import { manifestOf, resultKindOf } from './batches.ts';
import { type RegisteringMode, workOf } from './messages.ts';
import { linesByOutcome, type OutcomeCounts } from './receipt.ts';
import { showsPreview } from './views.ts';

export const WORK_STATES = ['waiting', 'failing', 'done', 'ended'] as const;
/** `failing`: tried, and to be tried again. `ended`: the batch ended without needing it. */
export type WorkState = (typeof WORK_STATES)[number];

/** How often the work has failed so far, and what it said once; `null` where it never did. */
interface Attempts {
  readonly state: WorkState;
  readonly failures: number;
  readonly says: string | null;
}

export interface RangeView extends Attempts {
  readonly range: number;
  /** In the text that the ranges are cut from; bytes from its beginning. */
  readonly start: number;
  readonly bytes: number;
  readonly firstLine: number;
  readonly records: number;
  /** Once it is done, and until the batch is freed. */
  readonly staged: number | null;
  readonly rejected: number | null;
}

export interface ShardView extends Attempts {
  readonly shard: number;
  readonly mode: RegisteringMode;
  readonly records: number | null;
  readonly lines: OutcomeCounts | null;
}

export interface SubBatchPage<View> {
  readonly items: readonly View[];
  /** The number before which the next page begins after this one; `null` at the end. */
  readonly next: number | null;
}

interface Stores {
  readonly registry: Pick<Registry, 'listResults' | 'failuresOf'>;
  readonly objects: Pick<ObjectStore, 'get'>;
}

export interface PageWish {
  readonly from: number;
  readonly max: number;
}

export async function rangesOf(stores: Stores, batch: Batch, wish: PageWish): Promise<SubBatchPage<RangeView>> {
  if (batch.ranges === 0) return { items: [], next: null };
  const { ranges } = await planOf(stores, batch);
  const page = numbersOf(batch.ranges, wish);
  const isPast = !BEFORE_STAGED.has(batch.state) && !(batch.small && !FINAL_STATES.has(batch.state));
  const { results, attemptsOf } = await lookUp<RangeResult>(stores, batch, 'range', page, isPast, (range) =>
    workOf({ kind: 'range', batch: batch.id, range }),
  );
  const items = page.map((range): RangeView => {
    const { start = 0, end = 0, firstLine = 0, records = 0 } = ranges[range] ?? {};
    const { staged = null, rejected = null } = results.get(range) ?? {};
    return { range, ...attemptsOf(range), start, bytes: end - start, firstLine, records, staged, rejected };
  });
  return { items, next: nextOf(page, batch.ranges) };
}

const BEFORE_STAGED: ReadonlySet<string> = new Set(['accepted', 'picking', 'processing']);

export async function shardsOf(stores: Stores, batch: Batch, wish: PageWish): Promise<SubBatchPage<ShardView>> {
  const page = numbersOf(batch.shards, wish);
  const mode: RegisteringMode = showsPreview(batch) ? 'preview' : 'apply';
  const isPast = batch.state === 'completed' || batch.state === 'awaiting_approval';
  const { results, attemptsOf } = await lookUp<ShardResult | PreviewPart>(
    stores,
    batch,
    resultKindOf(mode),
    page,
    isPast,
    (shard) => workOf({ kind: 'shard', batch: batch.id, shard, mode }),
  );
  const items = page.map((shard): ShardView => {
    const result = batch.small ? undefined : results.get(shard);
    const totals = result === undefined ? undefined : 'outcomes' in result ? result.outcomes : result;
    const lines = totals === undefined ? null : linesByOutcome(totals);
    return { shard, mode, ...attemptsOf(shard), records: result?.records ?? null, lines };
  });
  return { items, next: nextOf(page, batch.shards) };
}

async function planOf(stores: Stores, batch: Batch): Promise<Pick<Manifest, 'ranges'>> {
  if (batch.erasedAtMs !== undefined) throw new Fault('BATCH_ERASED', '', { batch: batch.id });
  try {
    return await manifestOf(stores, batch);
  } catch (error) {
    // Where the store removes old files by itself, the batch does not know of it.
    const isGone = isFault(error) && error.code === 'STORE_CORRUPT' && FINAL_STATES.has(batch.state);
    throw isGone ? new Fault('BATCH_ERASED', '', { batch: batch.id }) : error;
  }
}

/** What is kept of the works of a page. */
async function lookUp<Body>(
  { registry }: Stores,
  batch: Batch,
  kind: ResultKind,
  page: readonly number[],
  isPast: boolean,
  workId: (work: number) => string,
) {
  const [first = 0] = page;
  const last = page.at(-1) ?? 0;
  const [found, failures] = await Promise.all([
    registry.listResults(batch.id, kind, { after: first - 1, max: page.length }),
    registry.failuresOf(batch.id, page.map(workId)),
  ]);
  const results = new Map(
    found.filter(({ work }) => work <= last).map(({ work, body }) => [work, JSON.parse(body) as Body]),
  );
  const failed = new Map(failures.map(({ work, ...rest }) => [work, rest]));
  const attemptsOf = (work: number): Attempts => {
    const { attempts = 0, says } = failed.get(workId(work)) ?? {};
    const isDone = results.has(work) || (isPast && !ENDED_EARLY.has(batch.state));
    const isOver = FINAL_STATES.has(batch.state);
    return {
      state: isDone ? 'done' : isOver ? 'ended' : attempts > 0 ? 'failing' : 'waiting',
      failures: attempts,
      says: says === undefined ? null : saysText(says),
    };
  };
  return { results, attemptsOf };
}

const ENDED_EARLY: ReadonlySet<string> = new Set(['failed', 'cancelled']);
const SAYS_CHARACTERS_MAX = 500;

/** The first line of what it said: a bug says its stack as well. */
function saysText(says: string): string {
  const [line = ''] = says.split('\n', 1);
  return printable(maskedMessage(/^[A-Z0-9_]+(?=:)/.exec(line)?.[0] ?? '', line)).slice(0, SAYS_CHARACTERS_MAX);
}

function numbersOf(total: number, { from, max }: PageWish): number[] {
  return Array.from({ length: Math.max(0, Math.min(max, total - from)) }, (_, k) => from + k);
}

function nextOf(page: readonly number[], total: number): number | null {
  const last = page.at(-1);
  return last === undefined || last + 1 >= total ? null : last + 1;
}
