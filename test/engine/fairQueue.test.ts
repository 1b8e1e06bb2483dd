/** The order in which clients are served, against a slow and obvious model of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../src/engine/fairQueue.ts';

describe('what waits for a thread', () => {
  it('goes by client, the one served longest ago first, and within a client by its coming', () => {
    const queue = new FairQueue<string>();
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) queue.push(item[0] as string, item);
    const order: string[] = [];
    for (let item = queue.take(); item !== undefined; item = queue.take()) order.push(item);
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
    // A newcomer goes before all of them; then who was served longest ago.
    for (const item of ['a4', 'b3', 'd1', 'c2']) queue.push(item[0] as string, item);
    expect([queue.take(), queue.take(), queue.take(), queue.take(), queue.take()]).toEqual([
      'd1',
      'c2',
      'b3',
      'a4',
      undefined,
    ]);
  });

  it('is given once or removed, never past one that waits longer than its client’s last service', () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('push' as const), client: fc.constantFrom('a', 'b', 'c'), short: fc.boolean() }),
      fc.record({ do: fc.constant('take' as const), short: fc.boolean() }),
      fc.record({ do: fc.constant('remove' as const), at: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new FairQueue<{ readonly client: string; readonly short: boolean }>();
        const waiting: { readonly client: string; readonly short: boolean }[] = [];
        const served: string[] = [];
        for (const one of steps) {
          if (one.do === 'push') {
            const item = { client: one.client, short: one.short };
            waiting.push(item);
            queue.push(item.client, item);
          } else if (one.do === 'take') {
            const may = waiting.filter((item) => item.short || !one.short);
            const longestAgo = Math.min(...may.map((item) => served.lastIndexOf(item.client)));
            const wanted = may.find((item) => served.lastIndexOf(item.client) === longestAgo);
            expect(queue.take((item) => item.short || !one.short)).toBe(wanted);
            if (wanted === undefined) continue;
            waiting.splice(waiting.indexOf(wanted), 1);
            served.push(wanted.client);
          } else if (one.at < waiting.length) queue.remove(waiting.splice(one.at, 1)[0] as (typeof waiting)[0]);
          expect(queue.size).toBe(waiting.length);
        }
      }),
      { seed: 20260811, numRuns: 300 },
    );
  });
});
