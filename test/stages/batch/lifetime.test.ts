/** How long a batch may wait and be on its way (fault 37): what becomes of one that is too long, and how it is told. */
import { describe, expect, it } from 'vitest';
import { approveBatch } from '../../../src/stages/batch/approve.ts';
import { sweep } from '../../../src/stages/sweep.ts';
import { fileOf } from '../../support/files.ts';
import { TINY, World, type WorldOptions } from '../../support/world.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const AWS = {
  driver: 'aws',
  memoryBytesMax: 2 ** 31,
  awsRegion: 'sa-east-1',
  awsBucket: 'bucket',
  awsDocumentSecret: 'x'.repeat(32),
  awsBatchMsMax: 7 * DAY_MS,
  awsRetentionMs: 14 * DAY_MS,
} as const;
const LINES = fileOf(...Array.from({ length: 9 }, (_, i) => ({ ref: `R-${i}` })));

async function worldOf(settings: WorldOptions['settings'], options: WorldOptions = {}): Promise<World> {
  const world = new World({ ...options, settings: { ...options.settings, ...settings } });
  world.state.installation.hashSeed = 7;
  const document = JSON.stringify({ format: 1, approval: 'required' });
  await world.clients.addProfile({ name: 'asking', version: 1, document, createdAtMs: 0 });
  return world;
}

describe('a batch that waits for approval', () => {
  // fault 37
  it.each([
    ['small', {}],
    ['large', TINY],
  ] as const)('is cancelled when the time to decide is over, with the reason, and freed (%s)', async (_, options) => {
    const world = await worldOf({ approvalMsMax: 3 * DAY_MS }, options);
    const engine = world.process();
    const batch = await world.accept(engine, LINES, { profile: 'asking' });
    await world.drain(engine);
    expect(world.stateOf(batch)).toBe('awaiting_approval');
    await world.clock.advance(3 * DAY_MS - HOUR_MS);
    await sweep(engine, 0);
    expect(world.stateOf(batch)).toBe('awaiting_approval');
    await world.clock.advance(2 * HOUR_MS);
    // Before anybody has looked it is too late already.
    await expect(approveBatch(engine, batch.id, 'ana')).rejects.toMatchObject({ code: 'NOT_IN_THIS_STATE' });
    await sweep(engine, 0);
    await world.drain(engine);
    expect(world.stored(batch)).toMatchObject({ state: 'cancelled', failure: { code: 'APPROVAL_EXPIRED' }, owed: [] });
    expect(world.receiptOf(batch)).toMatchObject({ status: 'cancelled', reason: expect.stringContaining('in time') });
    expect(world.staging.batches()).toEqual([]);
    expect(world.debts.all('acme')).toEqual([]);
  });

  it('waits no longer than what it needs is kept, counted from its acceptance', async () => {
    const world = await worldOf({ ...AWS, approvalMsMax: 100 * DAY_MS }, TINY);
    const engine = world.process();
    const batch = await world.accept(engine, LINES, { profile: 'asking' });
    await world.clock.advance(2 * DAY_MS);
    await world.drain(engine);
    const { approval, acceptedAtMs } = world.stored(batch);
    expect(approval?.untilMs).toBe(acceptedAtMs + AWS.awsBatchMsMax);
    await world.clock.advance(5 * DAY_MS);
    await sweep(engine, 0);
    expect(world.stored(batch).failure?.code).toBe('APPROVAL_EXPIRED');
  });

  // fault 37
  it('whose staged pages went all the same is told so, and nothing that is left of them counts as the file', async () => {
    const world = await worldOf({ failuresMax: 2 }, TINY);
    const engine = world.process();
    const batch = await world.accept(engine, LINES, { profile: 'asking' });
    await world.drain(engine);
    await world.staging.free(batch.id);
    await approveBatch(engine, batch.id, 'ana');
    await world.drain(engine);
    expect(world.stored(batch)).toMatchObject({ state: 'stalled', failure: { code: 'WORK_POISONED' } });
    expect(world.stored(batch).failure?.message).toContain('STAGED_PAGES_SHORT');
    expect(world.receiptOf(batch)).toBeNull();
  });

  it('whose file went fails before it begins to register', async () => {
    const world = await worldOf({}, TINY);
    const engine = world.process();
    const batch = await world.accept(engine, LINES, { profile: 'asking' });
    await world.drain(engine);
    await world.objects.delete(batch.key);
    await approveBatch(engine, batch.id, 'ana');
    await world.drain(engine);
    expect(world.stored(batch)).toMatchObject({ state: 'failed', failure: { code: 'OBJECT_VANISHED' }, turn: null });
  });
});

describe('a batch that is too long on its way', () => {
  async function stalledOn(world: World) {
    const engine = world.process();
    engine.tasks.before = (task) => {
      if (task === 'register') throw new Error('a disk that is full of holes');
    };
    const first = await world.accept(engine, LINES);
    await world.drain(engine);
    expect(world.stateOf(first)).toBe('stalled');
    const behind = await world.accept(engine, LINES);
    await world.drain(engine);
    expect(world.stateOf(behind)).toBe('staged');
    return { engine, first, behind };
  }

  // fault 37
  it('fails with the reason where it has not begun to register; where it has, it keeps its place and is told, once an hour', async () => {
    const world = await worldOf({ ...AWS, failuresMax: 1 }, TINY);
    const { engine, first, behind } = await stalledOn(world);
    const other = world.process();
    const told = () => world.events.filter(({ name }) => name === 'batch.overdue');
    await world.clock.advance(7 * DAY_MS - HOUR_MS);
    await sweep(engine, 0);
    expect([world.stateOf(behind), told().length]).toEqual(['staged', 0]);
    await world.clock.advance(2 * HOUR_MS);
    await Promise.all([sweep(engine, 0), sweep(other, 0)]);
    await Promise.all([sweep(engine, 0), sweep(other, 0)]);
    expect(world.stored(behind)).toMatchObject({ state: 'failed', failure: { code: 'BATCH_TOO_OLD' } });
    expect(world.stored(behind).failure?.message).toContain('at most 168 hours');
    expect(world.stateOf(first)).toBe('stalled');
    const stagedUntil = new Date(first.acceptedAtMs + AWS.awsRetentionMs).toISOString();
    expect(told()).toMatchObject([{ level: 'error', fields: { batch: first.id, state: 'stalled', stagedUntil } }]);
    await world.clock.advance(2 * HOUR_MS);
    await sweep(other, 0);
    expect(told()).toHaveLength(2);
  });

  it('is left alone where nothing goes by itself', async () => {
    const world = await worldOf({ failuresMax: 1 }, TINY);
    const { engine, behind } = await stalledOn(world);
    await world.clock.advance(400 * DAY_MS);
    await sweep(engine, 0);
    expect(world.stateOf(behind)).toBe('staged');
    expect(world.events.filter(({ name }) => name === 'batch.overdue')).toEqual([]);
  });
});
