/** The outbox: the end of a batch becomes deliveries whatever dies on the way, and each is carried out and recorded. */
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/faults.ts';
import type { ClientNotify } from '../../src/io/ports/clients.ts';
import type { Delivery } from '../../src/io/ports/deliveries.ts';
import { Deliverer, redelivered } from '../../src/stages/notices/deliver.ts';
import { notify } from '../../src/stages/notify.ts';
import { fileOf } from '../support/files.ts';
import { Life } from '../support/mortal.ts';
import {
  all,
  BROKEN,
  CPF,
  deliverAll,
  GOOD,
  MAIL,
  REJECTED,
  refs,
  SECRET,
  SIGNAL,
  Told,
  WEBHOOK,
  worldWith,
} from '../support/told.ts';
import type { WorldOptions } from '../support/world.ts';

describe('the end of a batch', () => {
  // threat 4
  it('is told as what it was, with counts and without anything of a record', async () => {
    const world = await worldWith(WEBHOOK, { settings: { events: 'sns' } });
    const context = world.process();
    const file = `cobranca ${CPF}.csv`;
    for (const text of [GOOD, REJECTED, BROKEN]) await world.accept(context, text, { file });
    await world.drain(context);
    const told = new Told();
    await deliverAll(world, context, told);
    const notices = told.posts.map(({ body }) => JSON.parse(body));
    expect(new Set(notices.map(({ type, kind, code }) => [type, kind, code]))).toEqual(
      new Set([
        ['batch.completed', 'completed', null],
        ['batch.completed', 'completed_with_rejects', null],
        ['batch.failed', 'failed', 'COLUMN_MISSING'],
      ]),
    );
    expect(notices.find(({ kind }) => kind === 'completed_with_rejects').lines).toMatchObject({
      total: 2,
      rejected: 1,
    });
    expect(new Map(told.published.map(({ id, type }) => [id, type]))).toEqual(
      new Map(notices.map(({ id, type }) => [id, type])),
    );
    const said = JSON.stringify([notices, told.published, world.events, await all(world)]);
    for (const secret of [CPF, 'cobranca', 'R-1', 'R-2', SECRET.slice(6)]) expect(said).not.toContain(secret);
    expect(new Set((await all(world)).map(({ state }) => state))).toEqual(new Set(['delivered']));
  });

  it('costs no message and no write where nobody is to be told', async () => {
    const silent = await worldWith(undefined);
    const context = silent.process();
    await silent.accept(context, GOOD);
    await silent.drain(context);
    const told = await worldWith(WEBHOOK);
    const other = told.process();
    await told.accept(other, GOOD);
    await told.drain(other);
    const [one] = silent.state.batches.values();
    const [two] = told.state.batches.values();
    expect(await all(silent)).toEqual([]);
    expect(silent.queue.ids('notifier')).toEqual([]);
    // The one that tells records that its message was sent; the silent one completes with its last write.
    expect((two?.revision ?? 0) - (one?.revision ?? 0)).toBe(1);
  });

  // threat 11
  it('is told to nobody once its file was erased, though the notifier had read it before', async () => {
    const world = await worldWith(MAIL);
    const context = world.process();
    const batch = await world.accept(context, GOOD, { file: 'maria-da-silva.csv' });
    await world.drain(context);
    const { deliveries, registry } = context;
    const erasedFirst = new Proxy(deliveries, {
      get: (target, name) => {
        if (name !== 'add') return Reflect.get(target, name).bind(target);
        return async (added: readonly Delivery[]) => {
          const stored = world.stored(batch);
          await registry.replace({ ...stored, file: '', erasedAtMs: 1 }, stored.revision);
          await target.remove('acme', new Set([batch.id]));
          await target.add(added);
        };
      },
    });
    await notify({ ...context, deliveries: erasedFirst }, batch.id);
    expect(await all(world)).toEqual([]);
    // One that was killed right after it had added them: its message comes again.
    const { id, client } = batch;
    const left = {
      id: 'd-left',
      event: 'e',
      client,
      batch: id,
      channel: 'mail',
      payload: '{}',
      gathers: false,
    } as const;
    const pending = { state: 'pending', revision: 1, tries: 0, attempts: [], createdAtMs: 0, nextAtMs: 0 } as const;
    await deliveries.add([{ ...left, ...pending }]);
    await notify(context, batch.id);
    expect(await all(world)).toEqual([]);
  });

  it('is told only as far as the client asked', async () => {
    const world = await worldWith({ ...WEBHOOK, kinds: ['failed'] });
    const context = world.process();
    for (const text of [GOOD, REJECTED, BROKEN]) await world.accept(context, text);
    await world.drain(context);
    const told = new Told();
    await deliverAll(world, context, told);
    expect(told.posts.map(({ body }) => JSON.parse(body).kind)).toEqual(['failed']);
  });

  it.each([
    ['small', {}],
    [
      'large',
      { settings: { rangeBytes: 400, recordBytesMax: 1024, readBytes: 100, shardRecords: 5, smallRecordsMax: 0 } },
    ],
  ] as [string, WorldOptions][])('of a %s batch is told whatever call a process dies at', async (_, options) => {
    const run = async (diesAt?: number) => {
      const world = await worldWith(WEBHOOK, options);
      const starter = world.process();
      const batches = [];
      for (const [client, text] of [
        ['acme', GOOD],
        ['acme', BROKEN],
        ['beta', REJECTED],
      ] as const)
        batches.push(await world.accept(starter, text, { client }));
      const told = new Told();
      const first = world.process(new Life(diesAt));
      await world.drain(first);
      if (!first.life.over) await deliverAll(world, first, told);
      if (diesAt !== undefined) {
        expect(first.life.over).toBe(true);
        const next = world.process();
        await world.recover(next);
        await deliverAll(world, next, told);
      }
      const states = batches.map((batch) => world.stored(batch).state);
      const deliveries = (await all(world)).map(({ batch, channel, state }) => `${batch} ${channel} ${state}`).sort();
      const heard = new Map(told.posts.map(({ id, body }) => [id, JSON.parse(body)]));
      const ends = [...heard.values()].map(({ batch, kind }) => `${batch} ${kind}`).sort();
      return { end: { states, deliveries, ends }, steps: first.life.steps, posts: told.posts.length };
    };
    const clean = await run();
    expect(clean.end.ends).toHaveLength(3);
    expect(clean.posts).toBe(3);
    const stride = Math.max(1, Math.floor(clean.steps / 60));
    for (let step = 1; step <= clean.steps; step += stride) {
      const killed = await run(step);
      expect({ step, ...killed.end }).toEqual({ step, ...clean.end });
    }
  });
});

describe('a delivery', () => {
  async function told(notify: ClientNotify, text: readonly string[], options: WorldOptions = {}) {
    const world = await worldWith(notify, options);
    const context = world.process();
    for (const one of text) await world.accept(context, one);
    await world.drain(context);
    return { world, context, told: new Told() };
  }

  // fault 33
  it('is tried again under the same id, with each attempt on record, until it is taken', async () => {
    const here = await told(WEBHOOK, [GOOD]);
    let left = 3;
    here.told.fault = () => (left-- > 0 ? new Fault('WEBHOOK_FAILED', 'status 503') : undefined);
    await deliverAll(here.world, here.context, here.told);
    const [delivery] = await all(here.world);
    expect(new Set(here.told.posts.map(({ id }) => id)).size).toBe(1);
    expect(delivery).toMatchObject({ state: 'delivered', tries: 4 });
    expect(delivery?.attempts.map(({ says }) => says)).toEqual([
      ...Array(3).fill(expect.stringMatching(/status 503/)),
      'delivered',
    ]);
  });

  // fault 33
  it('waits longer and longer, never longer than the longest wait, and fails at the cap', async () => {
    const settings = { notifyTriesMax: 8, notifyRetryMsMin: 1000, notifyRetryMsMax: 20_000 };
    const here = await told(WEBHOOK, [GOOD], { settings });
    here.told.fault = () => new Fault('WEBHOOK_FAILED', 'status 500');
    const deliverer = new Deliverer(here.context, here.told);
    const waits: number[] = [];
    for (;;) {
      await deliverer.look(SIGNAL);
      await deliverer.quiet();
      const [delivery] = await all(here.world);
      if (delivery?.state !== 'pending') break;
      const waitMs = delivery.nextAtMs - here.world.clock.nowMs();
      waits.push(waitMs);
      // One moment too early nothing is due.
      await here.world.clock.advance(waitMs - 1);
      expect(await deliverer.look(SIGNAL)).toBe(0);
      await here.world.clock.advance(1);
    }
    expect(here.told.posts).toHaveLength(8);
    expect(waits).toHaveLength(7);
    for (const [i, waitMs] of waits.entries()) {
      expect(waitMs).toBeGreaterThanOrEqual(1000);
      expect(waitMs).toBeLessThanOrEqual(Math.min(20_000, 1000 * 2 ** (i + 1)));
    }
    expect(new Set(waits).size).toBeGreaterThan(4);
    // Redelivered it has all its tries again, and what was recorded stays.
    const [failed] = await all(here.world);
    expect(failed).toMatchObject({ state: 'failed', tries: 8 });
    here.told.fault = () => undefined;
    await here.world.deliveries.replace(
      redelivered(failed as Delivery, here.world.clock.nowMs()),
      failed?.revision ?? 0,
    );
    await deliverAll(here.world, here.context, here.told);
    const [again] = await all(here.world);
    expect(again).toMatchObject({ state: 'delivered', tries: 1 });
    expect(again?.attempts).toHaveLength(9);
    expect(new Set(here.told.posts.map(({ id }) => id)).size).toBe(1);
  });

  it('fails at once where no other attempt can help, and never for the surroundings', async () => {
    const gone = await told(WEBHOOK, [GOOD]);
    gone.told.fault = () => new Fault('NOTICE_REFUSED', '410');
    await deliverAll(gone.world, gone.context, gone.told);
    expect(await all(gone.world)).toMatchObject([{ state: 'failed', tries: 1 }]);
    const away = await told(WEBHOOK, [GOOD], { settings: { notifyTriesMax: 2 } });
    let left = 20;
    away.told.fault = () => (left-- > 0 ? new Fault('SERVICE_IO', 'away') : undefined);
    await deliverAll(away.world, away.context, away.told);
    expect(await all(away.world)).toMatchObject([{ state: 'delivered', tries: 1 }]);
  });

  // fault 33
  it('of one client is not held up by the stalled receiver of another', async () => {
    const world = await worldWith(WEBHOOK);
    const context = world.process();
    for (let i = 0; i < 40; i++) await world.accept(context, fileOf(...refs(1, '10.00', i)), { client: 'acme' });
    await world.accept(context, GOOD, { client: 'beta' });
    await world.drain(context);
    const told = new Told();
    let open = (): void => {};
    told.gate = new Promise((done) => {
      open = done;
    });
    const deliverer = new Deliverer(context, told);
    for (let look = 0; look < 5; look++) await deliverer.look(SIGNAL);
    const clients = told.posts.map(({ body }) => JSON.parse(body).client);
    expect(clients.filter((client) => client === 'acme')).toHaveLength(4);
    expect(clients).toContain('beta');
    open();
    await deliverer.quiet();
    told.gate = undefined;
    await deliverAll(world, context, told);
    expect(new Set(told.posts.map(({ id }) => id)).size).toBe(41);
  });

  it('is attempted by one of many notifiers', async () => {
    const here = await told(WEBHOOK, [GOOD, REJECTED]);
    const many = Array.from({ length: 5 }, () => new Deliverer(here.world.process(), here.told));
    await Promise.all(many.map((deliverer) => deliverer.look(SIGNAL)));
    await Promise.all(many.map((deliverer) => deliverer.quiet()));
    expect(here.told.posts).toHaveLength(2);
  });
});
