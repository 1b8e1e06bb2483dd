/** Acceptance, what is owed, and the sweep. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/faults.ts';
import type { Arrival, Arrivals } from '../../src/io/ports/arrivals.ts';
import { acceptArrivals, acceptObject } from '../../src/stages/accept.ts';
import { apply, sendOwed } from '../../src/stages/batch/batches.ts';
import { failBatch } from '../../src/stages/batch/failures.ts';
import { sweep } from '../../src/stages/sweep.ts';
import { fileOf } from '../support/files.ts';
import { Life } from '../support/mortal.ts';
import { randomly } from '../support/pause.ts';
import { type Process, TINY, World } from '../support/world.ts';

const FILE = fileOf({ ref: 'A' }, { ref: 'B' });
const LARGE = fileOf(...Array.from({ length: 20 }, (_, i) => ({ ref: `R-${i}` })));

describe('accepting', () => {
  it('makes one batch of an object, however many announce it at once', async () => {
    const world = new World({ pause: randomly(5) });
    const engines = [world.process(), world.process(), world.process()];
    const stored = world.objects.set('raw/acme/f', Buffer.from(FILE));
    const announced = { ...stored, client: 'acme', file: 'f.csv', bucket: 'raw', version: 'v-1' };
    const batches = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        acceptObject(engines[i % 3] as Process, { ...announced, file: `f-${i}.csv` }),
      ),
    );
    expect(new Set(batches.map((batch) => `${batch.id} ${batch.number} ${batch.file}`)).size).toBe(1);
    expect(world.state.batches.size).toBe(1);
    expect(world.queue.ids('picker')).toEqual([`${batches[0]?.id}/pick`]);
    expect(world.events.filter((event) => event.name === 'batch.accepted').length).toBe(1);
  });

  it('tells versions, keys and buckets apart', async () => {
    const world = new World();
    const engine = world.process();
    const at = { key: 'raw/acme/f', etag: 'e', bytes: 1, client: 'acme', file: 'f', bucket: 'raw', version: 'v-1' };
    const others = [at, { ...at, version: 'v-2' }, { ...at, key: 'raw/acme/g' }, { ...at, bucket: 'other' }];
    const ids = await Promise.all(others.map(async (object) => (await acceptObject(engine, object)).id));
    expect(new Set(ids).size).toBe(4);
    expect([...world.state.batches.values()].map((batch) => batch.number).sort()).toEqual([1, 2, 3, 4]);
  });

  it("fixes the business date, the profile and the client's bounds", async () => {
    const world = new World();
    const engine = world.process();
    await world.clients.add({
      id: 'acme',
      name: 'Acme',
      profile: 'p',
      amountCentsMin: 7,
      amountCentsMax: 9,
      createdAtMs: 0,
    });
    world.clock.setWall(Date.parse('2026-08-03T02:30:00Z'));
    const first = await world.accept(engine, FILE, { asOf: undefined });
    expect(first).toMatchObject({ businessDate: '2026-08-02', profile: 'p', amountCentsMin: 7, amountCentsMax: 9 });
    const asked = await world.accept(engine, FILE, { asOf: '2020-01-31', profile: 'default', dryRun: true });
    expect(asked).toMatchObject({ businessDate: '2020-01-31', profile: 'default', dryRun: true, inLine: false });
  });

  it.each([
    ['open', 'yes', 'new-client', 'accepted'],
    ['closed', 'no', 'new-client', 'CLIENT_UNKNOWN'],
    ['open', 'yes', '../x', 'CLIENT_UNKNOWN'],
    ['open', 'yes', 'Acme', 'CLIENT_UNKNOWN'],
    ['open', 'yes', '', 'CLIENT_UNKNOWN'],
    ['open', 'yes', 'x'.repeat(41), 'CLIENT_UNKNOWN'],
  ] as const)('where clients are %s (%s) takes %j as %s', async (_, clientsOpen, client, end) => {
    const world = new World({ settings: { clientsOpen } });
    const accepted = world.accept(world.process(), FILE, { client });
    if (end === 'accepted') expect((await accepted).state).toBe(end);
    else await expect(accepted).rejects.toThrow(new RegExp(`^${end}`));
    expect(world.state.batches.size).toBe(end === 'accepted' ? 1 : 0);
  });
});

describe('arrivals', () => {
  function arrivalsOf(world: World, clients: readonly string[]): Arrivals & { settled: string[] } {
    const settled: string[] = [];
    const arrival = (client: string, index: number): Arrival => ({
      ...world.objects.set(`raw/x/${index}`, Buffer.from(FILE)),
      client,
      file: 'f.csv',
      bucket: 'raw',
      version: 'v',
      settle: async () => {
        settled.push(client);
      },
    });
    const arrivals = clients.map(arrival);
    return {
      settled,
      poll: async (max) => ({ arrivals: arrivals.slice(0, max), refusals: [{ client: 'acme', reason: 'a folder' }] }),
    };
  }

  it('are settled once their batch stands, and one that fails holds up no other', async () => {
    const world = new World();
    const arrivals = arrivalsOf(world, ['acme', 'Not An Id', 'beta']);
    expect(await acceptArrivals(world.process(), arrivals, 9)).toBe(2);
    expect(arrivals.settled).toEqual(['acme', 'beta']);
    expect([...world.state.batches.values()].map((batch) => batch.client)).toEqual(['acme', 'beta']);
    const told = world.events.map((event) => event.name).filter((name) => name.startsWith('arrival.'));
    expect(told).toEqual(['arrival.refused', 'arrival.failed']);
  });

  it('of a client keep their order: where one cannot be accepted yet, no later one is', async () => {
    const world = new World();
    const engine = world.process();
    const given = arrivalsOf(world, ['acme', 'acme', 'beta']);
    // Given one by one, and anew after the last.
    let look = 0;
    const arrivals: Arrivals = {
      poll: async () => ({ arrivals: (await given.poll(9)).arrivals.slice(look % 3, (look++ % 3) + 1), refusals: [] }),
    };
    let full = true;
    const registry = Object.assign(Object.create(engine.registry) as typeof engine.registry, {
      accept: async (draft: Parameters<typeof engine.registry.accept>[0]) => {
        if (full && draft.client === 'acme') {
          full = false;
          throw new Fault('STORE_FULL');
        }
        return await engine.registry.accept(draft);
      },
    });
    const taken: number[] = [];
    for (let k = 0; k < 6; k++) taken.push(await acceptArrivals({ ...engine, registry }, arrivals, 9));
    expect(taken).toEqual([0, 0, 1, 1, 1, 1]);
    expect(given.settled).toEqual(['beta', 'acme', 'acme', 'beta']);
    const keys = [...world.state.batches.values()].filter(({ client }) => client === 'acme').map(({ key }) => key);
    expect(keys).toEqual(['raw/x/0', 'raw/x/1']);
  });

  it('of several clients are accepted side by side, those of one in order', async () => {
    const world = new World();
    const engine = world.process();
    const arrivals = arrivalsOf(world, ['acme', 'acme', 'beta']);
    let betaIsIn: () => void = () => {};
    const beta = new Promise<void>((done) => {
      betaIsIn = done;
    });
    const registry = Object.assign(Object.create(engine.registry) as typeof engine.registry, {
      // The first client's acceptances wait until the other's is there: one after another they would wait for ever.
      accept: async (draft: Parameters<typeof engine.registry.accept>[0]) => {
        if (draft.client === 'acme') await beta;
        const answer = await engine.registry.accept(draft);
        if (draft.client === 'beta') betaIsIn();
        return answer;
      },
    });
    expect(await acceptArrivals({ ...engine, registry }, arrivals, 9)).toBe(3);
    expect([...world.state.batches.values()].map(({ client, key }) => `${client} ${key}`)).toEqual([
      'beta raw/x/2',
      'acme raw/x/0',
      'acme raw/x/1',
    ]);
  });

  it('wait for no earlier one that has gone', async () => {
    const world = new World();
    const engine = world.process();
    const given = (await arrivalsOf(world, ['acme', 'acme', 'acme']).poll(9)).arrivals;
    let there = given;
    const arrivals: Arrivals = { poll: async () => ({ arrivals: there, refusals: [] }) };
    const registry = Object.assign(Object.create(engine.registry) as typeof engine.registry, {
      accept: async (draft: Parameters<typeof engine.registry.accept>[0]) => {
        if (draft.key === 'raw/x/0') throw new Fault('STORE_FULL');
        return await engine.registry.accept(draft);
      },
    });
    expect(await acceptArrivals({ ...engine, registry }, arrivals, 9)).toBe(0);
    expect(await acceptArrivals({ ...engine, registry }, arrivals, 9)).toBe(0);
    there = given.slice(1);
    expect(await acceptArrivals({ ...engine, registry }, arrivals, 9)).toBe(2);
    const keys = [...world.state.batches.values()].map(({ key }) => key);
    expect(keys).toEqual(['raw/x/1', 'raw/x/2']);
    const told = world.events.filter((event) => event.name === 'arrival.failed');
    expect(told, 'each is told once').toHaveLength(3);
  });

  // fault 1
  it('that are given again are the same batches', async () => {
    const world = new World();
    const arrivals = arrivalsOf(world, ['acme', 'beta']);
    for (let i = 0; i < 3; i++) expect(await acceptArrivals(world.process(), arrivals, 9)).toBe(2);
    expect(world.state.batches.size).toBe(2);
  });
});

describe('what is owed', () => {
  // fault 16
  it('is forgotten only after it was sent, wherever the sender dies', async () => {
    for (let step = 1; step <= 4; step++) {
      const world = new World();
      const batch = await world.accept(world.process(), FILE);
      // As acceptance left it: nothing was sent yet.
      world.state.batches.set(batch.id, { ...batch, owed: ['pick'] });
      const [message] = await world.queue.receive('picker', { max: 1, waitMs: 0, leaseMs: 1 });
      if (message !== undefined) await world.queue.ack('picker', message);
      const mortal = world.process(new Life(step));
      await Promise.race([sendOwed(mortal, world.stored(batch)), mortal.life.ended]);
      await new Promise((next) => setImmediate(next));
      expect([step, world.stored(batch).owed.length === 0 ? world.queue.ids('picker').length : 1]).toEqual([step, 1]);
      await world.recover(world.process());
      expect(world.stateOf(batch)).toBe('completed');
    }
  });

  it('is sent by whoever moved the batch on: a late sender forgets nothing of it', async () => {
    const world = new World(TINY);
    const engine = world.process();
    const accepted = await world.accept(engine, LARGE);
    const early = { ...accepted, owed: ['pick'] as const };
    await apply(engine, accepted.id, { type: 'pick_started' });
    const plan = { manifestKey: 'm', manifest: null, records: 1, ranges: 1, shards: 1 };
    await apply(engine, accepted.id, { type: 'picked', small: false, ...plan });
    await sendOwed(engine, early);
    expect(world.stored(accepted).owed).toEqual(['ranges']);
  });

  it('names only work that has no result yet', async () => {
    const world = new World(TINY);
    const engine = world.process();
    const batch = await world.accept(engine, LARGE);
    await world.handleOne(engine, 'picker');
    const ranges = world.queue.ids('intermediate');
    expect(ranges.length).toBeGreaterThan(1);
    await world.handleOne(engine, 'intermediate');
    for (const _ of ranges.slice(1)) {
      const [message] = await world.queue.receive('intermediate', { max: 1, waitMs: 0, leaseMs: 1 });
      if (message !== undefined) await world.queue.ack('intermediate', message);
    }
    await sweep(engine, 0);
    expect(world.queue.ids('intermediate')).toEqual(ranges.slice(1));
    await world.drain(engine);
    expect(world.stateOf(batch)).toBe('completed');
    expect(engine.tasks.begun.filter((task) => task === 'range').length).toBe(ranges.length);
  });
});

describe('a batch that is cancelled while it is picked', () => {
  // fault 39
  it.each([
    ['is sound', LARGE],
    ['is refused', 'external_ref,foreign\n1,2\n'],
  ])('leaves nothing of its inflated text behind, where that %s', async (_, text) => {
    const world = new World(TINY);
    const engine = world.process();
    const batch = await world.accept(engine, gzipSync(text));
    const { pool } = engine;
    const cancelling = Object.assign(Object.create(pool) as typeof pool, {
      run: async (...call: Parameters<typeof pool.run>) => {
        if (call[0] === 'inflate') {
          await failBatch(engine, batch.id, new Fault('CANCELLED', '', { batch: batch.id }));
          // The ended batch is freed while its text is still being inflated.
          await world.handleOne(engine, 'batch');
          await world.handleOne(engine, 'batch');
        }
        return await pool.run(...call);
      },
    });
    await world.handleOne({ ...engine, pool: cancelling }, 'picker');
    await world.drain(engine);
    expect(world.stateOf(batch)).toBe('cancelled');
    const left: string[] = [];
    for await (const { key } of world.objects.list(`work/${batch.id}/`)) left.push(key);
    expect(left).toEqual([]);
  });
});

describe('the sweep', () => {
  // fault 16
  it.each([
    ['small', {}],
    ['large', TINY],
  ] as const)('brings a %s batch to its end though nearly every message is lost', async (_, options) => {
    const world = new World(options);
    const engine = world.process();
    const batch = await world.accept(engine, LARGE);
    const lost = async (): Promise<void> => {
      for (const queue of ['picker', 'intermediate', 'registering', 'batch']) {
        for (const message of await world.queue.receive(queue, { max: 99, waitMs: 0, leaseMs: 1 })) {
          await world.queue.ack(queue, message);
        }
      }
    };
    for (let round = 0; round < 100 && world.stored(batch).state !== 'completed'; round++) {
      await lost();
      await sweep(engine, 0);
      for (const queue of ['picker', 'intermediate', 'registering', 'batch'] as const) {
        if (await world.handleOne(engine, queue)) break;
      }
    }
    expect(world.stateOf(batch)).toBe('completed');
    expect(world.receiptOf(batch).lines.created).toBe(20);
    await world.drain(engine);
    expect([world.stored(batch).owed, world.staging.batches()]).toEqual([[], []]);
  });

  // fault 35
  it('leaves alone what moved lately, unless the clock was set back', async () => {
    const world = new World(TINY);
    const engine = world.process();
    await world.accept(engine, LARGE);
    await world.clock.advance(5000);
    expect(await sweep(engine, 10_000)).toBe(0);
    await world.clock.advance(5000);
    expect(await sweep(engine, 10_000)).toBe(1);
    world.clock.setWall(0);
    expect(await sweep(engine, 10_000)).toBe(1);
  });

  describe('over a queue that takes an id twice', () => {
    const RESEND_MS = 60_000;

    /** Counts what is sent; `world.queue` itself knows ids. */
    function counting(world: World, sent: string[]) {
      const { queue } = world;
      const taking = Object.assign(Object.create(queue) as typeof queue, {
        resendMsMin: RESEND_MS,
        send: async (...call: Parameters<typeof queue.send>) => {
          sent.push(...call[1].map(({ id }) => id));
          await queue.send(...call);
        },
      });
      return { ...world.process(), queue: taking };
    }

    it('leaves alone what was sent, however often it looks and in however many processes', async () => {
      const world = new World(TINY);
      const sent: string[] = [];
      const one = counting(world, sent);
      const other = counting(world, sent);
      const batch = await world.accept(one, LARGE);
      await world.handleOne(one, 'picker');
      const ranges = world.queue.ids('intermediate').length;
      sent.length = 0;
      for (let looks = 0; looks < 5; looks++) {
        await world.clock.advance(10_000);
        expect([await sweep(one, 0), await sweep(other, 10_000)]).toEqual([0, 0]);
      }
      expect(sent).toEqual([]);
      await world.clock.advance(10_000);
      const looked = await Promise.all([sweep(one, 0), sweep(other, 0)]);
      expect(looked.sort()).toEqual([0, 1]);
      expect(sent).toHaveLength(ranges);
      expect(await sweep(one, 0)).toBe(0);
      await world.drain(one);
      expect(world.stateOf(batch)).toBe('completed');
    });

    it('sends at once what was never recorded as sent', async () => {
      const world = new World(TINY);
      const sent: string[] = [];
      const engine = counting(world, sent);
      const batch = await world.accept(engine, LARGE);
      await world.handleOne(engine, 'picker');
      world.state.batches.set(batch.id, { ...world.stored(batch), owed: ['ranges'] });
      sent.length = 0;
      expect(await sweep(engine, 0)).toBe(1);
      expect(sent).toEqual(world.queue.ids('intermediate'));
      expect(await sweep(engine, 0)).toBe(0);
    });
  });

  it('leaves final and stalled batches in peace', async () => {
    const world = new World();
    const engine = world.process();
    await world.accept(engine, FILE);
    await world.drain(engine);
    expect(await sweep(engine, 0)).toBe(0);
    expect(['picker', 'batch'].flatMap((queue) => world.queue.ids(queue))).toEqual([]);
  });
});
