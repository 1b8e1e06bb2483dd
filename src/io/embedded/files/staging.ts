/**
 * Staged pages as files (port: staging): one file an attempt at a range, `staging/<batch>/<range>-<attempt>`.
 *
 * A file holds the pages in the order they were written, then the index, then the trailer:
 *   index    for each shard, ascending: u32 shard, u32 pages; then for each of its pages: f64 offset, u32 bytes
 *   trailer  8 bytes magic, f64 offset of the index, u32 its bytes, u32 its CRC-32        (numbers little-endian)
 * A file without a whole trailer and index was never committed and holds no pages. Pages carry their own CRC.
 *
 * Memory: one buffer of `bufferBytes` per open writer, and at most `indexBytesMax` of remembered indexes.
 */
import { closeSync, constants, fdatasyncSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { assert } from '../../../core/assert.ts';
import { Fault, type Place } from '../../../core/faults.ts';
import type { StagedRange, StagingStore, StagingWriter } from '../../ports/staging.ts';
import { errnoOf, storeFault } from '../osFaults.ts';
import { discard, syncFolder } from './objectFolder.ts';

const MAGIC = Buffer.from('RMSTAGE1', 'latin1');
const TRAILER_BYTES = 24;
const SHARD_ENTRY_BYTES = 8;
const PAGE_ENTRY_BYTES = 12;
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

export interface StagingOptions {
  readonly folder: string;
  readonly bufferBytes: number;
  readonly indexBytesMax: number;
}

export class FileStaging implements StagingStore {
  readonly #options: StagingOptions;
  readonly #indexes: IndexCache;
  /** The buffer of the last writer that ended: a worker stages one range at a time and needs no second. */
  #spare: Buffer | undefined;
  /** The same of readers: made anew for each range of each shard, pages were gigabytes of garbage in a large batch. */
  #sparePage: Buffer | undefined;

  constructor(options: StagingOptions) {
    this.#options = options;
    this.#indexes = new IndexCache(options.indexBytesMax);
  }

  async open(batch: string, range: number, attempt: string): Promise<StagingWriter> {
    const path = this.#path(batch, range, attempt);
    const buffer = this.#spare ?? Buffer.allocUnsafeSlow(this.#options.bufferBytes);
    this.#spare = undefined;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      return new FileStagingWriter(path, openSync(path, CREATE_FLAGS, 0o600), buffer, () => {
        this.#spare = buffer;
      });
    } catch (error) {
      throw storeFault(error);
    }
  }

  async *read(batch: string, shard: number, from: StagedRange): AsyncIterable<Uint8Array> {
    if (from.pages === 0) return;
    const path = this.#path(batch, from.range, from.attempt);
    const place: Place = { batch, range: from.range, shard };
    // The file is opened anew each time and only the index remembered: a file kept open would keep its disk space after
    // the batch was freed, and opening costs little beside reading a shard's pages.
    const fd = openStaged(path, place);
    let buffer = this.#sparePage ?? Buffer.alloc(0);
    this.#sparePage = undefined;
    try {
      const index = this.#indexes.get(path) ?? this.#indexes.add(path, readIndex(fd, place));
      const first = index.firstPage(shard, from.pages);
      if (first < 0) throw new Fault('STAGED_PAGES_SHORT', '', place);
      for (let page = 0; page < from.pages; page++) {
        const at = first + page * PAGE_ENTRY_BYTES;
        const bytes = index.pageBytes(at);
        if (buffer.length < bytes) buffer = Buffer.allocUnsafeSlow(bytes);
        readFully(fd, buffer, bytes, index.pageOffset(at), place);
        yield buffer.subarray(0, bytes);
      }
    } catch (error) {
      throw storeFault(error);
    } finally {
      this.#sparePage = buffer;
      closeSync(fd);
    }
  }

  async free(batch: string): Promise<void> {
    assert(isName(batch), 'a batch id is a plain name');
    try {
      await rm(join(this.#options.folder, batch), { recursive: true, force: true });
    } catch (error) {
      throw storeFault(error);
    }
  }

  #path(batch: string, range: number, attempt: string): string {
    assert(isName(batch) && isName(attempt) && Number.isSafeInteger(range), 'batch and attempt are plain names');
    return join(this.#options.folder, batch, `${range}-${attempt}`);
  }
}

function isName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,99}$/.test(text);
}

class FileStagingWriter implements StagingWriter {
  readonly #path: string;
  readonly #buffer: Buffer;
  readonly #done: () => void;
  readonly #shards: number[] = [];
  readonly #offsets: number[] = [];
  readonly #lengths: number[] = [];
  #fd: number;
  #filled = 0;
  #written = 0;
  #committed = false;

  constructor(path: string, fd: number, buffer: Buffer, done: () => void) {
    this.#path = path;
    this.#fd = fd;
    this.#buffer = buffer;
    this.#done = done;
  }

  async write(shard: number, page: Uint8Array): Promise<void> {
    assert(this.#fd >= 0, 'a finished attempt stages no more pages');
    this.#shards.push(shard);
    this.#offsets.push(this.#written + this.#filled);
    this.#lengths.push(page.length);
    try {
      this.#append(page);
    } catch (error) {
      throw storeFault(error);
    }
  }

  async commit(): Promise<void> {
    assert(this.#fd >= 0, 'an attempt is committed once');
    try {
      const index = encodeIndex(this.#shards, this.#offsets, this.#lengths);
      const trailer = Buffer.alloc(TRAILER_BYTES);
      MAGIC.copy(trailer);
      trailer.writeDoubleLE(this.#written + this.#filled, 8);
      trailer.writeUInt32LE(index.length, 16);
      trailer.writeUInt32LE(crc32(index), 20);
      this.#append(index);
      this.#append(trailer);
      this.#flush();
      fdatasyncSync(this.#fd);
      this.#close();
      const folder = dirname(this.#path);
      await syncFolder(folder);
      await syncFolder(dirname(folder));
      this.#committed = true;
    } catch (error) {
      await this.abort();
      throw storeFault(error);
    }
  }

  async abort(): Promise<void> {
    this.#close();
    if (!this.#committed) await discard(this.#path);
  }

  #append(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#buffer.length) this.#flush();
    if (bytes.length > this.#buffer.length) {
      this.#writeOut(bytes, bytes.length);
    } else {
      this.#buffer.set(bytes, this.#filled);
      this.#filled += bytes.length;
    }
  }

  #flush(): void {
    this.#writeOut(this.#buffer, this.#filled);
    this.#filled = 0;
  }

  #writeOut(bytes: Uint8Array, count: number): void {
    for (let at = 0; at < count; ) at += writeSync(this.#fd, bytes, at, count - at);
    this.#written += count;
  }

  #close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
    this.#done();
  }
}

function encodeIndex(shards: readonly number[], offsets: readonly number[], lengths: readonly number[]): Buffer {
  // A stable sort keeps a shard's pages in the order they were written.
  const order = shards.map((_, page) => page).sort((a, b) => shards[a] - shards[b]);
  const distinct = new Set(shards).size;
  const index = Buffer.alloc(distinct * SHARD_ENTRY_BYTES + order.length * PAGE_ENTRY_BYTES);
  let at = 0;
  for (let i = 0; i < order.length; ) {
    const shard = shards[order[i]];
    const countAt = index.writeUInt32LE(shard, at);
    at = countAt + 4;
    let pages = 0;
    for (; i < order.length && shards[order[i]] === shard; i++, pages++) {
      at = index.writeDoubleLE(offsets[order[i]], at);
      at = index.writeUInt32LE(lengths[order[i]], at);
    }
    index.writeUInt32LE(pages, countAt);
  }
  return index;
}

/** An index, read where it stands: no object a shard or a page, which took more room than the bytes. */
class StagedIndex {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Position of the shard's first page entry; -1 where it has fewer than `pages`. */
  firstPage(shard: number, pages: number): number {
    const { bytes } = this;
    for (let at = 0; at < bytes.length; ) {
      const found = bytes.readUInt32LE(at + 4);
      if (bytes.readUInt32LE(at) === shard) return found < pages ? -1 : at + SHARD_ENTRY_BYTES;
      at += SHARD_ENTRY_BYTES + found * PAGE_ENTRY_BYTES;
    }
    return -1;
  }

  pageOffset(at: number): number {
    return this.bytes.readDoubleLE(at);
  }

  pageBytes(at: number): number {
    return this.bytes.readUInt32LE(at + 8);
  }
}

/**
 * Indexes by path. An attempt's file never changes once it was committed. Every shard of a batch asks for the same files
 * in the same order: where they do not all fit, the first ones stay, for forgetting the longest unused would forget each
 * just before it is asked for again. Those of other batches make room.
 */
class IndexCache {
  readonly #bytesMax: number;
  readonly #indexes = new Map<string, StagedIndex>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(path: string): StagedIndex | undefined {
    return this.#indexes.get(path);
  }

  add(path: string, index: StagedIndex): StagedIndex {
    if (this.#bytes + index.bytes.length > this.#bytesMax) this.#forgetOthers(dirname(path));
    if (this.#bytes + index.bytes.length <= this.#bytesMax) {
      this.#indexes.set(path, index);
      this.#bytes += index.bytes.length;
    }
    return index;
  }

  #forgetOthers(folder: string): void {
    for (const [path, { bytes }] of this.#indexes) {
      if (dirname(path) === folder) continue;
      this.#indexes.delete(path);
      this.#bytes -= bytes.length;
    }
  }
}

function openStaged(path: string, place: Place): number {
  try {
    return openSync(path, READ_FLAGS);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw new Fault('STAGED_PAGES_SHORT', 'the attempt has no pages', place);
    throw storeFault(error);
  }
}

function readIndex(fd: number, place: Place): StagedIndex {
  const fileBytes = fstatSync(fd).size;
  const short = (): Fault => new Fault('STAGED_PAGES_SHORT', 'the attempt was not committed', place);
  if (fileBytes < TRAILER_BYTES) throw short();
  const trailer = Buffer.alloc(TRAILER_BYTES);
  readFully(fd, trailer, TRAILER_BYTES, fileBytes - TRAILER_BYTES, place);
  const offset = trailer.readDoubleLE(8);
  const bytes = trailer.readUInt32LE(16);
  if (!trailer.subarray(0, 8).equals(MAGIC) || offset + bytes + TRAILER_BYTES !== fileBytes) throw short();
  const index = Buffer.allocUnsafeSlow(bytes);
  readFully(fd, index, bytes, offset, place);
  if (crc32(index) !== trailer.readUInt32LE(20)) throw new Fault('STORE_CORRUPT', 'the index of a staged range', place);
  return new StagedIndex(index);
}

function readFully(fd: number, target: Buffer, bytes: number, offset: number, place: Place): void {
  for (let got = 0; got < bytes; ) {
    const read = readSync(fd, target, got, bytes - got, offset + got);
    if (read === 0) throw new Fault('STAGED_PAGES_SHORT', 'the file is shorter than its index says', place);
    got += read;
  }
}
