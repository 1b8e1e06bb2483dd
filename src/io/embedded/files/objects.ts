/**
 * Stored objects as files (port: objects). Keys are paths below `objects/`, etags name a file's inode, size and time.
 *
 * Ranges are read with synchronous calls by position: the readers are worker threads with nothing else to do, and a
 * synchronous read of the page cache costs a fraction of one through the thread pool. Everything else is asynchronous,
 * because the control path must not wait for a sync.
 */
import { closeSync, constants, type Dirent, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../../core/assert.ts';
import { detail } from '../../../core/catalogue.ts';
import { Fault } from '../../../core/faults.ts';
import type { ObjectInfo, ObjectPin, ObjectStore, ObjectWriter, RangeReader } from '../../ports/objects.ts';
import { errnoOf, storeFault } from '../osFaults.ts';
import { discard, etagOf, infoOf, isSameOrGrown, type ObjectFolder } from './objectFolder.ts';

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export class FileObjects implements ObjectStore {
  readonly #folder: ObjectFolder;

  constructor(folder: ObjectFolder) {
    this.#folder = folder;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    try {
      const stats = await lstat(this.#folder.path(key), { bigint: true });
      return stats.isFile() ? infoOf(key, stats) : undefined;
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw storeFault(error);
    }
  }

  async openRange(pin: ObjectPin, start: number, end: number): Promise<RangeReader> {
    return new FileRange(this.#folder.path(pin.key), pin, start, end);
  }

  async create(key: string): Promise<ObjectWriter> {
    // A key that breaks the rules is found before any byte is written.
    this.#folder.path(key);
    const temporary = this.#folder.temporaryPath();
    try {
      return new FileWriter(this.#folder, key, temporary, await open(temporary, CREATE_FLAGS, 0o600));
    } catch (error) {
      throw storeFault(error);
    }
  }

  async put(key: string, bytes: Uint8Array): Promise<ObjectInfo> {
    const writer = await this.create(key);
    try {
      await writer.write(bytes);
      return await writer.commit();
    } finally {
      await writer.abort();
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const info = await this.head(key);
    if (info === undefined) return undefined;
    const reader = await this.openRange(info, 0, info.bytes);
    try {
      const bytes = new Uint8Array(info.bytes);
      await reader.read(bytes);
      return bytes;
    } finally {
      await reader.close();
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await unlink(this.#folder.path(key));
    } catch (error) {
      if (!isAbsent(error)) throw storeFault(error);
    }
  }

  async deletePrefix(prefix: string): Promise<void> {
    assert(prefix !== '', 'a prefix to delete names something');
    const { folder, name } = this.#split(prefix);
    try {
      if (name === '') return await rm(folder, { recursive: true, force: true });
      for (const entry of await entriesOf(folder)) {
        if (entry.name.startsWith(name)) await rm(join(folder, entry.name), { recursive: true, force: true });
      }
    } catch (error) {
      throw storeFault(error);
    }
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const { folder, folderKey, name } = this.#split(prefix);
    yield* this.#walk(folder, folderKey, name);
  }

  async *#walk(folder: string, folderKey: string, namePrefix: string): AsyncIterable<ObjectInfo> {
    for (const entry of await entriesOf(folder)) {
      if (!entry.name.startsWith(namePrefix) || entry.name.startsWith('.')) continue;
      const key = `${folderKey}${entry.name}`;
      if (entry.isDirectory()) {
        yield* this.#walk(join(folder, entry.name), `${key}/`, '');
        continue;
      }
      const info = await this.head(key);
      if (info !== undefined) yield info;
    }
  }

  /** The folder in which everything with the prefix lies, and how the names in it begin. */
  #split(prefix: string): { readonly folder: string; readonly folderKey: string; readonly name: string } {
    const cut = prefix.lastIndexOf('/') + 1;
    const folderKey = prefix.slice(0, cut);
    const name = prefix.slice(cut);
    assert(/^[a-z0-9._-]*$/.test(name) && !name.startsWith('.'), 'a prefix is the beginning of a key');
    const folder = cut === 0 ? this.#folder.root : this.#folder.path(folderKey.slice(0, -1));
    return { folder, folderKey, name };
  }
}

/** Entries in the order of the keys below them: a folder's name counts with its slash. None where there is no folder. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  const name = (entry: Dirent): string => (entry.isDirectory() ? `${entry.name}/` : entry.name);
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((a, b) => (name(a) < name(b) ? -1 : 1));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw storeFault(error);
  }
}

function isAbsent(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

/** Bytes `[start, end)` of one state of a file. An open file keeps its bytes when its name goes to another one. */
class FileRange implements RangeReader {
  readonly #pin: ObjectPin;
  readonly #end: number;
  #fd: number;
  #position: number;

  constructor(path: string, pin: ObjectPin, start: number, end: number) {
    this.#pin = pin;
    this.#position = start;
    this.#end = end;
    this.#fd = openPinned(path);
    try {
      const bytes = this.#check();
      assert(start >= 0 && start <= end && end <= bytes, 'a range lies within its object');
    } catch (error) {
      this.#close();
      throw storeFault(error);
    }
  }

  async read(target: Uint8Array): Promise<number> {
    assert(this.#fd >= 0, 'a closed range is not read');
    const wanted = Math.min(target.length, this.#end - this.#position);
    try {
      let got = 0;
      while (got < wanted) {
        const read = readSync(this.#fd, target, got, wanted - got, this.#position);
        if (read === 0) throw new Fault('OBJECT_CHANGED', detail('BECAME_SHORTER'));
        got += read;
        this.#position += read;
      }
      if (wanted > 0 && this.#position === this.#end) this.#check();
      return wanted;
    } catch (error) {
      throw storeFault(error);
    }
  }

  async close(): Promise<void> {
    this.#close();
  }

  /** Compares the open file with the pin; its size. */
  #check(): number {
    const stats = fstatSync(this.#fd, { bigint: true });
    const etag = etagOf(stats);
    const stands = etag === this.#pin.etag || (this.#pin.mayHaveGrown === true && isSameOrGrown(this.#pin.etag, etag));
    if (!stats.isFile() || !stands) throw new Fault('OBJECT_CHANGED');
    return Number(stats.size);
  }

  #close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }
}

function openPinned(path: string): number {
  try {
    return openSync(path, READ_FLAGS);
  } catch (error) {
    if (isAbsent(error)) throw new Fault('OBJECT_VANISHED');
    if (errnoOf(error) === 'ELOOP') throw new Fault('OBJECT_CHANGED', detail('IS_LINK'));
    throw storeFault(error);
  }
}

class FileWriter implements ObjectWriter {
  readonly #folder: ObjectFolder;
  readonly #key: string;
  readonly #temporary: string;
  #file: FileHandle | undefined;
  #published = false;

  constructor(folder: ObjectFolder, key: string, temporary: string, file: FileHandle) {
    this.#folder = folder;
    this.#key = key;
    this.#temporary = temporary;
    this.#file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(this.#file !== undefined, 'a finished object is not written');
    try {
      for (let at = 0; at < bytes.length; ) {
        at += (await this.#file.write(bytes, at, bytes.length - at)).bytesWritten;
      }
    } catch (error) {
      throw storeFault(error);
    }
  }

  async commit(): Promise<ObjectInfo> {
    assert(this.#file !== undefined, 'an object is committed once');
    try {
      await this.#file.sync();
      await this.#close();
      const info = await this.#folder.publish(this.#temporary, this.#key);
      this.#published = true;
      return info;
    } catch (error) {
      await this.abort();
      throw storeFault(error);
    }
  }

  async abort(): Promise<void> {
    await this.#close();
    if (!this.#published) await discard(this.#temporary);
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}
