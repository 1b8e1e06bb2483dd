/**
 * The preview of what is to be approved, in a thread: the decisions of registering against the debts as they stand, and a
 * survey of what would be registered. Nothing is written, neither debts nor outcomes: what is left are sums.
 *
 * Memory: as registering's, and the survey.
 */
import { Fault } from '../core/faults.ts';
import type { Manifest } from '../engine/manifest.ts';
import type { OutcomeTotals, RejectTotals } from './batch/receipt.ts';
import { Survey, type SurveyTotals } from './debts/survey.ts';
import { type RegisterArgs, Registrar, type StagedTableObject, shardRow, stagedPages } from './registering.task.ts';
import { parseSmall, rejectTotals } from './small.task.ts';
import type { TaskContext } from './taskContext.ts';

/** Of a shard, or of a whole small batch. Plain JSON. */
export interface PreviewPart {
  readonly records: number;
  readonly outcomes: OutcomeTotals;
  readonly survey: SurveyTotals;
}

const nowhere = async (): Promise<void> => {};

export async function preview(
  args: RegisterArgs & { readonly shard: number; readonly table: StagedTableObject; readonly ranges: number },
  context: TaskContext,
): Promise<PreviewPart> {
  const staged = await shardRow(args.table, args.ranges, args.shard, context);
  const survey = new Survey(args.rules.businessDate);
  const registrar = new Registrar(args, context, [], survey);
  const { totals: outcomes } = await registrar.all(stagedPages(args, staged, context), nowhere);
  const { records } = registrar;
  if (records !== staged.records) {
    const place = { batch: args.batch, shard: args.shard };
    throw new Fault('STAGED_PAGES_SHORT', `${records} of ${staged.records} records`, place);
  }
  return { records, outcomes, survey: survey.plain() };
}

export async function previewSmall(
  args: RegisterArgs & { readonly manifest: Manifest },
  context: TaskContext,
): Promise<PreviewPart & { readonly rejects: RejectTotals }> {
  const survey = new Survey(args.rules.businessDate);
  const registrar = new Registrar(args, context, [], survey);
  const read = (take: (page: Uint8Array) => Promise<void>) => parseSmall(args.manifest, context, take);
  const { answer: totals, totals: outcomes } = await registrar.all(read, nowhere);
  const { records } = registrar;
  if (records !== totals.staged) {
    throw new Fault('OUTCOMES_DISAGREE', `${records} of ${totals.staged}`, { batch: args.batch });
  }
  return { records, outcomes, survey: survey.plain(), rejects: rejectTotals(totals) };
}
