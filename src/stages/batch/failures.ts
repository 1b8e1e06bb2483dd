/**
 * What follows a failure of work. The consumer asks; the answer is a verdict on the message.
 *
 * - A fault that says `fail` ends the batch at once: `failed` with the reason, or `stalled` once registering has begun.
 * - A fault that says `retry` is recorded against the work; after `failuresMax` recorded failures the work is poison and
 *   ends the batch the same way. Killed processes record nothing, so they never poison.
 * - Faults of the surroundings (a full disk, a service that is away, rules that are awaited, a lost lease) are no one's work's doing: they are
 *   retried without end, and reported each time.
 * - A batch that has ended can no longer be ended: late work finds that out when it comes again, and what frees a batch
 *   is never given up. Nothing is recorded then.
 * - Anything that is not a fault is a bug; it counts as a failure of the work and is reported with its stack.
 */
import { detail } from '../../core/catalogue.ts';
import { Fault, type FaultCode, isFault } from '../../core/faults.ts';
import { attemptId } from '../../core/ids.ts';
import { DEFAULT_LANGUAGE } from '../../core/language.ts';
import { DONE, type Verdict } from '../../engine/consumer.ts';
import { retryDelayMs } from '../../engine/retry.ts';
import { type Batch, type BatchFailure, FINAL_STATES } from '../../io/ports/registry.ts';
import type { StageContext } from '../context.ts';
import { type ApplyContext, apply, sendOwed } from './batches.ts';
import { failureReceipt } from './receipt.ts';
import { hasBegun } from './transitions.ts';

const SURROUNDINGS: ReadonlySet<FaultCode> = new Set([
  'STORE_FULL',
  'STORE_BUSY',
  'STORE_IO',
  'SERVICE_IO',
  'SERVICE_DENIED',
  'LEASE_LOST',
  'RULES_AWAITED',
]);

export async function afterFailure(
  context: StageContext,
  batchId: string,
  work: string,
  receives: number,
  error: unknown,
): Promise<Verdict> {
  const fault = isFault(error) ? error : undefined;
  const says = fault?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  const report = (level: 'warn' | 'error', verdict: string): void =>
    context.telemetry.emit({
      name: 'work.failed',
      level,
      fields: { batch: batchId, work, code: fault?.code ?? 'BUG', verdict, error: says },
    });
  if (fault?.code === 'BATCH_UNKNOWN') {
    report('error', 'dropped');
    return DONE;
  }
  const retry = { done: false, retryMs: retryDelayMs(context.settings, receives, randomUnit(context)) } as const;
  if (fault !== undefined && SURROUNDINGS.has(fault.code)) {
    report('warn', 'retried');
    return retry;
  }
  const batch = await context.registry.get(batchId);
  const hadEnded = batch !== undefined && FINAL_STATES.has(batch.state);
  if (fault?.disposition === 'fail') {
    report('warn', hadEnded ? 'batch had ended' : 'batch ended');
    await failBatch(context, batchId, fault);
    return DONE;
  }
  if (hadEnded) {
    report('warn', 'batch had ended');
    return retry;
  }
  const failures = await context.registry.recordFailure(batchId, work, attemptId(context.random), says);
  if (failures < context.settings.failuresMax) {
    report('warn', 'retried');
    return retry;
  }
  report('error', 'poison');
  const last = fault === undefined ? says : fault.text(batch?.language ?? DEFAULT_LANGUAGE);
  await failBatch(
    context,
    batchId,
    new Fault('WORK_POISONED', detail('FAILED_TIMES', failures, firstLine(last)), { batch: batchId }),
  );
  return DONE;
}

/** Ends the batch with the reason, in the language of its client; one whose registering has begun keeps its place and waits for a redrive. */
export async function failBatch(context: ApplyContext, batchId: string, fault: Fault): Promise<Batch> {
  for (;;) {
    const before = await context.registry.get(batchId);
    if (before === undefined) throw new Fault('BATCH_UNKNOWN', '', { batch: batchId });
    const failure: BatchFailure = {
      code: fault.code,
      message: fault.text(before.language ?? DEFAULT_LANGUAGE),
      ...(fault.place.line === undefined ? {} : { line: fault.place.line }),
      ...(fault.place.byte === undefined ? {} : { byte: fault.place.byte }),
    };
    const type = fault.code === 'CANCELLED' ? 'cancelled' : 'failed';
    // Nobody stalls a batch by asking too late.
    if (type === 'cancelled' && hasBegun(before)) return before;
    const { batch, moved } = await apply(
      context,
      batchId,
      hasBegun(before)
        ? { type: 'stalled', failure }
        : { type, failure, receipt: failureReceipt(before, type, failure, context.clock.nowMs()) },
    );
    // Registering began between the look and the write: look again.
    if (!moved && hasBegun(batch) && !hasBegun(before)) continue;
    await sendOwed(context, batch);
    return batch;
  }
}

function randomUnit(context: StageContext): number {
  return new DataView(new Uint8Array(context.random(4)).buffer).getUint32(0) / 2 ** 32;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
