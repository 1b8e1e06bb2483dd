/**
 * The clients and the profiles in DynamoDB (port: clients): one item each, all of a kind in one partition, read strongly
 * consistent.
 *
 *   openDynamoClients(options: { table: string }, deps: { dynamodb: DynamoDBClient; clock: Clock; random: RandomBytes }): ClientStore
 *
 * `pk` is `client`, `sk` its id; of a profile's version `profile` and `name#version`, nine digits; `j`/`z` its JSON, `tok` who wrote it last: an answer that was lost is known again by it.
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`, `STORE_CORRUPT`.
 */
import { assert } from '../../../core/assert.ts';
import { attemptId } from '../../../core/ids.ts';
import {
  CLIENT_ID,
  type ClientRecord,
  type ClientStore,
  type ProfileRecord,
  STORED_PROFILE_NAME,
} from '../../ports/clients.ts';
import { textItem, textOf, textValues } from '../registry/items.ts';
import { type Item, type Key, KeyedTable, type TableDeps } from './keyedTable.ts';

const PARTITION = 'client';
const PROFILES = 'profile';
const VERSION_DIGITS = 9;

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
    async addProfile(profile) {
      assert(
        STORED_PROFILE_NAME.test(profile.name) && profile.version >= 1,
        'a profile was checked before it is stored',
      );
      const token = attemptId(deps.random);
      const key = profileKey(profile.name, profile.version);
      const item = { ...textItem(JSON.stringify(profile)), tok: { S: token } };
      return (await table.putNew(key, item)) || (await isOurs(key, token));
    },
    async getProfile(name, version) {
      if (!STORED_PROFILE_NAME.test(name)) return undefined;
      if (version !== undefined) {
        const item = await table.get(profileKey(name, version));
        return item === undefined ? undefined : profileOf(item);
      }
      const span = { pk: PROFILES, from: `${name}#`, to: `${name}#~`, newestFirst: true, pageItems: 1 };
      for await (const [item] of table.query(span)) return item === undefined ? undefined : profileOf(item);
      return undefined;
    },
    // Of two names that begin alike, sort keys order by the `#`, which comes before every character of a name.
    listProfiles: async () => (await table.all({ pk: PROFILES })).map(profileOf),
  };
}

function keyOf(id: string): Key {
  return { pk: PARTITION, sk: id };
}

function clientOf(item: Item): ClientRecord {
  return JSON.parse(textOf(item)) as ClientRecord;
}

function profileKey(name: string, version: number): Key {
  return { pk: PROFILES, sk: `${name}#${String(version).padStart(VERSION_DIGITS, '0')}` };
}

function profileOf(item: Item): ProfileRecord {
  return JSON.parse(textOf(item)) as ProfileRecord;
}
