/**
 * A client's line: batches register in the order of their numbers, one at a time, each under a turn of its own.
 *
 * Promises
 * - Only the first batch in line is released, and only once it is staged. A turn is taken by a conditional write on the
 *   client's one turn item; a repeated release of the same batch finds itself there and gets the same turn.
 * - The line is read after the item that the write replaces, and turns are taken for nobody who stands in both. So all that
 *   have their turns by an item leave the line before it is replaced, however long ago somebody else had looked at the head.
 * - Where somebody is to approve the head, it is previewed instead, and takes no turn. A large one keeps its place while its
 *   shards are; then it leaves the line, and a message of its own has the line looked at again.
 * - All consecutive small batches at the head that are staged, however many, take their turns together in one write (a run)
 *   and are applied in order, each under its own number, so that a late worker of an earlier one is refused by a later one.
 *   So one that is staged, and all before it are, waits for the run under way and for no other. The line is read page by page.
 * - What can never be released (a final batch that is still in line) cannot exist: leaving the line is part of the
 *   transition to a final state.
 */
import type { Batch, TurnItem, TurnSpan } from '../io/ports/registry.ts';
import { apply, assertUnchanged, send, sendOwed } from './batch/batches.ts';
import { needsPreview } from './batch/transitions.ts';
import type { StageContext } from './context.ts';
import { previewSmallBatch } from './preview.ts';
import { registerSmall } from './small.ts';

/** What the turn item holds at most: about 50 KB. Places that batches have left part the spans of a run. */
const SPANS_MAX = 1000;

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
  if (!isReady(first)) return await byItself(context, first, asker, first.small ? previewHead : releaseLarge);
  return await releaseRun(context, first, await turnsFrom(context, first, true), asker, signal);
}

/** Applies the run that begins with the head, page by page, as far as it is ready. */
async function releaseRun(
  context: StageContext,
  { client, number }: Batch,
  item: TurnItem,
  asker: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { registry, settings } = context;
  for (let after = number - 1; ; ) {
    const page = await registry.lineHead(client, settings.linePage, after);
    for (const batch of page) {
      const turn = turnIn(item, batch.number);
      // It ends here, or at one that something happened to since: who looks at the line anew sees what.
      if (turn === undefined || !isReady(batch)) return true;
      if (signal?.aborted === true) return false;
      const release = (_: StageContext, one: Batch) => releaseSmall(context, one, turn, item.takenAtMs);
      if (!(await byItself(context, batch, asker, release))) return false;
      after = batch.number;
    }
    if (page.length < settings.linePage) return true;
  }
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
  const item = await turnsFrom(context, head, false);
  const turn = turnIn(item, head.number);
  if (turn === undefined) return true;
  const { batch } = await apply(context, head.id, { type: 'released', turn, turnAtMs: item.takenAtMs });
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

async function releaseSmall(context: StageContext, batch: Batch, turn: number, turnAtMs: number): Promise<boolean> {
  if (batch.state === 'staged') await assertUnchanged(context, batch);
  const { batch: released } = await apply(context, batch.id, { type: 'released', turn, turnAtMs });
  const ended = released.state === 'registering' ? await registerSmall(context, released) : released;
  // One that stalled meanwhile keeps its place, and nobody goes before it.
  return !ended.inLine;
}

function mayGo({ state, small }: Batch): boolean {
  return state === 'staged' || (small && (state === 'registering' || state === 'previewing'));
}

/** Whether it may be one of a run. */
function isReady(batch: Batch): boolean {
  return batch.small && mayGo(batch) && !needsPreview(batch);
}

/**
 * The item in which the head has its turn: the stored one, or one that is taken now, for the head or the run it begins. One
 * without the head where that has left the line meanwhile.
 */
async function turnsFrom(context: StageContext, head: Batch, asRun: boolean): Promise<TurnItem> {
  const { registry, clock } = context;
  const { client } = head;
  for (;;) {
    const item = await registry.turnOf(client);
    // Of a run that has its turns already, what is left of it goes on under those.
    if (turnIn(item, head.number) !== undefined) return item;
    const spans = await spansFrom(context, head, item, asRun);
    if (spans.length === 0) return item;
    const turn = spans.reduce((sum, { batches }) => sum + batches, item.turn);
    const next = { turn, spans, takenAtMs: clock.nowMs() };
    if (await registry.takeTurns(client, item.turn, next)) return next;
  }
}

/**
 * Who may take turns after those of the item: the head alone or, of a run, all that stand in line from there on without one
 * between them that is not ready. Nobody where the first of them has its turn by the item, or is no longer the head that was
 * to go alone. A place that a batch has left is never taken again (port: `requeue`), so places name batches, and thousands
 * of them are a few numbers.
 */
async function spansFrom(
  { registry, settings }: StageContext,
  head: Batch,
  item: TurnItem,
  asRun: boolean,
): Promise<TurnSpan[]> {
  const spans: { number: number; turn: number; batches: number }[] = [];
  const max = asRun ? settings.linePage : 1;
  let turn = item.turn + 1;
  for (let after = head.number - 1; ; ) {
    const page = await registry.lineHead(head.client, max, after);
    for (const batch of page) {
      if (asRun ? !isReady(batch) : batch.id !== head.id) return spans;
      if (turnIn(item, batch.number) !== undefined) return spans;
      const last = spans.at(-1);
      if (last !== undefined && batch.number === last.number + last.batches) last.batches += 1;
      else if (spans.length < SPANS_MAX) spans.push({ number: batch.number, turn, batches: 1 });
      else return spans;
      turn += 1;
      after = batch.number;
    }
    if (!asRun || page.length < max) return spans;
  }
}

function turnIn({ spans }: TurnItem, number: number): number | undefined {
  const span = spans.find((one) => number >= one.number && number < one.number + one.batches);
  return span && span.turn + number - span.number;
}
