/**
 * API keys in DynamoDB (port: keys): one item each, all in one partition of the table of clients.
 *
 *   openDynamoKeys(options: { table: string }, deps: { dynamodb: DynamoDBClient; clock: Clock; random: RandomBytes }): KeyStore
 *
 * `pk` is `key`, `sk` its id; `j` its JSON, `tok` who wrote it, `ends` when it stops to count. `find` remembers what it found
 * for `LAG_MS`: every request asks, and a read of the table costs a few milliseconds.
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`.
 */
import { assert } from '../../../core/assert.ts';
import { attemptId } from '../../../core/ids.ts';
import { KEY_ID, type KeyRecord, type KeyStore } from '../../ports/keys.ts';
import { type Item, type Key, KeyedTable, type TableDeps } from './keyedTable.ts';

const PARTITION = 'key';
const LAG_MS = 2000;

export function openDynamoKeys(options: { readonly table: string }, deps: TableDeps): KeyStore {
  const table = new KeyedTable(options.table, deps);
  let found = new Map<string, KeyRecord>();
  let foundMs = deps.clock.monotonicMs();

  const get = async (id: string): Promise<KeyRecord | undefined> => {
    const item = KEY_ID.test(id) ? await table.get(keyOf(id)) : undefined;
    return item === undefined ? undefined : recordOf(item);
  };

  return {
    lagMsMax: LAG_MS,
    async add(key) {
      assert(KEY_ID.test(key.id), 'the id of a key is made by the engine');
      const token = attemptId(deps.random);
      const { endsAtMs, ...rest } = key;
      const ends: Item = endsAtMs === null ? {} : { ends: { N: String(endsAtMs) } };
      const item: Item = { j: { S: JSON.stringify(rest) }, tok: { S: token }, ...ends };
      return (await table.putNew(keyOf(key.id), item)) || (await table.get(keyOf(key.id)))?.['tok']?.S === token;
    },
    get,
    async find(id) {
      const nowMs = deps.clock.monotonicMs();
      if (nowMs - foundMs >= LAG_MS) {
        found = new Map();
        foundMs = nowMs;
      }
      const known = found.get(id) ?? (await get(id));
      if (known !== undefined) found.set(id, known);
      return known;
    },
    async list(client) {
      const all = (await table.all({ pk: PARTITION })).map(recordOf);
      return all
        .filter((key) => client === undefined || key.client === client)
        .sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1));
    },
    async end(id, endsAtMs) {
      if (!KEY_ID.test(id)) return false;
      const ended = await table.update(keyOf(id), {
        set: 'SET ends = :ends',
        when: 'attribute_exists(pk) AND (attribute_not_exists(ends) OR ends > :ends)',
        values: { ':ends': { N: String(endsAtMs) } },
      });
      found.delete(id);
      // It ends earlier already, or it is not there.
      return ended || (await get(id)) !== undefined;
    },
  };
}

function keyOf(id: string): Key {
  return { pk: PARTITION, sk: id };
}

function recordOf(item: Item): KeyRecord {
  const rest = JSON.parse(item['j']?.S ?? '') as Omit<KeyRecord, 'endsAtMs'>;
  return { ...rest, endsAtMs: item['ends']?.N === undefined ? null : Number(item['ends'].N) };
}
