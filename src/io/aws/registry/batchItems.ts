/**
 * The items of batches and the entries of open ones.
 *
 * Invariants
 * - A batch that is there is numbered. It is created once, at the slot of a line, and its `first` and `stamp` never change.
 * - A batch that is open has its entry: the entry is written before the batch and removed after the batch is closed, and a
 *   closed batch never opens again (asserted). An entry whose batch is closed is what a death between two writes left.
 * - A write under a revision is told from another one's by its token, so one of several writers is told that it won, also
 *   where its answer was lost and the try after it failed the condition. Only where another write has already followed does
 *   the one whose answer was lost learn `false`; it then reads the batch, as after any other `false`.
 */
import { assert } from '../../../core/assert.ts';
import { attemptId } from '../../../core/ids.ts';
import { acceptedBatch, type Batch, type BatchDraft } from '../../ports/registry.ts';
import type { KeyedTable, TableDeps } from '../dynamo/keyedTable.ts';
import {
  batchItem,
  batchKey,
  isOpen,
  numberOf,
  numberValue,
  OPEN_PARTITIONS,
  openKey,
  openPartition,
  type Slot,
  type StoredBatch,
  storedBatchOf,
  stringOf,
  textItem,
  textOf,
  textValues,
} from './items.ts';

const MS_PER_SECOND = 1000;

export interface OpenEntry {
  readonly partition: number;
  readonly id: string;
  readonly sinceMs: number;
}

export class BatchItems {
  readonly #table: KeyedTable;
  readonly #deps: TableDeps;
  readonly #keepMs: number | undefined;

  constructor(table: KeyedTable, deps: TableDeps, keepMs: number | undefined) {
    this.#table = table;
    this.#deps = deps;
    this.#keepMs = keepMs;
  }

  async read(id: string): Promise<StoredBatch | undefined> {
    const item = await this.#table.get(batchKey(id));
    return item === undefined ? undefined : storedBatchOf(item);
  }

  async readMany(ids: Iterable<string>): Promise<Map<string, StoredBatch>> {
    const items = await this.#table.getMany([...new Set(ids)].map(batchKey));
    return new Map(items.map(storedBatchOf).map((stored) => [stored.batch.id, stored]));
  }

  /** The batch of the draft at the slot; the one that was there before, where there was one. */
  async create(draft: BatchDraft, slot: Slot): Promise<{ readonly stored: StoredBatch; readonly created: boolean }> {
    const token = attemptId(this.#deps.random);
    const { number: first, stamp } = slot;
    const mine: StoredBatch = { batch: acceptedBatch(draft, first), first, stamp, open: true, token };
    if (await this.#table.putNew(batchKey(draft.id), batchItem(mine))) return { stored: mine, created: true };
    const stored = await this.read(draft.id);
    assert(stored !== undefined, 'a batch that stood in the way is there');
    return { stored, created: stored.token === token };
  }

  /** What is stored, where this call wrote it. */
  async replace(batch: Batch, expectedRevision: number): Promise<Batch | undefined> {
    const next: Batch = { ...batch, revision: expectedRevision + 1 };
    const open = isOpen(next);
    const token = attemptId(this.#deps.random);
    const { set, remove, value } = textValues(JSON.stringify(next));
    const expires = !open && this.#keepMs !== undefined;
    const won = await this.#table.update(batchKey(batch.id), {
      set: `SET ${set} = :body, rev = :next, num = :num, #open = :open, tok = :tok${expires ? ', #ttl = :ttl' : ''} REMOVE ${remove}`,
      when: `rev = :rev${open ? ' AND #open = :open' : ''}`,
      names: { '#open': 'open', ...(expires ? { '#ttl': 'ttl' } : {}) },
      values: {
        ':body': value,
        ':next': numberValue(next.revision),
        ':num': numberValue(next.number),
        ':open': { BOOL: open },
        ':tok': { S: token },
        ':rev': numberValue(expectedRevision),
        ...(expires ? { ':ttl': this.#ttl(this.#keepMs ?? 0) } : {}),
      },
    });
    const stored = won ? undefined : await this.read(batch.id);
    assert(
      stored === undefined || stored.batch.revision !== expectedRevision || stored.open || !open,
      'a batch that is final and owes nothing never opens again',
    );
    if (!won && stored?.token !== token) return undefined;
    if (!open) await this.removeEntry(batch.id);
    return next;
  }

  /** The batch anew under the next revision, so that whoever is about to replace this one finds it changed. */
  async touch(stored: StoredBatch): Promise<void> {
    await this.replace(stored.batch, stored.batch.revision);
  }

  async putEntry(draft: BatchDraft): Promise<void> {
    const since = numberValue(this.#deps.clock.nowMs());
    await this.#table.put(openKey(draft.id), { ...textItem(JSON.stringify(draft)), since });
  }

  async entryDraft(id: string): Promise<BatchDraft | undefined> {
    const item = await this.#table.get(openKey(id));
    return item === undefined ? undefined : (JSON.parse(textOf(item)) as BatchDraft);
  }

  async removeEntry(id: string): Promise<void> {
    await this.#table.remove(openKey(id));
  }

  /** At least `max` entries from the given one on, or all that are left; by partition and id. */
  async entries(max: number, after: OpenEntry | undefined): Promise<OpenEntry[]> {
    const found: OpenEntry[] = [];
    for (let partition = after?.partition ?? 0; partition < OPEN_PARTITIONS && found.length < max; partition++) {
      // Below every id that goes on after this one, and above it: an id holds no character before this.
      const from = after?.partition === partition ? { from: `${after.id}!` } : {};
      const span = { pk: openPartition(partition), ...from, pageItems: max, only: ['sk', 'since'] };
      for await (const page of this.#table.query(span)) {
        found.push(...page.map((item) => ({ partition, id: stringOf(item, 'sk'), sinceMs: numberOf(item, 'since') })));
        if (found.length >= max) break;
      }
    }
    return found.slice(0, max);
  }

  #ttl(afterMs: number): { N: string } {
    return numberValue(Math.ceil((this.#deps.clock.nowMs() + afterMs) / MS_PER_SECOND));
  }
}
