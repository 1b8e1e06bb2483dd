/** The registry over the control database (port: registry). */
import type { Registry } from '../../ports/registry.ts';
import type { Control } from './control.ts';

const ALL = { after: -1, max: -1 } as const;

export function createRegistry(control: Control): Registry {
  return {
    installation: (proposal) => control.call('registry.installation', proposal),
    hashSeed: () => control.call('registry.hashSeed', null),
    accept: (draft) => control.call('registry.accept', draft),
    get: (id) => control.call('registry.get', id),
    replace: (batch, expectedRevision) => control.call('registry.replace', { batch, expectedRevision }),
    requeue: (batch, expectedRevision) => control.call('registry.requeue', { batch, expectedRevision }),
    list: (filter) => control.call('registry.list', filter),
    open: (page) => control.call('registry.open', page),
    lineHead: (client, max, after = 0) => control.call('registry.lineHead', { client, max, after }),
    putResult: (batch, kind, work, body) => control.call('results.put', { batch, kind, work, body }),
    getResult: (batch, kind, work) => control.call('results.get', { batch, kind, work }),
    countResults: (batch, kind) => control.call('results.count', { batch, kind }),
    listResults: (batch, kind, page) => control.call('results.list', { batch, kind, ...(page ?? ALL) }),
    listWorks: (batch, kind) => control.call('results.works', { batch, kind }),
    async dropResults(batch, kinds) {
      await control.call('results.drop', { batch, kinds });
    },
    recordFailure: (batch, work, attempt, says) => control.call('failures.record', { batch, work, attempt, says }),
    failuresOf: (batch, works) => control.call('failures.of', { batch, works }),
    async clearFailures(batch) {
      await control.call('failures.clear', batch);
    },
    turnOf: (client) => control.call('registry.turnOf', client),
    takeTurns: (client, expectedTurn, next) => control.call('registry.takeTurns', { client, expectedTurn, next }),
  };
}
