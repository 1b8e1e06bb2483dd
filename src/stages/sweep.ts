/**
 * The sweep: every open batch is asked what it owes, again and again. Whatever was lost between a transition and its
 * messages is found here; what was not lost is recognised by its id and changes nothing.
 *
 * It is also where a batch is ended that has been on its way for too long (batch/lifetime.ts).
 *
 * Where the queue takes an id twice (`resendMsMin`), that would pile up messages as long as work waits, once a sweep and
 * process. There, messages that were recorded as sent are sent again only after the batch has stood still for that long, and
 * by one process: the one whose conditional write says that the batch was looked at.
 */
import type { Batch } from '../io/ports/registry.ts';
import { eachOpen, owesUnsent, send, sendOwed } from './batch/batches.ts';
import { endOverdue } from './batch/lifetime.ts';
import { owedByState } from './batch/transitions.ts';
import type { StageContext } from './context.ts';

/** Sends again what batches owe that have not moved for `quietMs`; answers for how many. */
export async function sweep(context: StageContext, quietMs: number): Promise<number> {
  const nowMs = context.clock.nowMs();
  let swept = 0;
  for await (const batch of eachOpen(context)) {
    // A clock that was set back makes a batch look young for ever: then its age says nothing.
    const ageMs = nowMs - batch.updatedAtMs;
    if (ageMs >= 0 && ageMs < quietMs) continue;
    if (await endOverdue(context, batch)) continue;
    const resendMs = context.queue.resendMsMin ?? 0;
    if (resendMs === 0) await nudge(context, batch);
    else if (owesUnsent(batch)) await sendOwed(context, batch);
    else {
      const claimed = ageMs >= 0 && ageMs < resendMs ? undefined : await claim(context, batch, nowMs);
      if (claimed === undefined) continue;
      await nudge(context, claimed);
    }
    swept += 1;
  }
  return swept;
}

/** The batch as looked at now; `undefined` where it has moved or another process was first. */
async function claim(context: StageContext, batch: Batch, nowMs: number): Promise<Batch | undefined> {
  if (owedByState(batch) === undefined) return undefined;
  const claimed = { ...batch, updatedAtMs: nowMs };
  if (!(await context.registry.replace(claimed, batch.revision))) return undefined;
  return { ...claimed, revision: batch.revision + 1 };
}

export async function nudge(context: StageContext, batch: Batch): Promise<void> {
  await sendOwed(context, batch);
  const owed = owedByState(batch);
  if (owed !== undefined && !batch.owed.includes(owed)) await send(context, batch, owed);
}
