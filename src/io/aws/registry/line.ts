/**
 * A client's line in DynamoDB: slots numbered from 1 without a gap, each taken by one conditional write and never removed.
 *
 * Why it holds (docs/decisions/014)
 * - A slot is put «if absent» right after the last one that is there. As none is ever removed, it can only be put while it is
 *   the end of the line: numbers never repeat, and one that was answered is lower than any taken afterwards.
 * - A batch stands at the slot whose number it carries; every other slot of it is dead. An acceptance that took a slot
 *   and died has left its draft: whoever reads the line finishes it. A requeue that took a slot and has not yet written is put
 *   off by whoever reads the line: the batch gets its next revision, so that the late write is refused. Nobody therefore
 *   comes to stand before a batch that was seen at the head.
 * - `head` moves over slots that are dead or whose batch has left the line: it comes back at a slot of its own, if at all
 *   (port: `requeue`). So `head` may be kept.
 */

import { Fault } from '../../../core/faults.ts';
import { attemptId } from '../../../core/ids.ts';
import type { Batch } from '../../ports/registry.ts';
import type { KeyedTable, TableDeps } from '../dynamo/keyedTable.ts';
import type { BatchItems } from './batchItems.ts';
import {
  headKey,
  LINES,
  linePartition,
  numberOf,
  numberValue,
  SLOT_MAX,
  type Slot,
  type StoredBatch,
  slotItem,
  slotKey,
  slotOf,
  stringOf,
} from './items.ts';

/** Each try that fails means that another one took a slot. */
const TAKES_MAX = 1000;
/** Read beyond what is asked for, since some slots will be done with. */
const SLOTS_MORE = 16;
/** The stored head moves in such steps; the one kept here moves at once. */
const HEAD_STEP = 16;
/** Clients whose head is kept in this process. */
const HEADS_MAX = 10_000;

export class Line {
  readonly #table: KeyedTable;
  readonly #batches: BatchItems;
  readonly #deps: TableDeps;
  /** By client: a slot before which all are done with, and the one that is stored. */
  readonly #heads = new Map<string, { at: number; stored: number }>();

  constructor(table: KeyedTable, batches: BatchItems, deps: TableDeps) {
    this.#table = table;
    this.#batches = batches;
    this.#deps = deps;
  }

  async last(client: string): Promise<Slot | undefined> {
    for await (const [item] of this.#table.query({ pk: linePartition(client), newestFirst: true, pageItems: 1 })) {
      return item === undefined ? undefined : slotOf(item);
    }
    return undefined;
  }

  async at(client: string, number: number): Promise<Slot | undefined> {
    const item = await this.#table.get(slotKey(client, number));
    return item === undefined ? undefined : slotOf(item);
  }

  /** The next slot of the line, for an acceptance or, with a revision, for a requeue; `known` is the last one. */
  async take(client: string, batch: string, known: Slot | undefined, revision?: number): Promise<Slot> {
    const token = attemptId(this.#deps.random);
    let last = known;
    for (let tries = 0; tries < TAKES_MAX; tries++) {
      // Before the first slot, so that a line that has one is found by its client.
      if (last === undefined) await this.#table.put({ pk: LINES, sk: client }, {});
      const number = (last?.number ?? 0) + 1;
      const stamp = Math.max(this.#deps.clock.nowMs() * 1000, (last?.stamp ?? 0) + 1);
      const slot: Slot = { number, batch, stamp, token, revision };
      if (await this.#table.putNew(slotKey(client, number), slotItem(slot))) return slot;
      const taken = await this.at(client, number);
      if (taken?.token === token) return taken;
      if (tries > 0) await this.#table.pause(tries);
      last = await this.last(client);
    }
    throw new Fault('SERVICE_IO', `no slot of the client's line after ${TAKES_MAX} tries`, { batch });
  }

  /** The first batches in line after a number, by number: the line as it was at one instant between call and answer. */
  async head(client: string, max: number, after = 0): Promise<Batch[]> {
    // By id: one that moved while the line was read is found again, further back.
    const found = new Map<string, Batch>();
    const start = await this.#headOf(client);
    let from = Math.max(start, after + 1);
    let doneWith = start;
    // A batch that went to the end of the line while it was read stands beyond what was read: look once more.
    for (let moved = true; moved && found.size < max; ) {
      moved = false;
      for await (const page of this.#table.query({
        pk: linePartition(client),
        from: slotKey(client, from).sk,
        pageItems: max + SLOTS_MORE,
      })) {
        const slots = page.map(slotOf);
        const stored = await this.#batches.readMany(slots.map((slot) => slot.batch));
        for (const slot of slots) {
          const standing = await this.#standing(slot, stored.get(slot.batch));
          const here = standing?.batch.number === slot.number;
          if (doneWith === slot.number && !(here && standing.batch.inLine)) doneWith++;
          if (here) found.delete(slot.batch);
          if (here && standing.batch.inLine && found.size < max) found.set(slot.batch, standing.batch);
          moved ||= standing !== undefined && standing.batch.number > slot.number;
          from = slot.number + 1;
        }
        if (found.size >= max) break;
      }
    }
    await this.#moveHead(client, doneWith);
    return [...found.values()];
  }

  /** Clients that have a line. */
  async clients(): Promise<string[]> {
    return (await this.#table.all({ pk: LINES, only: ['sk'] })).map((item) => stringOf(item, 'sk'));
  }

  /** Slots below `below`, or all, the last one first. */
  async *newest(client: string, below: number | undefined, pageItems: number): AsyncGenerator<Slot[]> {
    if (below !== undefined && below <= 1) return;
    const to = below === undefined || below > SLOT_MAX ? {} : { to: slotKey(client, below - 1).sk };
    const span = { pk: linePartition(client), ...to, newestFirst: true, pageItems };
    for await (const page of this.#table.query(span)) yield page.map(slotOf);
  }

  /**
   * The batch of a slot, once it is certain whether it stands there: an acceptance is finished, a requeue under way put off.
   * `undefined` where the batch is gone, its time being over.
   */
  async #standing(slot: Slot, known: StoredBatch | undefined): Promise<StoredBatch | undefined> {
    let stored = known ?? (await this.finish(slot));
    while (stored !== undefined && stored.batch.number < slot.number && stored.batch.revision === slot.revision) {
      await this.#batches.touch(stored);
      stored = await this.#batches.read(slot.batch);
    }
    return stored;
  }

  /** Creates the batch of a slot whose acceptance did not come so far; whatever stands for its id then. */
  async finish(slot: Slot): Promise<StoredBatch | undefined> {
    const draft = await this.#batches.entryDraft(slot.batch);
    // Without an entry the batch is closed meanwhile, or gone.
    return draft === undefined
      ? await this.#batches.read(slot.batch)
      : (await this.#batches.create(draft, slot)).stored;
  }

  async #headOf(client: string): Promise<number> {
    const kept = this.#heads.get(client);
    if (kept !== undefined) return kept.at;
    const item = await this.#table.get(headKey(client));
    const stored = item === undefined ? 1 : numberOf(item, 'n');
    if (this.#heads.size >= HEADS_MAX) this.#heads.delete(this.#heads.keys().next().value as string);
    this.#heads.set(client, { at: stored, stored });
    return stored;
  }

  async #moveHead(client: string, at: number): Promise<void> {
    const kept = this.#heads.get(client);
    if (kept === undefined) return;
    kept.at = Math.max(kept.at, at);
    if (kept.at - kept.stored < HEAD_STEP) return;
    kept.stored = kept.at;
    await this.#table.update(headKey(client), {
      set: 'SET n = :at',
      when: 'attribute_not_exists(n) OR n < :at',
      values: { ':at': numberValue(kept.at) },
    });
  }
}
