/** The consumer, on a clock that only the test moves, over the queue in memory and over one that fails on purpose. */
import { afterEach, describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/faults.ts';
import type { TelemetryEvent } from '../../src/core/telemetry.ts';
import { Consumer, type ConsumerOptions, DONE, type Handler, type Verdict } from '../../src/engine/consumer.ts';
import type { ReceivedMessage, WorkQueue } from '../../src/io/ports/queue.ts';
import { FakeClock, settled } from '../support/clock.ts';
import { MemoryQueue } from '../support/memoryQueue.ts';

const Q = 'work';
const OPTIONS: ConsumerOptions = {
  queue: Q,
  slots: 2,
  leaseMs: 3000,
  heartbeatMs: 1000,
  pollMsMax: 500,
  retryMsMin: 200,
  retryMsMax: 5000,
};

/** A handler whose ends the test decides, message by message. */
class Hands {
  readonly begun: string[] = [];
  readonly signals = new Map<string, AbortSignal>();
  most = 0;
  readonly #inHand: { readonly id: string; ok(verdict: Verdict): void; fail(error: unknown): void }[] = [];

  readonly handler: Handler = (message, signal) => {
    this.begun.push(message.id);
    this.signals.set(message.id, signal);
    return new Promise<Verdict>((ok, fail) => {
      this.#inHand.push({ id: message.id, ok, fail });
      this.most = Math.max(this.most, this.#inHand.length);
    });
  };

  end(id: string, verdict: Verdict = DONE): void {
    this.#take(id)?.ok(verdict);
  }

  fail(id: string, error: unknown): void {
    this.#take(id)?.fail(error);
  }

  endAll(): void {
    for (const one of this.#inHand.splice(0)) one.ok(DONE);
  }

  /** The earliest of that id that is in hand. */
  #take(id: string) {
    const index = this.#inHand.findIndex((one) => one.id === id);
    return index < 0 ? undefined : this.#inHand.splice(index, 1)[0];
  }
}

class Bench {
  readonly clock = new FakeClock();
  readonly queue = new MemoryQueue(this.clock);
  readonly events: TelemetryEvent[] = [];
  readonly hands = new Hands();
  /** What reached the queue, in order. */
  readonly calls: string[] = [];
  consumer: Consumer;

  constructor(options: Partial<ConsumerOptions> = {}, change: Partial<WorkQueue> = {}) {
    const { queue, calls } = this;
    const watched: WorkQueue = {
      send: (...args) => queue.send(...args),
      receive: (...args) => queue.receive(...args),
      depth: (name) => queue.depth(name),
      redrive: (name) => queue.redrive(name),
      extend: (name, message, leaseMs) => {
        calls.push(`extend ${message.id}`);
        return queue.extend(name, message, leaseMs);
      },
      ack: (name, message) => {
        calls.push(`ack ${message.id}`);
        return queue.ack(name, message);
      },
      release: (name, message, delayMs) => {
        calls.push(`release ${message.id} ${delayMs}`);
        return queue.release(name, message, delayMs);
      },
      ...change,
    };
    const deps = {
      queue: watched,
      clock: this.clock,
      telemetry: { emit: (event: TelemetryEvent) => void this.events.push(event) },
      randomUnit: () => 0.5,
    };
    this.consumer = new Consumer({ ...OPTIONS, ...options }, deps, this.hands.handler);
  }

  async send(...ids: string[]): Promise<void> {
    await this.queue.send(
      Q,
      ids.map((id) => ({ id, group: 'acme', body: id })),
    );
  }

  async start(...ids: string[]): Promise<void> {
    await this.send(...ids);
    this.consumer.start();
    await settled();
  }
}

let bench: Bench | undefined;

afterEach(async () => {
  // Whatever a test left in hand ends here, so that no consumer outlives it.
  const stopped = bench?.consumer.stop(0);
  bench?.hands.endAll();
  await bench?.clock.advance(10_000);
  await stopped;
  bench = undefined;
});

function make(options: Partial<ConsumerOptions> = {}, change: Partial<WorkQueue> = {}): Bench {
  bench = new Bench(options, change);
  return bench;
}

describe('a consumer', () => {
  it('acknowledges a message after its effect, not before', async () => {
    const { hands, calls, queue, start } = bind(make());
    await start('m-1');
    expect(hands.begun).toEqual(['m-1']);
    expect(calls).toEqual([]);
    hands.end('m-1');
    await settled();
    expect(calls).toEqual(['ack m-1']);
    expect(queue.ids(Q)).toEqual([]);
  });

  it('gives a message back with the delay its handler asks for', async () => {
    const { hands, calls, clock, start } = bind(make());
    await start('m-1');
    hands.end('m-1', { done: false, retryMs: 700 });
    await settled();
    expect(calls).toEqual(['release m-1 700']);
    await clock.advance(699);
    expect(hands.begun).toEqual(['m-1']);
    await clock.advance(600);
    expect(hands.begun).toEqual(['m-1', 'm-1']);
  });

  it('gives it back, later each time, where the handler itself fails, and goes on', async () => {
    const { hands, calls, clock, events, start } = bind(make());
    await start('m-1');
    hands.fail('m-1', new Error('the registry is away'));
    await settled();
    await clock.advance(1000);
    hands.fail('m-1', new Error('still away'));
    await settled();
    expect(calls).toEqual(['release m-1 300', 'release m-1 500']);
    expect(events.map((event) => event.name)).toEqual(['consumer.handler_failed', 'consumer.handler_failed']);
    await clock.advance(1000);
    hands.end('m-1');
    await settled();
    expect(calls.at(-1)).toBe('ack m-1');
  });

  // fault 15
  it('goes on where the acknowledgement fails: the message comes again when its lease has run out', async () => {
    const { hands, clock, events, start } = bind(make({}, { ack: () => Promise.reject(new Error('no answer')) }));
    await start('m-1');
    hands.end('m-1');
    await settled();
    expect(events.map((event) => event.name)).toEqual(['consumer.settle_failed']);
    await clock.advance(OPTIONS.leaseMs + OPTIONS.pollMsMax);
    expect(hands.begun).toEqual(['m-1', 'm-1']);
  });
});

describe('its slots', () => {
  it('are never exceeded, and each is filled as soon as it is free', async () => {
    const { hands, consumer, start } = bind(make({ slots: 3 }));
    await start('a', 'b', 'c', 'd', 'e', 'f');
    expect(hands.begun).toEqual(['a', 'b', 'c']);
    expect(consumer.busy).toBe(3);
    hands.end('b');
    await settled();
    expect(hands.begun).toEqual(['a', 'b', 'c', 'd']);
    for (const id of ['a', 'c', 'd']) hands.end(id);
    await settled();
    expect(hands.begun).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(hands.most).toBe(3);
  });

  it('leave what could not start at once to others', async () => {
    const { queue, clock, start } = bind(make({ slots: 1 }));
    await start('a', 'b');
    const others = await queue.receive(Q, { max: 9, waitMs: 0, leaseMs: 1000 });
    expect(others.map((message) => message.id)).toEqual(['b']);
    await clock.advance(0);
  });
});

describe('its heartbeat', () => {
  it('keeps a message for as long as the work takes', async () => {
    const { hands, calls, clock, queue, start } = bind(make());
    await start('m-1');
    await clock.advance(10 * OPTIONS.leaseMs);
    expect(calls.length).toBe(30);
    expect(await queue.receive(Q, { max: 1, waitMs: 0, leaseMs: 1 })).toEqual([]);
    hands.end('m-1');
    await settled();
    expect(calls.at(-1)).toBe('ack m-1');
    await clock.advance(10 * OPTIONS.leaseMs);
    expect(calls.length).toBe(31);
  });

  // faults 13, 14
  it('stops the work where the lease was lost, and acknowledges nothing', async () => {
    const { hands, calls, clock, events, start } = bind(make({}, { extend: async () => false }));
    await start('m-1');
    await clock.advance(OPTIONS.heartbeatMs);
    expect(hands.signals.get('m-1')?.aborted).toBe(true);
    expect(events.map((event) => event.name)).toEqual(['consumer.lease_lost']);
    hands.end('m-1');
    await settled();
    expect(calls).toEqual(['release m-1 0']);
  });

  it('harms no other receiver when work ends after its lease went to one', async () => {
    const { hands, clock, queue, start } = bind(make({ slots: 1 }, { extend: async () => false }));
    await start('m-1');
    await clock.advance(OPTIONS.leaseMs);
    const [other] = await queue.receive(Q, { max: 1, waitMs: 0, leaseMs: 60_000 });
    expect(other?.receives).toBe(2);
    hands.end('m-1');
    await settled();
    expect(await queue.extend(Q, other as ReceivedMessage, 60_000)).toBe(true);
    expect(hands.begun).toEqual(['m-1']);
  });

  // fault 14
  it('bears failures while the lease holds, and stops the work before it has run out', async () => {
    let failing = true;
    const { hands, clock, events, queue, start } = bind(
      make(
        {},
        {
          extend: (name, message, leaseMs) =>
            failing ? Promise.reject(new Error('away')) : queueOf().extend(name, message, leaseMs),
        },
      ),
    );
    const queueOf = (): MemoryQueue => queue;
    await start('m-1');
    await clock.advance(OPTIONS.heartbeatMs);
    expect(hands.signals.get('m-1')?.aborted).toBe(false);
    failing = false;
    await clock.advance(OPTIONS.heartbeatMs);
    failing = true;
    await clock.advance(OPTIONS.heartbeatMs);
    expect(hands.signals.get('m-1')?.aborted).toBe(false);
    await clock.advance(OPTIONS.heartbeatMs);
    expect(hands.signals.get('m-1')?.aborted).toBe(true);
    expect(events.map((event) => event.name)).toEqual(Array(3).fill('consumer.heartbeat_failed'));
  });

  // fault 14
  it('stops the work before its lease has run out where the answer to a renewal never comes', async () => {
    const never = new Promise<boolean>(() => {});
    const { hands, clock, start } = bind(make({ slots: 1 }, { extend: () => never }));
    await start('m-1');
    await clock.advance(OPTIONS.leaseMs);
    expect(hands.signals.get('m-1')?.aborted).toBe(true);
    hands.end('m-1');
    await clock.advance(OPTIONS.leaseMs);
    expect(bench?.calls).toEqual(['release m-1 0']);
  });
});

describe('receiving', () => {
  it('that fails is reported, and tried again later and later', async () => {
    let failing = 3;
    const tries: number[] = [];
    const { hands, clock, events, queue, start } = bind(
      make(
        {},
        {
          receive: (name, options) => {
            tries.push(clock0().monotonicMs());
            failing -= 1;
            return failing >= 0 ? Promise.reject(new Error('away')) : queue0().receive(name, options);
          },
        },
      ),
    );
    const clock0 = (): FakeClock => clock;
    const queue0 = (): MemoryQueue => queue;
    await start('m-1');
    await clock.advance(5000);
    expect(tries.slice(1, 4).map((at, i) => at - (tries[i] ?? 0))).toEqual([300, 500, 900]);
    expect(hands.begun).toEqual(['m-1']);
    expect(events.map((event) => event.name)).toEqual(Array(3).fill('consumer.receive_failed'));
  });
});

describe('stopping', () => {
  it('ends the long poll and receives nothing more', async () => {
    const { hands, consumer, send, start } = bind(make({ pollMsMax: 20_000 }));
    await start();
    await consumer.stop(1000);
    await send('m-1');
    await settled();
    expect(hands.begun).toEqual([]);
  });

  it('takes what a receive that was under way still brought', async () => {
    let answer: (messages: ReceivedMessage[]) => void = () => {};
    const { hands, calls, consumer, start } = bind(make({}, { receive: () => new Promise((go) => (answer = go)) }));
    await start();
    const stopped = consumer.stop(1000);
    answer([{ id: 'm-1', group: 'acme', body: '', receipt: 'r', receives: 1 }]);
    await settled();
    hands.end('m-1');
    await stopped;
    expect(calls).toEqual(['ack m-1']);
  });

  it('drains beside the last long poll, and aborts what that still brings after the deadline', async () => {
    let answer: (messages: ReceivedMessage[]) => void = () => {};
    const poll = (): Promise<ReceivedMessage[]> => new Promise((go) => (answer = go));
    const { hands, calls, clock, consumer, start } = bind(make({ slots: 2 }, { receive: poll }));
    const message = (id: string): ReceivedMessage => ({ id, group: 'acme', body: '', receipt: id, receives: 1 });
    await start();
    answer([message('m-1')]);
    await settled();
    const stopped = consumer.stop(1000);
    await clock.advance(1000);
    expect(hands.signals.get('m-1')?.aborted).toBe(true);
    answer([message('m-2')]);
    await settled();
    expect(hands.signals.get('m-2')?.aborted).toBe(true);
    hands.endAll();
    await stopped;
    expect(calls.filter((call) => !call.startsWith('extend'))).toEqual(['release m-1 0', 'release m-2 0']);
    expect(clock.sleeping).toBe(0);
  });

  it('waits for what is in hand', async () => {
    const { hands, calls, clock, consumer, start } = bind(make());
    await start('m-1', 'm-2');
    let stopped = false;
    const stop = consumer.stop(60_000).then(() => {
      stopped = true;
    });
    await clock.advance(30_000);
    expect([stopped, hands.signals.get('m-1')?.aborted]).toEqual([false, false]);
    hands.end('m-1');
    await settled();
    expect(stopped).toBe(false);
    hands.end('m-2');
    await stop;
    expect(calls.filter((call) => call.startsWith('ack'))).toEqual(['ack m-1', 'ack m-2']);
    expect(clock.sleeping).toBe(0);
  });

  it('aborts at the deadline what is still in hand, and gives it back', async () => {
    const { hands, calls, clock, consumer, start } = bind(make());
    await start('m-1', 'm-2');
    const stop = consumer.stop(2500);
    await clock.advance(2499);
    expect(hands.signals.get('m-1')?.aborted).toBe(false);
    await clock.advance(1);
    expect(hands.signals.get('m-1')?.aborted).toBe(true);
    hands.fail('m-1', new Fault('LEASE_LOST'));
    hands.end('m-2', { done: false, retryMs: 250 });
    await stop;
    expect(calls.filter((call) => !call.startsWith('extend'))).toEqual(['release m-1 0', 'release m-2 0']);
    expect(clock.sleeping).toBe(0);
  });

  it('wakes a consumer whose slots are all taken', async () => {
    const { hands, consumer, start } = bind(make({ slots: 1 }));
    await start('m-1', 'm-2');
    const stop = consumer.stop(1000);
    hands.end('m-1');
    await stop;
    expect(hands.begun).toEqual(['m-1']);
  });

  it('is done at once where nothing was ever started', async () => {
    await make().consumer.stop(1000);
    expect(bench?.clock.sleeping).toBe(0);
  });
});

/** A bench whose methods can be taken apart. */
function bind(made: Bench) {
  const { clock, queue, events, hands, calls, consumer } = made;
  return { clock, queue, events, hands, calls, consumer, start: made.start.bind(made), send: made.send.bind(made) };
}
