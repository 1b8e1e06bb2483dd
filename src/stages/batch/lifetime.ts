/**
 * How long a batch may be on its way, and what becomes of one that is too long.
 *
 * - One that waits for approval is cancelled when the time to decide is over.
 * - On AWS what a batch needs goes by itself after `awsRetentionMs`, a day or more after `awsBatchMsMax`. One whose
 *   registering has not begun by then ends as failed, with the reason, while all of it is still there.
 * - One that is registering or stalled can no longer end: that is told as an error, once an hour, with the day on which its
 *   staged records go. Whoever tells it writes so on the batch, so of many processes one does.
 */
import { detail } from '../../core/catalogue.ts';
import { Fault } from '../../core/faults.ts';
import { type Batch, FINAL_STATES } from '../../io/ports/registry.ts';
import type { StageContext } from '../context.ts';
import { expireBatch } from './approve.ts';
import { failBatch } from './failures.ts';
import { hasBegun, isOver } from './transitions.ts';

const HOUR_MS = 3_600_000;
const TOLD_EVERY_MS = HOUR_MS;

/** Answers whether the batch was ended here, so that nothing else is to be done about it. */
export async function endOverdue(context: StageContext, batch: Batch): Promise<boolean> {
  const { clock, settings } = context;
  if (FINAL_STATES.has(batch.state)) return false;
  const nowMs = clock.nowMs();
  if (batch.state === 'awaiting_approval') {
    if (batch.approval === undefined || !isOver(batch.approval, nowMs)) return false;
    await expireBatch(context, batch.id);
    return true;
  }
  if (settings.driver !== 'aws' || nowMs < batch.acceptedAtMs + settings.awsBatchMsMax) return false;
  if (hasBegun(batch)) {
    await tellOverdue(context, batch, nowMs);
    return false;
  }
  const longest = detail('AT_MOST_HOURS', Math.floor(settings.awsBatchMsMax / HOUR_MS));
  await failBatch(context, batch.id, new Fault('BATCH_TOO_OLD', longest, { batch: batch.id }));
  return true;
}

async function tellOverdue(
  { registry, settings, telemetry }: StageContext,
  batch: Batch,
  nowMs: number,
): Promise<void> {
  if (nowMs < (batch.overdueToldMs ?? 0) + TOLD_EVERY_MS) return;
  if (!(await registry.replace({ ...batch, overdueToldMs: nowMs }, batch.revision))) return;
  const goesMs = batch.acceptedAtMs + settings.awsRetentionMs;
  telemetry.emit({
    name: 'batch.overdue',
    level: 'error',
    fields: {
      batch: batch.id,
      client: batch.client,
      state: batch.state,
      code: batch.failure?.code,
      ageMs: nowMs - batch.acceptedAtMs,
      stagedUntil: new Date(goesMs).toISOString(),
    },
  });
}
