/** The contract of the work queues (src/io/ports/queue.ts), sentence by sentence, for any driver. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutgoingMessage, ReceivedMessage, WorkQueue } from '../../src/io/ports/queue.ts';
import { type FakeClock, type Fixture, until } from './support.ts';

/** The driver under test uses `clock`, has `receivesMax` 3 and looks at an empty queue every 500 ms. */
export interface QueueFixture extends Fixture<WorkQueue> {
  readonly clock: FakeClock;
}

const Q = 'work';
const LEASE_MS = 30_000;

export function describeQueue(name: string, make: () => Promise<QueueFixture>): void {
  describe(`queue: ${name}`, () => {
    let fixture: QueueFixture;
    let queue: WorkQueue;
    let clock: FakeClock;

    beforeEach(async () => {
      fixture = await make();
      queue = fixture.store;
      clock = fixture.clock;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    const message = (id: string, group = 'acme', body = `body of ${id}`): OutgoingMessage => ({ id, group, body });
    const send = (...ids: string[]): Promise<void> =>
      queue.send(
        Q,
        ids.map((id) => message(id)),
      );
    const receive = (max = 10, waitMs = 0): Promise<ReceivedMessage[]> =>
      queue.receive(Q, { max, waitMs, leaseMs: LEASE_MS });
    const one = async (): Promise<ReceivedMessage> => {
      const [first] = await receive(1);
      if (first === undefined) throw new Error('a message was expected');
      return first;
    };
    const ids = (messages: readonly ReceivedMessage[]): string[] => messages.map(({ id }) => id);

    describe('sending', () => {
      it('delivers what was sent, as it was sent, until it is acknowledged', async () => {
        await queue.send(Q, [message('m-1', 'acme', '{"says":"«ação»"}')]);
        const got = await one();
        expect(got).toMatchObject({ id: 'm-1', group: 'acme', body: '{"says":"«ação»"}', receives: 1 });
        expect(await queue.ack(Q, got)).toBe(true);
        clock.advance(LEASE_MS * 2);
        expect(await receive()).toEqual([]);
      });

      it('changes nothing where the id waits or is leased', async () => {
        await send('m-1');
        await queue.send(Q, [message('m-1', 'beta', 'another body'), message('m-2')]);
        const [first] = await receive(1);
        expect(first).toMatchObject({ id: 'm-1', group: 'acme', body: 'body of m-1' });
        await send('m-1');
        expect(ids(await receive())).toEqual(['m-2']);
        expect(await queue.extend(Q, first as ReceivedMessage, LEASE_MS)).toBe(true);
      });

      it('makes a new message of an id that was acknowledged', async () => {
        await send('m-1');
        await queue.ack(Q, await one());
        await send('m-1');
        expect(await one()).toMatchObject({ id: 'm-1', receives: 1 });
      });

      it('keeps queues apart', async () => {
        await queue.send('other', [message('m-1')]);
        expect(await receive()).toEqual([]);
        expect(await queue.depth(Q)).toMatchObject({ waiting: 0 });
        await send('m-1');
        await queue.ack(Q, await one());
        expect(await queue.depth('other')).toMatchObject({ waiting: 1 });
      });

      it('loses nothing when it is opened again', async () => {
        await send('m-1', 'm-2');
        await queue.ack(Q, await one());
        queue = await fixture.reopen();
        clock.advance(LEASE_MS);
        expect(ids(await receive())).toEqual(['m-2']);
      });

      it('takes an empty list', async () => {
        await queue.send(Q, []);
        expect(await receive()).toEqual([]);
      });
    });

    describe('leases', () => {
      it('gives a leased message to nobody else before the lease has run out', async () => {
        await send('m-1');
        await one();
        clock.advance(LEASE_MS - 1);
        expect(await receive()).toEqual([]);
        clock.advance(1);
        expect(await one()).toMatchObject({ id: 'm-1', receives: 2 });
      });

      it('renews a lease', async () => {
        await send('m-1');
        const got = await one();
        clock.advance(LEASE_MS - 1);
        expect(await queue.extend(Q, got, LEASE_MS)).toBe(true);
        clock.advance(LEASE_MS - 1);
        expect(await receive()).toEqual([]);
        clock.advance(1);
        expect(await receive()).toHaveLength(1);
      });

      it('lets a lease that ran out be renewed or acknowledged while nobody else has the message', async () => {
        await send('m-1', 'm-2');
        const [first, second] = await receive(2);
        clock.advance(LEASE_MS * 3);
        expect(await queue.extend(Q, first as ReceivedMessage, LEASE_MS)).toBe(true);
        expect(await queue.ack(Q, second as ReceivedMessage)).toBe(true);
        expect(await receive()).toEqual([]);
      });

      it('voids a lease that ran out once another receiver holds the message', async () => {
        await send('m-1');
        const late = await one();
        clock.advance(LEASE_MS);
        const now = await one();
        expect(await queue.extend(Q, late, LEASE_MS)).toBe(false);
        expect(await queue.ack(Q, late)).toBe(false);
        await queue.release(Q, late, 0);
        expect(await receive()).toEqual([]);
        clock.advance(LEASE_MS - 1);
        expect(await queue.extend(Q, now, LEASE_MS)).toBe(true);
        expect(await queue.ack(Q, now)).toBe(true);
        expect(await queue.ack(Q, now)).toBe(false);
        expect(await queue.depth(Q)).toMatchObject({ waiting: 0, leased: 0 });
      });

      it('voids every lease of a message that was sent anew', async () => {
        await send('m-1');
        const old = await one();
        await queue.ack(Q, old);
        await send('m-1');
        expect(await queue.ack(Q, old)).toBe(false);
        await one();
        expect(await queue.extend(Q, old, LEASE_MS)).toBe(false);
      });

      // fault 35
      it('measures leases by monotonic time', async () => {
        await send('m-1');
        await one();
        clock.setWall(clock.nowMs() + 86_400_000);
        expect(await receive()).toEqual([]);
        clock.setWall(0);
        clock.advance(LEASE_MS);
        expect(await receive()).toHaveLength(1);
      });

      it('never leases a message twice, however many receive at once', async () => {
        await send(...Array.from({ length: 40 }, (_, i) => `m-${i}`));
        const got = (await Promise.all(Array.from({ length: 10 }, () => receive(5)))).flat();
        expect(new Set(ids(got)).size).toBe(40);
        expect(got).toHaveLength(40);
        expect(new Set(got.map(({ receipt }) => receipt)).size).toBe(40);
      });
    });

    describe('release', () => {
      it('gives a message back at once, in its old place', async () => {
        await send('m-1', 'm-2');
        const got = await one();
        await queue.release(Q, got, 0);
        expect(await queue.ack(Q, got)).toBe(false);
        expect(ids(await receive())).toEqual(['m-1', 'm-2']);
      });

      it('gives it back after a delay, whole milliseconds or not', async () => {
        await send('m-1', 'm-2');
        await queue.release(Q, await one(), 1000.5);
        expect(ids(await receive())).toEqual(['m-2']);
        clock.advance(1000);
        expect(await receive()).toEqual([]);
        clock.advance(1);
        expect(await one()).toMatchObject({ id: 'm-1', receives: 2 });
      });
    });

    describe('turns of groups', () => {
      it('delivers first sent first inside a group', async () => {
        await send('m-3', 'm-1');
        await send('m-2');
        expect(ids(await receive(2))).toEqual(['m-3', 'm-1']);
        expect(ids(await receive())).toEqual(['m-2']);
      });

      it('takes the next message from another group where there is one', async () => {
        const big = Array.from({ length: 3000 }, (_, i) => message(`big-${i}`, 'giant'));
        await queue.send(Q, big);
        const first = await receive(2);
        await queue.send(Q, [message('small-1', 'small'), message('small-2', 'small'), message('tiny-1', 'aaa')]);
        expect(first.map(({ group }) => group)).toEqual(['giant', 'giant']);
        const next = await receive(6);
        expect(
          next
            .map(({ group }) => group)
            .slice(0, 3)
            .sort(),
        ).toEqual(['aaa', 'giant', 'small']);
        expect(next.filter(({ group }) => group === 'small')).toHaveLength(2);
        for (const [i, { group }] of next.slice(0, 5).entries()) expect(next[i - 1]?.group).not.toBe(group);
      });

      it('keeps the turns over single receives', async () => {
        await queue.send(
          Q,
          ['a1', 'a2', 'a3'].map((id) => message(id, 'a')),
        );
        await queue.send(
          Q,
          ['b1', 'b2'].map((id) => message(id, 'b')),
        );
        const order: string[] = [];
        for (let i = 0; i < 5; i++) order.push((await one()).group);
        expect(order.slice(0, 4).sort()).toEqual(['a', 'a', 'b', 'b']);
        expect(order[0]).not.toBe(order[1]);
        expect(order[1]).not.toBe(order[2]);
        expect(order[4]).toBe('a');
      });
    });

    describe('dead letters', () => {
      const exhaust = async (): Promise<void> => {
        for (let i = 1; i <= 3; i++) {
          const got = await one();
          expect(got.receives).toBe(i);
          await queue.release(Q, got, 0);
        }
      };

      it('sets a message aside after its last delivery, and goes on with the next', async () => {
        await send('poison');
        await exhaust();
        await send('good');
        expect(ids(await receive())).toEqual(['good']);
        expect(await queue.depth(Q)).toMatchObject({ waiting: 0, leased: 1, dead: 1 });
        clock.advance(LEASE_MS * 10);
        expect(ids(await receive())).toEqual(['good']);
      });

      it('counts deliveries that were never released, too', async () => {
        await send('poison');
        for (let i = 1; i <= 3; i++) {
          await one();
          clock.advance(LEASE_MS);
        }
        expect(await receive()).toEqual([]);
        expect((await queue.depth(Q)).dead).toBe(1);
      });

      it('lets the last delivery finish its work', async () => {
        await send('m-1');
        for (let i = 1; i <= 2; i++) await queue.release(Q, await one(), 0);
        const last = await one();
        expect(await queue.extend(Q, last, LEASE_MS)).toBe(true);
        expect(await queue.ack(Q, last)).toBe(true);
        expect(await queue.depth(Q)).toEqual({ waiting: 0, leased: 0, dead: 0, oldestMs: 0 });
      });

      it('makes all of one queue wait again on redrive', async () => {
        await send('poison');
        await exhaust();
        expect(await receive()).toEqual([]);
        expect(await queue.redrive('other')).toBe(0);
        expect(await queue.redrive(Q)).toBe(1);
        expect(await queue.redrive(Q)).toBe(0);
        expect(await one()).toMatchObject({ id: 'poison', receives: 1, body: 'body of poison' });
      });
    });

    describe('waiting', () => {
      it('ends when a message is sent', async () => {
        const waiting = receive(1, 60_000);
        await until(() => clock.sleeping === 1);
        await send('m-1');
        expect(ids(await waiting)).toEqual(['m-1']);
        expect(clock.sleeping).toBe(0);
      });

      it('ends when a message is given back or redriven', async () => {
        await send('m-1');
        const got = await one();
        const waiting = receive(1, 60_000);
        await until(() => clock.sleeping === 1);
        await queue.release(Q, got, 0);
        expect(ids(await waiting)).toEqual(['m-1']);
      });

      it('finds a lease that runs out meanwhile', async () => {
        await send('m-1');
        await one();
        const waiting = receive(1, LEASE_MS * 2);
        for (let passed = 0; passed <= LEASE_MS; passed += 500) {
          await until(() => clock.sleeping === 1);
          clock.advance(500);
          if (passed + 500 >= LEASE_MS) break;
        }
        expect(ids(await waiting)).toEqual(['m-1']);
      });

      it('ends empty when the time is over', async () => {
        let ended = false;
        const waiting = receive(1, 1200).then((got) => {
          ended = true;
          return got;
        });
        for (const step of [500, 500, 199]) {
          await until(() => clock.sleeping === 1);
          clock.advance(step);
        }
        await until(() => clock.sleeping === 1);
        expect(ended).toBe(false);
        clock.advance(1);
        expect(await waiting).toEqual([]);
      });

      it('ends early and empty when the signal aborts, before or meanwhile', async () => {
        await send('m-1');
        const before = AbortSignal.abort();
        expect(await queue.receive(Q, { max: 1, waitMs: 1000, leaseMs: 1, signal: before })).toEqual([]);
        await queue.ack(Q, await one());
        const control = new AbortController();
        const waiting = queue.receive(Q, { max: 1, waitMs: 60_000, leaseMs: 1, signal: control.signal });
        await until(() => clock.sleeping === 1);
        control.abort();
        expect(await waiting).toEqual([]);
        expect(clock.sleeping).toBe(0);
      });
    });

    describe('depth', () => {
      it('counts what waits, is leased and is dead, and the age of the oldest that waits', async () => {
        expect(await queue.depth(Q)).toEqual({ waiting: 0, leased: 0, dead: 0, oldestMs: 0 });
        await send('m-1');
        clock.advance(1000);
        await send('m-2', 'm-3');
        clock.advance(500);
        expect(await queue.depth(Q)).toEqual({ waiting: 3, leased: 0, dead: 0, oldestMs: 1500 });
        await one();
        expect(await queue.depth(Q)).toEqual({ waiting: 2, leased: 1, dead: 0, oldestMs: 500 });
        clock.advance(LEASE_MS);
        expect(await queue.depth(Q)).toMatchObject({ waiting: 3, leased: 0, oldestMs: 1500 + LEASE_MS });
      });

      it('has no negative age when the wall clock was set back', async () => {
        await send('m-1');
        clock.setWall(clock.nowMs() - 3_600_000);
        expect((await queue.depth(Q)).oldestMs).toBe(0);
      });
    });

    it('delivers everything once to whoever acknowledges, under any mix of calls', async () => {
      const step = fc.constantFrom('send', 'receive', 'ack', 'release', 'expire', 'resend');
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const name = `p-${run++}`;
          const model = { sent: 0, open: new Set<string>(), held: [] as ReceivedMessage[] };
          for (const kind of steps) await play(queue, clock, name, kind, model);
          // What was not acknowledged is still there, dead or alive, and nothing else is.
          const left = new Set<string>();
          for (;;) {
            clock.advance(LEASE_MS);
            await queue.redrive(name);
            const got = await queue.receive(name, { max: 50, waitMs: 0, leaseMs: LEASE_MS });
            for (const one of got) {
              left.add(one.id);
              await queue.ack(name, one);
            }
            if (got.length === 0) break;
          }
          expect([...left].sort()).toEqual([...model.open].sort());
        }),
        { numRuns: 40, seed: 815 },
      );
    });
  });
}

interface Model {
  sent: number;
  readonly open: Set<string>;
  readonly held: ReceivedMessage[];
}

async function play(queue: WorkQueue, clock: FakeClock, name: string, kind: string, model: Model): Promise<void> {
  if (kind === 'send') {
    const id = `m-${model.sent++}`;
    model.open.add(id);
    await queue.send(name, [{ id, group: `g-${model.sent % 3}`, body: '' }]);
  } else if (kind === 'resend') {
    const [id] = model.open;
    if (id !== undefined) await queue.send(name, [{ id, group: 'other', body: 'other' }]);
  } else if (kind === 'receive') {
    model.held.push(...(await queue.receive(name, { max: 2, waitMs: 0, leaseMs: LEASE_MS })));
  } else if (kind === 'expire') {
    clock.advance(LEASE_MS);
  } else {
    const held = model.held.shift();
    if (held === undefined) return;
    if (kind === 'release') await queue.release(name, held, 0);
    else if (await queue.ack(name, held)) model.open.delete(held.id);
  }
}
