/**
 * API keys over the control database (port: keys).
 *
 * `find` reads through a connection of its own in the thread of the caller, and remembers what it found for `LAG_MS`: at
 * thousands of requests a second the read, some ten microseconds, was a tenth of each. What this process itself changes
 * counts at once.
 */
import { assert } from '../../../core/assert.ts';
import type { Clock } from '../../../core/clock.ts';
import { KEY_ID, type KeyRecord, type KeyStore } from '../../ports/keys.ts';
import { guarded } from '../sqlite.ts';
import type { Control } from './control.ts';
import { ControlDb } from './db.ts';
import { keyOf } from './keys.sql.ts';

const LAG_MS = 50;

export interface ClosableKeys extends KeyStore {
  close(): void;
}

export function createKeys(control: Control, path: string, clock: Pick<Clock, 'monotonicMs'>): ClosableKeys {
  let reader: ControlDb | undefined;
  let found = new Map<string, KeyRecord>();
  let foundMs = clock.monotonicMs();
  return {
    lagMsMax: LAG_MS,
    async add(key) {
      assert(KEY_ID.test(key.id), 'the id of a key is made by the engine');
      return await control.call('keys.add', key);
    },
    get: (id) => control.call('keys.get', id),
    async find(id) {
      const nowMs = clock.monotonicMs();
      if (nowMs - foundMs >= LAG_MS) {
        found = new Map();
        foundMs = nowMs;
      }
      const known = found.get(id);
      if (known !== undefined) return known;
      reader ??= new ControlDb(path, 'read');
      const db = reader;
      const key = guarded(() => keyOf(db, id));
      if (key !== undefined) found.set(id, key);
      return key;
    },
    list: (client) => control.call('keys.list', client ?? null),
    async end(id, endsAtMs) {
      const ended = await control.call('keys.end', { id, endsAtMs });
      found.delete(id);
      return ended;
    },
    close() {
      reader?.close();
      reader = undefined;
    },
  };
}
