/** The roles over the whole engine in memory: any set of them, on a clock that only the test moves. */
import { describe, expect, it } from 'vitest';
import type { Arrival, Arrivals } from '../../src/io/ports/arrivals.ts';
import { isRole, ROLES, type Role, startRoles } from '../../src/roles/roles.ts';
import { settled } from '../support/clock.ts';
import { fileOf } from '../support/files.ts';
import { TINY, World } from '../support/world.ts';

const ALL: ReadonlySet<Role> = new Set(ROLES);
const LARGE = fileOf(...Array.from({ length: 30 }, (_, i) => ({ ref: `R-${i}` })));

async function until(world: World, done: () => boolean, stepMs = 50): Promise<void> {
  for (let steps = 0; !done(); steps++) {
    if (steps > 2000) throw new Error('it never came to that');
    await world.clock.advance(stepMs);
  }
}

describe('all roles', () => {
  it('bring arrivals to their receipts, one batch after another for each client', async () => {
    const world = new World({ ...TINY, settings: { ...TINY.settings, smallRecordsMax: 3 } });
    const arrived: Arrival[] = [];
    const settledNames: string[] = [];
    const arrive = (client: string, file: string, text: string): void => {
      const stored = world.objects.set(`raw/${client}/${file}`, Buffer.from(text));
      const settle = async (): Promise<void> => {
        settledNames.push(file);
        arrived.splice(
          arrived.findIndex((one) => one.file === file),
          1,
        );
      };
      arrived.push({ ...stored, client, file, bucket: 'raw', version: stored.etag, settle });
    };
    const arrivals: Arrivals = { poll: async (max) => ({ arrivals: arrived.slice(0, max), refusals: [] }) };
    world.clock.setWall(Date.UTC(2026, 7, 1));
    arrive('acme', 'f-1', LARGE);
    arrive('acme', 'f-2', fileOf({ ref: 'R-1', amount: '7.00' }));
    arrive('beta', 'f-3', fileOf({ ref: 'R-1' }));
    const running = startRoles(world.process(), ALL, arrivals);
    const completed = () => [...world.state.batches.values()].filter((batch) => batch.state === 'completed').length;
    await until(world, () => completed() === 3);
    arrive('beta', 'f-4', fileOf({ ref: 'R-1', amount: '8.00' }));
    await until(world, () => completed() === 4);
    // One client's in their order; those of clients side by side.
    expect(settledNames.filter((name) => name === 'f-1' || name === 'f-2')).toEqual(['f-1', 'f-2']);
    expect(settledNames.filter((name) => name === 'f-3' || name === 'f-4')).toEqual(['f-3', 'f-4']);
    expect(world.debts.all('beta').map((debt) => debt.amountCents)).toEqual([800]);
    expect(world.debts.all('acme').filter((debt) => debt.amountCents === 700).length).toBe(1);
    await until(world, () => world.staging.batches().length === 0);
    await running.stop();
    expect(world.clock.sleeping).toBe(0);
    expect(world.events.filter((event) => event.level === 'error')).toEqual([]);
  });

  it('stop while work is in hand, and leave it to the next process', async () => {
    const world = new World({ ...TINY, settings: { ...TINY.settings, drainMs: 500 } });
    const first = world.process();
    const batch = await world.accept(first, LARGE);
    let stuck = 0;
    first.tasks.before = async (task) => {
      if (task === 'range' && stuck++ === 0) await world.clock.sleep(2000);
    };
    const running = startRoles(first, ALL, undefined);
    await until(world, () => stuck > 0);
    let stopped = false;
    const stop = running.stop().then(() => {
      stopped = true;
    });
    await until(world, () => stopped);
    await stop;
    expect(world.clock.sleeping).toBe(0);
    expect(world.stateOf(batch)).not.toBe('failed');
    const next = startRoles(world.process(), ALL, undefined);
    await until(world, () => world.stateOf(batch) === 'completed');
    await next.stop();
    expect(world.receiptOf(batch).lines.created).toBe(30);
  });

  it('begin with a sweep that asks everyone', async () => {
    const world = new World(TINY);
    const batch = await world.accept(world.process(), LARGE);
    for (const message of await world.queue.receive('picker', { max: 9, waitMs: 0, leaseMs: 1 })) {
      await world.queue.ack('picker', message);
    }
    const running = startRoles(world.process(), ALL, undefined);
    await until(world, () => world.stateOf(batch) === 'completed', 1);
    expect(world.clock.monotonicMs() - 1_000_000).toBeLessThan(world.settings.sweepMs);
    await running.stop();
  });
});

describe('some roles', () => {
  it('do their part and no other, and together the whole', async () => {
    const world = new World(TINY);
    const batch = await world.accept(world.process(), LARGE);
    const parts: readonly [Role, string][] = [
      ['picker', 'processing'],
      ['intermediate', 'processing'],
      ['batch', 'registering'],
      ['registering', 'registering'],
      ['batch', 'completed'],
    ];
    for (const [role, state] of parts) {
      const running = startRoles(world.process(), new Set<Role>([role]), undefined);
      await world.clock.advance(1000);
      await running.stop();
      expect([role, world.stateOf(batch)]).toEqual([role, state]);
    }
  });

  it('go on where what they look at fails, and tell of it', async () => {
    const world = new World();
    const arrivals: Arrivals = { poll: async () => Promise.reject(new Error('the inbox is away: 52998224725')) };
    const running = startRoles(world.process(), new Set<Role>(['input']), arrivals);
    await world.clock.advance(world.settings.inboxScanMs * 3);
    await settled();
    await running.stop();
    expect(world.events.filter((event) => event.name === 'arrivals.failed').length).toBeGreaterThanOrEqual(3);
  });

  it('are told from other words', () => {
    expect(ROLES.every(isRole)).toBe(true);
    expect(['', 'toString', 'Picker', 'serve'].some(isRole)).toBe(false);
  });
});
