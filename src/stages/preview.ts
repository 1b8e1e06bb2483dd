/**
 * Step 5 in preview, where the profile asks for approval: what the file would do, for who is to approve it.
 *
 * Promises
 * - It is computed while the batch is the head of its client's line, so nothing of the client registers meanwhile: its totals
 *   are those of the receipt that the batch would have got there (`turn`: after which of the client's turns).
 * - Shards' previews are a set of results; the sums of all are put once, so a replay shows the same ones. They are no part of
 *   what registers later: that is decided anew, against the debts as they are then.
 * - The totals are held against the scan and the ranges like a receipt's. Cents are exact integers.
 */
import { Fault } from '../core/faults.ts';
import type { Batch } from '../io/ports/registry.ts';
import { columnsOf } from '../kernel/plan.ts';
import { apply, eachResult, freeAgain, manifestOf, sendOwed } from './batch/batches.ts';
import { completedReceipt, type OutcomeTotals, type RejectTotals, rejectTotalsOf } from './batch/receipt.ts';
import type { StageContext } from './context.ts';
import { AGE_MONTHS, CreditorSums, type Share, type SurveyTotals } from './debts/survey.ts';
import type { RangeResult } from './intermediate.task.ts';
import type { PreviewPart } from './preview.task.ts';
import type { StagedTableObject } from './registering.task.ts';

/** Creditors that are shown by name. */
const CREDITORS_SHOWN = 20;

/** A shard's preview as it is kept, with when its debts were looked at. */
type PreviewResult = PreviewPart & { readonly fromMs: number; readonly toMs: number };

/** What is shown. Cents are decimal texts; plain JSON. */
export interface Preview {
  readonly fromMs: number;
  readonly toMs: number;
  /** The client's last turn before it. */
  readonly turn: number;
  readonly businessDate: string;
  readonly lines: Readonly<Record<string, number>>;
  readonly cents: Readonly<Record<string, string>>;
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly warnedBy: Readonly<Record<string, number>>;
  /** Of what would be registered. `creditors`: how many others there are; `null` where there were too many to count. */
  readonly creditors: readonly (Share & { readonly name: string | null })[];
  readonly others: Share & { readonly creditors: number | null };
  /** Of the same; `months` since the due date, `null` for what is not due yet. */
  readonly ages: readonly (Share & { readonly months: number | null; readonly below: number | null })[];
}

/** Previews one shard, once. */
export async function previewShard(
  context: StageContext,
  batch: Batch,
  shard: number,
  table: StagedTableObject,
  signal: AbortSignal,
): Promise<void> {
  const manifest = await manifestOf(context, batch);
  const startedMs = context.clock.monotonicMs();
  const fromMs = context.clock.nowMs();
  const part: PreviewPart = await context.pool.run(
    'preview',
    {
      batch: batch.id,
      client: batch.client,
      shard,
      mode: 'preview',
      turn: 0,
      turnAtMs: 0,
      rules: manifest.rules,
      fields: columnsOf(manifest.plan),
      table,
      ranges: batch.ranges,
    },
    { client: batch.client, signal },
  );
  const result: PreviewResult = { ...part, fromMs, toMs: context.clock.nowMs() };
  await context.registry.putResult(batch.id, 'preview', shard, JSON.stringify(result));
  told(context, batch, part, context.clock.monotonicMs() - startedMs);
}

/** When every shard is previewed: puts the sums, and the batch waits, or goes on where its rule is not reached. */
export async function settlePreview(context: StageContext, batch: Batch): Promise<void> {
  const { registry } = context;
  if ((await registry.countResults(batch.id, 'preview')) < batch.shards) {
    await sendOwed(context, batch);
    return;
  }
  const standing = await registry.getResult(batch.id, 'approval', 0);
  await previewed(context, batch, standing?.body ?? (await mergedPreview(context, batch)));
}

/** A small batch, read and previewed in one go. */
export async function previewSmallBatch(context: StageContext, batch: Batch): Promise<void> {
  const standing = await context.registry.getResult(batch.id, 'approval', 0);
  await previewed(context, batch, standing?.body ?? (await smallPreview(context, batch)));
}

async function previewed(context: StageContext, batch: Batch, body: string): Promise<void> {
  const { body: stands } = await context.registry.putResult(batch.id, 'approval', 0, body);
  const cents = BigInt((JSON.parse(stands) as Preview).cents['total'] ?? 0);
  const untilMs = decideUntilMs(context, batch);
  const { batch: next } = await apply(context, batch.id, { type: 'previewed', cents, untilMs });
  await freeAgain(context, next);
  await sendOwed(context, next);
}

/** The end of the time to decide: before anything that the batch needs has gone. */
function decideUntilMs({ settings, clock }: StageContext, batch: Batch): number {
  const untilMs = clock.nowMs() + settings.approvalMsMax;
  return settings.driver === 'aws' ? Math.min(untilMs, batch.acceptedAtMs + settings.awsBatchMsMax) : untilMs;
}

async function mergedPreview(context: StageContext, batch: Batch): Promise<string> {
  const rejects: RejectTotals[] = [];
  for await (const { body } of eachResult<RangeResult>(context, batch.id, 'range')) {
    rejects.push(rejectTotalsOf(body));
  }
  const outcomes: OutcomeTotals[] = [];
  const merge = new SurveyMerge();
  let fromMs = Number.POSITIVE_INFINITY;
  let toMs = 0;
  for await (const { body } of eachResult<PreviewResult>(context, batch.id, 'preview', PREVIEWS_A_PAGE)) {
    outcomes.push(body.outcomes);
    merge.add(body.survey);
    fromMs = Math.min(fromMs, body.fromMs);
    toMs = Math.max(toMs, body.toMs);
  }
  if (rejects.length !== batch.ranges || outcomes.length !== batch.shards) {
    throw new Fault('OUTCOMES_DISAGREE', `${rejects.length} ranges, ${outcomes.length} previews`, { batch: batch.id });
  }
  return await textOf(context, batch, { rejects, outcomes, survey: merge.plain(), fromMs, toMs });
}

/** A preview holds the names of some hundred creditors. */
const PREVIEWS_A_PAGE = 8;

async function smallPreview(context: StageContext, batch: Batch): Promise<string> {
  const manifest = await manifestOf(context, batch);
  const startedMs = context.clock.monotonicMs();
  const fromMs = context.clock.nowMs();
  const part = await context.pool.run(
    'previewSmall',
    {
      manifest,
      batch: batch.id,
      client: batch.client,
      mode: 'preview',
      turn: 0,
      turnAtMs: 0,
      rules: manifest.rules,
      fields: columnsOf(manifest.plan),
    },
    { client: batch.client },
  );
  told(context, batch, part, context.clock.monotonicMs() - startedMs);
  const { rejects, outcomes, survey } = part;
  const toMs = context.clock.nowMs();
  return await textOf(context, batch, { rejects: [rejects], outcomes: [outcomes], survey, fromMs, toMs });
}

interface Parts {
  readonly rejects: readonly RejectTotals[];
  readonly outcomes: readonly OutcomeTotals[];
  readonly survey: SurveyTotals;
  readonly fromMs: number;
  readonly toMs: number;
}

async function textOf(context: StageContext, batch: Batch, parts: Parts): Promise<string> {
  const { rejects, outcomes, survey, fromMs, toMs } = parts;
  const { lines, cents, rejectedBy, warnedBy } = completedReceipt(batch, rejects, outcomes, toMs);
  const { turn } = await context.registry.turnOf(batch.client);
  const preview: Preview = {
    fromMs,
    toMs,
    turn,
    businessDate: batch.businessDate,
    lines,
    cents: Object.fromEntries(Object.entries(cents).map(([outcome, sum]) => [outcome, sum.toString()])),
    rejectedBy,
    warnedBy,
    ...shown(survey),
  };
  return JSON.stringify(preview);
}

function shown({ creditors, rest, ages }: SurveyTotals): Pick<Preview, 'creditors' | 'others' | 'ages'> {
  const beyond = creditors.slice(CREDITORS_SHOWN);
  const cents = beyond.reduce((sum, one) => sum + BigInt(one.cents), BigInt(rest.cents));
  return {
    creditors: creditors.slice(0, CREDITORS_SHOWN),
    others: {
      creditors: rest.lines > 0 ? null : beyond.length,
      lines: beyond.reduce((sum, one) => sum + one.lines, rest.lines),
      cents: cents.toString(),
    },
    ages: ages.map((share, k) => ({
      months: k === 0 ? null : (AGE_MONTHS[k - 1] as number),
      below: AGE_MONTHS[k] ?? null,
      ...share,
    })),
  };
}

/** Adds up the surveys of shards, one after another, in bounded memory. */
class SurveyMerge {
  readonly #creditors = new CreditorSums();
  readonly #ages: { lines: number; cents: bigint }[] = [];

  add({ creditors, rest, ages }: SurveyTotals): void {
    for (const { name, lines, cents } of creditors) this.#creditors.add(name ?? '', lines, BigInt(cents));
    this.#creditors.addRest(rest.lines, BigInt(rest.cents));
    for (const [k, { lines, cents }] of ages.entries()) {
      const sum = (this.#ages[k] ??= { lines: 0, cents: 0n });
      sum.lines += lines;
      sum.cents += BigInt(cents);
    }
  }

  plain(): SurveyTotals {
    return {
      ...this.#creditors.plain(),
      ages: this.#ages.map(({ lines, cents }) => ({ lines, cents: cents.toString() })),
    };
  }
}

function told(context: StageContext, batch: Batch, { records }: PreviewPart, ms: number): void {
  context.telemetry.emit({
    name: 'shard.previewed',
    level: 'debug',
    fields: { batch: batch.id, client: batch.client, records, ms },
  });
}
