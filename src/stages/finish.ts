/**
 * Step 6, finish: the answers and the receipt; then the staging is freed and the next of that client may go.
 */

import { OUTCOMES } from '../core/codes.ts';
import { Fault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import { FINAL_STATES } from '../io/ports/registry.ts';
import { apply, eachResult, manifestOf, modeOf, mustGet, resultKindOf, sendOwed } from './batches.ts';
import type { StageContext } from './context.ts';
import type { PartObject } from './entryStream.ts';
import type { FinishResult } from './finish.task.ts';
import type { RangeResult } from './intermediate.task.ts';
import { partsPrefix, workPrefix } from './keys.ts';
import { completedReceipt, encodeReceipt, type RejectTotals } from './receipt.ts';
import type { ShardResult } from './registering.task.ts';

export async function finish(context: StageContext, id: string, signal: AbortSignal): Promise<void> {
  const { registry } = context;
  const batch = await mustGet(context, id);
  if (FINAL_STATES.has(batch.state)) {
    await sendOwed(context, batch);
    return;
  }
  if (!batch.owed.includes('finish')) return;
  const rejects: RejectTotals[] = [];
  const rejectParts: PartObject[] = [];
  for await (const { body } of eachResult<RangeResult>(context, id, 'range')) {
    const { rejected, centsStaged, centsRejected, rejectedBy } = body;
    rejects.push({ rejected, centsStaged, centsRejected, rejectedBy });
    if (body.rejects !== null) rejectParts.push(body.rejects);
  }
  const shards: ShardResult[] = [];
  for await (const { body } of eachResult<ShardResult>(context, id, resultKindOf(modeOf(batch)))) shards.push(body);
  if (rejects.length !== batch.ranges || shards.length !== batch.shards) {
    throw new Fault('OUTCOMES_DISAGREE', `${rejects.length} ranges, ${shards.length} shards`, { batch: id });
  }
  if ((await registry.getResult(id, 'finish', 0)) === undefined) {
    const { source, header } = await manifestOf(context, batch);
    const result = await context.pool.run(
      'finish',
      {
        batch: id,
        attempt: attemptId(context.random),
        manifest: { source, header },
        rejects: rejectParts,
        outcomes: shards.map((shard) => shard.part),
      },
      signal,
    );
    await registry.putResult(id, 'finish', 0, JSON.stringify(result));
  }
  const standing = JSON.parse((await registry.getResult(id, 'finish', 0))?.body ?? 'null') as FinishResult;
  const receipt = completedReceipt(batch, rejects, shards, context.clock.nowMs());
  for (const [index, outcome] of OUTCOMES.entries()) {
    if (standing.lines[index] !== receipt.lines[outcome]) {
      throw new Fault(
        'OUTCOMES_DISAGREE',
        `${standing.lines[index]} rows ${outcome}, ${receipt.lines[outcome]} counted`,
        {
          batch: id,
        },
      );
    }
  }
  const { batch: completed } = await apply(context, id, { type: 'completed', receipt: encodeReceipt(receipt) });
  await sendOwed(context, completed);
}

/**
 * Frees what a final batch no longer needs: staged pages, parts, inflated text, the results of its work. Answers and
 * receipt stay.
 */
export async function free(context: StageContext, id: string, signal: AbortSignal): Promise<void> {
  const batch = await mustGet(context, id);
  if (!FINAL_STATES.has(batch.state)) return;
  if (batch.small && batch.state === 'completed') {
    // It staged nothing, and its text and outcomes are what its answers are rendered from.
    await context.registry.clearFailures(id);
    return;
  }
  await context.pool.run('freeStaging', { batch: id }, signal);
  await context.objects.deletePrefix(partsPrefix(id));
  await context.objects.deletePrefix(workPrefix(id));
  await context.registry.dropResults(id, ['range', 'staged', 'preview', 'shard']);
  await context.registry.clearFailures(id);
}
