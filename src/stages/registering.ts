/**
 * Step 5, registering: one shard's staged pages become debts and outcomes.
 *
 * Promises: the work runs under the batch's turn, so a worker that was stopped and woken after a later batch has
 * registered is refused by the store; the shard's result is put once, and a replay finds the same outcomes because every
 * debt remembers the batch and line that made it what it is.
 */

import { Fault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import { type Batch, FINAL_STATES } from '../io/ports/registry.ts';
import { columnsOf } from '../kernel/plan.ts';
import { piecesOf } from './answers/pieces.ts';
import { freeAgain, freeingLate, isStray, manifestOf, mustGet, resultKindOf, send } from './batch/batches.ts';
import type { RegisteringMode } from './batch/messages.ts';
import { linesByOutcome } from './batch/receipt.ts';
import type { StageContext } from './context.ts';
import { previewShard } from './preview.ts';
import type { StagedTableObject } from './registering.task.ts';
import { shardsDone } from './settle.ts';

export async function registering(
  context: StageContext,
  id: string,
  shard: number,
  mode: RegisteringMode,
  signal: AbortSignal,
): Promise<void> {
  const batch = await mustGet(context, id);
  const asked = mode === 'preview' ? (batch.dryRun ? 'staged' : 'previewing') : 'registering';
  if (batch.state !== asked || isStray(context, batch, 'shard', shard)) return;
  const kind = resultKindOf(mode);
  if ((await context.registry.getResult(id, kind, shard)) === undefined) {
    await freeingLate(context, id, () => register(context, batch, shard, mode, signal));
    // Who was stopped on the way may have left its part and result with a batch that was freed long ago.
    const now = await mustGet(context, id);
    await freeAgain(context, now);
    if (FINAL_STATES.has(now.state)) return;
  }
  if ((await context.registry.countResults(id, kind)) < batch.shards) return;
  if (asked === 'previewing') await send(context, batch, 'settle');
  else await shardsDone(context, id);
}

async function register(
  context: StageContext,
  batch: Batch,
  shard: number,
  mode: RegisteringMode,
  signal: AbortSignal,
): Promise<void> {
  const staged = await context.registry.getResult(batch.id, 'staged', 0);
  if (staged === undefined) throw new Fault('STORE_CORRUPT', 'the table of staged ranges is gone', { batch: batch.id });
  const table = JSON.parse(staged.body) as StagedTableObject;
  if (batch.state === 'previewing') return await previewShard(context, batch, shard, table, signal);
  const manifest = await manifestOf(context, batch);
  const pieceRecords = context.limits.pieceRecordsFor(manifest.plan.shards);
  const startedMs = context.clock.monotonicMs();
  const result = await context.pool.run(
    'register',
    {
      batch: batch.id,
      client: batch.client,
      shard,
      mode,
      turn: batch.turn ?? 0,
      turnAtMs: batch.turnAtMs ?? 0,
      rules: manifest.rules,
      fields: columnsOf(manifest.plan),
      table,
      ranges: batch.ranges,
      pieceRecords,
      cutLines: piecesOf(manifest.ranges, pieceRecords)
        .slice(1)
        .map((piece) => piece.firstLine),
      attempt: attemptId(context.random),
    },
    { client: batch.client, signal },
  );
  await context.registry.putResult(batch.id, resultKindOf(mode), shard, JSON.stringify(result));
  context.telemetry.emit({
    name: 'shard.registered',
    level: 'debug',
    fields: {
      batch: batch.id,
      client: batch.client,
      shard,
      records: result.records,
      mode,
      ...linesByOutcome(result),
      ms: context.clock.monotonicMs() - startedMs,
    },
    rejectedBy: result.rejectedBy,
  });
}
