/**
 * A client's line: batches register in the order of their numbers, one at a time, each under a turn of its own.
 *
 * Promises
 * - Only the first batch in line is released, and only once it is staged. A turn is taken by a conditional write on the
 *   client's one turn item; a repeated release of the same batch finds itself there and gets the same turn.
 * - Where somebody is to approve the head, it is previewed instead, and takes no turn. A large one keeps its place while its
 *   shards are; then it leaves the line, and a message of its own has the line looked at again.
 * - Consecutive small batches at the head take their turns together in one write and are applied in order, each under
 *   its own number of the run, so that a late worker of an earlier one is refused by a later one.
 * - What can never be released (a final batch that is still in line) cannot exist: leaving the line is part of the
 *   transition to a final state.
 */
import { assert } from '../core/assert.ts';
import type { Batch } from '../io/ports/registry.ts';
import { apply, assertUnchanged, send, sendOwed } from './batches.ts';
import type { StageContext } from './context.ts';
import { previewSmallBatch } from './preview.ts';
import { registerSmall } from './small.ts';
import { needsPreview } from './transitions.ts';

/** Per registry, the clients whose line is being advanced in this process, and whether to look once more. */
const advancing = new WeakMap<object, Map<string, { again: boolean }>>();

/**
 * Releases whatever stands at the head of the client's line and may go. Calls for a client that is already being
 * advanced here return at once: the running one looks again before it ends.
 *
 * `asker` is the batch on whose message this runs. A fault of that batch is thrown; a fault of another one in line is
 * left to a message of its own, so that each batch answers for itself. Once `signal` aborts, the batch in hand is the
 * last; what still stands in line is found by the next sweep.
 */
export async function advanceLine(
  context: StageContext,
  client: string,
  asker: string,
  signal?: AbortSignal,
): Promise<void> {
  const clients = advancing.get(context.registry) ?? new Map<string, { again: boolean }>();
  advancing.set(context.registry, clients);
  const running = clients.get(client);
  if (running !== undefined) {
    running.again = true;
    return;
  }
  const own = { again: true };
  clients.set(client, own);
  try {
    while (own.again) {
      own.again = false;
      while (signal?.aborted !== true && (await releaseHead(context, client, asker, signal)));
    }
  } finally {
    clients.delete(client);
  }
}

/** @returns whether the line moved and its new head should be looked at */
async function releaseHead(
  context: StageContext,
  client: string,
  asker: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  // Of a line whose head may not go no more is read, however many stand in it.
  const [first] = await context.registry.lineHead(client, 1);
  if (first === undefined || !mayGo(first)) return false;
  if (!first.small || needsPreview(first)) {
    return await byItself(context, first, asker, first.small ? previewHead : releaseLarge);
  }
  const head = await context.registry.lineHead(client, context.settings.smallRunMax);
  const until = head.findIndex((batch) => !batch.small || needsPreview(batch) || !mayGo(batch));
  const run = until < 0 ? head : head.slice(0, until);
  // The line moved between the two looks.
  if (run.length === 0) return true;
  const turns = await takeTurns(context, client, run);
  for (const turn of turns) {
    if (signal?.aborted === true) return false;
    const batch = run.find((one) => one.id === turn.batch);
    assert(batch !== undefined, 'a turn belongs to a batch of the run');
    if (!(await byItself(context, batch, asker, (_, one) => releaseSmall(context, one, turn)))) return false;
  }
  return true;
}

/** Does it, each batch answering for its own faults; answers `false` where the line cannot be looked at further. */
async function byItself(
  context: StageContext,
  batch: Batch,
  asker: string,
  release: (context: StageContext, batch: Batch) => Promise<boolean>,
): Promise<boolean> {
  try {
    return await release(context, batch);
  } catch (error) {
    if (batch.id === asker) throw error;
    await send(context, batch, 'line');
    return false;
  }
}

/** A large head begins its work, as a preview or under its turn; the line moves on when that has ended. */
async function releaseLarge(context: StageContext, head: Batch): Promise<boolean> {
  if (head.state !== 'staged') return false;
  // The last moment at which a file that went away can still fail its batch instead of stalling it.
  await assertUnchanged(context, head);
  if (needsPreview(head)) {
    await sendOwed(context, (await apply(context, head.id, { type: 'preview_started' })).batch);
    return false;
  }
  const [turn] = await takeTurns(context, head.client, [head]);
  assert(turn !== undefined, 'the head got its turn');
  const { batch } = await apply(context, head.id, { type: 'released', turn: turn.turn, turnAtMs: turn.atMs });
  await sendOwed(context, batch);
  return false;
}

/** A small head is previewed here. It has left the line then, or may go on in it. */
async function previewHead(context: StageContext, head: Batch): Promise<boolean> {
  if (head.state === 'staged') await assertUnchanged(context, head);
  const { batch } = await apply(context, head.id, { type: 'preview_started' });
  if (batch.state === 'previewing') await previewSmallBatch(context, batch);
  return true;
}

async function releaseSmall(context: StageContext, batch: Batch, turn: Turn): Promise<boolean> {
  if (batch.state === 'staged') await assertUnchanged(context, batch);
  const { batch: released } = await apply(context, batch.id, {
    type: 'released',
    turn: turn.turn,
    turnAtMs: turn.atMs,
  });
  if (released.state === 'registering') await registerSmall(context, released);
  return true;
}

function mayGo({ state, small }: Batch): boolean {
  return state === 'staged' || (small && (state === 'registering' || state === 'previewing'));
}

interface Turn {
  readonly batch: string;
  readonly turn: number;
  readonly atMs: number;
}

/** Takes consecutive turns for a run of batches; a run that (in part) has its turns already gets those, no more. */
async function takeTurns(context: StageContext, client: string, run: readonly Batch[]): Promise<Turn[]> {
  for (;;) {
    const item = await context.registry.turnOf(client);
    const held = run
      .map((batch) => item.holders.find((holder) => holder.batch === batch.id))
      .filter((holder) => holder !== undefined);
    if (held.length > 0) return held.map((holder) => ({ ...holder, atMs: item.takenAtMs }));
    const next = {
      turn: item.turn + run.length,
      holders: run.map((batch, index) => ({ batch: batch.id, turn: item.turn + 1 + index })),
      takenAtMs: context.clock.nowMs(),
    };
    if (await context.registry.takeTurns(client, item.turn, next)) {
      return next.holders.map((holder) => ({ ...holder, atMs: next.takenAtMs }));
    }
  }
}
