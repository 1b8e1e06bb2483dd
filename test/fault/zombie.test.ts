/**
 * A registering worker that is stopped (SIGSTOP) in the middle of its work and woken much later (faults 13): its work was
 * done by another, a later batch has registered, and nothing it still does changes a debt.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Fault } from '../../src/core/faults.ts';
import type { TaskTable } from '../../src/stages/tasks.ts';
import { type Program, startCommand, temporaryFolder, until } from './harness.ts';
import { openWorld, plainFile, SMALL_WORLD, type World } from './inProcess.ts';
import type { ZombieOrders } from './zombie.child.ts';

const CHILD = join(import.meta.dirname, 'zombie.child.ts');
const ROWS = 20_000;
/** The write, of twenty, before which a worker stops itself that was to be stopped at any moment and was not yet. */
const LATEST_WRITE = 16;
const ONE_SHARD = { ...SMALL_WORLD, shardRecords: 40_000, rangeBytes: 512 * 1024 };

/** Carries the batch on until it would run the task, and gives the task's arguments; the work stays to be done. */
async function argsOfTask(world: World, task: keyof TaskTable): Promise<unknown> {
  let found: unknown;
  const pass = world.hook;
  world.hook = (name, args, run) => {
    if (name !== task) return run();
    found ??= structuredClone(args);
    // A fault of the surroundings: the message is given back and nothing is recorded against the work.
    throw new Fault('STORE_BUSY');
  };
  const queues = ['picker', 'intermediate', 'batch', 'registering'] as const;
  for (let step = 0; found === undefined && step < 1000; step++) {
    for (const queue of queues) if (found === undefined) await world.deliver(queue);
  }
  world.hook = pass;
  expect(found, `the work came to ${task}: ${JSON.stringify(world.events.slice(-3))}`).toBeDefined();
  return found;
}

interface Stopped {
  readonly zombie: Program;
  /** Rows of its turn that are in the table. */
  readonly written: number;
}

/**
 * Starts the worker and stops it where it holds no lock; `stopAtWrite` 0 stops it at any moment of its writing, before its
 * end however late this process comes to it.
 */
async function startAndStop(root: string, orders: Omit<ZombieOrders, 'dataDir'>): Promise<Stopped> {
  const dataDir = join(root, 'data');
  const path = join(root, 'orders.json');
  const stopAtWrite = orders.stopAtWrite === 0 ? LATEST_WRITE : orders.stopAtWrite;
  writeFileSync(path, JSON.stringify({ ...orders, stopAtWrite, dataDir } satisfies ZombieOrders));
  const debts = new DatabaseSync(join(dataDir, 'debts.db'), { timeout: 20 });
  onTestFinished(() => debts.close());
  const { turn } = orders.args as { readonly turn: number };
  const written = (): number =>
    Number(debts.prepare('SELECT count(*) AS n FROM debts WHERE turn = ?').get(turn)?.['n']);
  const zombie = startCommand(process.execPath, [CHILD, path], {});
  const isStopped = (): boolean => stateOf(zombie) === 'T';
  const isInMiddle = (): boolean => orders.stopAtWrite === 0 && written() >= ROWS / 6;
  await until(() => isStopped() || isInMiddle(), undefined, 1);
  for (;;) {
    zombie.kill('SIGSTOP');
    await until(isStopped, undefined, 1);
    if (isFree(debts)) return { zombie, written: written() };
    zombie.kill('SIGCONT');
    await delay(1);
  }
}

/** The state of the process as the kernel tells it: `T` is stopped (proc(5), field 3 of stat). */
function stateOf({ child }: Program): string {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

/** Whether nobody holds the one writer's place. */
function isFree(db: DatabaseSync): boolean {
  try {
    db.exec('BEGIN IMMEDIATE');
    db.exec('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}

async function wake(zombie: Program): Promise<string> {
  expect(zombie.over(), 'it was stopped and did not end').toBeUndefined();
  zombie.kill('SIGCONT');
  const { stdout, stderr } = await zombie.ended;
  expect(stderr.replaceAll(/.*Warning.*\n/g, '')).toBe('');
  return stdout.trim().split('\n').at(-1) as string;
}

/** Every column of every row of the table, and of the index of documents. */
function everything(root: string): string {
  const db = new DatabaseSync(join(root, 'data', 'debts.db'));
  try {
    const tables = ['debts', 'document_runs', 'document_blocks'];
    return tables.map((table) => JSON.stringify(db.prepare(`SELECT * FROM ${table}`).all())).join('\n');
  } finally {
    db.close();
  }
}

function debtsOnly(text: string): string {
  return text.split('\n', 1)[0] as string;
}

function amounts(root: string): Record<string, unknown>[] {
  const db = new DatabaseSync(join(root, 'data', 'debts.db'));
  try {
    return db.prepare('SELECT amount_cents AS cents, turn, count(*) AS n FROM debts GROUP BY 1, 2').all();
  } finally {
    db.close();
  }
}

async function complete(world: World, id: string): Promise<void> {
  await world.runDry();
  const { state, failure } = await world.batch(id);
  expect({ state, failure }).toEqual({ state: 'completed', failure: null });
}

describe('a worker stopped in the middle of a shard', () => {
  for (const [where, stopAtWrite, byRows] of [
    ['at any moment', 0, false],
    ['before a write', 9, false],
    ['between reading the debts and writing them', 9, true],
  ] as const) {
    // fault 13
    it(`changes nothing when it wakes after a later batch: stopped ${where}`, async () => {
      const root = temporaryFolder();
      const world = await openWorld(root, { settings: ONE_SHARD });
      onTestFinished(() => world.close());
      const first = await world.accept('acme', 'first', plainFile(ROWS, '10.00'));
      const args = await argsOfTask(world, 'register');
      const { zombie, written } = await startAndStop(root, { task: 'register', args, stopAtWrite, byRows });
      expect(written).toBeGreaterThan(0);
      expect(written).toBeLessThan(ROWS);

      await complete(world, first.id);
      expect(amounts(root)).toEqual([{ cents: 1000, turn: 1, n: ROWS }]);
      const second = await world.accept('acme', 'second', plainFile(ROWS, '20.00'));
      await complete(world, second.id);
      expect(amounts(root)).toEqual([{ cents: 2000, turn: 2, n: ROWS }]);

      const before = everything(root);
      expect(await wake(zombie)).toBe('TURN_SUPERSEDED');
      expect(everything(root) === before, 'the tables are as they were').toBe(true);
    });
  }

  // fault 13
  it('agrees with the other when it wakes before any later batch', async () => {
    const root = temporaryFolder();
    const world = await openWorld(root, { settings: ONE_SHARD });
    onTestFinished(() => world.close());
    const first = await world.accept('acme', 'first', plainFile(ROWS, '10.00'));
    const args = await argsOfTask(world, 'register');
    const { zombie } = await startAndStop(root, { task: 'register', args, stopAtWrite: 9, byRows: true });
    // The other has registered everything, and its batch is not yet finished: its staged pages are still there.
    await world.runDry(['registering']);
    const before = everything(root);

    expect(await wake(zombie)).toBe('done');
    expect(debtsOnly(everything(root)) === debtsOnly(before), 'the debts are as they were').toBe(true);
    await complete(world, first.id);
    const receipt = JSON.parse((await world.batch(first.id)).receipt as string);
    expect(receipt.lines).toMatchObject({ total: ROWS, created: ROWS });
  });

  it('changes nothing when it wakes over debts that its own batch had updated', async () => {
    const root = temporaryFolder();
    const world = await openWorld(root, { settings: ONE_SHARD });
    onTestFinished(() => world.close());
    const first = await world.accept('acme', 'first', plainFile(ROWS, '10.00'));
    await complete(world, first.id);
    const second = await world.accept('acme', 'second', plainFile(ROWS, '20.00'));
    const args = await argsOfTask(world, 'register');
    const { zombie } = await startAndStop(root, { task: 'register', args, stopAtWrite: 5, byRows: true });
    await complete(world, second.id);
    const receipt = JSON.parse((await world.batch(second.id)).receipt as string);
    expect(receipt.lines).toMatchObject({ total: ROWS, updated: ROWS });
    const third = await world.accept('acme', 'third', plainFile(ROWS, '10.00'));
    await complete(world, third.id);

    const before = everything(root);
    expect(await wake(zombie)).toBe('TURN_SUPERSEDED');
    expect(everything(root) === before, 'the tables are as they were').toBe(true);
    expect(amounts(root)).toEqual([{ cents: 1000, turn: 3, n: ROWS }]);
  });
});

describe('a worker stopped in the middle of a small batch', () => {
  const SMALL = { smallRecordsMax: 1000, rangeBytes: 1024 * 1024 };

  // fault 13
  it('changes nothing when it wakes after a later small batch', async () => {
    const root = temporaryFolder();
    const world = await openWorld(root, { settings: { ...SMALL_WORLD, ...SMALL } });
    onTestFinished(() => world.close());
    const first = await world.accept('acme', 'first', plainFile(800, '10.00'));
    const args = await argsOfTask(world, 'small');
    const { zombie, written } = await startAndStop(root, { task: 'small', args, stopAtWrite: 1, byRows: true });
    expect(written).toBe(0);
    await complete(world, first.id);
    const second = await world.accept('acme', 'second', plainFile(800, '20.00'));
    await complete(world, second.id);
    expect((await world.batch(second.id)).small).toBe(true);

    const before = everything(root);
    expect(await wake(zombie)).toBe('TURN_SUPERSEDED');
    expect(everything(root) === before, 'the tables are as they were').toBe(true);
    expect(amounts(root)).toEqual([{ cents: 2000, turn: 2, n: 800 }]);
  });

  it('agrees with the other when it wakes before any later batch', async () => {
    const root = temporaryFolder();
    const world = await openWorld(root, { settings: { ...SMALL_WORLD, ...SMALL } });
    onTestFinished(() => world.close());
    const first = await world.accept('acme', 'first', plainFile(800, '10.00'));
    const args = await argsOfTask(world, 'small');
    const { zombie } = await startAndStop(root, { task: 'small', args, stopAtWrite: 1, byRows: true });
    await complete(world, first.id);
    const before = debtsOnly(everything(root));
    expect(await wake(zombie)).toBe('done');
    expect(debtsOnly(everything(root)) === before, 'the debts are as they were').toBe(true);
  });
});
