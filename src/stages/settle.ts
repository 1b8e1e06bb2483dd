/**
 * Step 4, settle: when the last range is staged, the equations are checked and the batch waits at its place in line.
 *
 * It is also where a batch is carried on when nobody knows who should: every branch looks at what is stored and does
 * what is missing, so the message may come at any time and any number of times.
 */
import { detail } from '../core/catalogue.ts';
import { Fault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import { StagedTableWriter } from '../engine/stagedTable.ts';
import type { Batch } from '../io/ports/registry.ts';
import type { ModuleFailures } from '../kernel/modules/moduleReader.ts';
import {
  apply,
  assertUnchanged,
  eachResult,
  freeAgain,
  freeingLate,
  manifestOf,
  modeOf,
  mustGet,
  resultKindOf,
  sendOwed,
} from './batch/batches.ts';
import { stagedTableKey } from './batch/keys.ts';
import type { StageContext } from './context.ts';
import type { RangeResult } from './intermediate.task.ts';
import { resumeSmall } from './pick.ts';
import { assertModuleWorks } from './picking/moduleFailures.ts';
import { settlePreview } from './preview.ts';

export async function settle(context: StageContext, id: string, signal: AbortSignal): Promise<void> {
  const batch = await mustGet(context, id);
  if (batch.state === 'processing') await freeingLate(context, id, () => settleRanges(context, batch));
  else if (batch.small && (batch.state === 'staged' || batch.state === 'previewing'))
    await resumeSmall(context, id, signal);
  else if (batch.state === 'previewing') await settlePreview(context, batch);
  else if (batch.state === 'staged' || batch.state === 'registering') await settleShards(context, batch);
}

async function settleRanges(context: StageContext, batch: Batch): Promise<void> {
  if ((await context.registry.countResults(batch.id, 'range')) < batch.ranges) {
    await sendOwed(context, batch);
    return;
  }
  const { table, cents, made } = await checkedTable(context, batch);
  await assertUnchanged(context, batch);
  const { key, etag, bytes } = await context.objects.put(stagedTableKey(batch.id, attemptId(context.random)), table);
  await context.registry.putResult(batch.id, 'staged', 0, JSON.stringify({ key, etag, bytes }));
  const { batch: staged } = await apply(context, batch.id, { type: 'ranges_staged', cents, made });
  await freeAgain(context, staged);
  await sendOwed(context, staged);
}

/**
 * The equations: every range parsed to what the scan saw, and the sums agree. What they are checked on is the table; the
 * cents are those of all records whose amount could be read; `made` is what the records became.
 */
async function checkedTable(
  context: StageContext,
  batch: Batch,
): Promise<{ readonly table: Uint8Array; readonly cents: bigint; readonly made: number }> {
  const manifest = await manifestOf(context, batch);
  const table = new StagedTableWriter(batch.ranges, batch.shards);
  const { code } = manifest.plan;
  let records = 0;
  let made = 0;
  let cents = 0n;
  let failures: ModuleFailures | undefined;
  for await (const { work, body } of eachResult<RangeResult>(context, batch.id, 'range')) {
    const range = manifest.ranges[work];
    if (range === undefined || body.records !== range.records || body.crc !== range.crc) {
      throw new Fault('EQUATIONS_FAIL', '', { batch: batch.id, range: work });
    }
    const dealt = body.recordsByShard.reduce((sum, count) => sum + count, 0);
    if (body.staged + body.rejected !== (body.made ?? body.records) || dealt !== body.staged) {
      throw new Fault('EQUATIONS_FAIL', 'staged and rejected', { batch: batch.id, range: work });
    }
    table.add(work, body.attempt, body.pagesByShard, body.recordsByShard);
    records += body.records;
    made += body.made ?? body.records;
    cents += BigInt(body.centsStaged) + BigInt(body.centsRejected);
    failures = addedFailures(failures, body.failures);
  }
  if (records !== manifest.records) {
    throw new Fault('EQUATIONS_FAIL', detail('RECORDS_OF', records, manifest.records), { batch: batch.id });
  }
  assertModuleWorks(code?.name, failures, context.settings.codeErrorsMax, { batch: batch.id });
  return { table: table.bytes(), cents, made };
}

/** Ranges are added in order, so of two the one before tells of the first record at which the module failed. */
function addedFailures(sum: ModuleFailures | undefined, more: ModuleFailures | undefined): ModuleFailures | undefined {
  if (sum === undefined || more === undefined) return sum ?? more;
  return { ...sum, records: sum.records + more.records };
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
