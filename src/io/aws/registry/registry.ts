/**
 * The registry in DynamoDB (port: registry), for any number of processes at one table.
 *
 *   openDynamoRegistry(
 *     options: { table: string; keepMs?: number },
 *     deps: { dynamodb: DynamoDBClient; clock: Clock; random: RandomBytes },
 *   ): Registry
 *
 * `keepMs`: how long a batch is kept after it is final and owes nothing, and no shorter than any batch lives; without it
 * batches are kept for ever. The places of a line are always kept (some 120 bytes each): numbers rest on them.
 *
 * Promises
 * - An acceptance writes entry, slot, batch, in this order, each under its condition: a death after any of them leaves what
 *   the next one to look finishes, or an entry that the sweep finishes. A batch is seen once it has its number, never before.
 * - Acceptances of one client in one process follow one another, so that they are answered in the order of their numbers;
 *   between processes one that was answered before another began has the lower number.
 * - `open` mends: it finishes acceptances that were left, and takes away entries of batches that are closed.
 *
 * The client makes its own tries; faults `SERVICE_IO`, `SERVICE_DENIED`, `STORE_CORRUPT`. It is closed by who made it.
 * What is stored: items.ts. Costs: docs/decisions/014.
 */
import { attemptId } from '../../../core/ids.ts';
import {
  type Batch,
  type BatchDraft,
  type BatchFilter,
  type Registry,
  type TurnItem,
  turnItemOf,
} from '../../ports/registry.ts';
import { KeyedTable, type TableDeps } from '../dynamo/keyedTable.ts';
import { BatchItems, type OpenEntry } from './batchItems.ts';
import { newestBatches } from './batchList.ts';
import { INSTALLATION, numberOf, numberValue, stringOf, textOf, textValues, turnKey } from './items.ts';
import { Line } from './line.ts';
import { ResultItems } from './results.ts';

export interface DynamoRegistryOptions {
  readonly table: string;
  readonly keepMs?: number;
}

/** An acceptance that is younger is perhaps under way, and left alone by the sweep. */
const ACCEPTING_MS = 10_000;

export function openDynamoRegistry(options: DynamoRegistryOptions, deps: TableDeps): Registry {
  const table = new KeyedTable(options.table, deps);
  const batches = new BatchItems(table, deps, options.keepMs);
  const line = new Line(table, batches, deps);
  const results = new ResultItems(table, deps, options.keepMs);
  const acceptances = new Acceptances(batches, line);
  const turns = new Turns(table, deps);

  async function hashSeed(): Promise<number | undefined> {
    const item = await table.get(INSTALLATION);
    return item === undefined ? undefined : numberOf(item, 'seed');
  }

  return {
    async installation(proposal) {
      const stored = await hashSeed();
      if (stored !== undefined) return { hashSeed: stored };
      await table.putNew(INSTALLATION, { seed: numberValue(proposal.hashSeed) });
      return { hashSeed: (await hashSeed()) ?? proposal.hashSeed };
    },
    hashSeed,
    accept: (draft) => acceptances.accept(draft),
    get: async (id) => (await batches.read(id))?.batch,
    replace: async (batch, expectedRevision) => (await batches.replace(batch, expectedRevision)) !== undefined,
    async requeue(batch, expectedRevision) {
      const [stored, last] = await Promise.all([batches.read(batch.id), line.last(batch.client)]);
      if (stored?.batch.revision !== expectedRevision) return undefined;
      const { number } = await line.take(batch.client, batch.id, last, expectedRevision);
      return await batches.replace({ ...batch, number }, expectedRevision);
    },
    list: (filter: BatchFilter) => newestBatches(line, batches, filter),
    async open({ max, after }) {
      const entries = await batches.entries(max, after === undefined ? undefined : placeOf(after));
      const stored = await batches.readMany(entries.map((entry) => entry.id));
      const found = [];
      for (const { id, sinceMs } of entries) {
        let one = stored.get(id);
        if (one === undefined && Math.abs(deps.clock.nowMs() - sinceMs) > ACCEPTING_MS)
          one = await acceptances.finish(id);
        if (one?.open === true) found.push(one);
        else if (one !== undefined) await batches.removeEntry(id);
      }
      const last = entries.length < max ? undefined : entries.at(-1);
      return {
        batches: found.sort((a, b) => a.stamp - b.stamp).map((one) => one.batch),
        ...(last === undefined ? {} : { next: `${last.partition} ${last.id}` }),
      };
    },
    lineHead: (client, max, after) => line.head(client, max, after),
    putResult: (batch, kind, work, body) => results.putResult(batch, kind, work, body),
    getResult: (batch, kind, work) => results.getResult(batch, kind, work),
    countResults: (batch, kind) => results.countResults(batch, kind),
    listResults: (batch, kind, page) => results.listResults(batch, kind, page),
    listWorks: (batch, kind) => results.listWorks(batch, kind),
    dropResults: (batch, kinds) => results.dropResults(batch, kinds),
    recordFailure: (batch, work, attempt, says) => results.recordFailure(batch, work, attempt, says),
    failuresOf: (batch, works) => results.failuresOf(batch, works),
    clearFailures: (batch) => results.clearFailures(batch),
    turnOf: async (client) => (await turns.read(client)).item,
    takeTurns: (client, expectedTurn, next) => turns.take(client, expectedTurn, next),
  };
}

function placeOf(after: string): OpenEntry {
  const [partition, id = ''] = after.split(' ');
  return { partition: Number(partition), id, sinceMs: 0 };
}

class Acceptances {
  readonly #batches: BatchItems;
  readonly #line: Line;
  /** By client: the acceptance after which the next one may begin. */
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(batches: BatchItems, line: Line) {
    this.#batches = batches;
    this.#line = line;
  }

  async accept(draft: BatchDraft): Promise<{ readonly batch: Batch; readonly created: boolean }> {
    const { client } = draft;
    const before = this.#running.get(client);
    const mine = (before ?? Promise.resolve()).then(
      () => this.#accept(draft),
      () => this.#accept(draft),
    );
    this.#running.set(client, mine);
    try {
      return await mine;
    } finally {
      if (this.#running.get(client) === mine) this.#running.delete(client);
    }
  }

  /** The batch of an entry whose acceptance was left before its batch was there. */
  async finish(id: string) {
    const draft = await this.#batches.entryDraft(id);
    if (draft !== undefined) await this.accept(draft);
    return await this.#batches.read(id);
  }

  async #accept(draft: BatchDraft): Promise<{ readonly batch: Batch; readonly created: boolean }> {
    const { id, client } = draft;
    const [there, last] = await Promise.all([this.#batches.read(id), this.#line.last(client)]);
    if (there !== undefined) return { batch: there.batch, created: false };
    await this.#batches.putEntry(draft);
    // An acceptance of it that was left with its slot taken is gone on with where it is the last one.
    const slot = last?.batch === id ? last : await this.#line.take(client, id, last);
    const { stored, created } = await this.#batches.create(draft, slot);
    // It was accepted, and perhaps ended, between the first reading and the entry.
    if (!stored.open) await this.#batches.removeEntry(id);
    return { batch: stored.batch, created };
  }
}

/** The one turn item of each client. */
class Turns {
  readonly #table: KeyedTable;
  readonly #deps: TableDeps;

  constructor(table: KeyedTable, deps: TableDeps) {
    this.#table = table;
    this.#deps = deps;
  }

  async read(client: string): Promise<{ readonly item: TurnItem; readonly token: string }> {
    const item = await this.#table.get(turnKey(client));
    if (item === undefined) return { item: turnItemOf(undefined), token: '' };
    return { item: turnItemOf(textOf(item)), token: stringOf(item, 'tok') };
  }

  async take(client: string, expectedTurn: number, next: TurnItem): Promise<boolean> {
    const token = attemptId(this.#deps.random);
    const { set, remove, value } = textValues(JSON.stringify(next));
    const won = await this.#table.update(turnKey(client), {
      set: `SET ${set} = :body, t = :next, tok = :tok REMOVE ${remove}`,
      when: expectedTurn === 0 ? 'attribute_not_exists(t) OR t = :turn' : 't = :turn',
      values: {
        ':body': value,
        ':next': numberValue(next.turn),
        ':tok': { S: token },
        ':turn': numberValue(expectedTurn),
      },
    });
    return won || (await this.read(client)).token === token;
  }
}
