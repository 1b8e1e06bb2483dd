/**
 * Submissions in DynamoDB (port: submissions; items: submissionItems.ts).
 *
 *   openDynamoSubmissions(options: { table: string }, deps: { dynamodb; clock; random }): SubmissionStore
 *
 * An append reserves its numbers by one conditional write on the open header, and is there with one more conditional write,
 * under the first of them. Closing seals every number that is reserved and not there, under the same condition: what is late
 * finds its place taken and is refused, what was acknowledged is read. Seals are made before anything is read, whoever reads,
 * and outlive the lines. A submission takes no appends once it is so old that its first lines might go before it is read: some
 * two weeks. Faults: `SERVICE_IO`, `SERVICE_DENIED`.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { attemptId } from '../../../core/ids.ts';
import type {
  Append,
  AppendAnswer,
  CloseAnswer,
  Submission,
  SubmissionLine,
  SubmissionStore,
} from '../../ports/submissions.ts';
import { type Item, KeyedTable, type TableDeps } from './keyedTable.ts';
import * as items from './submissionItems.ts';

interface Name {
  readonly client: string;
  readonly id: string;
}

/** Of the 400 KB an item may have, escapes and names left room for. */
const ITEM_BYTES_MAX = 300_000;

export function openDynamoSubmissions(options: { readonly table: string }, deps: TableDeps): SubmissionStore {
  const table = new KeyedTable(options.table, deps);
  const seals = new Seals(table, deps);
  const head = async (name: Name): Promise<Submission | undefined> => {
    const item = await table.get(items.headKey(name));
    return item === undefined || item['st']?.S === 'discarded' ? undefined : items.submissionOf(item);
  };

  async function reserve(append: Append): Promise<number | undefined> {
    const bytes = append.lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    const columns = items.columnSet(append.columnsUsed);
    const item = await table.updated(items.headKey(append), {
      set: `SET touched = :now ADD n :count, b :bytes${columns.length === 0 ? '' : ', cols :cols'}`,
      when: 'st = :open AND touched > :idle AND #ttl >= :young AND n <= :countMax AND b <= :bytesMax',
      names: { '#ttl': 'ttl' },
      values: {
        ':now': { N: String(append.nowMs) },
        ':count': { N: String(append.lines.length) },
        ':bytes': { N: String(bytes) },
        ':open': { S: 'open' },
        ':idle': { N: String(append.nowMs - append.idleMs) },
        ':young': { N: items.appendableTtl(append.nowMs) },
        ':countMax': { N: String(append.linesMax - append.lines.length) },
        ':bytesMax': { N: String(append.bytesMax - bytes) },
        ...(columns.length === 0 ? {} : { ':cols': { NS: columns } }),
      },
    });
    return item === undefined ? undefined : Number(item['n']?.N) - append.lines.length + 1;
  }

  async function refusal(append: Append): Promise<AppendAnswer> {
    const found = await head(append);
    if (found === undefined) return { kind: 'unknown' };
    if (found.state === 'expired') return { kind: 'expired' };
    if (found.state !== 'open') return { kind: 'closed' };
    const alive = found.touchedAtMs > append.nowMs - append.idleMs && items.isAppendable(found, append.nowMs);
    return { kind: alive ? 'full' : 'expired' };
  }

  /** The number a token has, given to it now where it has none. */
  async function numberOfToken(append: Append, token: string): Promise<number | undefined> {
    const key = { pk: items.linesPartition(append), sk: `tok#${token}` };
    const known = (await table.get(key))?.['first']?.N;
    if (known !== undefined) return Number(known);
    const first = await reserve(append);
    if (first === undefined) return undefined;
    if (await table.putNew(key, { first: { N: String(first) }, ...items.ttlOf(append.nowMs) })) return first;
    return Number((await table.get(key))?.['first']?.N);
  }

  /** Lets go of the lines. The seals stay until their time is over: an append that slept may come yet. */
  async function free(name: Name): Promise<void> {
    const keeps = (count: AttributeValue | undefined): boolean => count?.N === '0';
    await table.removeAll(items.linesPartition(name), { attribute: 'cnt', keeps });
  }

  return {
    async create(draft) {
      const token = attemptId(deps.random);
      const key = items.headKey(draft);
      const isNew = await table.putNew(key, items.headItem(draft, token));
      const item = (await table.get(key)) as Item;
      if (!isNew && item['tok']?.S !== token) return { submission: items.submissionOf(item), created: false };
      await table.put(items.listKey(draft), items.ttlOf(draft.createdAtMs));
      await table.put(items.watchKey('open', draft), items.ttlOf(draft.createdAtMs));
      return { submission: items.submissionOf(item), created: true };
    },

    get: (client, id) => head({ client, id }),

    async list(client, { max, before }) {
      const edge = before === undefined ? undefined : items.listKey({ client, ...before }).sk;
      const found: Submission[] = [];
      const span = { pk: items.listPartition(client), newestFirst: true, pageItems: max + 1 };
      for await (const page of table.query({ ...span, ...(edge === undefined ? {} : { to: edge }) })) {
        for (const { sk } of page) {
          if (sk?.S === undefined || sk.S === edge) continue;
          const one = await head({ client, id: sk.S.slice(sk.S.indexOf('#') + 1) });
          if (one !== undefined && found.push(one) === max) return found;
        }
      }
      return found;
    },

    countOpen: (client) => table.count({ pk: items.watchPartition('open'), from: `${client}#`, to: `${client}#~` }),

    async append(append) {
      const first = append.token === null ? await reserve(append) : await numberOfToken(append, append.token);
      if (first === undefined) return await refusal(append);
      return (await seals.commit(append, first, append.lines, append.nowMs))
        ? { kind: 'appended', first }
        : await refusal(append);
    },

    async close(client, id, nowMs, idleMs): Promise<CloseAnswer> {
      const name = { client, id };
      const key = items.headKey(name);
      // Before the header: whoever dies in between leaves it to be found.
      if ((await head(name))?.state === 'open') await table.put(items.watchKey('closed', name), items.ttlOf(nowMs));
      await table.update(key, {
        set: 'SET st = :closed, touched = :now',
        when: 'st = :open AND touched > :idle AND n > :none',
        values: {
          ':closed': { S: 'closed' },
          ':now': { N: String(nowMs) },
          ':open': { S: 'open' },
          ':idle': { N: String(nowMs - idleMs) },
          ':none': { N: '0' },
        },
      });
      const submission = await head(name);
      if (submission === undefined) return { kind: 'unknown' };
      if (submission.state === 'expired') return { kind: 'expired' };
      if (submission.state === 'open') return { kind: submission.touchedAtMs <= nowMs - idleMs ? 'expired' : 'empty' };
      if (submission.state === 'closed') {
        await table.remove(items.watchKey('open', name));
        await seals.sealGaps(name, submission.lines, nowMs);
      }
      return { kind: 'closed', submission };
    },

    read: (client, id, { after, max }) => seals.read({ client, id }, after, max),

    async finish(client, id, batch, nowMs) {
      const name = { client, id };
      await table.update(items.headKey(name), {
        set: 'SET st = :submitted, bid = :batch, touched = :now',
        when: 'st = :closed',
        values: {
          ':submitted': { S: 'submitted' },
          ':batch': { S: batch },
          ':now': { N: String(nowMs) },
          ':closed': { S: 'closed' },
        },
      });
      const found = await head(name);
      if (found?.state !== 'submitted') return found?.batch ?? undefined;
      await table.put(items.watchKey('free', name), items.ttlOf(nowMs));
      await table.remove(items.watchKey('closed', name));
      return found.batch ?? undefined;
    },

    async discard(client, id) {
      const name = { client, id };
      const found = await head(name);
      if (found === undefined) return 'unknown';
      const taken = await table.update(items.headKey(name), {
        set: 'SET st = :discarded',
        when: 'st = :open',
        values: { ':discarded': { S: 'discarded' }, ':open': { S: 'open' } },
      });
      if (!taken && (await head(name)) !== undefined) return 'not_open';
      await seals.sealGaps(name, found.lines, deps.clock.nowMs());
      await free(name);
      await table.remove(items.watchKey('open', name));
      await table.remove(items.listKey({ ...name, createdAtMs: found.createdAtMs }));
      await table.remove(items.headKey(name));
      return 'discarded';
    },

    async remove(client, id) {
      const name = { client, id };
      const item = await table.get(items.headKey(name));
      if (item === undefined) return false;
      const { lines, createdAtMs } = items.submissionOf(item);
      // An append that is under way finds its number sealed, or its line taken away.
      await table.update(items.headKey(name), {
        set: 'SET st = :discarded',
        when: 'attribute_exists(pk)',
        values: { ':discarded': { S: 'discarded' } },
      });
      await seals.sealGaps(name, lines, deps.clock.nowMs());
      await free(name);
      for (const watch of ['open', 'closed', 'free'] as const) await table.remove(items.watchKey(watch, name));
      await table.remove(items.listKey({ ...name, createdAtMs }));
      await table.remove(items.headKey(name));
      return true;
    },

    async unfinished(untouchedSinceMs, max) {
      const found: Submission[] = [];
      for (const { sk } of await table.all({ pk: items.watchPartition('closed') })) {
        const one = await head(items.nameOfWatch(sk?.S ?? ''));
        if (one?.state === 'closed' && one.touchedAtMs < untouchedSinceMs) found.push(one);
      }
      const first = found.sort((a, b) => a.touchedAtMs - b.touchedAtMs).slice(0, max);
      // Whoever closed it may have ended before this was done.
      for (const one of first) await seals.sealGaps(one, one.lines, deps.clock.nowMs());
      return first;
    },

    async sweep({ idleBeforeMs, nowMs, max }) {
      let expired = 0;
      let freed = 0;
      const watched = async (what: items.Watch): Promise<Name[]> =>
        (await table.all({ pk: items.watchPartition(what) })).map(({ sk }) => items.nameOfWatch(sk?.S ?? ''));
      for (const name of await watched('open')) {
        if (expired === max) break;
        const changed = await table.update(items.headKey(name), {
          set: 'SET st = :expired, touched = :now',
          when: 'st = :open AND touched <= :idle',
          values: {
            ':expired': { S: 'expired' },
            ':now': { N: String(nowMs) },
            ':open': { S: 'open' },
            ':idle': { N: String(idleBeforeMs) },
          },
        });
        const state = changed ? 'expired' : (await head(name))?.state;
        if (changed) expired += 1;
        if (state !== 'expired') continue;
        await table.put(items.watchKey('free', name), items.ttlOf(nowMs));
        await table.remove(items.watchKey('open', name));
      }
      for (const name of await watched('free')) {
        if (freed === max) break;
        await free(name);
        await table.remove(items.watchKey('free', name));
        freed += 1;
      }
      return { expired, more: expired === max || freed === max };
    },
  };
}

/** The lines: committed, sealed and read. */
class Seals {
  readonly #table: KeyedTable;
  readonly #deps: TableDeps;

  constructor(table: KeyedTable, deps: TableDeps) {
    this.#table = table;
    this.#deps = deps;
  }

  /** Whether the lines stand under their numbers now: `false` where those were sealed before. */
  async commit(name: Name, first: number, lines: readonly string[], nowMs: number): Promise<boolean> {
    const pk = items.linesPartition(name);
    const body = JSON.stringify(lines);
    const tok = attemptId(this.#deps.random);
    const key = { pk, sk: items.lineSort(first) };
    const common: Item = { cnt: { N: String(lines.length) }, tok: { S: tok }, ...items.ttlOf(nowMs) };
    let item: Item = { ...common, body: { S: body } };
    if (Buffer.byteLength(body) > ITEM_BYTES_MAX) {
      const parts = partsOf(lines);
      for (const [index, part] of parts.entries()) {
        await this.#table.put({ pk, sk: items.partSort(first, index) }, { body: { S: part }, ...items.ttlOf(nowMs) });
      }
      item = { ...common, parts: { N: String(parts.length) } };
    }
    if (await this.#table.putNew(key, item)) return true;
    // Our own try whose answer was lost, the same append before (its token led here), or a seal.
    const found = await this.#table.get(key);
    return found !== undefined && Number(found['cnt']?.N) > 0;
  }

  async sealGaps(name: Name, lines: number, nowMs: number): Promise<void> {
    const pk = items.linesPartition(name);
    let next = 1;
    const gaps: number[] = [];
    for await (const page of this.#table.query({ pk, from: 'line#', to: 'line#~', only: ['sk', 'cnt'] })) {
      for (const { sk, cnt } of page) {
        const first = items.numberOfSort(sk?.S ?? '');
        for (; next < first; next++) gaps.push(next);
        next = Math.max(next, first + Math.max(1, Number(cnt?.N)));
      }
    }
    for (; next <= lines; next++) gaps.push(next);
    for (const first of gaps) {
      await this.#table.putNew({ pk, sk: items.lineSort(first) }, { cnt: { N: '0' }, ...items.ttlOf(nowMs) });
    }
  }

  async read(name: Name, after: number, max: number): Promise<SubmissionLine[]> {
    const pk = items.linesPartition(name);
    const lines: SubmissionLine[] = [];
    const from = (await this.#appendAround(pk, after + 1)) ?? items.lineSort(after + 1);
    for await (const page of this.#table.query({ pk, from, to: 'line#~' })) {
      for (const item of page) {
        const first = items.numberOfSort(item['sk']?.S ?? '');
        for (const [index, line] of (await this.#linesOf(pk, first, item)).entries()) {
          if (first + index > after && lines.push({ number: first + index, line }) === max) return lines;
        }
      }
    }
    return lines;
  }

  /** The append that may hold a number: the last that begins at it or before it; seals in between hold nothing. */
  async #appendAround(pk: string, number: number): Promise<string | undefined> {
    const span = {
      pk,
      from: 'line#',
      to: items.lineSort(number),
      newestFirst: true,
      pageItems: 8,
      only: ['sk', 'cnt'],
    };
    for await (const page of this.#table.query(span)) {
      const found = page.find(({ cnt }) => Number(cnt?.N) > 0);
      if (found !== undefined) return found['sk']?.S;
    }
    return undefined;
  }

  async #linesOf(pk: string, first: number, item: Item): Promise<string[]> {
    if (item['body']?.S !== undefined) return JSON.parse(item['body'].S) as string[];
    const parts = Number(item['parts']?.N ?? 0);
    if (parts === 0) return [];
    const span = { pk, from: items.partSort(first, 0), to: items.partSort(first, parts - 1) };
    return (await this.#table.all(span)).flatMap(({ body }) => JSON.parse(body?.S ?? '[]') as string[]);
  }
}

/** JSON arrays of lines, each within an item's bounds; a line alone is far below them. */
function partsOf(lines: readonly string[]): string[] {
  const parts: string[][] = [[]];
  let bytes = 0;
  for (const line of lines) {
    const size = Buffer.byteLength(JSON.stringify(line)) + 1;
    if (bytes + size > ITEM_BYTES_MAX && (parts.at(-1) as string[]).length > 0) {
      parts.push([]);
      bytes = 0;
    }
    (parts.at(-1) as string[]).push(line);
    bytes += size;
  }
  return parts.map((part) => JSON.stringify(part));
}
