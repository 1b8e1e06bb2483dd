/**
 * Every state of the machine, for every kind of batch that comes to it: the process dies with the write that brought the batch
 * there, and nothing of what follows is sent. Another one carries it on, or somebody asks first to cancel it: the outcome is
 * right, and told.
 */
import { describe, expect, it } from 'vitest';
import { Fault, isFault } from '../../src/core/faults.ts';
import type { Batch, BatchState, Registry } from '../../src/io/ports/registry.ts';
import { approveBatch, discardBatch } from '../../src/stages/batch/approve.ts';
import { cancelBatch, redriveBatch } from '../../src/stages/batch/cancel.ts';
import { BATCH_STATES } from '../../src/stages/batch/views.ts';
import type { Notice } from '../../src/stages/notices/notices.ts';
import { fileOf } from '../support/files.ts';
import { Life } from '../support/mortal.ts';
import { type Process, TINY, World, type WorldOptions } from '../support/world.ts';

interface Kind {
  readonly name: string;
  readonly options?: WorldOptions;
  readonly text?: string;
  readonly dryRun?: true;
  readonly decide?: 'approve' | 'discard';
  /** Registering fails until somebody redrives it. */
  readonly stalls?: true;
  readonly ends: BatchState;
}

const LINES = Array.from({ length: 14 }, (_, i) => ({ ref: `R-${i}`, amount: i === 5 ? 'x' : '10.00' }));

const KINDS: readonly Kind[] = [
  { name: 'large', options: TINY, ends: 'completed' },
  { name: 'small', ends: 'completed' },
  { name: 'large dry run', options: TINY, dryRun: true, ends: 'completed' },
  { name: 'small dry run', dryRun: true, ends: 'completed' },
  { name: 'large, approved', options: TINY, decide: 'approve', ends: 'completed' },
  { name: 'small, approved', decide: 'approve', ends: 'completed' },
  { name: 'large, discarded', options: TINY, decide: 'discard', ends: 'cancelled' },
  { name: 'small, discarded', decide: 'discard', ends: 'cancelled' },
  { name: 'large that stalls', options: TINY, stalls: true, ends: 'completed' },
  { name: 'small that stalls', stalls: true, ends: 'completed' },
  { name: 'broken', text: 'external_ref,debtor_name\n', ends: 'failed' },
];

const FINAL = ['completed', 'failed', 'cancelled'];

/** Dies with the answer of the write that brings the batch to the state. */
function dying(engine: Process, state: BatchState | undefined): Process {
  if (state === undefined) return engine;
  const { registry, life } = engine;
  const ended = async <T>(written: T, batch: Batch): Promise<T> => {
    if (written && batch.state === state) {
      life.end();
      await new Promise(() => {});
    }
    return written;
  };
  const writes: Pick<Registry, 'replace' | 'requeue'> = {
    replace: async (batch, revision) => ended(await registry.replace(batch, revision), batch),
    requeue: async (batch, revision) => ended(await registry.requeue(batch, revision), batch),
  };
  return {
    ...engine,
    registry: new Proxy(registry, { get: (target, name) => Reflect.get(writes, name) ?? Reflect.get(target, name) }),
  };
}

async function begun(kind: Kind) {
  const settings = { failuresMax: 1, events: 'sns', ...kind.options?.settings } as const;
  const world = new World({ ...kind.options, settings });
  world.state.installation.hashSeed = 7;
  const document = JSON.stringify({ format: 1, approval: 'required' });
  await world.clients.addProfile({ name: 'asking', version: 1, document, createdAtMs: 0 });
  const profile = kind.decide === undefined ? {} : { profile: 'asking' };
  const dryRun = kind.dryRun === true;
  const batch = await world.accept(world.process(), kind.text ?? fileOf(...LINES), { dryRun, ...profile });
  return { world, batch };
}

/** Everything that is to be done about it, by the engine and by people, until nothing is left or the process dies. */
async function carryOn(world: World, engine: Process, kind: Kind, id: string): Promise<void> {
  const fails = (task: string): void => {
    const redriven = world.events.some(({ name }) => name === 'batch.redriven');
    const registers = task === 'register' || task === 'small';
    if (kind.stalls === true && registers && !redriven) throw new Fault('WORKER_DIED', 'injected');
  };
  engine.tasks.before = fails;
  for (let state: BatchState | undefined; state !== world.stateOf({ id }); ) {
    state = world.stateOf({ id });
    await world.drain(engine);
    if (engine.life.over) return;
    const now = world.stored({ id });
    const acts =
      now.state === 'stalled'
        ? redriveBatch(engine, now)
        : now.state === 'awaiting_approval'
          ? kind.decide === 'discard'
            ? discardBatch(engine, id)
            : approveBatch(engine, id, 'ana')
          : undefined;
    if (acts !== undefined) await Promise.race([acts, engine.life.ended]);
  }
}

/** What is to be seen of it in the end, but for times. */
async function endOf(world: World, batch: Batch) {
  const { state, owed, inLine, failure } = world.stored(batch);
  const { lines, cents, status } = world.receiptOf(batch);
  const told = (await world.deliveries.list({ client: 'acme', limit: 9 })).map(
    ({ payload }) => (JSON.parse(payload) as Notice).kind,
  );
  const answers = state === 'completed' ? await world.answer(world.process(), batch, 'retorno') : '';
  return {
    ...{ state, owed, inLine, status, lines, cents, answers, code: state === 'completed' ? '' : failure?.code },
    told: told.sort(),
    debts: world.debts.all('acme').map(({ externalRef, amountCents, turn }) => [externalRef, amountCents, turn]),
    left: [...world.staging.batches(), ...world.objects.keys('parts/'), ...world.objects.keys('work/')],
    queued: ['picker', 'intermediate', 'registering', 'batch', 'notifier'].flatMap((queue) => world.queue.ids(queue)),
  };
}

async function cleanRun(kind: Kind) {
  const { world, batch } = await begun(kind);
  await carryOn(world, world.process(), kind, batch.id);
  const end = await endOf(world, batch);
  const states = [...new Set(['accepted' as const, ...world.state.history.map(({ state }) => state)])];
  return { end, states };
}

/** The batch as it stands when its process died with its coming to the state. */
async function stoppedIn(kind: Kind, state: BatchState) {
  const { world, batch } = await begun(kind);
  const first = world.process(new Life());
  if (state !== 'accepted') await carryOn(world, dying(first, state), kind, batch.id);
  else first.life.end();
  expect([first.life.over, world.stateOf(batch)]).toEqual([true, state]);
  world.queue.freeAll();
  return { world, batch };
}

const seen = new Set<string>();

describe.each(KINDS)('a batch ($name)', (kind) => {
  it('ends alike wherever its process died, and every end is told once', async () => {
    const clean = await cleanRun(kind);
    expect(clean.end).toMatchObject({ state: kind.ends, owed: [], inLine: false, left: [], queued: [] });
    const waited = clean.states.includes('awaiting_approval') ? ['awaiting_approval'] : [];
    const told = kind.ends === 'completed' ? 'completed_with_rejects' : kind.ends;
    expect(clean.end.told).toEqual([...waited, told].sort());
    for (const state of clean.states) {
      seen.add(state);
      const { world, batch } = await stoppedIn(kind, state);
      const next = world.process();
      await world.recover(next);
      await carryOn(world, next, kind, batch.id);
      expect({ diedIn: state, ...(await endOf(world, batch)) }).toEqual({ diedIn: state, ...clean.end });
    }
  });

  it('is cancelled in every state before registering, and in none from there on', async () => {
    const { end, states } = await cleanRun(kind);
    const begins = states.indexOf('registering');
    for (const [index, state] of states.entries()) {
      const { world, batch } = await stoppedIn(kind, state);
      const command = world.process();
      const answer = await cancelBatch(command, world.stored(batch)).then(
        (cancelled) => cancelled.state,
        (error: unknown) => (isFault(error) ? error.code : 'BUG'),
      );
      const mayCancel = (begins < 0 || index < begins) && !FINAL.includes(state);
      const already = state === 'cancelled';
      expect([state, answer]).toEqual([state, mayCancel || already ? 'cancelled' : 'NOT_IN_THIS_STATE']);
      const next = world.process();
      await world.recover(next);
      await carryOn(world, next, kind, batch.id);
      if (!mayCancel) {
        expect(await endOf(world, batch)).toEqual(end);
        continue;
      }
      const waited = state === 'awaiting_approval' ? ['awaiting_approval'] : [];
      expect(await endOf(world, batch)).toMatchObject({
        ...{ state: 'cancelled', status: 'cancelled', code: 'CANCELLED', owed: [], inLine: false },
        told: [...waited, 'cancelled'].sort(),
        ...{ debts: [], left: [], queued: [] },
      });
    }
  });
});

describe('the states', () => {
  it('were all come to', () => {
    expect([...seen].sort()).toEqual([...BATCH_STATES].sort());
  });
});
