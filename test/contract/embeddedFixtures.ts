/** Fixtures of the embedded drivers: a data folder of its own for each test, gone afterwards. */
import { randomBytes } from 'node:crypto';
import { access, constants, mkdir, mkdtemp, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import {
  type ControlPlane,
  createWriteTurn,
  type DataPlane,
  type DataPlaneOptions,
  type DirectStores,
  openControlPlane,
  openDataPlane,
  openDirect,
} from '../../src/io/embedded/driver.ts';
import type { ClientStore } from '../../src/io/ports/clients.ts';
import type { DeliveryStore } from '../../src/io/ports/deliveries.ts';
import type { IdempotencyStore } from '../../src/io/ports/idempotency.ts';
import type { KeyStore } from '../../src/io/ports/keys.ts';
import type { Registry } from '../../src/io/ports/registry.ts';
import type { StagingStore } from '../../src/io/ports/staging.ts';
import type { SubmissionStore } from '../../src/io/ports/submissions.ts';
import type { ArrivalsFixture } from './arrivals.contract.ts';
import type { DebtsFixture } from './debts.contract.ts';
import type { ObjectsFixture } from './objects.contract.ts';
import type { QueueFixture } from './queue.contract.ts';
import { FakeClock, type Fixture, nextTick } from './support.ts';

export const INBOX_QUIET_MS = 1000;

const random = (size: number): Uint8Array => randomBytes(size);

/** In memory where the machine has such a place: the suites sync thousands of times, and no test needs a real disk. */
export async function makeDataDir(): Promise<string> {
  const base = await access('/dev/shm', constants.W_OK).then(
    () => '/dev/shm',
    () => tmpdir(),
  );
  return await mkdtemp(join(base, 'remessa-'));
}

export async function removeDataDir(dataDir: string): Promise<void> {
  await rm(dataDir, { recursive: true, force: true });
}

const OPTIONS = { receivesMax: 3, pollMsMax: 500, inboxQuietMs: INBOX_QUIET_MS, debtsCacheBytes: 1024 * 1024 };

export async function openEngineOn(dataDir: string, clock = new FakeClock()): Promise<ControlPlane> {
  const plane = await openControlPlane({ ...OPTIONS, dataDir }, { clock, random });
  if (plane === undefined) throw new Error('the folder is kept by another engine');
  return plane;
}

export function openDirectOn(
  dataDir: string,
  mode: 'read' | 'write' = 'write',
  clock = new FakeClock(),
): Promise<DirectStores> {
  return openDirect({ ...OPTIONS, dataDir }, mode, { clock, random });
}

export function dataOptions(dataDir: string): DataPlaneOptions {
  return {
    dataDir,
    debtsCacheBytes: 1024 * 1024,
    stagingBufferBytes: 256 * 1024,
    // Small, so that indexes are forgotten and read again.
    stagingIndexBytes: 512,
    writeTurn: createWriteTurn(),
  };
}

export async function openDataOn(dataDir: string): Promise<DataPlane> {
  // The control side makes the folder and its databases.
  await (await openDirectOn(dataDir)).close();
  return await openDataPlane(dataOptions(dataDir), { random });
}

interface Closable {
  close(): Promise<void>;
}

/** A fixture of one store of whatever `open` opens on a fresh folder. */
async function fixtureOf<O extends Closable, T>(
  open: (dataDir: string) => Promise<O>,
  storeOf: (opened: O) => T,
): Promise<Fixture<T> & { readonly dataDir: string; readonly opened: O }> {
  const dataDir = await makeDataDir();
  let opened = await open(dataDir);
  return {
    dataDir,
    store: storeOf(opened),
    get opened() {
      return opened;
    },
    async reopen() {
      await opened.close();
      opened = await open(dataDir);
      return storeOf(opened);
    },
    async dispose() {
      await opened.close();
      await removeDataDir(dataDir);
    },
  };
}

export type Way = 'engine' | 'direct';

function opener(way: Way, clock?: FakeClock): (dataDir: string) => Promise<ControlPlane | DirectStores> {
  return (dataDir) => (way === 'engine' ? openEngineOn(dataDir, clock) : openDirectOn(dataDir, 'write', clock));
}

export function registryFixture(way: Way): Promise<Fixture<Registry>> {
  return fixtureOf(opener(way), (stores) => stores.registry);
}

export function clientsFixture(way: Way): Promise<Fixture<ClientStore>> {
  return fixtureOf(opener(way), (stores) => stores.clients);
}

export function keysFixture(way: Way): Promise<Fixture<KeyStore>> {
  return fixtureOf(opener(way), (stores) => stores.keys);
}

export function submissionsFixture(way: Way): Promise<Fixture<SubmissionStore>> {
  return fixtureOf(opener(way), (stores) => stores.submissions);
}

export function deliveriesFixture(way: Way): Promise<Fixture<DeliveryStore>> {
  return fixtureOf(opener(way), (stores) => stores.deliveries);
}

export function idempotencyFixture(way: Way): Promise<Fixture<IdempotencyStore>> {
  return fixtureOf(opener(way), (stores) => stores.idempotency);
}

export async function queueFixture(way: Way): Promise<QueueFixture> {
  const clock = new FakeClock();
  return Object.assign(await fixtureOf(opener(way, clock), (stores) => stores.queue), { clock });
}

export async function objectsFixture(): Promise<ObjectsFixture> {
  const fixture = await fixtureOf(openDataOn, (plane) => plane.objects);
  const leftovers = async (): Promise<number> => (await readdir(join(fixture.dataDir, 'objects', '.incoming'))).length;
  return Object.assign(fixture, { leftovers });
}

export function stagingFixture(): Promise<Fixture<StagingStore>> {
  return fixtureOf(openDataOn, (plane) => plane.staging);
}

export async function debtsFixture(way: 'worker' | 'direct'): Promise<DebtsFixture> {
  const fixture =
    way === 'worker'
      ? await fixtureOf(openDataOn, (plane) => plane.debts)
      : await fixtureOf(openDirectOn, (stores) => stores.debts);
  return Object.assign(fixture, { check: async () => checkDebts(fixture.dataDir) });
}

export function checkDebts(dataDir: string): void {
  const db = new DatabaseSync(join(dataDir, 'debts.db'), { readOnly: true });
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    // Every run tells its entries, and no block belongs to a run that is not listed.
    const disagreeing = db
      .prepare(
        `SELECT client, run FROM document_runs r WHERE entries <>
           (SELECT coalesce(sum(length(b.entries)), 0) / 9 FROM document_blocks b WHERE (b.client, b.run) = (r.client, r.run))
         UNION ALL SELECT client, run FROM document_blocks WHERE (client, run) NOT IN (SELECT client, run FROM document_runs)`,
      )
      .all();
    expect(disagreeing).toEqual([]);
  } finally {
    db.close();
  }
}

export async function arrivalsFixture(): Promise<ArrivalsFixture> {
  const clock = new FakeClock();
  const fixture = await fixtureOf(opener('engine', clock), (plane) => (plane as ControlPlane).arrivals);
  return Object.assign(fixture, {
    get objects() {
      return fixture.opened.objects;
    },
    bring: (client: string, file: string, text: string) => dropInInbox(fixture.dataDir, clock, client, file, text),
  });
}

/** Drops a file as a careful client does: written aside, then renamed into place. Its time is the fake clock's. */
export async function dropInInbox(
  dataDir: string,
  clock: FakeClock,
  client: string,
  file: string,
  text: string,
): Promise<void> {
  const folder = join(dataDir, 'inbox', client);
  await mkdir(folder, { recursive: true });
  const aside = join(folder, `.${randomBytes(6).toString('hex')}`);
  await writeFile(aside, text);
  clock.advance(INBOX_QUIET_MS * 2);
  const atMs = clock.nowMs() - INBOX_QUIET_MS;
  await utimes(aside, atMs / 1000, atMs / 1000);
  await nextTick();
  await rename(aside, join(folder, file));
}
