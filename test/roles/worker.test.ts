/** What every worker thread loads, in a real thread, over a driver that cannot be opened at first. */
import { afterEach, describe, expect, it } from 'vitest';
import { withDefaults } from '../../src/config/schema.ts';
import type { TelemetryEvent } from '../../src/core/telemetry.ts';
import { WorkerPool } from '../../src/engine/pool.ts';
import { defaultLayout } from '../../src/kernel/header.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { listenToWorkers, type WorkerSetup } from '../../src/roles/worker.ts';
import type { TaskTable } from '../../src/stages/tasks.ts';
import { HEADER } from '../support/files.ts';

let pool: WorkerPool<TaskTable> | undefined;
const CHANNEL = 'worker-test';

afterEach(async () => {
  await pool?.close();
});

function poolOver(failures: number, driver = './fragileDriver.ts'): WorkerPool<TaskTable> {
  const setup: WorkerSetup = {
    settings: withDefaults({}, 1),
    driverUrl: new URL(driver, import.meta.url).href,
    driverOptions: { failures, bytes: `${HEADER}\nA,Ana,52998224725,1.00,2026-01-10\n` },
    telemetryChannel: CHANNEL,
  };
  const workerUrl = new URL('../../src/roles/worker.ts', import.meta.url);
  pool = new WorkerPool<TaskTable>({ workerUrl, workerData: setup, threads: 1, heapMiB: 128 });
  return pool;
}

const inspect = {
  source: { key: 'raw/acme/f', etag: 'e-1', bytes: 86 },
  inflated: false,
  opening: { dialect: DEFAULT_DIALECT, layout: defaultLayout() },
};

describe('a worker thread', () => {
  it('runs the tasks over the data plane of the driver it is told', async () => {
    const bytes = Buffer.byteLength(`${HEADER}\nA,Ana,52998224725,1.00,2026-01-10\n`);
    const found = await poolOver(0).run('inspect', { ...inspect, source: { ...inspect.source, bytes } });
    expect(found).toMatchObject({ kind: 'text', header: { fields: [0, 1, 2, 3, 4] }, split: { records: 1 } });
  });

  it('tells the main thread what happens in it', async () => {
    const heard = Promise.withResolvers<TelemetryEvent>();
    const hearing = listenToWorkers(CHANNEL, { emit: heard.resolve });
    await poolOver(0).run('tidyDebts', null);
    expect(await heard.promise).toEqual({ name: 'fragile.opened', level: 'info', fields: { tries: 1 } });
    hearing.close();
  });

  it('brings faults of the stores back as they are', async () => {
    const gone = { ...inspect, source: { key: 'raw/acme/g', etag: 'e-1', bytes: 3 } };
    await expect(poolOver(0).run('inspect', gone)).rejects.toMatchObject({ code: 'OBJECT_VANISHED' });
  });

  it('opens its stores anew with the next task where that failed', async () => {
    const fragile = poolOver(2);
    await expect(fragile.run('tidyDebts', null)).rejects.toMatchObject({ code: 'STORE_BUSY', detail: 'try 1' });
    await expect(fragile.run('tidyDebts', null)).rejects.toMatchObject({ code: 'STORE_BUSY', detail: 'try 2' });
    expect(await fragile.run('tidyDebts', null)).toBe(false);
  });

  it('calls a driver that is not there, and a task that is not there, bugs', async () => {
    const named = poolOver(0);
    const run = named.run.bind(named) as (task: string, args: unknown) => Promise<unknown>;
    await expect(run('nothing', null)).rejects.toThrow(/bug: a task is named nothing/);
    await named.close();
    await expect(poolOver(0, './noDriver.ts').run('tidyDebts', null)).rejects.toThrow(/noDriver/);
  });
});
