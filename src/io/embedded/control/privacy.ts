/** Legal holds and erasures over the control database, and objects taken away from their folder (port: privacy). */
import type { ObjectStore } from '../../ports/objects.ts';
import type { ObjectEraser, PrivacyStore } from '../../ports/privacy.ts';
import type { Control } from './control.ts';

export function createPrivacy(control: Control): PrivacyStore {
  return {
    add: (record) => control.call('privacy.add', record),
    replace: (record, expectedRevision) => control.call('privacy.replace', { record, expectedRevision }),
    list: (client) => control.call('privacy.list', client),
  };
}

/** A folder keeps one state of an object. */
export function createEraser(objects: ObjectStore): ObjectEraser {
  return {
    async erase(key) {
      if ((await objects.head(key)) === undefined) return 0;
      await objects.delete(key);
      return 1;
    },
  };
}
