/**
 * Messages twice, out of order, late and lost; results twice; transitions raced; poison and dying threads (faults 15, 16,
 * 23 to 27, 39). The stages are driven by hand over the embedded driver, and the end is that of a calm run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Settings } from '../../src/config/schema.ts';
import { Fault } from '../../src/core/faults.ts';
import { WorkerPool } from '../../src/engine/pool.ts';
import type { ReceivedMessage, WorkQueue } from '../../src/io/ports/queue.ts';
import { type Batch, FINAL_STATES } from '../../src/io/ports/registry.ts';
import { apply, openBatches, sendOwed } from '../../src/stages/batch/batches.ts';
import { failBatch } from '../../src/stages/batch/failures.ts';
import { QUEUES, type QueueName } from '../../src/stages/batch/messages.ts';
import { handlerOf } from '../../src/stages/handlers.ts';
import { sweep } from '../../src/stages/sweep.ts';
import type { TaskTable } from '../../src/stages/tasks.ts';
import type { DyingSetup } from './dying.worker.ts';
import {
  dataFolder,
  debtsOf,
  integrityOf,
  knob,
  leftovers,
  makeFile,
  randomOf,
  seenOf,
  temporaryFolder,
} from './harness.ts';
import { dataPlaneOptions, openWorld, plainFile, type World, type WorldOptions } from './inProcess.ts';

const SEEDS = knob('REMESSA_TEST_SEEDS', 3);
const SEED = knob('REMESSA_TEST_SEED', 1);

interface File {
  readonly client: string;
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Two editions and a small file of one client, one file of another. */
function files(root: string): File[] {
  const made = (name: string, options: Parameters<typeof makeFile>[1]): Uint8Array => {
    makeFile(join(root, name), options);
    return readFileSync(join(root, name));
  };
  return [
    { client: 'acme', name: 'first', bytes: made('a', { lines: 5000, seed: 3 }) },
    { client: 'acme', name: 'few', bytes: made('b', { lines: 300, seed: 3, reviseShare: 0.5 }) },
    { client: 'beta', name: 'other', bytes: made('c', { lines: 3000, seed: 4 }) },
    { client: 'acme', name: 'revised', bytes: made('d', { lines: 5000, seed: 3, reviseShare: 0.3 }) },
    { client: 'acme', name: 'last', bytes: made('e', { lines: 200, seed: 3, reviseShare: 0.9 }) },
  ];
}

const MIXED: Partial<Settings> = { smallRecordsMax: 400 };

async function worldOf(options: WorldOptions = {}): Promise<{ world: World; root: string; dataDir: string }> {
  const root = temporaryFolder();
  const dataDir = await dataFolder(root, 'data');
  const world = await openWorld(root, { ...options, settings: { ...MIXED, ...options.settings } });
  onTestFinished(() => world.close());
  return { world, root, dataDir };
}

/** What a run leaves: every batch as its client sees it, and the debts. */
async function endOf(world: World, dataDir: string) {
  const seen: Record<string, unknown> = {};
  for (const batch of await world.context.registry.list({})) {
    expect({ file: batch.file, state: batch.state, failure: batch.failure?.message }).toMatchObject({
      state: 'completed',
    });
    seen[batch.file] = { ...(await seenOf(dataDir, batch)), number: batch.number, turn: batch.turn };
  }
  return { seen, debts: debtsOf(dataDir) };
}

let calm: Promise<Awaited<ReturnType<typeof endOf>>> | undefined;

/** The end of a run in which every message came once and in order. */
function calmEnd(): ReturnType<typeof endOf> {
  calm ??= (async () => {
    const { world, root, dataDir } = await worldOf();
    for (const file of files(root)) await world.accept(file.client, file.name, file.bytes);
    await world.runDry();
    return await endOf(world, dataDir);
  })();
  return calm;
}

async function expectCalmEnd(world: World, dataDir: string): Promise<void> {
  const [got, wanted] = [await endOf(world, dataDir), await calmEnd()];
  expect(Object.keys(got.seen).sort()).toEqual(Object.keys(wanted.seen).sort());
  for (const [file, seen] of Object.entries(wanted.seen)) {
    expect(JSON.stringify(got.seen[file]) === JSON.stringify(seen), `what was answered about «${file}»`).toBe(true);
  }
  expect(JSON.stringify(got.debts) === JSON.stringify(wanted.debts), 'the debts').toBe(true);
  expect(integrityOf(dataDir)).toEqual(['ok', 'ok']);
}

async function isOver(world: World): Promise<boolean> {
  const batches = await world.context.registry.list({});
  return batches.every((batch) => FINAL_STATES.has(batch.state)) && (await openBatches(world.context)).length === 0;
}

describe('messages', () => {
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    // faults 13, 15, 24
    it(`may come twice, at once, out of order and long after: seed ${seed}`, async () => {
      const { world, root, dataDir } = await worldOf();
      const random = randomOf(seed);
      const handler = handlerOf(world.context);
      const ran = new Map<string, number>();
      world.hook = async (task, _args, run) => {
        ran.set(task, (ran.get(task) ?? 0) + 1);
        return await run();
      };
      for (const file of files(root)) await world.accept(file.client, file.name, file.bytes);
      const ever: ReceivedMessage[] = [];
      const signal = new AbortController().signal;
      for (let round = 0; !(await isOver(world)); round++) {
        expect(round, 'rounds').toBeLessThan(500);
        const inHand: [QueueName, ReceivedMessage][] = [];
        for (const queue of QUEUES) {
          const taken = await world.plane.queue.receive(queue, {
            max: 1 + Math.floor(random() * 30),
            waitMs: 0,
            leaseMs: 600_000,
          });
          for (const message of taken) inHand.push([queue, message]);
        }
        inHand.sort(() => random() - 0.5);
        for (const [queue, message] of inHand) {
          ever.push(message);
          const old = ever[Math.floor(random() * ever.length)] as ReceivedMessage;
          const late = random() < 0.3 ? [handler(old, signal)] : [];
          const verdicts = await Promise.all([handler(message, signal), handler(message, signal), ...late]);
          if (random() < 0.2) await handler(message, signal);
          if (verdicts.slice(0, 2).some((verdict) => verdict.done)) await world.plane.queue.ack(queue, message);
          else await world.plane.queue.release(queue, message, 0);
        }
        if (inHand.length === 0) await sweep(world.context, 0);
      }
      await world.runDry();
      await expectCalmEnd(world, dataDir);
      const ranges = (await world.context.registry.list({})).reduce(
        (sum, { small, ranges }) => sum + (small ? 0 : ranges),
        0,
      );
      expect(ran.get('range'), 'ranges were staged more than once').toBeGreaterThan(ranges);

      // All of them once more, when everything is over.
      for (const message of ever.sort(() => random() - 0.5)) await handler(message, signal);
      await world.runDry();
      await expectCalmEnd(world, dataDir);
      expect(leftovers(dataDir)).toEqual([]);
    });
  }

  // faults 16, 17
  it('are sent again by a sweep at every step without harm', async () => {
    const { world, root, dataDir } = await worldOf();
    for (const file of files(root)) await world.accept(file.client, file.name, file.bytes);
    for (let step = 0; !(await isOver(world)); step++) {
      expect(step, 'steps').toBeLessThan(2000);
      for (const queue of QUEUES) {
        await world.deliver(queue);
        await sweep(world.context, 0);
      }
    }
    await world.runDry();
    await expectCalmEnd(world, dataDir);
    expect(leftovers(dataDir)).toEqual([]);
  });

  // fault 16
  it('that are lost at their first sending are found by the sweep', async () => {
    const lost = new Set<string>();
    const wrapQueue = (queue: WorkQueue): WorkQueue => ({
      ...boundTo(queue),
      async send(name, messages) {
        const arriving = messages.filter((message) => lost.has(message.id));
        for (const message of messages) lost.add(message.id);
        await queue.send(name, arriving);
      },
    });
    const { world, root, dataDir } = await worldOf({ wrapQueue });
    for (const file of files(root)) await world.accept(file.client, file.name, file.bytes);
    let sweeps = 0;
    for (; !(await allCompleted(world)); sweeps++) {
      expect(sweeps, 'sweeps').toBeLessThan(200);
      await world.runDry();
      await sweep(world.context, 0);
    }
    expect(sweeps).toBeGreaterThan(3);
    await expectCalmEnd(world, dataDir);
  });
});

function boundTo(queue: WorkQueue): WorkQueue {
  return {
    send: (name, messages) => queue.send(name, messages),
    receive: (name, options) => queue.receive(name, options),
    extend: (name, message, leaseMs) => queue.extend(name, message, leaseMs),
    ack: (name, message) => queue.ack(name, message),
    release: (name, message, delayMs) => queue.release(name, message, delayMs),
    depth: (name) => queue.depth(name),
    redrive: (name) => queue.redrive(name),
  };
}

async function allCompleted(world: World): Promise<boolean> {
  return (await world.context.registry.list({})).every((batch) => FINAL_STATES.has(batch.state));
}

describe('results and transitions', () => {
  // fault 24
  it('put twice, the first stands', async () => {
    const { world } = await worldOf();
    const { id } = await world.accept('acme', 'f', plainFile(10, '1.00'));
    const both = await Promise.all([
      world.context.registry.putResult(id, 'range', 0, 'one'),
      world.context.registry.putResult(id, 'range', 0, 'two'),
    ]);
    expect(both.map((result) => result.body)).toEqual(['one', 'one']);
    expect((await world.context.registry.putResult(id, 'range', 0, 'three')).body).toBe('one');
    expect(await world.context.registry.countResults(id, 'range')).toBe(1);
  });

  // fault 25
  it('raced, one wins and the others learn that nothing is left to do', async () => {
    const { world } = await worldOf();
    const { id } = await world.accept('acme', 'f', plainFile(10, '1.00'));
    const starts = await Promise.all(
      Array.from({ length: 8 }, () => apply(world.context, id, { type: 'pick_started' })),
    );
    expect(starts.filter(({ moved }) => moved).length).toBe(1);
    const cancel = new Fault('CANCELLED', '', { batch: id });
    const ends = await Promise.all([
      ...Array.from({ length: 4 }, () => failBatch(world.context, id, cancel)),
      ...Array.from({ length: 4 }, () => failBatch(world.context, id, new Fault('FILE_EMPTY'))),
    ]);
    expect(new Set(ends.map((batch) => batch.state)).size).toBe(1);
    expect(FINAL_STATES.has((await world.batch(id)).state)).toBe(true);
  });

  // fault 39
  it('cancelled before registering, a batch frees the line; asked later, it is refused and goes on', async () => {
    const { world, dataDir } = await worldOf({ settings: { smallRecordsMax: 0 } });
    const first = await world.accept('acme', 'first', plainFile(3000, '1.00'));
    const second = await world.accept('acme', 'second', plainFile(3000, '2.00'));
    await world.runDry(['picker', 'intermediate']);
    const cancelled = (id: string): Promise<Batch> =>
      failBatch(world.context, id, new Fault('CANCELLED', '', { batch: id }));
    expect((await cancelled(first.id)).state).toBe('cancelled');
    await world.runDry(['batch']);
    expect((await world.batch(second.id)).state).toBe('registering');
    expect((await cancelled(second.id)).state).toBe('registering');
    expect((await world.batch(second.id)).state).toBe('registering');
    await world.runDry();
    expect((await world.batch(second.id)).state).toBe('completed');
    expect(new Set(debtsOf(dataDir).map((debt) => debt['amount_cents']))).toEqual(new Set([200]));
    expect(leftovers(dataDir)).toEqual([]);
  });
});

describe('poison', () => {
  const CAUSES: readonly [string, () => Error][] = [
    ['a bug', () => new Error('no such thing')],
    ['a fault', () => new Fault('WORKER_DIED')],
  ];

  /** Two batches of a client; the task fails for the first one, always, until it is mended. */
  async function poisoned(task: keyof TaskTable, smallRecordsMax: number, cause: () => Error) {
    const { world, dataDir } = await worldOf({ settings: { smallRecordsMax } });
    const first = await world.accept('acme', 'first', plainFile(900, '1.00'));
    const second = await world.accept('acme', 'second', plainFile(900, '2.00'));
    let tries = 0;
    let mended = false;
    world.hook = async (name, args, run) => {
      const of = args as { batch?: string; manifest?: { batch: string }; source?: { key: string } };
      const isFirst = of.source?.key === first.key || (of.batch ?? of.manifest?.batch) === first.id;
      if (name !== task || !isFirst || mended) return await run();
      tries += 1;
      throw cause();
    };
    await world.runDry();
    await sweep(world.context, 0);
    await world.runDry();
    return {
      world,
      dataDir,
      first,
      second,
      tries: () => tries,
      mend: () => {
        mended = true;
      },
    };
  }

  for (const [cause, make] of CAUSES) {
    for (const task of ['inspect', 'range'] as const) {
      // fault 26
      it(`of ${task} fails the batch after so many failures and leaves the line to the next: ${cause}`, async () => {
        const { world, dataDir, first, second, tries } = await poisoned(task, 0, make);
        expect(await world.batch(first.id)).toMatchObject({ state: 'failed', failure: { code: 'WORK_POISONED' } });
        expect(tries()).toBe(world.context.settings.failuresMax);
        expect((await world.batch(second.id)).state).toBe('completed');
        expect(new Set(debtsOf(dataDir).map((debt) => debt['changed_batch']))).toEqual(new Set([second.id]));
        expect(leftovers(dataDir)).toEqual([]);
      });
    }

    for (const [task, small] of [
      ['register', 0],
      ['finish', 0],
      ['small', 1000],
    ] as const) {
      // fault 26
      it(`of ${task} stalls the batch, which keeps its place until it is redriven: ${cause}`, async () => {
        const { world, dataDir, first, second, mend } = await poisoned(task, small, make);
        expect(await world.batch(first.id)).toMatchObject({
          state: 'stalled',
          inLine: true,
          failure: { code: 'WORK_POISONED' },
        });
        expect((await world.batch(second.id)).state, 'the later one waits').toBe('staged');
        const turn = (await world.batch(first.id)).turn;

        mend();
        await world.context.registry.clearFailures(first.id);
        const { batch } = await apply(world.context, first.id, { type: 'redriven' });
        await sendOwed(world.context, batch);
        await world.runDry();
        expect(await world.batch(first.id)).toMatchObject({ state: 'completed', turn });
        expect((await world.batch(second.id)).state).toBe('completed');
        const debts = debtsOf(dataDir);
        expect(debts.length).toBe(900);
        expect(
          new Set(debts.map((debt) => `${debt['created_batch']} ${debt['changed_batch']} ${debt['amount_cents']}`)),
        ).toEqual(new Set([`${first.id} ${second.id} 200`]));
        expect(leftovers(dataDir)).toEqual([]);
      });
    }
  }

  it('is not made by faults of the surroundings, however often they come', async () => {
    const { world } = await worldOf({ settings: { smallRecordsMax: 0 } });
    const { id } = await world.accept('acme', 'first', plainFile(900, '1.00'));
    let left = 40;
    world.hook = async (_task, _args, run) => {
      left -= 1;
      if (left > 0) throw new Fault(left % 2 === 0 ? 'STORE_FULL' : 'STORE_IO');
      return await run();
    };
    await world.runDry();
    expect(left).toBeLessThan(0);
    expect(await world.batch(id)).toMatchObject({ state: 'completed', failure: null });
  });
});

describe('a worker thread that dies', () => {
  const WORKER = new URL('./dying.worker.ts', import.meta.url);
  const DRIVER = new URL('../../src/io/embedded/driver.ts', import.meta.url).href;

  for (const [task, how] of [
    ['scan', 'exit'],
    ['range', 'memory'],
    ['register', 'exit'],
    ['register', 'locked'],
    ['finish', 'exit'],
  ] as const) {
    // fault 27
    it(`takes nothing with it but its try: ${task}, ${how}`, async () => {
      const countFile = join(temporaryFolder(), 'deaths');
      writeFileSync(countFile, '');
      const makePool = (settings: Settings): WorkerPool<TaskTable> =>
        new WorkerPool<TaskTable>({
          workerUrl: WORKER,
          workerData: {
            settings,
            driverUrl: DRIVER,
            driverOptions: dataPlaneOptions(settings.dataDir),
            telemetryChannel: 'replay-test',
            task,
            how,
            deaths: 2,
            countFile,
          } satisfies DyingSetup,
          threads: 2,
          heapMiB: 64,
        });
      const { world, dataDir } = await worldOf({ makePool, settings: { smallRecordsMax: 0 } });
      const { id } = await world.accept('acme', 'first', plainFile(9000, '1.00'));
      await world.runDry();
      expect(readFileSync(countFile).length).toBe(2);
      const deaths = world.events.filter((event) => event.name === 'work.failed');
      // Pieces are scanned side by side, and rendered so: two that die are one failure of the work.
      expect(deaths.length).toBe(task === 'scan' || task === 'finish' ? 1 : 2);
      expect(new Set(deaths.map((event) => event.fields['code']))).toEqual(new Set(['WORKER_DIED']));
      expect(await world.batch(id)).toMatchObject({ state: 'completed', failure: null });
      expect(debtsOf(dataDir).length).toBe(9000);
      expect(integrityOf(dataDir)).toEqual(['ok', 'ok']);
      expect(leftovers(dataDir)).toEqual([]);
    });
  }
});
