/**
 * Order (promise 4): a client's files register in the order they were accepted, whatever their sizes, and clients do not
 * wait for each other. Judged by what is stored and by the order of events, never by a clock.
 *
 * By hand: REMESSA_TEST_RATE=100 asserts how many small files a second are registered; the figure is always printed.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../src/config/schema.ts';
import { WorkerPool } from '../../src/engine/pool.ts';
import type { Batch } from '../../src/io/ports/registry.ts';
import { ROLES, startRoles } from '../../src/roles/roles.ts';
import { SHORT_TASKS } from '../../src/stages/shortTasks.ts';
import type { TaskTable } from '../../src/stages/tasks.ts';
import {
  dataFolder,
  knob,
  type Program,
  SMALL_PIECES,
  startDaemon,
  temporaryFolder,
  until,
  Watch,
  whileRunning,
} from './harness.ts';
import type { HeldSetup } from './held.worker.ts';
import { dataPlaneOptions, openWorld, plainFile } from './inProcess.ts';

const LARGE = 100_000;
const FILES = knob('REMESSA_TEST_FILES', 1000);
const RATE_MIN = knob('REMESSA_TEST_RATE', 0);
/** For what hangs: a tenth of the rate of a small machine that has nothing else to do. */
const WITHIN_MS = 60_000 + FILES * 200;

interface Daemon {
  readonly program: Program;
  readonly watch: Watch;
  readonly dataDir: string;
  drop(client: string, file: string, bytes: Uint8Array): void;
  batch(file: string): Batch | undefined;
  completed(file: string): Promise<Batch>;
  stop(): Promise<void>;
}

async function daemonOn(root: string, settings: Readonly<Record<string, string>>): Promise<Daemon> {
  const dataDir = await dataFolder(root, 'data');
  const program = await startDaemon({ ...settings, REMESSA_DATA_DIR: dataDir });
  const watch = new Watch(dataDir);
  const batch = (file: string): Batch | undefined => watch.batches().find((found) => found.file === file);
  return {
    program,
    watch,
    dataDir,
    batch,
    drop(client, file, bytes) {
      mkdirSync(join(dataDir, 'inbox', client), { recursive: true });
      writeFileSync(join(root, file), bytes);
      renameSync(join(root, file), join(dataDir, 'inbox', client, file));
    },
    completed: (file) =>
      whileRunning(program, () => {
        const found = batch(file);
        if (found?.failure != null) throw new Error(found.failure.message);
        return found?.state === 'completed' ? found : undefined;
      }),
    async stop() {
      program.kill('SIGTERM');
      expect((await program.ended).code).toBe(0);
    },
  };
}

function debtRows(dataDir: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(join(dataDir, 'debts.db'), { readOnly: true });
  try {
    return db
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    db.close();
  }
}

describe('two files of one client', () => {
  // fault 23
  it('leave the values of the later one, which was small and ready first', async () => {
    const daemon = await daemonOn(temporaryFolder(), { ...SMALL_PIECES, REMESSA_LOG_LEVEL: 'debug' });
    daemon.drop('acme', 'large.csv', plainFile(LARGE, '10.00'));
    await whileRunning(daemon.program, () => daemon.batch('large.csv')?.state === 'processing');
    daemon.drop('acme', 'small.csv', plainFile(700, '20.00'));
    const small = await daemon.completed('small.csv');
    const large = await daemon.completed('large.csv');
    await daemon.stop();

    const events = eventsOf(daemon.program);
    const at = (name: string, batch: Batch): number =>
      events.findIndex((event) => event.msg === name && event.batch === batch.id);
    expect(at('batch.accepted', small), 'it was accepted and split while the large one was on its way').toBeLessThan(
      at('batch.ranges_staged', large),
    );
    expect(at('batch.picked', small)).toBeLessThan(at('batch.shards_done', large));
    expect(at('batch.released', small), 'and waited for it').toBeGreaterThan(at('batch.completed', large));
    expect([large.turn, small.turn]).toEqual([1, 2]);
    expect(
      debtRows(
        daemon.dataDir,
        `SELECT amount_cents AS cents, turn, changed_batch AS changed, created_batch AS created, count(*) AS n,
                max(changed_line) AS line FROM debts GROUP BY 1, 2, 3, 4 ORDER BY 1`,
      ),
    ).toEqual([
      { cents: 1000, turn: 1, changed: large.id, created: large.id, n: LARGE - 700, line: LARGE + 1 },
      { cents: 2000, turn: 2, changed: small.id, created: large.id, n: 700, line: 701 },
    ]);
    expect(JSON.parse(small.receipt as string).lines).toMatchObject({ updated: 700, created: 0 });
  });
});

interface LogEvent {
  readonly msg: string;
  readonly batch?: string;
}

function eventsOf(program: Program): LogEvent[] {
  return program
    .said()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogEvent);
}

describe('two clients', () => {
  it('do not wait for each other: the small one comes and goes while the giant runs', async () => {
    // Ranges of 64 KiB: the giant has about fifty; the other's file goes the long way too.
    const settings = { ...SMALL_PIECES, REMESSA_RANGE_BYTES: '65536', REMESSA_SMALL_RECORDS_MAX: '0' };
    const daemon = await daemonOn(temporaryFolder(), { ...settings, REMESSA_LOG_LEVEL: 'debug' });
    daemon.drop('giant', 'giant.csv', plainFile(LARGE, '10.00'));
    const ranges = (): number => daemon.watch.countResults(daemon.batch('giant.csv')?.id ?? '', 'range');
    await whileRunning(daemon.program, () => ranges() > 0);
    daemon.drop('other', 'other.csv', plainFile(3000, '20.00', 'X'));
    const other = await daemon.completed('other.csv');
    const giant = await daemon.completed('giant.csv');
    await daemon.stop();

    const events = eventsOf(daemon.program);
    const at = (name: string, batch: Batch): number =>
      events.findIndex((event) => event.msg === name && event.batch === batch.id);
    expect(giant.ranges).toBeGreaterThan(40);
    expect(at('batch.picked', other), 'it came while the giant was processed').toBeLessThan(
      at('batch.ranges_staged', giant),
    );
    expect(at('batch.completed', other)).toBeLessThan(at('batch.completed', giant));
    // One range's time: no more of the giant's ranges than were in hand (3) or being staged (2) come before its first.
    const between = events.slice(at('batch.picked', other), at('range.staged', other));
    const before = between.filter((event) => event.msg === 'range.staged' && event.batch === giant.id).length;
    console.info(`${before} of the giant's ${giant.ranges} ranges before the other's first`);
    expect(before).toBeLessThanOrEqual(5);
  });
});

describe('a giant whose shards hold every thread', () => {
  it('holds up no small batch of another client', async () => {
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const makePool = (settings: Settings): WorkerPool<TaskTable> =>
      new WorkerPool<TaskTable>({
        workerUrl: new URL('./held.worker.ts', import.meta.url),
        workerData: {
          settings,
          driverUrl: new URL('../../src/io/embedded/driver.ts', import.meta.url).href,
          driverOptions: dataPlaneOptions(settings.dataDir),
          telemetryChannel: 'order-test',
          client: 'giant',
          gate,
        } satisfies HeldSetup,
        threads: 2,
        shortTasks: SHORT_TASKS,
        heapMiB: 64,
      });
    const root = temporaryFolder();
    await dataFolder(root, 'data');
    const world = await openWorld(root, { makePool, settings: { smallRecordsMax: 1000 } });
    const running = startRoles(world.context, new Set(ROLES), undefined);
    const isCompleted = (file: string): boolean =>
      world.events.some(({ name, fields }) => name === 'batch.completed' && fields['batch'] === file);
    try {
      const giant = await world.accept('giant', 'giant.csv', plainFile(9000, '1.00'));
      await until(() => Atomics.load(gate, 1) === 2);
      for (const file of ['a', 'b', 'c']) {
        const { id } = await world.accept('small', `${file}.csv`, plainFile(700, '2.00'));
        await until(() => isCompleted(id));
      }
      expect(Atomics.load(gate, 1), 'shards of the giant that came to their store').toBe(2);
      expect(isCompleted(giant.id)).toBe(false);
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      await until(() => isCompleted(giant.id));
    } finally {
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      await running.stop();
      await world.close();
    }
    expect(debtRows(join(root, 'data'), 'SELECT client, count(*) AS n FROM debts GROUP BY 1 ORDER BY 1')).toEqual([
      { client: 'giant', n: 9000 },
      { client: 'small', n: 700 },
    ]);
  });
});

describe(`${FILES} files of one line, dropped at once`, () => {
  it('are all registered, in the order of their acceptance', { timeout: 2 * WITHIN_MS }, async () => {
    const root = temporaryFolder();
    const settings = { REMESSA_THREADS: '2', REMESSA_INBOX_SCAN_MS: '20', REMESSA_INBOX_QUIET_MS: '20' };
    const daemon = await daemonOn(root, { ...settings, REMESSA_LOG_LEVEL: 'warn' });
    expect(daemon.program.over()).toBeUndefined();
    const nameOf = (k: number): string => `${String(k).padStart(5, '0')}.csv`;
    const inbox = join(daemon.dataDir, 'inbox', 'acme');
    mkdirSync(inbox, { recursive: true });
    // Every second file brings the same reference with an amount that grows, the others one of their own.
    for (let k = 0; k < FILES; k++) {
      const ref = k % 2 === 0 ? 'SHARED' : `OWN-${k}`;
      const row = `${ref},Maria da Silva,52998224725,${k + 1}.00,2025-06-01`;
      writeFileSync(join(root, nameOf(k)), `external_ref,debtor_name,cpf,amount,due_date\n${row}\n`);
    }
    for (let k = 0; k < FILES; k++) renameSync(join(root, nameOf(k)), join(inbox, nameOf(k)));
    const count = (): number =>
      daemon.watch.rows<{ n: number }>(`SELECT count(*) AS n FROM batches WHERE state = 'completed'`)[0]?.n ?? 0;
    await whileRunning(daemon.program, () => count() === FILES, WITHIN_MS);
    await daemon.stop();

    const batches = daemon.watch.batches();
    expect(batches.map((batch) => batch.file)).toEqual(Array.from({ length: FILES }, (_, k) => nameOf(k)));
    expect(batches.map((batch) => batch.number)).toEqual(batches.map((_, k) => k + 1));
    expect(batches.map((batch) => batch.turn)).toEqual(batches.map((_, k) => k + 1));
    const debts = debtRows(
      daemon.dataDir,
      'SELECT external_ref AS ref, amount_cents AS cents FROM debts ORDER BY cents',
    );
    const lastShared = FILES - 1 - ((FILES - 1) % 2);
    const wanted = batches
      .map((_, k) => ({ ref: k % 2 === 0 ? 'SHARED' : `OWN-${k}`, cents: (k + 1) * 100 }))
      .filter(({ ref, cents }) => ref !== 'SHARED' || cents === (lastShared + 1) * 100);
    expect(debts).toEqual(wanted);

    const first = Math.min(...batches.map((batch) => batch.acceptedAtMs));
    const last = Math.max(...batches.map((batch) => Date.parse(JSON.parse(batch.receipt as string).finishedAt)));
    const rate = (FILES * 1000) / Math.max(1, last - first);
    console.info(`${FILES} files in ${last - first} ms from the first acceptance: ${rate.toFixed(0)} a second`);
    if (RATE_MIN > 0) expect(rate).toBeGreaterThanOrEqual(RATE_MIN);
  });
});
