/**
 * The small-batch way: one range and few records go from turn to completion in one message, without staging and without
 * parts. What is kept is the result on the registry's item; answers are rendered when they are asked for.
 *
 * Promises: the same as for large batches. The result is put once; a replay under the same turn finds its own debts.
 */
import type { Manifest } from '../engine/manifest.ts';
import type { Batch } from '../io/ports/registry.ts';
import { columnsOf } from '../kernel/plan.ts';
import { apply, freeAgain, manifestOf, modeOf, resultKindOf, sendOwed } from './batch/batches.ts';
import { completedReceipt, encodeReceipt, linesByOutcome } from './batch/receipt.ts';
import type { StageContext } from './context.ts';
import type { SmallResult } from './small.task.ts';

/** Registers a released small batch and completes it; answers it as it is then. */
export async function registerSmall(context: StageContext, batch: Batch): Promise<Batch> {
  return await runSmall(context, batch, await manifestOf(context, batch));
}

/** Checks a small dry run against the stored debts and completes it; nothing is written to them. */
export async function previewSmall(context: StageContext, batch: Batch, manifest: Manifest): Promise<void> {
  await runSmall(context, batch, manifest);
}

async function runSmall(context: StageContext, batch: Batch, manifest: Manifest): Promise<Batch> {
  const mode = modeOf(batch);
  const kind = resultKindOf(mode);
  let standing = await context.registry.getResult(batch.id, kind, 0);
  if (standing === undefined) {
    const startedMs = context.clock.monotonicMs();
    const result: SmallResult = await context.pool.run(
      'small',
      {
        manifest,
        batch: batch.id,
        client: batch.client,
        mode,
        turn: batch.turn ?? 0,
        turnAtMs: batch.turnAtMs ?? 0,
        rules: manifest.rules,
        fields: columnsOf(manifest.plan),
      },
      { client: batch.client },
    );
    standing = await context.registry.putResult(batch.id, kind, 0, JSON.stringify(result));
    const { rejects, outcomes } = result;
    const named = linesByOutcome(outcomes);
    context.telemetry.emit({
      name: 'small.registered',
      level: 'debug',
      fields: {
        batch: batch.id,
        client: batch.client,
        records: batch.records,
        bytes: batch.bytes,
        mode,
        ...named,
        rejected: named.rejected + rejects.rejected,
        ms: context.clock.monotonicMs() - startedMs,
      },
      rejectedBy: added(rejects.rejectedBy, outcomes.rejectedBy),
    });
  }
  const { rejects, outcomes } = JSON.parse(standing.body) as SmallResult;
  const receipt = completedReceipt(batch, [rejects], [outcomes], context.clock.nowMs());
  const { batch: completed, moved } = await apply(context, batch.id, {
    type: 'completed',
    receipt: encodeReceipt(receipt),
  });
  if (!moved) await freeAgain(context, completed);
  await sendOwed(context, completed);
  return completed;
}

/** Both counts by code; one code may stand in both. */
function added(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const sums: Record<string, number> = { ...one };
  for (const [code, records] of Object.entries(other)) sums[code] = (sums[code] ?? 0) + records;
  return sums;
}
