/** A client's line: one turn a batch, in the order of acceptance, whoever releases it and however often. */
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/faults.ts';
import type { Batch, TurnItem } from '../../src/io/ports/registry.ts';
import { approveBatch } from '../../src/stages/batch/approve.ts';
import { apply } from '../../src/stages/batch/batches.ts';
import { failBatch } from '../../src/stages/batch/failures.ts';
import { QUEUES } from '../../src/stages/batch/messages.ts';
import { advanceLine } from '../../src/stages/line.ts';
import { pick } from '../../src/stages/pick.ts';
import { Random } from '../oracle/random.ts';
import { fileOf } from '../support/files.ts';
import { randomly } from '../support/pause.ts';
import { type Process, TINY, World, type WorldOptions } from '../support/world.ts';

const SMALL: WorldOptions = {};
const fileWith = (amount: string, refs = 3): string =>
  fileOf(...Array.from({ length: refs }, (_, i) => ({ ref: `R-${i}`, amount })));

/** Turns in the order in which batches were released, with the batch of each. */
const released = (world: World): { batch: string; turn: number | null }[] =>
  world.state.history.filter((one) => one.state === 'registering').map(({ batch, turn }) => ({ batch, turn }));

describe('a line of small batches', () => {
  it('registers runs in the order of acceptance, each batch under a turn of its own', async () => {
    const world = new World({ settings: { linePage: 4 } });
    const engine = world.process();
    const batches: Batch[] = [];
    for (let i = 0; i < 10; i++) batches.push(await world.accept(engine, fileWith(`${10 + i}.00`)));
    await world.drain(engine);
    expect(released(world)).toEqual(batches.map(({ id }, i) => ({ batch: id, turn: i + 1 })));
    expect(world.debts.all('acme').map((debt) => [debt.amountCents, debt.turn])).toEqual(Array(3).fill([1900, 10]));
    expect(world.state.turns.get('acme')?.turn).toBe(10);
  });

  it('takes the turns of a whole run in one write', async () => {
    const world = new World();
    const engine = world.process();
    let taken = 0;
    const takeTurns = engine.registry.takeTurns.bind(engine.registry);
    const counting = new Proxy(engine.registry, {
      get: (target, name) =>
        name === 'takeTurns'
          ? (...args: Parameters<typeof takeTurns>) => {
              taken += 1;
              return takeTurns(...args);
            }
          : Reflect.get(target, name),
    });
    const batches: Batch[] = [];
    for (let i = 0; i < 6; i++) batches.push(await world.accept(engine, fileWith('10.00')));
    // The last ones are picked first: they wait for the head, and then go together.
    await reversePicks(world, { ...engine, registry: counting }, batches);
    expect(taken).toBe(1);
    expect(batches.map((batch) => world.stored(batch).turn)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(batches.map((batch) => world.stateOf(batch))).toEqual(Array(6).fill('completed'));
  });

  it('takes all that are staged, however many pages of the line they are, and each place that was left costs no turn', async () => {
    const world = new World({ settings: { linePage: 3 } });
    const engine = world.process();
    const batches: Batch[] = [];
    for (let i = 0; i < 12; i++) {
      batches.push(await world.accept(engine, fileWith(`${10 + i}.00`), { dryRun: i === 5 }));
    }
    await failBatch(engine, batches[2]?.id ?? '', new Fault('CANCELLED'));
    const taken: TurnItem[] = [];
    const takeTurns = engine.registry.takeTurns.bind(engine.registry);
    const registry = new Proxy(engine.registry, {
      get: (target, name) =>
        name === 'takeTurns'
          ? (...args: Parameters<typeof takeTurns>) => {
              taken.push(args[2]);
              return takeTurns(...args);
            }
          : Reflect.get(target, name),
    });
    await reversePicks(world, { ...engine, registry }, batches);
    const spans = [
      { number: 1, turn: 1, batches: 2 },
      { number: 4, turn: 3, batches: 2 },
      { number: 7, turn: 5, batches: 6 },
    ];
    expect(taken).toEqual([{ turn: 10, spans, takenAtMs: expect.any(Number) }]);
    const numbered = batches.filter((_, i) => i !== 2 && i !== 5);
    expect(numbered.map((batch) => world.stored(batch).turn)).toEqual(numbered.map((_, i) => i + 1));
    expect(numbered.map((batch) => world.stateOf(batch))).toEqual(Array(10).fill('completed'));
  });

  it('gives what is left of a run the turns it had taken, to whoever goes on with it', async () => {
    const world = new World({ settings: { linePage: 2 } });
    const engine = world.process();
    const batches: Batch[] = [];
    for (let i = 0; i < 7; i++) batches.push(await world.accept(engine, fileWith(`${10 + i}.00`)));
    const stopped = new AbortController();
    engine.tasks.before = (task, args) => {
      if (task === 'small' && (args as { batch: string }).batch === batches[3]?.id) stopped.abort();
    };
    const messages = await world.queue.receive('picker', { max: 7, waitMs: 0, leaseMs: 1000 });
    expect(messages).toHaveLength(7);
    for (const batch of batches.toReversed()) await pick(engine, batch.id, stopped.signal);
    const half = [...Array(4).fill('completed'), ...Array(3).fill('staged')];
    expect(batches.map((batch) => world.stateOf(batch))).toEqual(half);
    const later = await world.accept(engine, fileWith('50.00'));
    const another = world.process();
    await pick(another, later.id, new AbortController().signal);
    expect(batches.map((batch) => world.stored(batch).turn)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect([world.stateOf(later), world.stored(later).turn]).toEqual(['completed', 8]);
    expect(world.debts.all('acme').map((debt) => debt.amountCents)).toEqual(Array(3).fill(5000));
  });

  it('lets nobody go before one that stalls in the hands of another process', async () => {
    const world = new World();
    const engine = world.process();
    const batches: Batch[] = [];
    for (let i = 0; i < 3; i++) batches.push(await world.accept(engine, fileWith(`${10 + i}.00`)));
    const [first, second, third] = batches as [Batch, Batch, Batch];
    engine.tasks.before = async (task, args) => {
      if (task !== 'small' || (args as { batch: string }).batch !== first.id) return;
      // Meanwhile another process, in the same run, has given the second one up.
      await apply(engine, second.id, { type: 'released', turn: 2, turnAtMs: 1 });
      await apply(engine, second.id, { type: 'stalled', failure: { code: 'WORK_POISONED', message: 'says' } });
    };
    await reversePicks(world, engine, batches);
    expect(batches.map((batch) => world.stateOf(batch))).toEqual(['completed', 'stalled', 'staged']);
    await apply(engine, second.id, { type: 'redriven' });
    await world.recover(engine);
    expect(batches.map((batch) => world.stateOf(batch))).toEqual(Array(3).fill('completed'));
    expect(world.debts.all('acme').map((debt) => debt.amountCents)).toEqual(Array(3).fill(1200));
    expect(world.stored(third).turn).toBe(3);
  });

  it('goes around a batch in the middle that fails, and lets it answer for itself', async () => {
    const world = new World();
    const engine = world.process();
    const batches: Batch[] = [];
    for (let i = 0; i < 5; i++) batches.push(await world.accept(engine, fileWith(`${10 + i}.00`)));
    const [, , bad] = batches as [Batch, Batch, Batch];
    // It vanishes after it was picked, when its turn has already been taken together with the others'.
    engine.tasks.before = (task, args) => {
      if (task === 'small' && (args as { batch: string }).batch === batches[1]?.id)
        world.objects.set(bad.key, Buffer.from('x'));
    };
    await reversePicks(world, engine, batches);
    await world.drain(engine);
    expect(batches.map((batch) => world.stateOf(batch))).toEqual([
      'completed',
      'completed',
      'failed',
      'completed',
      'completed',
    ]);
    expect(world.stored(bad).failure?.code).toBe('OBJECT_CHANGED');
    const turns = batches.filter((batch) => batch !== bad).map((batch) => world.stored(batch).turn as number);
    expect(turns).toEqual([...turns].sort((a, b) => a - b));
    expect(new Set(turns).size).toBe(4);
    expect(world.debts.all('acme').map((debt) => debt.amountCents)).toEqual(Array(3).fill(1400));
  });

  it('stands still behind a batch that stalls, and goes on once it is redriven', async () => {
    const world = new World({ settings: { failuresMax: 2 } });
    const engine = world.process();
    const batches: Batch[] = [];
    for (let i = 0; i < 3; i++) batches.push(await world.accept(engine, fileWith(`${10 + i}.00`)));
    const [first, second, third] = batches as [Batch, Batch, Batch];
    let broken = true;
    engine.tasks.before = (task, args) => {
      if (broken && task === 'small' && (args as { batch: string }).batch === second.id)
        throw new Fault('RANGE_CORRUPT');
    };
    await world.drain(engine);
    expect([first, second, third].map((batch) => world.stateOf(batch))).toEqual(['completed', 'stalled', 'staged']);
    expect(world.stored(second)).toMatchObject({ inLine: true, turn: 2, failure: { code: 'WORK_POISONED' } });
    expect(world.debts.all('acme').map((debt) => debt.amountCents)).toEqual(Array(3).fill(1000));
    broken = false;
    await apply(engine, second.id, { type: 'redriven' });
    await world.recover(engine);
    expect([second, third].map((batch) => world.stateOf(batch))).toEqual(['completed', 'completed']);
    expect([second, third].map((batch) => world.stored(batch).turn)).toEqual([2, 3]);
    expect(world.debts.all('acme').map((debt) => debt.amountCents)).toEqual(Array(3).fill(1200));
  });

  it('is advanced once more by the one who does it where others ask meanwhile', async () => {
    const world = new World({ pause: randomly(3) });
    const engine = world.process();
    const batches: Batch[] = [];
    for (let i = 0; i < 4; i++) batches.push(await world.accept(engine, fileWith(`${10 + i}.00`)));
    const [head, ...others] = batches as [Batch, ...Batch[]];
    await reversePicks(world, engine, others);
    expect(others.map((batch) => world.stateOf(batch))).toEqual(['staged', 'staged', 'staged']);
    const asking = others.flatMap((batch) => [1, 2].map(() => advanceLine(engine, 'acme', batch.id)));
    await Promise.all([pick(engine, head.id, new AbortController().signal), ...asking]);
    expect(batches.map((batch) => world.stateOf(batch))).toEqual(Array(4).fill('completed'));
    expect(batches.map((batch) => world.stored(batch).turn)).toEqual([1, 2, 3, 4]);
    expect(engine.tasks.begun.filter((task) => task === 'small').length).toBe(4);
  });
});

describe('one who looked at the head and stopped before it had read the turns', () => {
  // fault 13
  it('takes none when the head has gone and others hold turns, so that nobody goes under a lower one', async () => {
    const world = new World();
    const [late, prompt] = [world.process(), world.process()];
    const first = await world.accept(prompt, fileWith('10.00'));
    const [looked, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let stops = true;
    const slow = around(late.registry, 'turnOf', async (turnOf) => {
      looked.resolve();
      if (stops) await goesOn.promise;
      return await turnOf();
    });
    const lateWork = pick({ ...late, registry: slow }, first.id, new AbortController().signal);
    await looked.promise;
    await advanceLine(prompt, 'acme', first.id);
    const others: Batch[] = [];
    for (let i = 0; i < 3; i++) others.push(await world.accept(prompt, fileWith(`${20 + i}.00`)));
    // Between the turns of the next run and the first that goes under them, the late one wakes and stops in that one.
    const released = Promise.withResolvers<void>();
    const ends = Promise.withResolvers<void>();
    late.tasks.before = async () => {
      released.resolve();
      await ends.promise;
    };
    const taking = around(prompt.registry, 'takeTurns', async (takeTurns) => {
      const taken = await takeTurns();
      stops = false;
      goesOn.resolve();
      await released.promise;
      return taken;
    });
    await reversePicks(world, { ...prompt, registry: taking }, others);
    ends.resolve();
    await lateWork;
    const batches = [first, ...others];
    expect(batches.map((batch) => [world.stateOf(batch), world.stored(batch).turn])).toEqual([
      ['completed', 1],
      ['completed', 2],
      ['completed', 3],
      ['completed', 4],
    ]);
    expect(world.debts.all('acme').map((debt) => debt.amountCents)).toEqual(Array(3).fill(2200));
  });

  it('takes none for a large head that has gone', async () => {
    const world = new World({ settings: { smallRecordsMax: 3 } });
    const [late, prompt] = [world.process(), world.process()];
    const large = await world.accept(prompt, fileWith('10.00', 5));
    await until(world, prompt, large, 'staged');
    const slow = around(late.registry, 'turnOf', async (turnOf) => {
      await failBatch(prompt, large.id, new Fault('CANCELLED'));
      return await turnOf();
    });
    await advanceLine({ ...late, registry: slow }, 'acme', large.id);
    expect([world.stateOf(large), world.state.turns.size]).toEqual(['cancelled', 0]);
  });
});

/** The store, with what comes before and after one of its calls. */
function around<T extends object, K extends keyof T>(
  store: T,
  name: K,
  call: (inside: () => Promise<unknown>) => Promise<unknown>,
): T {
  return new Proxy(store, {
    get: (target, key) => {
      const method: unknown = Reflect.get(target, key);
      if (key !== name || typeof method !== 'function') return method;
      return (...args: unknown[]) => call(() => method.apply(target, args));
    },
  });
}

/** Handles messages until the batch has come so far, and the line has not been looked at since. */
async function until(world: World, engine: Process, batch: Batch, state: Batch['state']): Promise<void> {
  for (let round = 0; world.stateOf(batch) !== state && round < 100; round++) {
    for (const queue of QUEUES) if (world.stateOf(batch) !== state) await world.handleOne(engine, queue);
  }
  expect(world.stateOf(batch)).toBe(state);
}

describe('whoever asks while the line is being advanced', () => {
  it('is served by the one who does it, however late it asks', async () => {
    const world = new World();
    const engine = world.process();
    const batch = await world.accept(engine, fileWith('10.00'));
    const { registry } = engine;
    let late: Promise<void> | undefined;
    const telling = new Proxy(registry, {
      get: (target, name) => {
        if (name !== 'lineHead') return Reflect.get(target, name);
        return async (client: string, max: number) => {
          // It looks, and finds nothing to do; then the batch is staged, and asks, before it has ended.
          const head = await target.lineHead(client, max);
          late ??= pick({ ...engine, registry: telling }, batch.id, new AbortController().signal);
          await late;
          return head;
        };
      },
    });
    await advanceLine({ ...engine, registry: telling }, 'acme', 'b-other');
    expect(world.stateOf(batch)).toBe('completed');
  });
});

describe('a batch that is approved', () => {
  it.each([
    0, 1000,
  ])('goes on though the message by which it left the line is in hand (small up to %i)', async (smallRecordsMax) => {
    const world = new World({ settings: { smallRecordsMax } });
    const engine = world.process();
    const document = JSON.stringify({ format: 1, approval: 'required' });
    await world.clients.addProfile({ name: 'asking', version: 1, document, createdAtMs: 0 });
    const batch = await world.accept(engine, fileWith('10.00'), { profile: 'asking@1' });
    await world.drain(engine);
    expect(world.stateOf(batch)).toBe('awaiting_approval');
    // Whoever has it has looked at the line for the last time, and has not said yet that it is done.
    await world.queue.send('batch', [{ id: `${batch.id}/line`, group: 'acme', body: '{}' }]);
    expect(await world.queue.receive('batch', { max: 9, waitMs: 0, leaseMs: 60_000 })).toHaveLength(1);
    await approveBatch(engine, batch.id, 'ana');
    await world.drain(engine);
    expect(world.stateOf(batch)).toBe('completed');
  });
});

describe('a line of large and small batches', () => {
  it('keeps a small one behind a large one, and clients apart', async () => {
    const world = new World({ ...TINY, settings: { ...TINY.settings, smallRecordsMax: 3 } });
    const engine = world.process();
    const large = await world.accept(engine, fileWith('10.00', 20));
    const small = await world.accept(engine, fileWith('20.00', 2));
    const other = await world.accept(engine, fileWith('30.00', 2), { client: 'beta' });
    await world.handleOne(engine, 'picker');
    await world.handleOne(engine, 'picker');
    await world.handleOne(engine, 'picker');
    expect([large, small, other].map((batch) => world.stateOf(batch))).toEqual(['processing', 'staged', 'completed']);
    await world.drain(engine);
    expect(released(world).filter(({ batch }) => batch !== other.id)).toEqual([
      { batch: large.id, turn: 1 },
      { batch: small.id, turn: 2 },
    ]);
    expect(world.debts.all('acme').filter((debt) => debt.amountCents === 2000).length).toBe(2);
  });

  it('lets the next go when its head is cancelled', async () => {
    const world = new World(TINY);
    const engine = world.process();
    const first = await world.accept(engine, fileWith('10.00', 20));
    const second = await world.accept(engine, fileWith('20.00', 20));
    await failBatch(engine, first.id, new Fault('CANCELLED'));
    await world.drain(engine);
    expect([first, second].map((batch) => world.stateOf(batch))).toEqual(['cancelled', 'completed']);
    expect(world.stored(second).turn).toBe(1);
    expect(world.receiptOf(first)).toMatchObject({ status: 'cancelled', lines: { total: 0 } });
  });

  it('gives a dry run no turn', async () => {
    const world = new World(TINY);
    const engine = world.process();
    const dry = await world.accept(engine, fileWith('10.00', 20), { dryRun: true });
    await world.drain(engine);
    expect(world.stored(dry)).toMatchObject({ state: 'completed', turn: null });
    expect(world.receiptOf(dry)).toMatchObject({ dryRun: true, lines: { total: 20, created: 20 } });
    expect([world.debts.written, world.state.turns.size]).toEqual([0, 0]);
  });
});

describe('several processes', () => {
  it.each(
    Array.from({ length: 12 }, (_, seed) => seed + 1),
  )('with messages out of order and twice give each batch its one turn, in order (seed %i)', async (seed) => {
    const random = new Random(seed);
    const options = random.chance(0.5) ? SMALL : { ...TINY, settings: { ...TINY.settings, smallRecordsMax: 3 } };
    const world = new World({ ...options, pause: randomly(seed, 3), seed });
    const engines = [world.process(), world.process(), world.process()];
    const batches: Batch[] = [];
    for (let i = 0; i < 8; i++) {
      batches.push(await world.accept(engines[0] as Process, fileWith(`${10 + i}.00`, random.pick([2, 3, 9]))));
    }
    await Promise.all(engines.map((engine, index) => race(world, engine, new Random(seed * 10 + index))));
    await world.recover(engines[1] as Process);
    expect(batches.map((batch) => [world.stateOf(batch), world.stored(batch).failure])).toEqual(
      Array(8).fill(['completed', null]),
    );
    const turns = batches.map((batch) => world.stored(batch).turn as number);
    expect(turns).toEqual([...turns].sort((a, b) => a - b));
    expect(new Set(turns).size).toBe(8);
    expect(released(world).map(({ batch }) => batch)).toEqual(batches.map(({ id }) => id));
    // Every reference ends as the last file that has it says.
    const clean = new World(options);
    const one = clean.process();
    for (const batch of batches) {
      await clean.accept(one, Buffer.from(world.objects.bytesOf(batch.key)));
      await clean.drain(one);
    }
    const ends = (of: World) =>
      of.debts.all('acme').map((debt) => `${debt.externalRef} ${debt.amountCents} ${debt.changedLine}`);
    expect(ends(world).sort()).toEqual(ends(clean).sort());
    expect(batches.map((batch) => world.receiptOf(batch).lines)).toEqual(
      [...clean.state.batches.values()].map((batch) => clean.receiptOf(batch).lines),
    );
  });
});

/** Handles messages of random queues; some are handled and then come again, as after a lost acknowledgement. */
async function race(world: World, engine: Process, random: Random): Promise<void> {
  for (let idle = 0; idle < 30; ) {
    const queue = random.pick(QUEUES);
    const before = world.queue.ids(queue).length;
    const twice = random.chance(0.2);
    const had = await world.handleOne(engine, queue);
    if (had && twice) world.queue.freeAll();
    idle = had || before > 0 ? 0 : idle + 1;
    await new Promise((next) => setImmediate(next));
  }
}

/** Handles the picks of batches from the last to the first. */
async function reversePicks(world: World, engine: Process, batches: readonly Batch[]): Promise<void> {
  const messages = await world.queue.receive('picker', { max: batches.length, waitMs: 0, leaseMs: 1000 });
  for (const batch of batches.toReversed()) {
    await pick(engine, batch.id, new AbortController().signal).catch(() => {});
    const message = messages.find((one) => one.id.startsWith(batch.id));
    if (message !== undefined) await world.queue.ack('picker', message);
  }
}
