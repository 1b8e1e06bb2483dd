/**
 * Lists of batches, newest acceptance first: the slots of one line from its end, or those of all lines merged by when
 * they were taken.
 *
 * Within a client the order is exact. Between clients it is that of the clocks of the processes that accepted. A list over
 * all clients asks each line once: it is for people and for commands.
 */
import type { Batch, BatchFilter } from '../../ports/registry.ts';
import type { BatchItems } from './batchItems.ts';
import type { Slot } from './items.ts';
import type { Line } from './line.ts';

/** Slots of a line, and batches, asked for at once. */
const PAGE_ITEMS_MAX = 100;
/** Lines asked at once. */
const LINES_AT_ONCE = 16;

export async function newestBatches(line: Line, batches: BatchItems, filter: BatchFilter): Promise<Batch[]> {
  const { client, states, limit = Number.POSITIVE_INFINITY, before } = filter;
  const found: Batch[] = [];
  if (limit <= 0 || states?.length === 0) return found;
  // A batch is listed at the slot it was accepted at.
  const below = client === undefined ? undefined : before;
  const pageItems = Math.min(limit, PAGE_ITEMS_MAX);
  const clients = client === undefined ? await line.clients() : [client];
  const cursors = await cursorsOf(line, clients, below, pageItems);
  for (let page = await nextSlots(cursors, pageItems); page.length > 0; page = await nextSlots(cursors, pageItems)) {
    const stored = await batches.readMany(page.map((slot) => slot.batch));
    for (const slot of page) {
      const one = stored.get(slot.batch);
      // Other slots of it are a requeue's, or dead; a batch that is not there is not accepted yet, or gone.
      if (one?.first !== slot.number) continue;
      if (states === undefined || states.includes(one.batch.state)) found.push(one.batch);
      if (found.length >= limit) return found;
    }
  }
  return found;
}

interface Cursor {
  readonly pages: AsyncGenerator<Slot[]>;
  slots: Slot[];
}

async function cursorsOf(
  line: Line,
  clients: readonly string[],
  below: number | undefined,
  pageItems: number,
): Promise<Cursor[]> {
  const cursors: Cursor[] = [];
  for (let at = 0; at < clients.length; at += LINES_AT_ONCE) {
    const opened = clients.slice(at, at + LINES_AT_ONCE).map(async (client) => {
      const cursor: Cursor = { pages: line.newest(client, below, pageItems), slots: [] };
      await fill(cursor);
      return cursor;
    });
    cursors.push(...(await Promise.all(opened)));
  }
  return cursors;
}

async function nextSlots(cursors: readonly Cursor[], max: number): Promise<Slot[]> {
  const slots: Slot[] = [];
  while (slots.length < max) {
    let newest: Cursor | undefined;
    for (const cursor of cursors) {
      const [slot] = cursor.slots;
      if (slot !== undefined && slot.stamp > (newest?.slots[0]?.stamp ?? -1)) newest = cursor;
    }
    const slot = newest?.slots.shift();
    if (newest === undefined || slot === undefined) break;
    slots.push(slot);
    if (newest.slots.length === 0) await fill(newest);
  }
  return slots;
}

/** Until it has slots or its line ends; a page may be empty and another one follow. */
async function fill(cursor: Cursor): Promise<void> {
  while (cursor.slots.length === 0) {
    const next = await cursor.pages.next();
    if (next.done === true) return;
    cursor.slots = next.value;
  }
}
