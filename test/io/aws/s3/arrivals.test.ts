/** Arrivals in S3 beyond the contract: what is refused, said twice, late, out of order, rubbish, never announced. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { S3Arrivals } from '../../../../src/io/aws/s3/arrivals.ts';
import type { Arrival } from '../../../../src/io/ports/arrivals.ts';
import { FakeClock } from '../../../contract/support.ts';
import { type AwsServer, fauxqsKind } from '../../../support/aws/servers.ts';
import { bridgeEvent, bySns, type Inbox, openInbox, removeObject, s3Event } from './arrivalsSupport.ts';

const DAY_MS = 86_400_000;
const KEY = 'inbox/acme/a.csv';

describe.each([fauxqsKind()])('arrivals on $name', (kind) => {
  let server: AwsServer;
  let inbox: Inbox;
  let arrivals: S3Arrivals;

  beforeEach(async () => {
    server = await kind.start();
    inbox = await openInbox(server);
    arrivals = inbox.open();
  });

  afterEach(async () => {
    inbox.close();
    await server.close();
  });

  const poll = (max = 100): ReturnType<S3Arrivals['poll']> => arrivals.poll(max);
  const takeAll = async (): Promise<string[]> => {
    const { arrivals: all } = await poll();
    const made: string[] = [];
    for (const arrival of all) {
      if (inbox.batches.accept(arrival)) made.push(arrival.key);
      await arrival.settle();
    }
    return made;
  };
  const reasons = async (): Promise<string[]> => (await poll()).refusals.map(({ reason }) => reason);
  const bring = async (key: string, text: string, sequencer = '01', atMs = Date.now()): Promise<string> => {
    const { ETag } = await inbox.put(key, text);
    await inbox.send(s3Event({ key, etag: ETag, sequencer, atMs }));
    return ETag as string;
  };

  // fault 4
  it('deletes a message only when all its records are settled', async () => {
    const keys = ['inbox/acme/1', 'inbox/beta/2', 'inbox/acme/3'];
    const happenings = await Promise.all(
      keys.map(async (key, i) => ({ key, etag: (await inbox.put(key, key)).ETag, atMs: i })),
    );
    await inbox.send(
      s3Event(...happenings, { key: 'inbox/acme/gone' }, { ...happenings[0], key: KEY, name: 'ObjectRemoved:Delete' }),
    );
    const { arrivals: all, refusals } = await poll();
    expect(all.map(({ key }) => key)).toEqual(keys);
    expect(refusals).toHaveLength(1);
    for (const [i, arrival] of all.entries()) {
      expect(await inbox.messages()).toEqual({ visible: 0, held: 1 });
      await arrival.settle();
      if (i < 2) expect((await poll()).arrivals.map(({ key }) => key)).toEqual(keys.slice(i + 1));
    }
    expect((await poll()).arrivals).toEqual([]);
    expect(await inbox.messages()).toEqual({ visible: 0, held: 0 });
  });

  // fault 5
  it('reads any characters of a key, by every way of telling', async () => {
    const names = ['a+b c%ç.csv', '100%25 +.csv', '2026/01/dívidas (1).csv', '日本 & <x>.csv', "it's.csv", '%2B%20'];
    for (const [i, name] of names.entries()) {
      const key = `inbox/acme/${name}`;
      const { ETag } = await inbox.put(key, name);
      const happening = { key, etag: ETag, sequencer: '1', atMs: 1000 + i };
      await inbox.send([s3Event, bridgeEvent, (w: typeof happening) => bySns(s3Event(w))][i % 3]?.(happening));
    }
    const { arrivals: all } = await poll();
    expect(all.map(({ file }) => file)).toEqual(names);
    for (const [i, arrival] of all.entries()) {
      const reader = await inbox.s3.objects.openRange(arrival, 0, arrival.bytes);
      const target = Buffer.alloc(arrival.bytes);
      await reader.read(target);
      expect(target.toString()).toBe(names[i]);
    }
  });

  // fault 1
  it('makes one arrival of events that are sent twice, and needs no registry for what it settled', async () => {
    const etag = await bring(KEY, 'text');
    await inbox.send(s3Event({ key: KEY, etag, sequencer: '01' }));
    await inbox.send(bridgeEvent({ key: KEY, etag, sequencer: '01' }));
    const { arrivals: all } = await poll();
    expect(all).toHaveLength(1);
    await all[0]?.settle();
    expect(await inbox.messages()).toEqual({ visible: 0, held: 0 });
    await inbox.send(s3Event({ key: KEY, etag, sequencer: '01' }));
    expect(await poll()).toEqual({ arrivals: [], refusals: [] });
    expect(await inbox.messages()).toEqual({ visible: 0, held: 0 });
  });

  it('refuses once, with the reason and no name, what cannot be taken', async () => {
    await inbox.put('inbox/No Client/529.982.247-25.csv', 'x');
    await inbox.put('inbox/stray 529.982.247-25.csv', 'x');
    await inbox.send(s3Event({ key: 'inbox/No Client/529.982.247-25.csv' }, { key: 'inbox/stray 529.982.247-25.csv' }));
    await inbox.send(s3Event({ key: 'inbox/acme/529.982.247-25 gone.csv' }));
    await inbox.send(s3Event({ key: 'parts/b-1/x' }, { key: 'parts/b-1/y' }, { key: 'answers/b-1/z' }));
    await inbox.send(s3Event({ key: KEY, bucket: 'another' }));
    const { refusals, arrivals: none } = await poll();
    expect(none).toEqual([]);
    expect(refusals.map(({ reason }) => reason).sort()).toEqual([
      'a file was deleted before it was read; send it again',
      'a notification is of another bucket',
      'an object lies outside of inbox/<client>/',
      'an object lies outside of inbox/<client>/',
      'it lies outside of a client’s folder',
      'the folder’s name is no client id',
    ]);
    expect(refusals.find(({ client }) => client === 'acme')?.reason).toContain('deleted');
    expect(JSON.stringify([refusals, inbox.s3.events])).not.toContain('529.982');
    // Deleted when the next poll shows that they were told; said again, they are told no more.
    expect((await inbox.messages()).held).toBe(4);
    await inbox.send(s3Event({ key: 'inbox/acme/529.982.247-25 gone.csv' }));
    expect(await poll()).toEqual({ arrivals: [], refusals: [] });
    await poll();
    expect(await inbox.messages()).toEqual({ visible: 0, held: 0 });
  });

  it('passes over folders and uploads on their way', async () => {
    const keys = [
      'inbox/',
      'inbox/acme/',
      'inbox/acme/2026/',
      'inbox/acme/x.csv.part',
      'inbox/acme/.hidden',
      'inbox/acme/2026/.x',
    ];
    for (const key of keys) await inbox.send(s3Event({ key }));
    expect(await poll()).toEqual({ arrivals: [], refusals: [] });
    await poll();
    expect(await inbox.messages()).toEqual({ visible: 0, held: 0 });
  });

  // fault 4
  it('tells rubbish once, and leaves it to the dead letters', async () => {
    arrivals = inbox.open({ visibilityMs: 1000 });
    await inbox.send('rubbish');
    await inbox.send({ Records: [{ eventName: 'ObjectCreated:Put' }] });
    await bring(KEY, 'good');
    const { arrivals: all, refusals } = await poll();
    expect(all).toHaveLength(1);
    expect(refusals.map(({ reason }) => reason)).toEqual([
      'a message of the notifications queue cannot be read: it is no JSON object',
      'a message of the notifications queue cannot be read: a record names no bucket',
    ]);
    await all[0]?.settle();
    expect(await reasons()).toEqual([]);
    const { visible, held } = await inbox.messages();
    expect(visible + held).toBe(2);
  });

  it('tells that a file was written over before it was read, and takes the later one', async () => {
    const first = await inbox.put(KEY, 'first');
    const second = await inbox.put(KEY, 'second');
    await inbox.send(s3Event({ key: KEY, etag: second.ETag, sequencer: '02' }));
    await inbox.send(s3Event({ key: KEY, etag: first.ETag, sequencer: '01' }));
    const { arrivals: all, refusals } = await poll();
    expect(all.map(({ bytes }) => bytes)).toEqual([6]);
    expect(refusals).toMatchObject([{ client: 'acme', reason: expect.stringContaining('written over') }]);
  });

  it('says nothing of a late copy of an event whose state was taken, after a restart too', async () => {
    const etag = await bring(KEY, 'first');
    expect(await takeAll()).toEqual([KEY]);
    await inbox.put(KEY, 'second');
    arrivals = inbox.open();
    await inbox.send(s3Event({ key: KEY, etag, sequencer: '01' }));
    expect(await poll()).toEqual({ arrivals: [], refusals: [] });
    await removeObject(inbox.s3.client, KEY);
    await inbox.send(s3Event({ key: KEY, etag, sequencer: '01' }));
    expect(await poll()).toEqual({ arrivals: [], refusals: [] });
  });

  // fault 2
  it('orders a poll by time, and one key’s by sequencers, however the messages come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 }), async (order) => {
        const made = await Promise.all(
          order.map(async (i) => ({ i, ETag: (await inbox.put(`inbox/acme/${i}`, `${order}`)).ETag })),
        );
        for (const { i, ETag } of made) {
          await inbox.send(s3Event({ key: `inbox/acme/${i}`, etag: ETag, sequencer: 'A', atMs: 1000 * i }));
        }
        const { arrivals: all } = await poll();
        expect(all.map(({ file }) => Number(file))).toEqual([0, 1, 2, 3, 4, 5]);
        for (const arrival of all) await arrival.settle();
      }),
      { numRuns: 8, seed: 3 },
    );
  });

  it('tries what it could not look at again, less and less often, and gives the others meanwhile', async () => {
    const clock = new FakeClock();
    let heads = 0;
    let broken = true;
    inbox.s3.client.middlewareStack.add(
      (next, context) => async (args) => {
        const { Key } = args.input as { readonly Key?: string };
        if (context.commandName !== 'HeadObjectCommand' || Key !== 'inbox/acme/denied') return next(args);
        heads += 1;
        if (broken) throw Object.assign(new Error('no'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
        return next(args);
      },
      { step: 'initialize' },
    );
    arrivals = inbox.open({ visibilityMs: 60_000 }, clock);
    await bring('inbox/acme/denied', 'x', '1', 1000);
    await bring(KEY, 'y', '1', 2000);
    const [other] = (await poll()).arrivals;
    expect(other?.key).toBe(KEY);
    await other?.settle();
    for (let i = 0; i < 200; i++) {
      clock.advance(200);
      await poll().catch((error: { readonly code?: unknown }) => expect(error.code).toBe('SERVICE_DENIED'));
    }
    expect(heads).toBeGreaterThan(3);
    expect(heads).toBeLessThan(12);
    broken = false;
    clock.advance(31_000);
    expect((await poll()).arrivals.map(({ key }) => key)).toEqual(['inbox/acme/denied']);
  });

  it('ends though what is held cannot be given back: it comes again by itself', async () => {
    arrivals = inbox.open();
    await bring(KEY, 'x', '1', 1000);
    expect((await poll()).arrivals).toHaveLength(1);
    inbox.sqs.middlewareStack.add(
      (next, context) => async (args) => {
        if (context.commandName !== 'ChangeMessageVisibilityBatchCommand') return next(args);
        throw Object.assign(new Error('no'), { code: 'ECONNRESET' });
      },
      { step: 'initialize' },
    );
    await arrivals.close();
    expect(inbox.s3.events.filter(({ name }) => name === 'arrivals.delayed')).toHaveLength(1);
  });

  it('gives on what others of its client held up, and gives back what it cannot get rid of', async () => {
    arrivals = inbox.open({ heldMax: 4 });
    for (let i = 0; i < 4; i++) await bring(`inbox/blocked/${i}`, `${i}`, '1', 1000 + i);
    for (let i = 0; i < 2; i++) expect((await poll()).arrivals).toHaveLength(4);
    await bring(KEY, 'x', '1', 9000);
    expect((await poll()).arrivals.map(({ key }) => key)).toEqual([KEY]);
    expect(await inbox.messages()).toEqual({ visible: 0, held: 5 });
  });

  // fault 15
  it('is taken up by another process when the first has died', async () => {
    const dying = inbox.open({ visibilityMs: 3000 });
    await bring(KEY, 'x');
    const [first] = (await dying.poll(1)).arrivals;
    expect((await poll()).arrivals).toEqual([]);
    await new Promise((next) => setTimeout(next, 3100));
    const [again] = (await poll()).arrivals;
    expect(again).toMatchObject({ key: KEY, version: first?.version, etag: first?.etag });
    await again?.settle();
    await first?.settle();
    expect(await inbox.messages()).toEqual({ visible: 0, held: 0 });
  });

  it('keeps a message that waits from others, over many times its invisibility', async () => {
    const clock = new FakeClock();
    arrivals = inbox.open({ visibilityMs: 2000 }, clock);
    const other = inbox.open();
    await bring(KEY, 'x');
    for (let i = 0; i < 4; i++) {
      expect((await poll()).arrivals).toHaveLength(1);
      await new Promise((next) => setTimeout(next, 700));
      clock.advance(700);
      expect((await other.poll(1)).arrivals).toEqual([]);
    }
  });

  describe('reconciliation', () => {
    // The servers' clock is the machine's; files written now lie in this window of it.
    const look = { everyMs: 1000, graceMs: -DAY_MS, windowMs: DAY_MS, pagesAtOnce: 1 };

    class MovedClock extends FakeClock {
      constructor() {
        super();
        this.setWall(Date.now());
      }
    }

    // fault 3
    it('finds what was never announced, once, under the name its notification gives', async () => {
      const clock = new MovedClock();
      arrivals = inbox.open({ reconciliation: look }, clock);
      const { ETag } = await inbox.put('inbox/acme/a+b c%ç.csv', 'never told');
      await inbox.put('inbox/acme/2026/', 'x');
      await inbox.put('inbox/Bad Client/x', 'x');
      const { arrivals: all, refusals } = await poll();
      expect(all.map(({ file, bytes }) => [file, bytes])).toEqual([['a+b c%ç.csv', 10]]);
      expect(refusals).toEqual([{ client: '', reason: 'the folder’s name is no client id' }]);
      const [found] = all as [Arrival];
      await inbox.send(s3Event({ key: found.key, etag: ETag, sequencer: '01' }));
      const told = (await inbox.open().poll(10)).arrivals;
      expect(told).toMatchObject([{ key: found.key, version: found.version, etag: found.etag }]);
      inbox.batches.accept(found);
      await found.settle();
      for (let round = 0; round < 3; round++) {
        clock.advance(1001);
        expect(await poll()).toEqual({ arrivals: [], refusals: [] });
      }
      // A process that has just begun asks the registry, and finds it there.
      const fresh = inbox.open({ reconciliation: look }, clock);
      clock.advance(1001);
      expect((await fresh.poll(10)).arrivals).toEqual([]);
    });

    // faults 1, 3
    it('and the notification together make one arrival, whoever is first', async () => {
      const clock = new MovedClock();
      arrivals = inbox.open({ reconciliation: look }, clock);
      await bring(KEY, 'both');
      expect((await poll()).arrivals).toHaveLength(1);
      expect(await takeAll()).toEqual([KEY]);
      expect(await inbox.messages()).toEqual({ visible: 0, held: 0 });
      await inbox.put('inbox/acme/b.csv', 'found first');
      clock.advance(1001);
      expect(await takeAll()).toEqual(['inbox/acme/b.csv']);
      const { ETag } = await inbox.put('inbox/acme/c.csv', 'x');
      await inbox.send(s3Event({ key: 'inbox/acme/c.csv', etag: ETag, sequencer: '01' }));
      expect(await takeAll()).toEqual(['inbox/acme/c.csv']);
      clock.advance(1001);
      expect(await takeAll()).toEqual([]);
      expect(inbox.batches.ids.size).toBe(3);
    });

    it('looks only at its window, a round at a time for all processes', async () => {
      const clock = new MovedClock();
      await inbox.put(KEY, 'x');
      const tooEarly = { ...look, graceMs: 60_000 };
      expect((await inbox.open({ reconciliation: tooEarly }, clock).poll(9)).arrivals).toEqual([]);
      clock.advance(DAY_MS * 3);
      expect((await inbox.open({ reconciliation: look }, clock).poll(9)).arrivals).toEqual([]);
      clock.setWall(Date.now() + DAY_MS * 3 + 500);
      const reads = inbox.batches.reads;
      expect((await inbox.open({ reconciliation: { ...look, windowMs: 9 * DAY_MS } }, clock).poll(9)).arrivals).toEqual(
        [],
      );
      expect(inbox.batches.reads).toBe(reads);
    });

    it('costs one read of the registry for a file, however many rounds', async () => {
      const clock = new MovedClock();
      for (let i = 0; i < 30; i++) await inbox.put(`inbox/acme/${i}`, 'x');
      arrivals = inbox.open({ reconciliation: look }, clock);
      expect((await takeAll()).length).toBe(30);
      inbox.batches.reads = 0;
      const fresh = inbox.open({ reconciliation: look }, clock);
      for (let round = 0; round < 5; round++) {
        clock.advance(1001);
        await fresh.poll(100);
      }
      expect(inbox.batches.reads).toBe(30);
    });

    it('goes on while the queue is away, and says so', async () => {
      const clock = new MovedClock();
      await inbox.put(KEY, 'x');
      arrivals = inbox.open({ reconciliation: look, queueUrl: `${inbox.queueUrl}-that-is-not` }, clock);
      expect((await poll()).arrivals).toHaveLength(1);
      expect(inbox.s3.events.map(({ name }) => name)).toContain('arrivals.delayed');
      const idle = inbox.open({ queueUrl: `${inbox.queueUrl}-that-is-not` });
      await idle.poll(1).then(
        () => expect.unreachable(),
        (error: { readonly code?: unknown }) => expect(error.code).toBe('SERVICE_IO'),
      );
    });
  });
});
