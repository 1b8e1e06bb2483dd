/** What follows a failure of work: a retry, the end of the batch, or nothing any more. */
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/faults.ts';
import type { Batch } from '../../../src/io/ports/registry.ts';
import { afterFailure, failBatch } from '../../../src/stages/batch/failures.ts';
import { handlerOf } from '../../../src/stages/handlers.ts';
import { fileOf } from '../../support/files.ts';
import { type Process, World } from '../../support/world.ts';

const FILE = fileOf({ ref: 'A' }, { ref: 'B' });

describe('a failure', () => {
  const retry = { done: false, retryMs: expect.any(Number) };

  async function failing(
    settings = {},
  ): Promise<{ world: World; engine: Process; batch: Batch; fail(error: unknown): Promise<unknown> }> {
    const world = new World({ settings: { failuresMax: 3, ...settings } });
    const engine = world.process();
    const batch = await world.accept(engine, FILE);
    return { world, engine, batch, fail: (error) => afterFailure(engine, batch.id, 'work', 1, error) };
  }

  it('that says `fail` ends the batch at once, with the place', async () => {
    const { world, batch, fail } = await failing();
    expect(await fail(new Fault('QUOTE_UNCLOSED', '', { line: 3, byte: 77 }))).toEqual({ done: true });
    expect(world.stored(batch)).toMatchObject({
      state: 'failed',
      failure: { code: 'QUOTE_UNCLOSED', line: 3, byte: 77 },
    });
    expect(world.receiptOf(batch).reason).toMatch(/^QUOTE_UNCLOSED: .*line 3/);
  });

  it.each(['fault', 'bug', 'text'])('that may be retried (%s) ends the batch after so many', async (kind) => {
    const { world, batch, fail } = await failing();
    const error = kind === 'fault' ? new Fault('RANGE_CORRUPT', 'why') : kind === 'bug' ? new TypeError('why') : 'why';
    expect(await fail(error)).toEqual(retry);
    expect(await fail(error)).toEqual(retry);
    expect(world.stateOf(batch)).toBe('accepted');
    expect(await fail(error)).toEqual({ done: true });
    expect(world.stored(batch)).toMatchObject({ state: 'failed', failure: { code: 'WORK_POISONED' } });
    expect(world.stored(batch).failure?.message).toMatch(/3 times; last: .*why/);
    expect(world.stored(batch).failure?.message).not.toContain('\n');
  });

  it.each([
    'STORE_FULL',
    'STORE_BUSY',
    'STORE_IO',
    'SERVICE_IO',
    'SERVICE_DENIED',
    'LEASE_LOST',
  ] as const)('of the surroundings (%s) never ends a batch', async (code) => {
    const { world, batch, fail } = await failing();
    for (let i = 0; i < 20; i++) expect(await fail(new Fault(code))).toEqual(retry);
    expect([world.stateOf(batch), world.state.failures.size]).toEqual(['accepted', 0]);
  });

  it('of a batch that is not there drops the message', async () => {
    const { engine } = await failing();
    expect(await afterFailure(engine, 'b-none', 'work', 1, new Fault('BATCH_UNKNOWN'))).toEqual({ done: true });
  });

  it('after registering has begun stalls the batch, which keeps its place', async () => {
    const { world, engine, batch, fail } = await failing();
    world.state.batches.set(batch.id, { ...world.stored(batch), state: 'registering', turn: 1, small: true });
    expect(await fail(new Fault('OBJECT_CHANGED'))).toEqual({ done: true });
    expect(world.stored(batch)).toMatchObject({
      state: 'stalled',
      inLine: true,
      turn: 1,
      failure: { code: 'OBJECT_CHANGED' },
    });
    expect((await failBatch(engine, batch.id, new Fault('OBJECT_CHANGED'))).state).toBe('stalled');
  });

  // fault 26
  it('of work whose batch had ended is never recorded, and never given up', async () => {
    const { world, engine, batch, fail } = await failing();
    await world.drain(engine);
    for (let i = 0; i < 20; i++) expect(await fail(new Fault('WORKER_DIED'))).toEqual(retry);
    expect([world.stateOf(batch), world.state.failures.size]).toEqual(['completed', 0]);
  });

  it('changes nothing of a batch that has ended', async () => {
    const { world, engine, batch, fail } = await failing();
    await world.drain(engine);
    const before = world.stored(batch);
    await fail(new Fault('FILE_EMPTY'));
    expect(world.stored(batch)).toEqual(before);
  });

  it('that cannot even be recorded leaves the message to come again', async () => {
    const { engine, batch } = await failing();
    const broken = {
      ...engine,
      registry: { ...engine.registry, get: () => Promise.reject(new Error('away')) } as never,
    };
    const body = JSON.stringify({ kind: 'pick', batch: batch.id });
    const message = { id: 'x', group: 'acme', body, receipt: 'r', receives: 1 };
    await expect(handlerOf(broken)(message, new AbortController().signal)).rejects.toThrow();
  });

  it('to read a message is told, and leaves it to become a dead letter', async () => {
    const { world, engine } = await failing();
    const message = { id: 'x', group: 'acme', body: '{"kind":"?"}', receipt: 'r', receives: 1 };
    expect(await handlerOf(engine)(message, new AbortController().signal)).toEqual(retry);
    expect(world.events.at(-1)?.name).toBe('message.refused');
  });
});
