/**
 * Killed at any call to any store, before it acted or after, and carried on by another process, an ingestion ends as if
 * nothing had happened: same receipts, same answers, same debts, nothing left behind.
 */
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/io/ports/registry.ts';
import { approveBatch, discardBatch } from '../../src/stages/batch/approve.ts';
import { fileOf } from '../support/files.ts';
import { Life } from '../support/mortal.ts';
import { type Process, TINY, World, type WorldOptions } from '../support/world.ts';

/** `REMESSA_KILL_EVERY=1` kills at every single step; an ordinary run takes a sample of odd and even ones. */
const EVERY = process.env['REMESSA_KILL_EVERY'] === undefined ? undefined : Number(process.env['REMESSA_KILL_EVERY']);

const KINDS = ['retorno', 'rejects', 'resubmit'] as const;

const ASKING = JSON.stringify({ format: 1, approval: 'required' });

const refs = (count: number, amount: string, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ ref: `R-${from + i}`, amount: i % 6 === 5 ? '0' : amount }));

interface TestFile {
  readonly client: string;
  readonly text: string;
  readonly dryRun?: boolean;
  /** What is decided about it once it waits. */
  readonly decide?: 'approve' | 'discard';
}

/** Two clients; files that create, update, leave unchanged, repeat, are refused; that are approved, and not. */
const FILES: readonly TestFile[] = [
  { client: 'acme', text: fileOf(...refs(14, '10.00'), { ref: 'R-1' }) },
  { client: 'acme', text: fileOf(...refs(14, '20.00', 7)) },
  { client: 'acme', text: fileOf(...refs(9, '25.00', 3)), decide: 'approve' },
  { client: 'beta', text: fileOf(...refs(5, '25.00', 3)), decide: 'discard' },
  { client: 'beta', text: fileOf(...refs(6, '30.00')) },
  // Stands in no line, so it must not matter which debts it meets.
  { client: 'acme', text: fileOf(...refs(8, '40.00', 100)), dryRun: true },
  { client: 'beta', text: 'external_ref,debtor_name\n' },
  { client: 'acme', text: fileOf({ ref: 'R-0', amount: '50.00' }, { ref: 'R-9', due: '2019-01-01' }) },
];

const WORLDS: readonly [string, WorldOptions, number][] = [
  ['large', TINY, 20],
  ['small', {}, 5],
  ['some of each', { ...TINY, settings: { ...TINY.settings, smallRecordsMax: 7 } }, 20],
];

async function acceptAll(world: World, engine: Process): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (const { client, text, dryRun = false, decide } of FILES) {
    const profile = decide === undefined ? {} : { profile: 'asking' };
    batches.push(await world.accept(engine, text, { client, dryRun, ...profile }));
  }
  return batches;
}

/** Handles what there is, and decides about what waits then, until nothing is left or the process dies. */
async function drainAndDecide(world: World, engine: Process, batches: readonly Batch[]): Promise<void> {
  for (;;) {
    await world.drain(engine);
    const waiting = batches.findIndex((batch) => world.stateOf(batch) === 'awaiting_approval');
    if (waiting < 0 || engine.life.over) return;
    const { id } = batches[waiting] as Batch;
    const decided =
      FILES[waiting]?.decide === 'discard' ? discardBatch(engine, id, 'no') : approveBatch(engine, id, 'ana');
    await Promise.race([decided, engine.life.ended]);
  }
}

/** Everything a client or an operator can see of it in the end, but for times and ids of attempts. */
async function endOf(world: World, batches: readonly Batch[]) {
  const reader = world.process();
  const ends = [];
  for (const batch of batches) {
    const { state, owed, inLine, turn } = world.stored(batch);
    const { finishedAt, seconds, linesPerSecond, ...receipt } = world.receiptOf(batch);
    const answers =
      state === 'completed' ? await Promise.all(KINDS.map((kind) => world.answer(reader, batch, kind))) : [];
    const shown = JSON.parse(world.state.results.get(batch.id)?.get('approval/0') ?? '{}');
    const { fromMs, toMs, ...preview } = shown as Record<string, unknown>;
    ends.push({ preview, state, owed, inLine, turn, receipt, answers });
  }
  const debts = ['acme', 'beta'].flatMap((client) =>
    world.debts.all(client).map(({ createdAtMs, changedAtMs, ...debt }) => debt),
  );
  return {
    ends,
    debts,
    staged: world.staging.batches(),
    leftovers: world.objects.keys('parts/').concat(world.objects.keys('work/')),
    results: batches.map(({ id }) => [...(world.state.results.get(id)?.keys() ?? [])].sort()),
    messages: ['picker', 'intermediate', 'registering', 'batch'].flatMap((queue) => world.queue.ids(queue)),
    bugs: world.events.filter((event) => event.fields['code'] === 'BUG' || event.name === 'message.refused'),
  };
}

/** Runs it with a first process that dies at a step (never, where none is given), and further ones that carry it on. */
async function ran(options: WorldOptions, diesAt?: number) {
  const world = new World(options);
  world.state.installation.hashSeed = 7;
  await world.clients.addProfile({ name: 'asking', version: 1, document: ASKING, createdAtMs: 0 });
  const batches = await acceptAll(world, world.process());
  const first = world.process(new Life(diesAt));
  await drainAndDecide(world, first, batches);
  if (diesAt !== undefined) {
    expect(first.life.over).toBe(true);
    const next = world.process();
    await world.recover(next);
    await drainAndDecide(world, next, batches);
  }
  return { end: await endOf(world, batches), steps: first.life.steps };
}

describe.each(WORLDS)('an ingestion of %s batches', (_, options, stride) => {
  // faults 15, 16
  it('that is killed anywhere and carried on ends like one that ran through', async () => {
    const clean = await ran(options);
    expect(clean.end.ends.map((one) => one.state)).toEqual([
      'completed',
      'completed',
      'completed',
      'cancelled',
      'completed',
      'completed',
      'failed',
      'completed',
    ]);
    expect([clean.end.staged, clean.end.leftovers, clean.end.messages, clean.end.bugs]).toEqual([[], [], [], []]);
    for (let step = 1; step <= clean.steps; step += EVERY ?? stride + (step % 2)) {
      const killed = await ran(options, step);
      expect({ step, ...killed.end }).toEqual({ step, ...clean.end });
    }
  });
});
