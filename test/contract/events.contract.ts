/** The contract of the publishers of events (src/io/ports/events.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EVENT_BYTES_MAX, type EventPublisher, type OutgoingEvent } from '../../src/io/ports/events.ts';
import { faultCode } from './support.ts';

export interface EventsFixture {
  readonly publisher: EventPublisher;
  /** What a listener got by now, or gets soon when fewer than `count` came yet: the details, with id, client and type. */
  heard(count: number): Promise<HeardEvent[]>;
  dispose(): Promise<void>;
}

export interface HeardEvent {
  readonly id: string;
  readonly type: string;
  readonly client: string;
  readonly at: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export function event(id: string, change: Partial<OutgoingEvent> = {}): OutgoingEvent {
  const detail = { batch: 'b-1', state: 'completed', lines: { total: 3 } };
  return { id, type: 'batch.completed', client: 'acme', atMs: Date.UTC(2026, 0, 15, 12, 0, 0, 250), detail, ...change };
}

export function describeEvents(name: string, make: () => Promise<EventsFixture>): void {
  describe(`events: ${name}`, () => {
    let fixture: EventsFixture;
    let publisher: EventPublisher;

    beforeEach(async () => {
      fixture = await make();
      publisher = fixture.publisher;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    it('tells an event as it is, with its id', async () => {
      const detail = {
        batch: 'b-1',
        note: 'São Paulo «ok» "quoted"',
        lines: { total: 3, rejected: 0 },
        list: [1, null],
      };
      await publisher.publish([event('b-1/completed', { detail })]);
      expect(await fixture.heard(1)).toEqual([
        { id: 'b-1/completed', type: 'batch.completed', client: 'acme', at: '2026-01-15T12:00:00.250Z', detail },
      ]);
    });

    it('tells any number of events, each', async () => {
      const ids = Array.from({ length: 33 }, (_, i) => `b-${i}.completed`);
      await publisher.publish(ids.map((id) => event(id)));
      expect(new Set((await fixture.heard(33)).map(({ id }) => id))).toEqual(new Set(ids));
    });

    it('tells large events, however many go at once', async () => {
      const note = 'é'.repeat(50_000);
      await publisher.publish(Array.from({ length: 5 }, (_, i) => event(`n-${i}`, { detail: { note } })));
      const heard = await fixture.heard(5);
      expect(heard.map(({ detail }) => String(detail['note']).length)).toEqual([
        50_000, 50_000, 50_000, 50_000, 50_000,
      ]);
    });

    it('has nothing to do for no events', async () => {
      await publisher.publish([]);
    });

    it('refuses an event that is too large', async () => {
      const note = 'x'.repeat(EVENT_BYTES_MAX);
      expect(await faultCode(publisher.publish([event('n-1', { detail: { note } })]))).toBe('NOTICE_REFUSED');
    });

    it('takes an event again', async () => {
      await publisher.publish([event('n-1')]);
      await publisher.publish([event('n-1')]);
      expect(new Set((await fixture.heard(1)).map(({ id }) => id))).toEqual(new Set(['n-1']));
    });
  });
}
