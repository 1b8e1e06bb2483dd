/** Files and answers go when their batch ended long enough ago, and never while it is held or on its way. */
import { describe, expect, it } from 'vitest';
import type { Hold, PrivacyRecord } from '../../../src/io/ports/privacy.ts';
import { expireFiles } from '../../../src/stages/batch/retention.ts';
import { fileOf } from '../../support/files.ts';
import { World } from '../../support/world.ts';

const DAY_MS = 86_400_000;

const HOLD: Hold = {
  kind: 'hold',
  client: 'beta',
  id: 'h-1',
  revision: 1,
  person: 'x',
  personText: '***',
  by: 'a',
  why: 'b',
  atMs: 1,
  lifted: null,
};

async function filled(smallRecordsMax: number) {
  const world = new World({ settings: { smallRecordsMax } });
  world.state.installation.hashSeed = 7;
  const context = world.process();
  const records: PrivacyRecord[] = [];
  const keeping = {
    ...context,
    privacy: { list: async (client: string) => records.filter((one) => one.client === client) },
  };
  const old = await world.accept(context, fileOf({ ref: 'R-1' }));
  const held = await world.accept(context, fileOf({ ref: 'R-2' }), { client: 'beta' });
  await world.drain(context);
  await world.clock.advance(10 * DAY_MS);
  const young = await world.accept(context, fileOf({ ref: 'R-3' }));
  await world.drain(context);
  const waiting = await world.accept(context, fileOf({ ref: 'R-4' }));
  return { world, context, keeping, records, old, held, young, waiting };
}

describe.each([1000, 0])('files of batches (small up to %d records)', (smallRecordsMax) => {
  it('go with the answers after their time; numbers and debts stay', async () => {
    const { world, context, keeping, records, old, held, young, waiting } = await filled(smallRecordsMax);
    records.push(HOLD);
    const done = new Map<string, number>();
    expect(await expireFiles(keeping, 5 * DAY_MS, done)).toBe(1);
    expect(world.objects.keys('raw/').sort()).toEqual([held.key, young.key, waiting.key].sort());
    expect(world.objects.keys(`answers/${old.id}`)).toEqual([]);
    await expect(world.answer(context, old, 'retorno')).rejects.toMatchObject({ code: 'BATCH_ERASED' });
    expect((await world.answer(context, young, 'retorno')).split('\n')).toHaveLength(3);
    expect(world.receiptOf(old).lines.created).toBe(1);
    expect(world.debts.all('acme')).toHaveLength(2);
    // Looked at again, nothing more goes; what has come of age since then does, and what is no longer held.
    expect(await expireFiles(keeping, 5 * DAY_MS, done)).toBe(0);
    records.splice(0, 1, { ...HOLD, lifted: { by: 'a', why: 'b', atMs: 2 } });
    await world.drain(context);
    await world.clock.advance(6 * DAY_MS);
    expect(await expireFiles(keeping, 5 * DAY_MS, done)).toBe(3);
    expect(world.objects.keys('raw/')).toEqual([]);
    expect(await expireFiles(keeping, 5 * DAY_MS, new Map())).toBe(0);
  });

  it('of a batch that came back to the line go in their time too, however many were accepted after it', async () => {
    const world = new World({ settings: { smallRecordsMax } });
    world.state.installation.hashSeed = 7;
    const context = world.process();
    const aside = await world.accept(context, fileOf({ ref: 'R-0' }));
    world.state.batches.set(aside.id, { ...world.stored(aside), state: 'staged', inLine: false, owed: [] });
    for (let i = 1; i <= 250; i++) await world.accept(context, fileOf({ ref: `R-${i}` }));
    await world.drain(context);
    const done = new Map<string, number>();
    await world.clock.advance(10 * DAY_MS);
    expect(await expireFiles(context, 5 * DAY_MS, done)).toBe(250);
    const back = world.stored(aside);
    await context.registry.requeue({ ...back, inLine: true }, back.revision);
    expect(await expireFiles(context, 5 * DAY_MS, done)).toBe(0);
    const ended = { ...world.stored(aside), state: 'failed', inLine: false } as const;
    await context.registry.replace({ ...ended, enteredMs: { failed: world.clock.nowMs() } }, ended.revision);
    await world.clock.advance(6 * DAY_MS);
    expect(await expireFiles(context, 5 * DAY_MS, done)).toBe(1);
    expect(world.objects.keys('raw/')).toEqual([]);
  });
});
