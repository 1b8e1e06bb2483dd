/** The engine's consumer over SQS: heartbeats, lost leases, repeated work, and a stop in the middle of a long poll. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { silentTelemetry } from '../../../../src/core/telemetry.ts';
import { Consumer, DONE, type Handler } from '../../../../src/engine/consumer.ts';
import type { WorkQueue } from '../../../../src/io/ports/queue.ts';
import { until } from '../../../contract/support.ts';
import { madeWorkQueues, openedQueue, sqsClient } from '../../../support/aws/queues.ts';
import { type AwsServer, serviceServers } from '../../../support/aws/servers.ts';

const OPTIONS = {
  queue: 'work',
  slots: 4,
  leaseMs: 2000,
  heartbeatMs: 250,
  pollMsMax: 1000,
  retryMsMin: 10,
  retryMsMax: 20,
};

describe.each(serviceServers())('a consumer over SQS of $name', (kind) => {
  let server: AwsServer;
  let open: () => WorkQueue;
  const consumers: Consumer[] = [];

  beforeAll(async () => {
    server = await kind.start();
  });

  afterAll(async () => {
    await server?.close();
  });

  beforeEach(async () => {
    const client = sqsClient(server);
    const queues = await madeWorkQueues(client, `t${randomBytes(6).toString('hex')}`, 10);
    open = () => openedQueue(client, queues).queue;
  });

  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.stop(0)));
  });

  function started(queue: WorkQueue, handler: Handler): Consumer {
    const deps = { queue, clock: systemClock, telemetry: silentTelemetry, randomUnit: () => 0.5 };
    const consumer = new Consumer(OPTIONS, deps, handler);
    consumers.push(consumer);
    consumer.start();
    return consumer;
  }

  const sendOne = (id = 'm-1'): Promise<void> => open().send('work', [{ id, group: 'acme', body: id }]);
  const empty = async (): Promise<void> => {
    for (;;) {
      const { waiting, leased, dead } = await open().depth('work');
      if (waiting + leased + dead === 0) return;
      await systemClock.sleep(50);
    }
  };

  it('keeps work that takes longer than a lease to itself, and acknowledges it once', async () => {
    let begun = 0;
    const slow: Handler = async () => {
      begun += 1;
      await systemClock.sleep(5000);
      return DONE;
    };
    started(open(), slow);
    started(open(), slow);
    await sendOne();
    await empty();
    expect(begun).toBe(1);
  });

  // fault 13
  it('aborts work whose lease is lost, and leaves the message to the other who has it', async () => {
    const first = open();
    // It gets one message; then its network is away: neither polls nor renewals come through.
    let polls = 0;
    const cut: WorkQueue = Object.assign(Object.create(first) as WorkQueue, {
      receive: async (...asked: Parameters<WorkQueue['receive']>) => {
        polls += 1;
        if (polls > 1) throw new Error('no way out');
        return await first.receive(...asked);
      },
      ack: first.ack.bind(first),
      release: first.release.bind(first),
      extend: async () => {
        throw new Error('no way out');
      },
    });
    let aborted = false;
    await sendOne();
    const hanging = started(cut, async (_message, signal) => {
      await new Promise((over) => signal.addEventListener('abort', over));
      aborted = true;
      // What a lost worker says any more is not heard.
      await systemClock.sleep(2500);
      return DONE;
    });
    await until(() => hanging.busy === 1);
    const receives: number[] = [];
    started(open(), async (message) => {
      receives.push(message.receives);
      return DONE;
    });
    await empty();
    expect([aborted, receives]).toEqual([true, [2]]);
  });

  it('does work again that failed, and work that was asked for twice', async () => {
    const receives: number[] = [];
    await sendOne();
    await sendOne();
    started(open(), async (message) => {
      receives.push(message.receives);
      if (message.receives === 1) return { done: false, retryMs: 300 };
      if (message.receives === 2) throw new Error('the registry is away');
      return DONE;
    });
    await empty();
    expect(receives.sort()).toEqual([1, 1, 2, 2, 3, 3]);
  });

  // fault 29
  it('gives back what it has when it is stopped, and takes nothing that a poll brings then', async () => {
    const consumer = started(open(), async (_message, signal) => {
      await new Promise((over) => signal.addEventListener('abort', over));
      return { done: false, retryMs: 0 };
    });
    await sendOne('m-1');
    await until(() => consumer.busy === 1);
    const stopping = consumer.stop(0);
    await sendOne('m-2');
    await stopping;
    expect(consumer.busy).toBe(0);
    const done = new Set<string>();
    started(open(), async ({ id }) => {
      done.add(id);
      return DONE;
    });
    await empty();
    expect([...done].sort()).toEqual(['m-1', 'm-2']);
  });
});
