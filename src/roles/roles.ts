/**
 * The roles: which stages run on which queue. Any set of them can run in one process; each has its own consumer, so no
 * role waits for another's slots.
 *
 * - input        takes what arrives by itself
 * - picker       looks at objects and splits them
 * - intermediate parses ranges into staged pages
 * - registering  turns shards into debts
 * - batch        keeps the lines and turns, writes answers and receipts, frees, sweeps
 * - notifier     tells of the ends of batches: makes deliveries and carries them out
 */
import { Consumer } from '../engine/consumer.ts';
import type { Arrivals } from '../io/ports/arrivals.ts';
import { acceptArrivals } from '../stages/accept.ts';
import { QUEUES, type QueueName } from '../stages/batch/messages.ts';
import { type Done, expireFiles } from '../stages/batch/retention.ts';
import type { StageContext } from '../stages/context.ts';
import { handlerOf } from '../stages/handlers.ts';
import { type Channels, Deliverer } from '../stages/notices/deliver.ts';
import { sweep } from '../stages/sweep.ts';

export const ROLES = ['input', 'picker', 'intermediate', 'registering', 'batch', 'notifier'] as const;
export type Role = (typeof ROLES)[number];

export function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

/** How many messages of a queue are in hand at once: enough that no thread waits for the control path. */
function slotsOf(queue: QueueName, threads: number): number {
  switch (queue) {
    case 'picker':
      return threads + 2;
    case 'intermediate':
    case 'registering':
      return threads + 1;
    case 'batch':
    case 'notifier':
      return 4;
  }
}

/** How often the use of the threads is looked at: pieces of work take from tenths of a second to 20 s. */
const POOL_LOOK_MS = 5000;

/** Files that are out of their time are looked for this often. */
const FILES_LOOK_MS = 3_600_000;
/** Deliveries that are out of their time are looked for this often, so many at a time. */
const DELIVERIES_SWEEP_MS = 600_000;
const DELIVERIES_SWEPT = 1000;

/** At most so many arrivals become batches before the inbox is looked at again. */
const ARRIVALS_A_LOOK = 256;

export interface RunningRoles {
  /** Messages in hand now. */
  readonly busy: number;
  /** Receives nothing more, finishes or releases what is in hand; settles once all is quiet. */
  stop(): Promise<void>;
}

/** How full the queues are. Dead letters wait for a person: as long as there are some, every sweep says so. */
async function tellDepths(context: StageContext): Promise<void> {
  for (const queue of QUEUES) {
    const { waiting, leased, dead, oldestMs } = await context.queue.depth(queue);
    const fields = { queue, waiting, leased, dead, oldestMs };
    context.telemetry.emit({ name: 'queue.depth', level: 'debug', fields });
    if (dead > 0) context.telemetry.emit({ name: 'queue.dead_letters', level: 'error', fields: { queue, dead } });
  }
}

export function startRoles(
  context: StageContext,
  roles: ReadonlySet<Role>,
  arrivals: Arrivals | undefined,
  channels?: Channels,
): RunningRoles {
  const { settings, clock, telemetry } = context;
  const ending = new AbortController();
  const handler = handlerOf(context);
  const randomUnit = (): number => new DataView(new Uint8Array(context.random(4)).buffer).getUint32(0) / 2 ** 32;
  const consumers: Consumer[] = [];
  for (const role of roles) {
    if (role === 'input') continue;
    const options = {
      queue: role,
      slots: slotsOf(role, settings.threads),
      leaseMs: settings.leaseMs,
      heartbeatMs: settings.heartbeatMs,
      pollMsMax: settings.pollMsMax,
      retryMsMin: settings.retryMsMin,
      retryMsMax: settings.retryMsMax,
    };
    const consumer = new Consumer(options, { queue: context.queue, clock, telemetry, randomUnit }, handler);
    consumer.start();
    consumers.push(consumer);
  }
  const loops: Promise<void>[] = [];
  const every = async (ms: number, name: string, work: () => Promise<unknown>): Promise<void> => {
    while (!ending.signal.aborted) {
      try {
        await work();
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        telemetry.emit({ name, level: 'error', fields: { error: text } });
      }
      await clock.sleep(ms, ending.signal);
    }
  };
  if (roles.has('batch')) {
    // The first sweep asks everyone: what a killed process left behind goes on at once.
    let quietMs = 0;
    const look = async (): Promise<void> => {
      await sweep(context, quietMs);
      await tellDepths(context);
      quietMs = settings.sweepMs;
    };
    loops.push(every(settings.sweepMs, 'sweep.failed', look));
  }
  const tellPool = async (): Promise<void> => {
    const { threads, running, queued } = context.pool;
    telemetry.emit({ name: 'pool.use', level: 'debug', fields: { threads, running, queued } });
  };
  loops.push(every(POOL_LOOK_MS, 'pool.unseen', tellPool));
  if (roles.has('registering')) {
    const tidy = async (): Promise<void> => {
      const idle = (): boolean => !ending.signal.aborted && consumers.every((consumer) => consumer.busy === 0);
      while (idle() && (await context.pool.run('tidyDebts', null)));
    };
    loops.push(every(settings.sweepMs, 'tidy.failed', tidy));
  }
  if (roles.has('batch') && settings.driver === 'embedded' && settings.fileKeepMs > 0) {
    const done: Done = new Map();
    loops.push(every(FILES_LOOK_MS, 'files.unexpired', () => expireFiles(context, settings.fileKeepMs, done)));
  }
  const deliverer = channels === undefined ? undefined : new Deliverer(context, channels);
  if (roles.has('notifier') && deliverer !== undefined) {
    const look = async (): Promise<void> => {
      while (!ending.signal.aborted && (await deliverer.look(ending.signal)) > 0);
    };
    loops.push(every(settings.notifyPollMs, 'deliveries.failed', look));
    const tidy = async (): Promise<void> => {
      const beforeMs = clock.nowMs() - settings.deliveryKeepMs;
      while (!ending.signal.aborted && (await context.deliveries.sweep(beforeMs, DELIVERIES_SWEPT)) > 0);
    };
    loops.push(every(DELIVERIES_SWEEP_MS, 'deliveries.unswept', tidy));
  }
  if (roles.has('input') && arrivals !== undefined) {
    const look = async (): Promise<void> => {
      while ((await acceptArrivals(context, arrivals, ARRIVALS_A_LOOK)) > 0 && !ending.signal.aborted);
    };
    loops.push(every(settings.inboxScanMs, 'arrivals.failed', look));
  }
  return {
    get busy() {
      return consumers.reduce((sum, consumer) => sum + consumer.busy, deliverer?.busy ?? 0);
    },
    async stop() {
      ending.abort();
      await Promise.all([...loops, ...consumers.map((consumer) => consumer.stop(settings.drainMs))]);
      await deliverer?.quiet();
    },
  };
}
