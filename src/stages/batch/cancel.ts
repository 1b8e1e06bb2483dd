/** Ending a batch on somebody's word, while that is possible: one conditional write beside the engine, which does the rest. */
import { Fault } from '../../core/faults.ts';
import type { Batch } from '../../io/ports/registry.ts';
import { type ApplyContext, apply, sendOwed } from './batches.ts';
import { failBatch } from './failures.ts';
import { hasBegun } from './transitions.ts';

/** Faults: `NOT_IN_THIS_STATE` once registering has begun, and where the batch has ended otherwise. */
export async function cancelBatch(context: ApplyContext, before: Batch): Promise<Batch> {
  const { id } = before;
  const batch = hasBegun(before) ? before : await failBatch(context, id, new Fault('CANCELLED', '', { batch: id }));
  if (batch.state === 'cancelled') return batch;
  throw new Fault('NOT_IN_THIS_STATE', `it is ${batch.state}, too late to cancel`, { batch: id });
}

/** Resumes a stalled batch. Faults: `NOT_IN_THIS_STATE`. */
export async function redriveBatch(context: ApplyContext, before: Batch): Promise<Batch> {
  const { id } = before;
  if (before.state !== 'stalled') {
    throw new Fault('NOT_IN_THIS_STATE', `it is ${before.state}, not stalled`, { batch: id });
  }
  await context.registry.clearFailures(id);
  const { batch } = await apply(context, id, { type: 'redriven' });
  await sendOwed(context, batch);
  return batch;
}
