/**
 * The inbox: files dropped into `inbox/<client>/` become arrivals (port: arrivals; docs/decisions/004).
 *
 * Promises
 * - A file is given once it is whole: its contents were not changed for `quietMs` (a file renamed into place keeps its
 *   older time and is given at once). A clock that differs from the file's does not hold it up: a state that was seen to
 *   last for `quietMs` counts as well.
 * - A file is given under a key derived from its name and state, linked into the object store. A crash at any instruction
 *   finds the same key again, hence the same batch; the name leaves the inbox only when the batch exists.
 * - Files come in the order in which they became whole, whatever time their contents carry: writing and renaming both
 *   move the time of the inode. Within one tick of the file system's clock, their own times decide, then their names.
 *   Taking a file moves that time too, so the order is written down before the first is taken: a crash changes nothing
 *   in it.
 * - A name is taken away only while it leads to the state that was given: what was written since comes as a new arrival.
 * - With thousands of files waiting, a poll looks through the folder only when what the last look found has been given.
 *
 * Reasons of refusals name no file, since file names may hold personal data. Names of uploads on their way (a leading dot,
 * or an ending such as `.part`) are not looked at until they are renamed.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { isFault } from '../../../core/faults.ts';
import { derivedId } from '../../../core/ids.ts';
import type { Arrival, ArrivalRefusal, Arrivals } from '../../ports/arrivals.ts';
import { CLIENT_ID } from '../../ports/clients.ts';
import type { ObjectStore } from '../../ports/objects.ts';
import { errnoOf, storeFault } from '../osFaults.ts';
import type { EmbeddedIntake } from './intake.ts';
import { etagOf } from './objectFolder.ts';

/** Files looked at together, and files linked together: a file system syncs many at about the cost of one. */
const LOOKS_AT_ONCE = 64;
const TAKES_AT_ONCE = 16;
/** The longest name kept as metadata. */
const NAME_CHARACTERS_MAX = 255;
/** Where the order of what is being given is kept: keys, one a line. */
const ORDER_KEY = 'inbox/order';
const ON_ITS_WAY = /^\.|\.(?:part|tmp|filepart|crdownload)$/i;

interface Found {
  readonly client: string;
  readonly name: string;
  readonly path: string;
  readonly stats: BigIntStats;
  /** Names this state of the file in the object store. */
  readonly key: string;
}

interface Name {
  readonly name: string;
  /** Whether the name on disk is UTF-8, so that `name` leads to the file. */
  readonly isText: boolean;
}

/** One look through the folder. */
interface Look {
  readonly ready: Found[];
  readonly refusals: ArrivalRefusal[];
  /** What was refused in this look, told or not, by path and inode. */
  readonly refused: Set<string>;
  readonly waiting: Map<string, Sighting>;
}

/** Since when a file that is not yet whole has been seen in one state. */
interface Sighting {
  readonly etag: string;
  readonly sinceMs: number;
}

export class Inbox implements Arrivals {
  readonly #folder: string;
  readonly #intake: EmbeddedIntake;
  readonly #objects: Pick<ObjectStore, 'get' | 'put'>;
  readonly #clock: Clock;
  readonly #quietMs: number;
  /** What the last look found whole and was not given since, the earliest first. */
  #ready: Found[] = [];
  /** The place in line of every key whose order is written down; `undefined` until it was read. */
  #order: ReadonlyMap<string, number> | undefined;
  #told = new Set<string>();
  #waiting: ReadonlyMap<string, Sighting> = new Map();

  constructor(
    folder: string,
    intake: EmbeddedIntake,
    objects: Pick<ObjectStore, 'get' | 'put'>,
    clock: Clock,
    quietMs: number,
  ) {
    this.#folder = folder;
    this.#intake = intake;
    this.#objects = objects;
    this.#clock = clock;
    this.#quietMs = quietMs;
  }

  async poll(max: number): Promise<{ arrivals: Arrival[]; refusals: ArrivalRefusal[] }> {
    const refusals: ArrivalRefusal[] = [];
    const arrivals: Arrival[] = [];
    try {
      if (this.#ready.length === 0) refusals.push(...(await this.#look()));
      while (this.#ready.length > 0 && arrivals.length < max) {
        const some = this.#ready.splice(0, Math.min(TAKES_AT_ONCE, max - arrivals.length));
        for (const taken of await Promise.all(some.map((found) => this.#take(found)))) {
          if (taken === undefined) continue;
          if ('reason' in taken) refusals.push(taken);
          else arrivals.push(taken);
        }
      }
    } catch (error) {
      // The next poll looks anew: what was given up here is still in the folder.
      this.#ready = [];
      throw storeFault(error);
    }
    return { arrivals, refusals };
  }

  async #look(): Promise<ArrivalRefusal[]> {
    const look: Look = { ready: [], refusals: [], refused: new Set(), waiting: new Map() };
    for (const { name: client, isText } of await namesIn(this.#folder)) {
      if (ON_ITS_WAY.test(client)) continue;
      const folder = join(this.#folder, client);
      const stats = await statsOf(folder);
      if (stats === undefined && isText) continue;
      if (stats?.isDirectory() !== true) this.#refuse(look, '', folder, stats, 'it lies outside of a client’s folder');
      else if (!CLIENT_ID.test(client)) this.#refuse(look, '', folder, stats, 'the folder’s name is no client id');
      else await this.#lookInto(client, folder, look);
    }
    this.#ready = await this.#inOrder(look.ready);
    // Only what is still there is remembered, so both stay as small as the inbox.
    this.#told = look.refused;
    this.#waiting = look.waiting;
    return look.refusals;
  }

  /** What stands in the written order comes first, and as it stands there. The rest is added to it before it is given. */
  async #inOrder(found: Found[]): Promise<Found[]> {
    const order = this.#order ?? (await this.#writtenOrder());
    this.#order = order;
    const rank = ({ key }: Found): number => order.get(key) ?? order.size;
    found.sort((a, b) => rank(a) - rank(b) || earlierFirst(a, b));
    if (found.every(({ key }) => order.has(key))) return found;
    const keys = found.map(({ key }) => key);
    await this.#objects.put(ORDER_KEY, Buffer.from(keys.join('\n')));
    this.#order = ranks(keys);
    return found;
  }

  async #writtenOrder(): Promise<ReadonlyMap<string, number>> {
    const bytes = await this.#objects.get(ORDER_KEY);
    return ranks(bytes === undefined ? [] : Buffer.from(bytes).toString().split('\n'));
  }

  async #lookInto(client: string, folder: string, look: Look): Promise<void> {
    const names = await namesIn(folder);
    const ready = await this.#wholeOnes(client, folder, names, look);
    if (ready.length === 0) return;
    // Reading a large folder while files come into it may give a later one and miss an earlier one. What came before the
    // latest of those found is there when the folder is read again; what came after it waits for the next look.
    const latestNs = ready.reduce((latest, { stats }) => (stats.ctimeNs > latest ? stats.ctimeNs : latest), 0n);
    const known = new Set(names.map(({ name }) => name));
    const fresh = (await namesIn(folder)).filter(({ name }) => !known.has(name));
    const missed = await this.#wholeOnes(client, folder, fresh, look);
    look.ready.push(...ready, ...missed.filter(({ stats }) => stats.ctimeNs <= latestNs));
  }

  async #wholeOnes(client: string, folder: string, names: readonly Name[], look: Look): Promise<Found[]> {
    const whole: Found[] = [];
    const looked = names.filter(({ name }) => !ON_ITS_WAY.test(name));
    for (let from = 0; from < looked.length; from += LOOKS_AT_ONCE) {
      const some = looked.slice(from, from + LOOKS_AT_ONCE);
      const all = await Promise.all(some.map(({ name }) => statsOf(join(folder, name))));
      for (const [i, { name, isText }] of some.entries()) {
        const path = join(folder, name);
        const stats = all[i];
        const reason = isText ? refusalOf(stats) : 'its name is not UTF-8';
        if (reason !== undefined) this.#refuse(look, client, path, stats, reason);
        else if (stats !== undefined && this.#isWhole(path, stats, look)) {
          // It may be refused when it is taken (it cannot be opened): remembered, so that this is told once.
          const id = refusedId(path, stats);
          if (this.#told.has(id)) look.refused.add(id);
          whole.push({ client, name, path, stats, key: keyOf(client, name, stats) });
        }
      }
    }
    return whole;
  }

  #isWhole(path: string, stats: BigIntStats, look: Look): boolean {
    const ageMs = this.#clock.nowMs() - Number(stats.mtimeMs);
    if (ageMs >= this.#quietMs) return true;
    const etag = etagOf(stats);
    const seen = this.#waiting.get(path);
    const nowMs = this.#clock.monotonicMs();
    const sighting = seen?.etag === etag ? seen : { etag, sinceMs: nowMs };
    if (nowMs - sighting.sinceMs >= this.#quietMs) return true;
    look.waiting.set(path, sighting);
    return false;
  }

  /** The arrival, or why it is refused (told once), or nothing where the file is gone or changed: the next look tells. */
  async #take(found: Found): Promise<Arrival | ArrivalRefusal | undefined> {
    const { client, name, path, stats, key } = found;
    const state = etagOf(stats);
    try {
      const info = await this.#intake.linkIn(path, key, state);
      const settle = (): Promise<void> => removeName(path, stats);
      return { ...info, client, file: shown(name), bucket: 'inbox', version: state, settle };
    } catch (error) {
      if (!isFault(error) || !error.code.startsWith('INPUT_')) throw error;
      if (error.code === 'INPUT_MISSING' || error.code === 'INPUT_CHANGED') return undefined;
      const id = refusedId(path, stats);
      if (this.#told.has(id)) return undefined;
      this.#told.add(id);
      return { client, reason: error.message };
    }
  }

  #refuse(look: Look, client: string, path: string, stats: BigIntStats | undefined, reason: string): void {
    const id = refusedId(path, stats);
    look.refused.add(id);
    if (!this.#told.has(id)) look.refusals.push({ client, reason });
  }
}

function keyOf(client: string, name: string, stats: BigIntStats): string {
  return `raw/${client}/${derivedId('inbox', client, name, etagOf(stats))}`;
}

function ranks(keys: readonly string[]): ReadonlyMap<string, number> {
  return new Map(keys.map((key, rank) => [key, rank]));
}

function refusedId(path: string, stats: BigIntStats | undefined): string {
  return `${stats?.ino ?? ''} ${path}`;
}

function earlierFirst(a: Found, b: Found): number {
  if (a.stats.ctimeNs !== b.stats.ctimeNs) return a.stats.ctimeNs < b.stats.ctimeNs ? -1 : 1;
  if (a.stats.mtimeNs !== b.stats.mtimeNs) return a.stats.mtimeNs < b.stats.mtimeNs ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.client < b.client ? -1 : 1;
}

function refusalOf(stats: BigIntStats | undefined): string | undefined {
  if (stats === undefined || stats.isFile()) return undefined;
  if (stats.isSymbolicLink()) return 'it is a link';
  return stats.isDirectory() ? 'it is a folder' : 'it is no regular file';
}

/** A file name as metadata: without control characters, of a bounded length. */
function shown(name: string): string {
  return [...name.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '')].slice(0, NAME_CHARACTERS_MAX).join('');
}

/** The names in a folder; none where there is no folder. */
async function namesIn(folder: string): Promise<Name[]> {
  try {
    const names = await readdir(folder, { encoding: 'buffer' });
    return names.map((bytes) => {
      const name = bytes.toString('utf8');
      return { name, isText: Buffer.from(name).equals(bytes) };
    });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function statsOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Takes the name out of the inbox, unless it has gone to another file, or the file was written to, meanwhile. */
async function removeName(path: string, stats: BigIntStats): Promise<void> {
  try {
    const present = await statsOf(path);
    if (present !== undefined && etagOf(present) === etagOf(stats)) await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storeFault(error);
  }
}
