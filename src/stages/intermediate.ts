/**
 * Step 3, intermediate: one range becomes staged pages and one result.
 *
 * Promises: the result is put once, the first wins; only pages that the winning result lists are ever read. Whoever
 * finds all results there says so (`settle`), as often as it happens.
 */
import { attemptId } from '../core/ids.ts';
import type { Manifest, ManifestRange } from '../engine/manifest.ts';
import { type Batch, FINAL_STATES } from '../io/ports/registry.ts';
import { freeAgain, freeingLate, isStray, manifestOf, mustGet, send } from './batch/batches.ts';
import type { StageContext } from './context.ts';
import type { RangeResult } from './intermediate.task.ts';
import { withModule } from './picking/moduleWork.ts';

export async function intermediate(
  context: StageContext,
  id: string,
  range: number,
  signal: AbortSignal,
): Promise<void> {
  const batch = await mustGet(context, id);
  if (batch.state !== 'processing' || isStray(context, batch, 'range', range)) return;
  const done = await context.registry.getResult(id, 'range', range);
  if (done === undefined) await freeingLate(context, id, () => stage(context, batch, range, signal));
  const now = await mustGet(context, id);
  await freeAgain(context, now);
  if (FINAL_STATES.has(now.state)) return;
  if ((await context.registry.countResults(id, 'range')) === batch.ranges) await send(context, batch, 'settle');
}

async function stage(context: StageContext, batch: Batch, range: number, signal: AbortSignal): Promise<void> {
  const manifest = await manifestOf(context, batch);
  const attempt = attemptId(context.random);
  const startedMs = context.clock.monotonicMs();
  const args = { manifest: slim(manifest, range), range, attempt };
  const { client } = batch;
  const { code } = manifest.plan;
  const result: RangeResult =
    code === undefined
      ? await context.pool.run('range', args, { client, signal })
      : await withModule(context, code.name, { batch: batch.id, range }, signal, (watch, watched) =>
          context.pool.run('range', { ...args, watch }, { client, signal: watched }),
        );
  await context.registry.putResult(batch.id, 'range', range, JSON.stringify(result));
  if (code !== undefined && result.failures !== undefined) {
    const { records, line, says } = result.failures;
    context.telemetry.emit({
      name: 'module.failed',
      level: 'warn',
      fields: { batch: batch.id, client, module: code.name, range, records, line, error: says },
    });
  }
  context.telemetry.emit({
    name: 'range.staged',
    level: 'debug',
    fields: {
      batch: batch.id,
      client: batch.client,
      range,
      records: result.records,
      rejected: result.rejected,
      bytes: result.bytes,
      ms: context.clock.monotonicMs() - startedMs,
    },
    rejectedBy: result.rejectedBy,
  });
}

/** Only the range at hand crosses to the worker: a giant's manifest has thousands. */
function slim(manifest: Manifest, range: number): Manifest & { readonly only: ManifestRange } {
  return { ...manifest, ranges: [], only: manifest.ranges[range] as ManifestRange };
}
