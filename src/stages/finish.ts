/**
 * Step 6, finish: the answers, piece by piece, and the receipt; then the staging is freed and the next of that client may
 * go.
 */
import { assert } from '../core/assert.ts';
import { OUTCOMES } from '../core/codes.ts';
import { Fault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import { type Batch, FINAL_STATES } from '../io/ports/registry.ts';
import type { PartObject, PartStretch } from './answers/entryStream.ts';
import { type Piece, piecesOf } from './answers/pieces.ts';
import {
  apply,
  eachResult,
  freeAgain,
  freeingLate,
  manifestOf,
  modeOf,
  mustGet,
  resultKindOf,
  sendOwed,
} from './batch/batches.ts';
import { answersPrefix, manifestPrefix, partsPrefix, workPrefix } from './batch/keys.ts';
import { completedReceipt, encodeReceipt, type RejectTotals, rejectTotalsOf } from './batch/receipt.ts';
import type { StageContext } from './context.ts';
import type { FinishResult } from './finish.task.ts';
import type { RangeResult } from './intermediate.task.ts';
import type { ShardResult } from './registering.task.ts';

export async function finish(context: StageContext, id: string, signal: AbortSignal): Promise<void> {
  const batch = await mustGet(context, id);
  if (FINAL_STATES.has(batch.state)) {
    await sendOwed(context, batch);
    return;
  }
  if (!batch.owed.includes('finish')) return;
  await freeingLate(context, id, () => answer(context, batch, signal));
}

/** Renders the answers and completes the batch. */
async function answer(context: StageContext, batch: Batch, signal: AbortSignal): Promise<void> {
  const { id } = batch;
  const rejects: RejectTotals[] = [];
  const rejectParts: (PartObject | null)[] = [];
  for await (const { body } of eachResult<RangeResult>(context, id, 'range')) {
    rejects.push(rejectTotalsOf(body));
    rejectParts.push(body.rejects);
  }
  const shards: ShardResult[] = [];
  for await (const { body } of eachResult<ShardResult>(context, id, resultKindOf(modeOf(batch)))) shards.push(body);
  if (rejects.length !== batch.ranges || shards.length !== batch.shards) {
    throw new Fault('OUTCOMES_DISAGREE', `${rejects.length} ranges, ${shards.length} shards`, { batch: id });
  }
  const pieces = await renderPieces(context, batch, rejectParts, shards, signal);
  const receipt = completedReceipt(batch, rejects, shards, context.clock.nowMs());
  for (const [index, outcome] of OUTCOMES.entries()) {
    const rows = pieces.reduce((sum, piece) => sum + (piece.lines[index] ?? 0), 0);
    if (rows !== receipt.lines[outcome]) {
      throw new Fault('OUTCOMES_DISAGREE', `${rows} rows ${outcome}, ${receipt.lines[outcome]} counted`, { batch: id });
    }
  }
  const { batch: completed, moved } = await apply(context, id, { type: 'completed', receipt: encodeReceipt(receipt) });
  if (!moved) await freeAgain(context, completed);
  await sendOwed(context, completed);
}

/** Renders the pieces that have no result yet, as many at once as there are threads; the results of all, in order. */
async function renderPieces(
  context: StageContext,
  batch: Batch,
  rejects: readonly (PartObject | null)[],
  shards: readonly ShardResult[],
  signal: AbortSignal,
): Promise<FinishResult[]> {
  const { registry } = context;
  const { source, header, ranges, plan, language, lots } = await manifestOf(context, batch);
  const pieceRecords = shards[0]?.pieceRecords;
  // Shards that were registered by different builds may be cut differently: then the answers are one piece.
  const alike = pieceRecords !== undefined && shards.every((shard) => shard.pieceRecords === pieceRecords);
  const pieces = piecesOf(ranges, alike ? pieceRecords : Number.POSITIVE_INFINITY);
  const done = new Set(await registry.listWorks(batch.id, 'finish'));
  const missing = pieces.map((_, piece) => piece).filter((piece) => !done.has(piece));
  const render = async (piece: number): Promise<void> => {
    const { from, to } = pieces[piece] as Piece;
    const result = await context.pool.run(
      'finish',
      {
        batch: batch.id,
        piece,
        attempt: attemptId(context.random),
        manifest: {
          source,
          header,
          plan,
          ...(language === undefined ? {} : { language }),
          ...(lots === undefined ? {} : { lots }),
        },
        rejects: rejects.slice(from, to).flatMap((part) => (part === null ? [] : [part])),
        outcomes: shards.map((shard) => stretchOf(shard, piece, pieces.length)),
      },
      { client: batch.client, signal },
    );
    await registry.putResult(batch.id, 'finish', piece, JSON.stringify(result));
  };
  await inParallel(missing, context.settings.threads, render);
  const results: FinishResult[] = [];
  for await (const { body } of eachResult<FinishResult>(context, batch.id, 'finish')) results.push(body);
  return results;
}

function stretchOf({ part, pieceStarts }: ShardResult, piece: number, pieces: number): PartStretch {
  if (pieces === 1) return part;
  assert(pieceStarts.length === pieces, 'a shard tells where each piece begins');
  return { ...part, start: pieceStarts[piece] as number, end: pieceStarts[piece + 1] ?? part.bytes };
}

/** Does the work of each item, `atOnce` of them at a time; begins no more after a failure, and ends with it. */
async function inParallel<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  let failed = false;
  const run = async (): Promise<void> => {
    for (const item of waiting) {
      if (failed) return;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, run));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

/**
 * Frees what a final batch no longer needs: staged pages, parts, inflated text, the results of its work. Answers and
 * receipt stay; but not where the batch was freed of its files: then whatever came late goes, and only the numbers stay.
 */
export async function free(context: StageContext, id: string, signal: AbortSignal): Promise<void> {
  const batch = await mustGet(context, id);
  if (!FINAL_STATES.has(batch.state)) return;
  const isErased = batch.erasedAtMs !== undefined;
  if (batch.small && batch.state === 'completed' && !isErased) {
    // It staged nothing, and its text and outcomes are what its answers are rendered from.
    await context.registry.clearFailures(id);
    return;
  }
  await context.pool.run('freeStaging', { batch: id }, { client: batch.client, signal });
  await context.objects.deletePrefix(partsPrefix(id));
  await context.objects.deletePrefix(workPrefix(id));
  await context.registry.dropResults(id, ['range', 'staged', 'preview', 'shard']);
  if (isErased) {
    await context.objects.deletePrefix(answersPrefix(id));
    await context.objects.deletePrefix(manifestPrefix(id));
    await context.registry.dropResults(id, ['approval', 'finish']);
  }
  await context.registry.clearFailures(id);
}
