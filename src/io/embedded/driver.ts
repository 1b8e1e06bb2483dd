/**
 * The embedded driver: everything the engine needs of the world, on one machine and in one data folder.
 *
 * - `openControlPlane` makes this process the engine of the folder, or answers `undefined` where another one is.
 * - `openDirect` opens the stores for a command beside (or without) an engine.
 * - `openDataPlane` opens what a worker thread needs; its options are plain data that cross to the thread.
 *
 * Faults of all three: `STORE_IO`, `STORE_FULL`, `STORE_BUSY`, `STORE_CORRUPT`.
 */
import { existsSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { Fault } from '../../core/faults.ts';
import type { RandomBytes } from '../../core/ids.ts';
import type { Arrivals, FileIntake } from '../ports/arrivals.ts';
import type { ClientStore } from '../ports/clients.ts';
import type { DebtReader } from '../ports/debts.ts';
import type { DeliveryStore } from '../ports/deliveries.ts';
import type { IdempotencyStore } from '../ports/idempotency.ts';
import type { KeyStore } from '../ports/keys.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { ObjectEraser, PrivacyStore } from '../ports/privacy.ts';
import type { WorkQueue } from '../ports/queue.ts';
import type { Registry } from '../ports/registry.ts';
import type { StagingStore } from '../ports/staging.ts';
import type { SubmissionStore } from '../ports/submissions.ts';
import { createClients } from './control/clients.ts';
import { type Control, DirectControl, ThreadControl } from './control/control.ts';
import { createDeliveries } from './control/deliveries.ts';
import { createIdempotency } from './control/idempotency.ts';
import { type ClosableKeys, createKeys } from './control/keys.ts';
import { createEraser, createPrivacy } from './control/privacy.ts';
import { EmbeddedQueue } from './control/queue.ts';
import { createRegistry } from './control/registry.ts';
import { createSubmissions } from './control/submissions.ts';
import { DebtsDb } from './debts/db.ts';
import { EmbeddedDebts } from './debts/debts.ts';
import { Inbox } from './files/inbox.ts';
import { EmbeddedIntake } from './files/intake.ts';
import { ObjectFolder, sweepIncoming } from './files/objectFolder.ts';
import { FileObjects } from './files/objects.ts';
import { FileStaging } from './files/staging.ts';
import { type Layout, layoutOf, makeFolders } from './layout.ts';
import { acquireEngineLock, type EngineLock } from './lock.ts';
import { WRITE_TURN_BYTES, WriteTurn } from './writeTurn.ts';

export interface DirectOptions {
  readonly dataDir: string;
  /** After so many deliveries a message goes to the dead letters. */
  readonly receivesMax: number;
  /** The longest time between two looks at an empty queue. */
  readonly pollMsMax: number;
  /** Page cache of the debts database. */
  readonly debtsCacheBytes: number;
}

export interface ControlOptions extends Omit<DirectOptions, 'debtsCacheBytes'> {
  /** How long an inbox file must not have changed before it is taken. */
  readonly inboxQuietMs: number;
}

/** Plain data: it crosses to worker threads. */
export interface DataPlaneOptions {
  readonly dataDir: string;
  /** Page cache of the debts database in each thread. */
  readonly debtsCacheBytes: number;
  /** Buffer of a staging writer. */
  readonly stagingBufferBytes: number;
  /** Indexes of staged ranges that a thread remembers. */
  readonly stagingIndexBytes: number;
  /** From `createWriteTurn`: one for all threads of the process. */
  readonly writeTurn: SharedArrayBuffer;
}

export interface DriverDeps {
  readonly clock: Clock;
  readonly random: RandomBytes;
}

interface ControlStores {
  readonly registry: Registry;
  readonly queue: WorkQueue;
  readonly clients: ClientStore;
  readonly objects: ObjectStore;
  readonly intake: FileIntake;
  readonly keys: KeyStore;
  readonly submissions: SubmissionStore;
  readonly idempotency: IdempotencyStore;
  readonly deliveries: DeliveryStore;
  readonly privacy: PrivacyStore;
}

export interface ControlPlane extends ControlStores {
  /** What is dropped into the inbox. */
  readonly arrivals: Arrivals;
  /** The registered debts, for reading: point reads and bounded steps in the thread of the caller. */
  readonly debts: DebtReader;
  /** Lets calls finish, closes the stores and gives the folder free; later calls do nothing. */
  close(): Promise<void>;
}

export interface DirectStores extends ControlStores {
  readonly eraser: ObjectEraser;
  /** For a command that erases: no engine may be there to free what was staged. */
  readonly staging: Pick<StagingStore, 'free'>;
  readonly debts: EmbeddedDebts;
  close(): Promise<void>;
}

export interface DataPlane {
  readonly objects: ObjectStore;
  readonly staging: StagingStore;
  readonly debts: EmbeddedDebts;
  close(): Promise<void>;
}

/** The memory through which the threads of a process take turns to write debts. */
export function createWriteTurn(): SharedArrayBuffer {
  return new SharedArrayBuffer(WRITE_TURN_BYTES);
}

export async function openControlPlane(options: ControlOptions, deps: DriverDeps): Promise<ControlPlane | undefined> {
  const startedMs = deps.clock.nowMs();
  const lock = acquireEngineLock(options.dataDir, startedMs);
  if (lock === undefined) return undefined;
  try {
    const layout = layoutOf(options.dataDir);
    // Made here once, so that worker threads find their tables.
    new DebtsDb(layout.debtsDb, 'write', 0).close();
    await sweepIncoming(layout, startedMs);
    const control = await ThreadControl.open(layout.controlDb);
    return await becomeEngine(layout, control, lock, options, deps);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function becomeEngine(
  layout: Layout,
  control: Control,
  lock: EngineLock,
  options: ControlOptions,
  deps: DriverDeps,
): Promise<ControlPlane> {
  try {
    await control.call('queue.resetLeases', null);
  } catch (error) {
    await control.close();
    throw error;
  }
  const intake = new EmbeddedIntake(new ObjectFolder(layout, deps.random));
  const { keys, ...others } = controlStores(layout, control, options, deps);
  const stores = { ...others, keys };
  const debts = lazyDebts(layout);
  let closed = false;
  return {
    ...stores,
    debts: debts.reader,
    arrivals: new Inbox(layout.inbox, intake, stores.objects, deps.clock, options.inboxQuietMs),
    async close() {
      if (closed) return;
      closed = true;
      try {
        keys.close();
        await debts.close();
        await control.close();
        // Worker threads end without closing: the last to close moves the log into the database, which is then one file.
        new DebtsDb(layout.debtsDb, 'write', 0).close();
      } finally {
        lock.release();
      }
    },
  };
}

/** `read` needs a folder that was used before, and refuses writes; `write` makes what is missing. */
export async function openDirect(
  options: DirectOptions,
  mode: 'read' | 'write',
  deps: DriverDeps,
): Promise<DirectStores> {
  const layout = layoutOf(options.dataDir);
  if (mode === 'write') makeFolders(layout);
  else if (!existsSync(layout.controlDb) || !existsSync(layout.debtsDb)) {
    throw new Fault('STORE_IO', 'the data folder does not exist or is empty: nothing was taken in yet');
  }
  const control = new DirectControl(layout.controlDb, mode);
  try {
    const debts = openDebts(layout, mode, options.debtsCacheBytes, createWriteTurn());
    // A command that writes may be one that erases: what it overwrites is gone from the file too.
    if (mode === 'write') debts.overwriteDeleted();
    const stores = controlStores(layout, control, options, deps);
    return {
      ...stores,
      debts,
      eraser: createEraser(stores.objects),
      staging: new FileStaging({ folder: layout.staging, bufferBytes: 0, indexBytesMax: 0 }),
      async close() {
        stores.keys.close();
        await debts.close();
        await control.close();
      },
    };
  } catch (error) {
    await control.close();
    throw error;
  }
}

/** For a worker thread of the engine: the folder and its databases are there. */
export async function openDataPlane(
  options: DataPlaneOptions,
  deps: { readonly random: RandomBytes },
): Promise<DataPlane> {
  const layout = layoutOf(options.dataDir);
  const debts = openDebts(layout, 'write', options.debtsCacheBytes, options.writeTurn);
  return {
    objects: new FileObjects(new ObjectFolder(layout, deps.random)),
    staging: new FileStaging({
      folder: layout.staging,
      bufferBytes: options.stagingBufferBytes,
      indexBytesMax: options.stagingIndexBytes,
    }),
    debts,
    close: () => debts.close(),
  };
}

function openDebts(
  layout: Layout,
  mode: 'read' | 'write',
  cacheBytes: number,
  writeTurn: SharedArrayBuffer,
): EmbeddedDebts {
  return new EmbeddedDebts({ path: layout.debtsDb, mode, cacheBytes, writeTurn: new WriteTurn(writeTurn) });
}

function controlStores(
  layout: Layout,
  control: Control,
  options: Pick<DirectOptions, 'receivesMax' | 'pollMsMax'>,
  deps: DriverDeps,
): ControlStores & { readonly keys: ClosableKeys } {
  const folder = new ObjectFolder(layout, deps.random);
  return {
    registry: createRegistry(control),
    queue: new EmbeddedQueue(control, options, deps),
    clients: createClients(control),
    objects: new FileObjects(folder),
    intake: new EmbeddedIntake(folder),
    keys: createKeys(control, layout.controlDb, deps.clock),
    submissions: createSubmissions(control),
    idempotency: createIdempotency(control),
    deliveries: createDeliveries(control),
    privacy: createPrivacy(control),
  };
}

/** The page cache of the engine's own reading of debts: single debts and short lists. */
const READER_CACHE_BYTES = 2 * 1024 * 1024;

/** Opened when it is first asked: an engine without the API never does. */
function lazyDebts(layout: Layout): { readonly reader: DebtReader; close(): Promise<void> } {
  let opened: EmbeddedDebts | undefined;
  const debts = (): EmbeddedDebts => {
    opened ??= openDebts(layout, 'read', READER_CACHE_BYTES, createWriteTurn());
    return opened;
  };
  return {
    reader: {
      fetch: async (client, keys) => await debts().fetch(client, keys),
      list: (client, filter) => debts().list(client, filter),
    },
    close: async () => await opened?.close(),
  };
}
