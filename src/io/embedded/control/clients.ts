/** The clients over the control database (port: clients). */
import { assert } from '../../../core/assert.ts';
import {
  CLIENT_ID,
  type ClientRecord,
  type ClientStore,
  type ProfileRecord,
  STORED_PROFILE_NAME,
} from '../../ports/clients.ts';
import type { Control } from './control.ts';

export function createClients(control: Control): ClientStore {
  return {
    async add(client: ClientRecord) {
      assert(CLIENT_ID.test(client.id), 'a client id was checked before it is stored');
      return await control.call('clients.add', client);
    },
    update: (client) => control.call('clients.update', client),
    get: (id) => control.call('clients.get', id),
    list: () => control.call('clients.list', null),
    async addProfile(profile: ProfileRecord) {
      assert(
        STORED_PROFILE_NAME.test(profile.name) && profile.version >= 1,
        'a profile was checked before it is stored',
      );
      return await control.call('profiles.add', profile);
    },
    getProfile: (name, version) => control.call('profiles.get', version === undefined ? { name } : { name, version }),
    listProfiles: () => control.call('profiles.list', null),
  };
}
