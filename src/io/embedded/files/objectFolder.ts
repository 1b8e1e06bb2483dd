/**
 * The folder of stored objects: keys as paths, temporary files, and the durable step from one to the other.
 *
 * Promises
 * - An object is written under `.incoming/` and renamed into place: it appears whole or not at all.
 * - After `publish` its bytes, its name and the folders above it survive a loss of power.
 *
 * Invariants: no part of a key begins with a dot, so no key reaches `.incoming/`; a key is never also the folder of
 * another key.
 */
import type { BigIntStats } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { kill, pid } from 'node:process';
import { assert } from '../../../core/assert.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import type { ObjectInfo } from '../../ports/objects.ts';
import type { Layout } from '../layout.ts';
import { errnoOf, storeFault } from '../osFaults.ts';

const KEY_PART = /^[a-z0-9_-][a-z0-9._-]{0,199}$/;
const DURABLE_FOLDERS_MAX = 1024;

export class ObjectFolder {
  readonly root: string;
  readonly #incoming: string;
  readonly #random: RandomBytes;
  /** Folders this process has synced with all above them. */
  readonly #durable = new Set<string>();

  constructor(layout: Layout, random: RandomBytes) {
    this.root = layout.objects;
    this.#incoming = layout.incoming;
    this.#random = random;
  }

  /** The path of a key; a key that breaks the rules is a bug, for the engine makes them all. */
  path(key: string): string {
    assert(
      key.length <= 900 && key.split('/').every(isKeyPart),
      'an object key is made of [a-z0-9._-] between slashes',
    );
    return join(this.root, key);
  }

  /** A new name in `.incoming/`. It begins with the process's id, by which a new engine knows what was left behind. */
  temporaryPath(): string {
    return join(this.#incoming, `${pid}-${Buffer.from(this.#random(10)).toString('hex')}`);
  }

  /** Moves a synced temporary file to its key, in place of any earlier object, durably. */
  async publish(temporary: string, key: string): Promise<ObjectInfo> {
    const path = this.path(key);
    const folder = dirname(path);
    try {
      await this.#makeDurable(folder);
      try {
        await rename(temporary, path);
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
        // The folder was deleted with its last batch in between; if the temporary file is what is missing, this fails too.
        this.#durable.delete(folder);
        await this.#makeDurable(folder);
        await rename(temporary, path);
      }
      await syncFolder(folder);
      return infoOf(key, await stat(path, { bigint: true }));
    } catch (error) {
      throw storeFault(error);
    }
  }

  /** Makes the name of a key that is there survive a loss of power. */
  async syncFolderOf(key: string): Promise<void> {
    try {
      await this.#makeDurable(dirname(this.path(key)));
      await syncFolder(dirname(this.path(key)));
    } catch (error) {
      throw storeFault(error);
    }
  }

  async #makeDurable(folder: string): Promise<void> {
    if (this.#durable.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (let at = folder; at.length > this.root.length; at = dirname(at)) await syncFolder(dirname(at));
    if (this.#durable.size >= DURABLE_FOLDERS_MAX) this.#durable.clear();
    this.#durable.add(folder);
  }
}

function isKeyPart(part: string): boolean {
  return KEY_PART.test(part) && !part.includes('..');
}

/** Makes the names in a folder survive a loss of power. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes a temporary file; what is not there needs no removal. */
export async function discard(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw storeFault(error);
  }
}

/**
 * Names one state of a file by inode, size and time of change. A file renamed over another has its own inode, one written
 * in place another size or time. (Two writes of equal size within one tick of the file system's clock look alike; the CRCs
 * of the ranges find those.)
 */
export function etagOf(stats: BigIntStats): string {
  return `${stats.ino.toString(36)}-${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`;
}

/** Whether what has the etag `now` is the file that had the etag `before`, as large as then or larger. */
export function isSameOrGrown(before: string, now: string): boolean {
  const [ino, size] = before.split('-');
  const [inoNow, sizeNow] = now.split('-');
  return ino === inoNow && Number.parseInt(sizeNow ?? '', 36) >= Number.parseInt(size ?? '', 36);
}

export function infoOf(key: string, stats: BigIntStats): ObjectInfo {
  return { key, etag: etagOf(stats), bytes: Number(stats.size), modifiedMs: Number(stats.mtimeMs) };
}

/**
 * Removes the temporary files that processes left when they were killed. A file of another process that still lives is
 * kept (a command may be copying a file in), and so is one touched since `startedMs`. Nothing else is ever swept: what a
 * batch left behind is freed by its own messages.
 */
export async function sweepIncoming(layout: Layout, startedMs: number): Promise<void> {
  try {
    for (const name of await readdir(layout.incoming)) {
      const owner = Number.parseInt(name, 10);
      if (owner !== pid && isAlive(owner)) continue;
      const path = join(layout.incoming, name);
      if ((await stat(path)).mtimeMs < startedMs) await discard(path);
    }
  } catch (error) {
    throw storeFault(error);
  }
}

function isAlive(processId: number): boolean {
  if (!Number.isSafeInteger(processId) || processId <= 0) return false;
  try {
    // Signal 0 only asks.
    kill(processId, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
