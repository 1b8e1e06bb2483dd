/**
 * How far a batch is: stages done and under way, the rate of the present one, and when it should be through.
 *
 * Everything follows from what the registry holds, so any process can tell it. Rates are averages since the stage began;
 * what cannot be foretold is `null`. Instants are ISO 8601, rates are records a second.
 */
import { type Batch, FINAL_STATES, type Registry } from '../../io/ports/registry.ts';
import { needsPreview } from './transitions.ts';
import { progressOf, showsPreview, type WorkProgress } from './views.ts';

export const PROGRESS_STAGES = ['pick', 'intermediate', 'preview', 'registering', 'finish'] as const;
export type ProgressStage = (typeof PROGRESS_STAGES)[number];

export interface StageProgress {
  readonly stage: ProgressStage;
  readonly state: 'waiting' | 'running' | 'done';
  /** Pieces of work: ranges for intermediate, shards for preview and registering; 1 for the others. */
  readonly done: number;
  readonly total: number | null;
  readonly seconds: number | null;
}

export interface BatchProgress {
  readonly stages: readonly StageProgress[];
  /** Of the present stage; `null` where none counts records now. */
  readonly recordsPerSecond: number | null;
  /** Until the present stage is through, at its rate. */
  readonly secondsLeft: number | null;
}

const BEGINS: Readonly<Record<ProgressStage, readonly (keyof Batch['enteredMs'])[]>> = {
  pick: ['picking'],
  intermediate: ['processing'],
  preview: ['previewing'],
  registering: ['registering'],
  finish: ['finishing'],
};

export async function batchProgress(
  registry: Pick<Registry, 'countResults'>,
  batch: Batch,
  nowMs: number,
): Promise<BatchProgress> {
  const work = await progressOf(registry, batch);
  // Only what is to be approved is previewed.
  const present = PROGRESS_STAGES.filter((stage) => stage !== 'preview' || needsStage(batch));
  const begunAt = present.map((stage) => beginningOf(batch, stage));
  const endMs = FINAL_STATES.has(batch.state) ? batch.updatedAtMs : nowMs;
  const stages = present.map((stage, index): StageProgress => {
    const begunMs = begunAt[index];
    const nextMs = begunAt.slice(index + 1).find((ms) => ms !== undefined);
    // Between a preview and registering somebody decides: that is no work.
    const doneMs = stage === 'preview' ? previewedMs(batch) : (nextMs ?? endOf(batch, stage));
    const { done, total } = piecesOf(stage, batch, work, doneMs !== undefined);
    const state = doneMs !== undefined ? 'done' : begunMs === undefined ? 'waiting' : 'running';
    const seconds = begunMs === undefined ? null : Math.max(0, (doneMs ?? endMs) - begunMs) / 1000;
    return { stage, state, done, total, seconds };
  });
  return { stages, ...paceOf(batch, stages) };
}

function needsStage(batch: Batch): boolean {
  return batch.enteredMs.previewing !== undefined || needsPreview(batch);
}

/** When it was previewed; one that did not reach its rule went on at once. */
function previewedMs({ enteredMs, state }: Batch): number | undefined {
  const { previewing, awaiting_approval: waitedMs, registering } = enteredMs;
  if (waitedMs !== undefined) return waitedMs;
  return previewing === undefined || state === 'previewing' ? undefined : (registering ?? enteredMs[state]);
}

function beginningOf(batch: Batch, stage: ProgressStage): number | undefined {
  // A dry run previews its shards without a turn, so it never is `registering`.
  const states = stage === 'registering' && batch.dryRun ? (['staged'] as const) : BEGINS[stage];
  return states.map((state) => batch.enteredMs[state]).find((ms) => ms !== undefined);
}

/** When a stage was through where the next has not begun: it waits in line, or the batch is final. */
function endOf(batch: Batch, stage: ProgressStage): number | undefined {
  if (batch.state === 'completed') return batch.enteredMs.completed ?? batch.updatedAtMs;
  if (stage === 'pick') return batch.enteredMs.processing ?? batch.enteredMs.staged;
  return stage === 'intermediate' ? batch.enteredMs.staged : undefined;
}

function piecesOf(
  stage: ProgressStage,
  batch: Batch,
  work: WorkProgress | null,
  through: boolean,
): { readonly done: number; readonly total: number | null } {
  const known = batch.records > 0 || batch.enteredMs.staged !== undefined;
  if (stage === 'pick' || stage === 'finish') return { done: Number(through), total: 1 };
  const total = stage === 'intermediate' ? batch.ranges : batch.shards;
  // The shards that are counted are those of the preview, or those of registering.
  const isOther = !batch.dryRun && showsPreview(batch) !== (stage === 'preview');
  const counted = stage === 'intermediate' ? work?.ranges.done : isOther ? 0 : work?.shards.done;
  return { done: through ? total : (counted ?? 0), total: known ? total : null };
}

function paceOf(
  batch: Batch,
  stages: readonly StageProgress[],
): { readonly recordsPerSecond: number | null; readonly secondsLeft: number | null } {
  const none = { recordsPerSecond: null, secondsLeft: null };
  if (FINAL_STATES.has(batch.state)) return none;
  const running = stages.find(({ state }) => state === 'running');
  const { done = 0, total, seconds } = running ?? {};
  if (total == null || total <= 1 || seconds == null || seconds <= 0 || done === 0) return none;
  const share = done / total;
  return {
    recordsPerSecond: Math.round((batch.records * share) / seconds),
    secondsLeft: Math.ceil((seconds / share) * (1 - share)),
  };
}
