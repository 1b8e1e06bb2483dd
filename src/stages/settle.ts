/**
 * Step 4, settle: when the last range is staged, the equations are checked and the batch waits at its place in line.
 *
 * It is also where a batch is carried on when nobody knows who should: every branch looks at what is stored and does
 * what is missing, so the message may come at any time and any number of times.
 */
import { Fault } from '../core/faults.ts';
import type { Batch } from '../io/ports/registry.ts';
import { apply, manifestOf, modeOf, mustGet, resultKindOf, sendOwed } from './batches.ts';
import type { StageContext } from './context.ts';
import type { RangeResult } from './intermediate.task.ts';
import { resumeSmall } from './pick.ts';

export async function settle(context: StageContext, id: string): Promise<void> {
  const batch = await mustGet(context, id);
  if (batch.state === 'processing') await settleRanges(context, batch);
  else if (batch.state === 'staged' && batch.small) await resumeSmall(context, id);
  else if (batch.state === 'staged' || batch.state === 'registering') await settleShards(context, batch);
}

async function settleRanges(context: StageContext, batch: Batch): Promise<void> {
  const results = await context.registry.listResults(batch.id, 'range');
  if (results.length < batch.ranges) {
    await sendOwed(context, batch);
    return;
  }
  const manifest = await manifestOf(context, batch);
  let records = 0;
  for (const result of results) {
    const range = manifest.ranges[result.work];
    const found = JSON.parse(result.body) as RangeResult;
    if (range === undefined || found.records !== range.records || found.crc !== range.crc) {
      throw new Fault('EQUATIONS_FAIL', '', { batch: batch.id, range: result.work });
    }
    if (found.staged + found.rejected !== found.records) {
      throw new Fault('EQUATIONS_FAIL', 'staged and rejected', { batch: batch.id, range: result.work });
    }
    records += found.records;
  }
  if (records !== manifest.records) {
    throw new Fault('EQUATIONS_FAIL', `${records} of ${manifest.records} records`, { batch: batch.id });
  }
  await assertUnchanged(context, batch);
  const { batch: staged } = await apply(context, batch.id, { type: 'ranges_staged' });
  await sendOwed(context, staged);
}

async function settleShards(context: StageContext, batch: Batch): Promise<void> {
  const done = await context.registry.countResults(batch.id, resultKindOf(modeOf(batch)));
  if (done === batch.shards) await shardsDone(context, batch.id);
  else await sendOwed(context, batch);
}

/** All outcomes are stored: the batch owes its answers. */
export async function shardsDone(context: StageContext, id: string): Promise<void> {
  const { batch } = await apply(context, id, { type: 'shards_done' });
  await sendOwed(context, batch);
}

/** A file that changed, grew or went away since its acceptance is voided while that is still possible. */
export async function assertUnchanged(context: StageContext, batch: Batch): Promise<void> {
  const now = await context.objects.head(batch.key);
  if (now === undefined) throw new Fault('OBJECT_VANISHED', '', { batch: batch.id });
  if (now.etag !== batch.etag) {
    throw new Fault('OBJECT_CHANGED', `${now.bytes} bytes now, ${batch.bytes} at acceptance`, { batch: batch.id });
  }
}
