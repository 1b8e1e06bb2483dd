/** The turn item of a client's line stays small, however many places batches have left between those of a run. */
import { describe, expect, it } from 'vitest';
import type { Batch, TurnItem } from '../../src/io/ports/registry.ts';
import { advanceLine } from '../../src/stages/line.ts';
import { fileOf } from '../support/files.ts';
import { World } from '../support/world.ts';

describe('a line that many batches have left', () => {
  it('ends a run where its item would hold too many spans; the next run takes the rest', async () => {
    const world = new World({ settings: { linePage: 400 } });
    const engine = world.process();
    const sample = world.stored(await world.accept(engine, fileOf({ ref: 'R-1' })));
    // A line that every second batch has left.
    const line = Array.from({ length: 1003 }, (_, i): Batch => {
      return { ...sample, id: `b-${i}`, number: 2 * i + 1, state: 'staged', small: true, owed: [] };
    });
    const taken: TurnItem[] = [];
    const registry = new Proxy(engine.registry, {
      get: (target, name) => {
        if (name === 'lineHead') {
          return async (_client: string, max: number, after = 0) =>
            line.filter(({ number }) => number > after).slice(0, max);
        }
        if (name !== 'takeTurns') return Reflect.get(target, name);
        return async (...[client, expected, next]: Parameters<typeof target.takeTurns>) => {
          taken.push(next);
          // As if all that took turns had been registered: they have left the line.
          line.splice(0, next.spans.length);
          return await target.takeTurns(client, expected, next);
        };
      },
    });
    await advanceLine({ ...engine, registry }, 'acme', 'b-other');
    expect(taken.map(({ turn, spans }) => [turn, spans.length])).toEqual([
      [1000, 1000],
      [1003, 3],
    ]);
    expect(taken[1]?.spans[0]).toEqual({ number: 2001, turn: 1001, batches: 1 });
  });
});
