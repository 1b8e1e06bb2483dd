/**
 * API keys over the control database (port: keys).
 *
 * `find` reads through a connection of its own in the thread of the caller: a point read of the page cache, some ten
 * microseconds. A call to the control thread would put a second round trip before every request, and a cache would let a
 * revoked key count for a while.
 */
import { assert } from '../../core/assert.ts';
import { KEY_ID, type KeyStore } from '../ports/keys.ts';
import type { Control } from './control.ts';
import { ControlDb } from './controlDb.ts';
import { keyOf } from './keys.sql.ts';
import { guarded } from './sqlite.ts';

export interface ClosableKeys extends KeyStore {
  close(): void;
}

export function createKeys(control: Control, path: string): ClosableKeys {
  let reader: ControlDb | undefined;
  return {
    lagMsMax: 0,
    async add(key) {
      assert(KEY_ID.test(key.id), 'the id of a key is made by the engine');
      return await control.call('keys.add', key);
    },
    get: (id) => control.call('keys.get', id),
    async find(id) {
      reader ??= new ControlDb(path, 'read');
      const db = reader;
      return guarded(() => keyOf(db, id));
    },
    list: (client) => control.call('keys.list', client ?? null),
    end: (id, endsAtMs) => control.call('keys.end', { id, endsAtMs }),
    close() {
      reader?.close();
      reader = undefined;
    },
  };
}
