/**
 * The engine's stages in this process, driven by hand: every message is delivered by the test, when and as often as the
 * test wants, to the real handlers, over the embedded driver where no other is given. Tasks run in this thread, one after another, on copies of
 * their arguments as if they had crossed to a worker.
 *
 * Invariants: nothing runs unless a test delivers it; a message whose handler asks for a retry waits for no time.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { deriveLimits } from '../../src/config/limits.ts';
import { type Settings, withDefaults } from '../../src/config/schema.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { TelemetryEvent } from '../../src/core/telemetry.ts';
import { Credits } from '../../src/engine/credits.ts';
import type { WorkerPool } from '../../src/engine/pool.ts';
import {
  type ControlPlane,
  createWriteTurn,
  type DataPlaneOptions,
  openControlPlane,
  openDataPlane,
} from '../../src/io/embedded/driver.ts';
import type { DebtStore } from '../../src/io/ports/debts.ts';
import type { ObjectStore } from '../../src/io/ports/objects.ts';
import type { ReceivedMessage, WorkQueue } from '../../src/io/ports/queue.ts';
import type { Batch } from '../../src/io/ports/registry.ts';
import type { StagingStore } from '../../src/io/ports/staging.ts';
import { acceptObject } from '../../src/stages/accept.ts';
import { RAW_BUCKET, rawKey } from '../../src/stages/batch/keys.ts';
import { QUEUES, type QueueName } from '../../src/stages/batch/messages.ts';
import type { StageContext } from '../../src/stages/context.ts';
import { handlerOf } from '../../src/stages/handlers.ts';
import { createScratch, type TaskContext } from '../../src/stages/taskContext.ts';
import { TASKS, type TaskTable } from '../../src/stages/tasks.ts';
import { AS_OF } from './harness.ts';

type AnyTask = (args: unknown, context: TaskContext) => Promise<unknown>;

/** Runs in place of a task; may call `run` never, once or twice, or throw. */
export type TaskHook = (task: string, args: unknown, run: () => Promise<unknown>) => Promise<unknown>;

/** What every driver's control plane has. */
export type WorldPlane = Omit<ControlPlane, 'privacy'>;

/** Opens the two planes of a driver over what a test has made for it. */
export interface WorldDriver {
  openControl(settings: Settings): Promise<WorldPlane | undefined>;
  openData(settings: Settings): Promise<WorldData>;
}

interface WorldData {
  readonly objects: ObjectStore;
  readonly staging: StagingStore;
  readonly debts: DebtStore;
  close(): Promise<void>;
}

export interface World {
  readonly plane: WorldPlane;
  readonly context: StageContext;
  readonly events: TelemetryEvent[];
  /** What every task passes; the tests replace it. */
  hook: TaskHook;
  /** Receives one message of the queue and handles it, as the consumer would; `undefined` where none waits. */
  deliver(queue: QueueName): Promise<ReceivedMessage | undefined>;
  /** Delivers, queue by queue, until nothing waits in those named. */
  runDry(queues?: readonly QueueName[]): Promise<void>;
  accept(client: string, file: string, bytes: Uint8Array): Promise<Batch>;
  batch(id: string): Promise<Batch>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly settings?: Partial<Settings>;
  readonly driver?: WorldDriver;
  /** Worker threads in place of this thread; `hook` is not asked then. */
  readonly makePool?: (settings: Settings) => WorkerPool<TaskTable>;
  /** Puts something between the stages and the queue. */
  readonly wrapQueue?: (queue: WorkQueue) => WorkQueue;
}

/** Shards of 2,000 records, ranges of 64 KiB, no small batches: every stage has several pieces of work. */
export const SMALL_WORLD: Partial<Settings> = {
  rangeBytes: 64 * 1024,
  readBytes: 64 * 1024,
  shardRecords: 2000,
  smallRecordsMax: 0,
};

const DELIVERIES_MAX = 20_000;
const random = (size: number): Uint8Array => randomBytes(size);

const EMBEDDED: WorldDriver = {
  openControl: (settings) => openControlPlane(settings, { clock: systemClock, random }),
  openData: ({ dataDir }) => openDataPlane(dataPlaneOptions(dataDir), { random }),
};

export function dataPlaneOptions(dataDir: string): DataPlaneOptions {
  return {
    dataDir,
    debtsCacheBytes: 8 * 1024 * 1024,
    stagingBufferBytes: 64 * 1024,
    stagingIndexBytes: 1024 * 1024,
    writeTurn: createWriteTurn(),
  };
}

export async function openWorld(root: string, options: WorldOptions = {}): Promise<World> {
  const dataDir = join(root, 'data');
  const settings = { ...withDefaults({ ...SMALL_WORLD, ...options.settings }, 2), dataDir };
  const limits = deriveLimits(settings);
  const driver = options.driver ?? EMBEDDED;
  const plane = await driver.openControl(settings);
  if (plane === undefined) throw new Error('another engine keeps the folder');
  const data = await driver.openData(settings);
  const taskContext: TaskContext = { ...data, settings, limits, scratch: createScratch() };
  const events: TelemetryEvent[] = [];
  const threads = options.makePool?.(settings);
  // One task at a time, as in a worker: they share its buffers.
  let last: Promise<unknown> = Promise.resolve();
  const alone = (work: () => Promise<unknown>): Promise<unknown> => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
  const pool = {
    threads: 1,
    queued: 0,
    run: (task: keyof TaskTable, args: unknown) =>
      world.hook(task, args, () =>
        alone(async () =>
          structuredClone(await (TASKS[task] as unknown as AnyTask)(structuredClone(args), taskContext)),
        ),
      ),
    close: async () => {},
  };
  const context: StageContext = {
    ...plane,
    queue: options.wrapQueue?.(plane.queue) ?? plane.queue,
    settings,
    limits,
    clock: systemClock,
    random,
    telemetry: { emit: (event) => void events.push(event) },
    pool: threads ?? (pool as unknown as WorkerPool<TaskTable>),
    scanCredits: new Credits(4),
  };
  const handler = handlerOf(context);
  const world: World = {
    plane,
    context,
    events,
    hook: (_task, _args, run) => run(),
    async deliver(queue) {
      const [message] = await plane.queue.receive(queue, { max: 1, waitMs: 0, leaseMs: 600_000 });
      if (message === undefined) return undefined;
      const verdict = await handler(message, new AbortController().signal);
      if (verdict.done) await plane.queue.ack(queue, message);
      else await plane.queue.release(queue, message, 0);
      return message;
    },
    async runDry(queues = QUEUES) {
      for (let deliveries = 0; deliveries < DELIVERIES_MAX; ) {
        let any = false;
        for (const queue of queues) {
          while ((await world.deliver(queue)) !== undefined) {
            any = true;
            deliveries += 1;
            if (deliveries >= DELIVERIES_MAX) throw new Error('the queues never run dry');
          }
        }
        if (!any) return;
      }
    },
    async accept(client, file, bytes) {
      const info = await plane.objects.put(rawKey(client, `t-${file}`), bytes);
      return await acceptObject(context, { ...info, client, file, bucket: RAW_BUCKET, version: '1', asOf: AS_OF });
    },
    async batch(id) {
      const batch = await plane.registry.get(id);
      if (batch === undefined) throw new Error(`no batch ${id}`);
      return batch;
    },
    async close() {
      await threads?.close();
      await data.close();
      await plane.close();
    },
  };
  return world;
}

/** A plain file of good records: reference `<prefix>-<k>`, one amount for all. */
export function plainFile(count: number, amount: string, prefix = 'R'): Uint8Array {
  const rows = ['external_ref,debtor_name,cpf,amount,due_date'];
  for (let k = 0; k < count; k++) rows.push(`${prefix}-${k},Maria da Silva,52998224725,${amount},2025-06-01`);
  return Buffer.from(`${rows.join('\n')}\n`);
}
