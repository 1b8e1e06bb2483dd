/**
 * Following a batch on its way, from outside: looks at the registry now and then, shows the progress on stderr, and ends
 * when the batch is final, stalled or waits for approval, when the process is asked to end, or when the engine reports trouble.
 */
import { Fault } from '../core/faults.ts';
import { type Batch, FINAL_STATES } from '../io/ports/registry.ts';
import { showsPreview, warningView } from '../stages/batch/views.ts';
import type { CliContext, EngineStores } from './context.ts';
import { createProgress, type ProgressPoint } from './progress.ts';

export interface FollowHooks {
  /** A fault that ends the following, once there is one. */
  trouble(): Fault | undefined;
  /** Bytes the picker has scanned, as far as this process knows. */
  scanned(): number;
  /** Called now and then while the batch is on its way. */
  idle(): Promise<void>;
}

/** Where a batch goes on only when somebody does something about it. */
const ENDS_FOLLOWING: ReadonlySet<string> = new Set(['stalled', 'awaiting_approval']);
const LOOK_MS_MIN = 5;
const LOOK_MS_MAX = 200;
const IDLE_EVERY_LOOKS = 10;

export async function followBatch(
  context: CliContext,
  stores: EngineStores,
  id: string,
  hooks: FollowHooks,
): Promise<Batch> {
  let progress: ReturnType<typeof createProgress> | undefined;
  const warn = warner(context);
  try {
    for (let look = 1; ; look++) {
      const batch = await stores.registry.get(id);
      if (batch === undefined) throw new Fault('BATCH_UNKNOWN', '', { batch: id });
      await warn(batch);
      if (FINAL_STATES.has(batch.state) || ENDS_FOLLOWING.has(batch.state)) return batch;
      const trouble = hooks.trouble();
      if (trouble !== undefined) throw trouble;
      if (context.signal.aborted) {
        throw new Fault('INTERRUPTED', `it is ${batch.state}; run the same command again to resume it`, { batch: id });
      }
      progress ??= createProgress(context.stderr, context.clock, { bytes: batch.bytes });
      const point = await pointOf(stores, batch, hooks.scanned());
      if (point !== undefined) progress.update(point);
      if (look % IDLE_EVERY_LOOKS === 0) await hooks.idle();
      await context.clock.sleep(Math.min(LOOK_MS_MAX, LOOK_MS_MIN * look), context.signal);
    }
  } finally {
    progress?.end();
  }
}

/** Tells each warning of the batch once, when it is there. */
function warner({ stderr }: CliContext): (batch: Batch) => Promise<void> {
  const told = new Set<string>();
  return async ({ warnings = [] }) => {
    for (const { code, message } of warnings.filter((warning) => !told.has(warning.code))) {
      told.add(code);
      await stderr.write(`remessa: warning: ${warningView({ code, message }).message}\n`);
    }
  };
}

/** Bytes and records in proportion to the pieces of work that have their results. */
async function pointOf(stores: EngineStores, batch: Batch, scanned: number): Promise<ProgressPoint | undefined> {
  const totals = { bytesTotal: batch.bytes, recordsTotal: batch.records };
  const share = (done: number, all: number, of: number): number => (all === 0 ? 0 : Math.floor((of * done) / all));
  switch (batch.state) {
    case 'accepted':
    case 'picking':
      return { stage: 'picking', bytes: scanned, records: 0, ...totals };
    case 'processing': {
      const done = await stores.registry.countResults(batch.id, 'range');
      return {
        stage: 'processing',
        bytes: share(done, batch.ranges, batch.bytes),
        records: share(done, batch.ranges, batch.records),
        ...totals,
      };
    }
    case 'staged':
    case 'previewing':
    case 'registering': {
      const kind = showsPreview(batch) ? 'preview' : 'shard';
      const done = batch.small ? 0 : await stores.registry.countResults(batch.id, kind);
      return {
        stage: batch.owed.includes('finish')
          ? 'finishing'
          : batch.state === 'previewing'
            ? 'previewing'
            : 'registering',
        bytes: share(done, batch.shards, batch.bytes),
        records: share(done, batch.shards, batch.records),
        ...totals,
      };
    }
    default:
      return undefined;
  }
}
