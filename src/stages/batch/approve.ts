/**
 * What somebody decides about a batch that waits for approval. One conditional write beside the engine, which does the rest.
 *
 * Promises: of an approval, a discarding and the end of the time to decide one has its effect, and the others are told so. To
 * decide the same again changes nothing and is answered alike, so a lost answer may be asked for again.
 */
import { Fault } from '../../core/faults.ts';
import { DEFAULT_LANGUAGE } from '../../core/language.ts';
import type { Batch, BatchFailure } from '../../io/ports/registry.ts';
import { type ApplyContext, apply, mustGet, sendOwed } from './batches.ts';
import { failureReceipt } from './receipt.ts';
import { transition } from './transitions.ts';

/** Of what somebody writes beside a decision. */
export const DECISION_TEXT_MAX = 200;

/**
 * Lets the batch register: it goes to the end of its client's line. `by`: who says so, for the record.
 * Faults: `NOT_IN_THIS_STATE` where it does not wait for approval, or no longer.
 */
export async function approveBatch(context: ApplyContext, id: string, by: string): Promise<Batch> {
  for (;;) {
    const batch = await mustGet(context, id);
    if (isApproved(batch)) {
      await sendOwed(context, batch);
      return batch;
    }
    const nowMs = context.clock.nowMs();
    const next = transition(batch, { type: 'approved', by }, nowMs);
    if (next === undefined) throw undecidable(batch);
    const approved = await context.registry.requeue(next, batch.revision);
    if (approved === undefined) continue;
    context.telemetry.emit({
      name: 'batch.approved',
      level: 'info',
      fields: { batch: id, client: batch.client, state: approved.state, by, ageMs: ageMs(batch, nowMs) },
    });
    await sendOwed(context, approved);
    return approved;
  }
}

function isApproved({ approval, state }: Batch): boolean {
  return approval?.standing === 'approved' && state !== 'failed' && state !== 'cancelled';
}

function ageMs(batch: Batch, nowMs: number): number {
  return Math.max(0, nowMs - batch.acceptedAtMs);
}

/** Ends the batch, with the reason for its client. Faults: `NOT_IN_THIS_STATE`. */
export async function discardBatch(context: ApplyContext, id: string, why = ''): Promise<Batch> {
  const batch = await endWaiting(context, id, new Fault('DISCARDED', why, { batch: id }));
  if (batch.failure?.code === 'DISCARDED') return batch;
  throw undecidable(batch);
}

/** Ends a batch that nobody decided about in time. What became of it where somebody did. */
export async function expireBatch(context: ApplyContext, id: string): Promise<Batch> {
  return await endWaiting(context, id, new Fault('APPROVAL_EXPIRED', '', { batch: id }));
}

async function endWaiting(context: ApplyContext, id: string, fault: Fault): Promise<Batch> {
  const before = await mustGet(context, id);
  const failure: BatchFailure = { code: fault.code, message: fault.text(before.language ?? DEFAULT_LANGUAGE) };
  const receipt = failureReceipt(before, 'cancelled', failure, context.clock.nowMs());
  const { batch } = await apply(context, id, { type: 'discarded', failure, receipt });
  await sendOwed(context, batch);
  return batch;
}

function undecidable(batch: Batch): Fault {
  const says =
    batch.state === 'awaiting_approval'
      ? 'the time to decide is over'
      : `it is ${batch.state}, and does not wait for approval`;
  return new Fault('NOT_IN_THIS_STATE', says, { batch: batch.id });
}
