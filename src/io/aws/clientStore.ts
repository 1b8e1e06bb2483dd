/**
 * The clients in DynamoDB (port: clients): one item each, all in one partition, read strongly consistent.
 *
 *   openDynamoClients(options: { table: string }, deps: { dynamodb: DynamoDBClient; clock: Clock; random: RandomBytes }): ClientStore
 *
 * `pk` is `client`, `sk` its id; `j`/`z` its JSON, `tok` who wrote it last: an answer that was lost is known again by it.
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`, `STORE_CORRUPT`.
 */
import { assert } from '../../core/assert.ts';
import { attemptId } from '../../core/ids.ts';
import { CLIENT_ID, type ClientRecord, type ClientStore } from '../ports/clients.ts';
import { type Item, type Key, KeyedTable, type TableDeps } from './keyedTable.ts';
import { textItem, textOf, textValues } from './registryItems.ts';

const PARTITION = 'client';

export function openDynamoClients(options: { readonly table: string }, deps: TableDeps): ClientStore {
  const table = new KeyedTable(options.table, deps);

  async function isOurs(key: Key, token: string): Promise<boolean> {
    return (await table.get(key))?.['tok']?.S === token;
  }

  return {
    async add(client) {
      assert(CLIENT_ID.test(client.id), 'a client id was checked before it is stored');
      const token = attemptId(deps.random);
      const key = keyOf(client.id);
      const item = { ...textItem(JSON.stringify(client)), tok: { S: token } };
      return (await table.putNew(key, item)) || (await isOurs(key, token));
    },
    async update(client) {
      const token = attemptId(deps.random);
      const key = keyOf(client.id);
      const { set, remove, value } = textValues(JSON.stringify(client));
      return await table.update(key, {
        set: `SET ${set} = :body, tok = :tok REMOVE ${remove}`,
        when: 'attribute_exists(pk)',
        values: { ':body': value, ':tok': { S: token } },
      });
    },
    async get(id) {
      // An empty sort key is none that DynamoDB takes.
      if (!CLIENT_ID.test(id)) return undefined;
      const item = await table.get(keyOf(id));
      return item === undefined ? undefined : clientOf(item);
    },
    list: async () => (await table.all({ pk: PARTITION })).map(clientOf),
  };
}

function keyOf(id: string): Key {
  return { pk: PARTITION, sk: id };
}

function clientOf(item: Item): ClientRecord {
  return JSON.parse(textOf(item)) as ClientRecord;
}
