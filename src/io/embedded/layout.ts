/**
 * Where things are in the data folder. One place, so that the folder can be read by a person and moved as a whole.
 *
 *   control.db            registry, queues, clients
 *   debts.db              the registered debts; anyone may open it with `sqlite3`
 *   engine.lock           held by the one engine of the folder; engine.json tells who that is
 *   inbox/<client>/       files dropped for a client
 *   objects/<key>         stored objects; objects/.incoming/ holds files that are still being written
 *   staging/<batch>/      pages between intermediate and registering
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { storeFault } from './osFaults.ts';

export interface Layout {
  readonly dataDir: string;
  readonly controlDb: string;
  readonly debtsDb: string;
  readonly engineLock: string;
  readonly engineInfo: string;
  readonly inbox: string;
  readonly objects: string;
  readonly incoming: string;
  readonly staging: string;
}

export function layoutOf(dataDir: string): Layout {
  const objects = join(dataDir, 'objects');
  return {
    dataDir,
    controlDb: join(dataDir, 'control.db'),
    debtsDb: join(dataDir, 'debts.db'),
    engineLock: join(dataDir, 'engine.lock'),
    engineInfo: join(dataDir, 'engine.json'),
    inbox: join(dataDir, 'inbox'),
    objects,
    incoming: join(objects, '.incoming'),
    staging: join(dataDir, 'staging'),
  };
}

/** Makes the folders where they are missing; readable by their owner alone, for they hold personal data. */
export function makeFolders(layout: Layout): void {
  try {
    for (const folder of [layout.dataDir, layout.inbox, layout.incoming, layout.staging]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    throw storeFault(error);
  }
}
