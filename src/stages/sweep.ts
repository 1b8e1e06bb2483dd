/**
 * The sweep: every open batch is asked what it owes, again and again. Whatever was lost between a transition and its
 * messages is found here; what was not lost is recognised by its id and changes nothing.
 */
import type { Batch } from '../io/ports/registry.ts';
import { send, sendOwed } from './batches.ts';
import type { StageContext } from './context.ts';
import { owedByState } from './transitions.ts';

/** Sends again what batches owe that have not moved for `quietMs`; answers how many were looked at. */
export async function sweep(context: StageContext, quietMs: number): Promise<number> {
  const nowMs = context.clock.nowMs();
  let swept = 0;
  for (const batch of await context.registry.open()) {
    // A clock that was set back makes a batch look young for ever: then its age says nothing.
    const ageMs = nowMs - batch.updatedAtMs;
    if (ageMs >= 0 && ageMs < quietMs) continue;
    swept += 1;
    await nudge(context, batch);
  }
  return swept;
}

export async function nudge(context: StageContext, batch: Batch): Promise<void> {
  await sendOwed(context, batch);
  const owed = owedByState(batch);
  if (owed !== undefined && !batch.owed.includes(owed)) await send(context, batch, owed);
}
