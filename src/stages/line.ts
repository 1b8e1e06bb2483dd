/**
 * A client's line: batches register in the order of their numbers, one at a time, each under a turn of its own.
 *
 * Promises
 * - Only the first batch in line is released, and only once it is staged. A turn is taken by a conditional write on the
 *   client's one turn item; a repeated release of the same batch finds itself there and gets the same turn.
 * - Consecutive small batches at the head take their turns together in one write and are applied in order, each under
 *   its own number of the run, so that a late worker of an earlier one is refused by a later one.
 * - What can never be released (a final batch that is still in line) cannot exist: leaving the line is part of the
 *   transition to a final state.
 */
import { assert } from '../core/assert.ts';
import type { Batch } from '../io/ports/registry.ts';
import { apply, assertUnchanged, send, sendOwed } from './batches.ts';
import type { StageContext } from './context.ts';
import { registerSmall } from './small.ts';

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
  const head = await context.registry.lineHead(client, context.settings.smallRunMax);
  const first = head[0];
  if (first === undefined || !mayGo(first)) return false;
  if (!first.small) {
    if (first.state !== 'staged') return false;
    const [turn] = await takeTurns(context, client, [first]);
    assert(turn !== undefined, 'the head got its turn');
    const { batch } = await apply(context, first.id, { type: 'released', turn: turn.turn, turnAtMs: turn.atMs });
    await sendOwed(context, batch);
    return false;
  }
  const until = head.findIndex((batch) => !batch.small || !mayGo(batch));
  const run = until < 0 ? head : head.slice(0, until);
  const turns = await takeTurns(context, client, run);
  for (const turn of turns) {
    if (signal?.aborted === true) return false;
    const batch = run.find((one) => one.id === turn.batch);
    assert(batch !== undefined, 'a turn belongs to a batch of the run');
    try {
      await releaseSmall(context, batch, turn);
    } catch (error) {
      if (batch.id === asker) throw error;
      await send(context, batch, 'line');
      return false;
    }
  }
  return true;
}

async function releaseSmall(context: StageContext, batch: Batch, turn: Turn): Promise<void> {
  // The last moment at which a file that went away can still fail its batch instead of stalling it.
  if (batch.state === 'staged') await assertUnchanged(context, batch);
  const { batch: released } = await apply(context, batch.id, {
    type: 'released',
    turn: turn.turn,
    turnAtMs: turn.atMs,
  });
  if (released.state === 'registering') await registerSmall(context, released);
}

function mayGo(batch: Batch): boolean {
  return batch.state === 'staged' || (batch.state === 'registering' && batch.small);
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
