/**
 * What every driver of the work queues keeps (src/io/ports/queue.ts), in real time, for services whose clock no test can
 * move. Leases are of whole seconds. The suite of what the embedded driver promises beyond is queue.contract.ts.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutgoingMessage, ReceivedMessage, WorkQueue } from '../../src/io/ports/queue.ts';

/** Has the queues `work` and `other`, empty, and sets messages aside after three deliveries. */
export interface WorkQueueFixture {
  readonly queue: WorkQueue;
  /** Another driver over the same queues, as another process would have it. */
  another(): WorkQueue;
  dispose(): Promise<void>;
}

const Q = 'work';
const LONG_MS = 60_000;
const SHORT_MS = 1000;

export function describeWorkQueue(name: string, make: () => Promise<WorkQueueFixture>): void {
  describe(`work queue: ${name}`, () => {
    let fixture: WorkQueueFixture;
    let queue: WorkQueue;

    beforeEach(async () => {
      fixture = await make();
      queue = fixture.queue;
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
    const receive = (max = 10, waitMs = 0, leaseMs = LONG_MS, from = queue): Promise<ReceivedMessage[]> =>
      from.receive(Q, { max, waitMs, leaseMs });
    const one = async (leaseMs = LONG_MS, from = queue): Promise<ReceivedMessage> => {
      const [first] = await receive(1, 10_000, leaseMs, from);
      if (first === undefined) throw new Error('a message was expected');
      return first;
    };
    const ids = (messages: readonly ReceivedMessage[]): string[] => messages.map(({ id }) => id).sort();
    /** Receives until `count` have come: a receive may give fewer than there are. */
    const all = async (count: number, max = 10): Promise<ReceivedMessage[]> => {
      const got: ReceivedMessage[] = [];
      while (got.length < count) {
        const some = await receive(max, 5000);
        if (some.length === 0) throw new Error(`${got.length} of ${count} messages came`);
        got.push(...some);
      }
      return got;
    };

    it('delivers what was sent, as it was sent, until it is acknowledged', async () => {
      const body = JSON.stringify({ says: '«ação»\n\t"&<>' });
      await queue.send(Q, [message('b-1/range/7', 'acme', body)]);
      const got = await one(SHORT_MS);
      expect(got).toMatchObject({ id: 'b-1/range/7', group: 'acme', body, receives: 1 });
      expect(await queue.ack(Q, got)).toBe(true);
      expect(await receive(10, 2000)).toEqual([]);
      expect(await queue.depth(Q)).toMatchObject({ waiting: 0, leased: 0, dead: 0 });
    });

    it('takes groups that are no plain names, and any number of messages at once', async () => {
      const groups = ['acme', 'ação e filhos', `g${'x'.repeat(200)}`];
      const sent = Array.from({ length: 57 }, (_, i) => message(`m-${i}`, groups[i % 3]));
      await queue.send(Q, sent);
      await queue.send(Q, []);
      const got = await all(57);
      expect(ids(got)).toEqual(sent.map(({ id }) => id).sort());
      for (const { id, group } of got) expect(group).toBe(groups[Number(id.slice(2)) % 3]);
      expect(await Promise.all(got.map((each) => queue.ack(Q, each)))).toEqual(got.map(() => true));
      expect(await queue.depth(Q)).toMatchObject({ waiting: 0, leased: 0 });
    });

    it('delivers an id again that was acknowledged and sent anew', async () => {
      await send('m-1');
      const old = await one();
      await queue.ack(Q, old);
      await send('m-1');
      expect(await queue.ack(Q, old)).toBe(false);
      expect(await one()).toMatchObject({ id: 'm-1', receives: 1 });
      expect(await queue.extend(Q, old, LONG_MS)).toBe(false);
    });

    it('keeps queues apart', async () => {
      await queue.send('other', [message('m-1')]);
      expect(await receive()).toEqual([]);
      expect(await queue.depth(Q)).toMatchObject({ waiting: 0 });
      expect(await queue.depth('other')).toMatchObject({ waiting: 1, leased: 0, dead: 0 });
    });

    it('gives a leased message to nobody else before the lease has run out, then to anyone', async () => {
      await send('m-1');
      await one(2000);
      expect(await receive(10, 0, LONG_MS, fixture.another())).toEqual([]);
      expect(await one(LONG_MS, fixture.another())).toMatchObject({ id: 'm-1', receives: 2 });
    });

    it('renews a lease', async () => {
      await send('m-1');
      const got = await one(2000);
      expect(await queue.extend(Q, got, LONG_MS)).toBe(true);
      expect(await receive(10, 3000)).toEqual([]);
      expect(await queue.ack(Q, got)).toBe(true);
    });

    it('voids a lease that ran out once another receiver holds the message', async () => {
      await send('m-1');
      const late = await one(SHORT_MS);
      const other = fixture.another();
      const now = await one(LONG_MS, other);
      expect([await queue.extend(Q, late, LONG_MS), await queue.ack(Q, late)]).toEqual([false, false]);
      await queue.release(Q, late, 0);
      expect(await receive(10, 1000)).toEqual([]);
      expect(await other.extend(Q, now, LONG_MS)).toBe(true);
      expect([await other.ack(Q, now), await other.ack(Q, now)]).toEqual([true, false]);
      expect(await queue.depth(Q)).toMatchObject({ waiting: 0, leased: 0 });
    });

    it('never leases a message twice, however many receive at once', async () => {
      await send(...Array.from({ length: 40 }, (_, i) => `m-${i}`));
      const got = (await Promise.all(Array.from({ length: 8 }, () => receive(5, 2000)))).flat();
      expect(new Set(ids(got)).size).toBe(40);
      expect(new Set(got.map(({ receipt }) => receipt)).size).toBe(got.length);
    });

    it('gives a released message back at once, or after its delay', async () => {
      await send('m-1');
      const first = await one();
      await queue.release(Q, first, 0);
      expect(await queue.ack(Q, first)).toBe(false);
      const second = await one();
      expect(second.receives).toBe(2);
      await queue.release(Q, second, 1500.5);
      expect(await receive()).toEqual([]);
      expect(await one()).toMatchObject({ id: 'm-1', receives: 3 });
    });

    it('sets a message aside after its last delivery, until it is redriven', async () => {
      await send('poison');
      for (let i = 1; i <= 3; i++) {
        const got = await one();
        expect(got.receives).toBe(i);
        await queue.release(Q, got, 0);
      }
      expect(await receive(10, 1000)).toEqual([]);
      expect(await queue.depth(Q)).toMatchObject({ waiting: 0, leased: 0, dead: 1 });
      expect(await queue.redrive('other')).toBe(0);
      expect(await queue.redrive(Q)).toBe(1);
      expect(await queue.redrive(Q)).toBe(0);
      expect(await one()).toMatchObject({ id: 'poison', group: 'acme', body: 'body of poison' });
      expect(await queue.depth(Q)).toMatchObject({ leased: 1, dead: 0 });
    });

    it('ends a wait when a message is sent, and empty when the time is over', async () => {
      const waiting = one();
      await send('m-1');
      expect(await waiting).toMatchObject({ id: 'm-1' });
      expect(await receive(10, 1000)).toEqual([]);
    });

    it('gives nothing once the signal has aborted, and loses nothing by it', async () => {
      const control = new AbortController();
      const options = { max: 10, waitMs: 1000, leaseMs: LONG_MS };
      const waiting = queue.receive(Q, { ...options, signal: control.signal });
      control.abort();
      await send('m-1');
      expect(await waiting).toEqual([]);
      expect(await queue.receive(Q, { ...options, signal: control.signal })).toEqual([]);
      expect(await one(LONG_MS, fixture.another())).toMatchObject({ id: 'm-1' });
    });
  });
}
