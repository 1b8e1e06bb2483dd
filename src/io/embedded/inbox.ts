/**
 * The inbox: files dropped into `inbox/<client>/` become arrivals (port: arrivals; docs/decisions/004).
 *
 * Promises
 * - A file is given once it is whole: its contents were not changed for `quietMs` (a file renamed into place keeps its
 *   older time and is given at once). A clock that differs from the file's does not hold it up: a state that was seen to
 *   last for `quietMs` counts as well.
 * - A file is given under a key derived from its name and state, linked into the object store. A crash at any instruction
 *   finds the same key again, hence the same batch; the name leaves the inbox only when the batch exists.
 * - Earlier files come first; those linked before a crash come before all others.
 *
 * Reasons of refusals name no file, since file names may hold personal data. Names that begin with a dot are not looked
 * at: that is how uploads are kept apart until they are renamed.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { isFault } from '../../core/faults.ts';
import { derivedId } from '../../core/ids.ts';
import type { Arrival, ArrivalRefusal, Arrivals } from '../ports/arrivals.ts';
import { CLIENT_ID } from '../ports/clients.ts';
import type { ObjectInfo } from '../ports/objects.ts';
import type { EmbeddedIntake } from './intake.ts';
import { etagOf } from './objectFolder.ts';
import { errnoOf, storeFault } from './osFaults.ts';

/** Files looked at together. */
const LOOKS_AT_ONCE = 64;

interface Found {
  readonly client: string;
  readonly file: string;
  readonly path: string;
  readonly stats: BigIntStats;
}

interface Poll {
  readonly arrivals: Arrival[];
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
  readonly #clock: Clock;
  readonly #quietMs: number;
  #told: ReadonlySet<string> = new Set();
  #waiting: ReadonlyMap<string, Sighting> = new Map();

  constructor(folder: string, intake: EmbeddedIntake, clock: Clock, quietMs: number) {
    this.#folder = folder;
    this.#intake = intake;
    this.#clock = clock;
    this.#quietMs = quietMs;
  }

  async poll(max: number): Promise<{ arrivals: Arrival[]; refusals: ArrivalRefusal[] }> {
    const poll: Poll = { arrivals: [], refusals: [], refused: new Set(), waiting: new Map() };
    try {
      const ready = await this.#ready(poll);
      for (const found of ready.sort(earlierFirst)) {
        if (poll.arrivals.length >= max) break;
        await this.#take(found, poll);
      }
    } catch (error) {
      throw storeFault(error);
    }
    // Only what is still there is remembered, so both stay as small as the inbox.
    this.#told = poll.refused;
    this.#waiting = poll.waiting;
    return { arrivals: poll.arrivals, refusals: poll.refusals };
  }

  async #ready(poll: Poll): Promise<Found[]> {
    const ready: Found[] = [];
    for (const client of await namesIn(this.#folder)) {
      const folder = join(this.#folder, client.name);
      const stats = await look(folder);
      if (stats === undefined) continue;
      if (!stats.isDirectory()) this.#refuse(poll, '', folder, stats, 'it lies outside of a client’s folder');
      else if (!CLIENT_ID.test(client.name)) this.#refuse(poll, '', folder, stats, 'the folder’s name is no client id');
      else await this.#readyOf(client.name, folder, poll, ready);
    }
    return ready;
  }

  async #readyOf(client: string, folder: string, poll: Poll, ready: Found[]): Promise<void> {
    const names = await namesIn(folder);
    for (let from = 0; from < names.length; from += LOOKS_AT_ONCE) {
      const some = names.slice(from, from + LOOKS_AT_ONCE);
      const looks = await Promise.all(some.map(({ name }) => look(join(folder, name))));
      for (const [i, { name, isText }] of some.entries()) {
        const path = join(folder, name);
        const stats = looks[i];
        const reason = refusalOf(name, isText, stats);
        if (reason !== undefined) this.#refuse(poll, client, path, stats, reason);
        else if (stats !== undefined && this.#isWhole(path, stats, poll))
          ready.push({ client, file: name, path, stats });
      }
    }
  }

  #isWhole(path: string, stats: BigIntStats, poll: Poll): boolean {
    const ageMs = this.#clock.nowMs() - Number(stats.mtimeMs);
    if (ageMs >= this.#quietMs) return true;
    const etag = etagOf(stats);
    const seen = this.#waiting.get(path);
    const nowMs = this.#clock.monotonicMs();
    const sighting = seen?.etag === etag ? seen : { etag, sinceMs: nowMs };
    if (nowMs - sighting.sinceMs >= this.#quietMs) return true;
    poll.waiting.set(path, sighting);
    return false;
  }

  async #take(found: Found, poll: Poll): Promise<void> {
    const { client, file, path, stats } = found;
    const key = `raw/${client}/x-${derivedId('inbox', client, file, etagOf(stats))}`;
    let info: ObjectInfo;
    try {
      info = await this.#intake.linkIn(path, key, etagOf(stats));
    } catch (error) {
      if (!isFault(error) || !error.code.startsWith('INPUT_')) throw error;
      // Gone or changed since it was looked at: the next look tells.
      if (error.code === 'INPUT_MISSING' || error.code === 'INPUT_CHANGED') return;
      this.#refuse(poll, client, path, stats, error.message);
      return;
    }
    poll.arrivals.push({
      ...info,
      client,
      file,
      bucket: 'inbox',
      version: '1',
      settle: () => removeName(path, stats),
    });
  }

  #refuse(poll: Poll, client: string, path: string, stats: BigIntStats | undefined, reason: string): void {
    const id = `${stats?.ino ?? ''} ${path}`;
    poll.refused.add(id);
    if (!this.#told.has(id)) poll.refusals.push({ client, reason });
  }
}

/** A second name means that it was linked before, by a process that was killed then. */
function earlierFirst(a: Found, b: Found): number {
  const linkedA = a.stats.nlink > 1n;
  const linkedB = b.stats.nlink > 1n;
  if (linkedA !== linkedB) return linkedA ? -1 : 1;
  // Renaming a file into place moves the time of the inode, writing it both times; linking moves the inode's too.
  const timeA = linkedA ? a.stats.mtimeNs : a.stats.ctimeNs;
  const timeB = linkedB ? b.stats.mtimeNs : b.stats.ctimeNs;
  if (timeA !== timeB) return timeA < timeB ? -1 : 1;
  return a.path < b.path ? -1 : 1;
}

function refusalOf(name: string, isText: boolean, stats: BigIntStats | undefined): string | undefined {
  if (!isText) return 'its name is not UTF-8';
  if (/[\p{Cc}\u2028\u2029]/u.test(name)) return 'its name holds control characters';
  if (stats === undefined || stats.isFile()) return undefined;
  if (stats.isSymbolicLink()) return 'it is a link';
  return stats.isDirectory() ? 'it is a folder' : 'it is no regular file';
}

/** The names in a folder, those with a leading dot left out; none where there is no folder. */
async function namesIn(folder: string): Promise<{ readonly name: string; readonly isText: boolean }[]> {
  try {
    const names = await readdir(folder, { encoding: 'buffer' });
    return names
      .map((bytes) => {
        const name = bytes.toString('utf8');
        return { name, isText: Buffer.from(name).equals(bytes) };
      })
      .filter(({ name }) => !name.startsWith('.'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function look(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Takes the name out of the inbox, unless it has gone to another file meanwhile. */
async function removeName(path: string, stats: BigIntStats): Promise<void> {
  try {
    const present = await look(path);
    if (present?.ino === stats.ino) await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storeFault(error);
  }
}
