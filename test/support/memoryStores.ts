/**
 * The data plane in memory (ports: objects, staging, debts), as strict as the contracts allow: bytes that a caller may
 * not yet reuse are copied late, bytes that a caller may no longer use are overwritten.
 */
import { assert } from '../../src/core/assert.ts';
import { Fault } from '../../src/core/faults.ts';
import type { DebtFilter, DebtKey, DebtStore, StoredDebt, WriteAnswer } from '../../src/io/ports/debts.ts';
import type { ObjectInfo, ObjectPin, ObjectStore, ObjectWriter, RangeReader } from '../../src/io/ports/objects.ts';
import type { StagedRange, StagingStore, StagingWriter } from '../../src/io/ports/staging.ts';
import { briefly, type Pause } from './pause.ts';

const POISON = 0xdb;
const BEGAN_MS = Date.UTC(2026, 0, 1);

interface StoredObject {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly modifiedMs: number;
}

export class MemoryObjects implements ObjectStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #pause: Pause;
  #states = 0;

  constructor(pause: Pause = briefly) {
    this.#pause = pause;
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    checkKey(key);
    await this.#pause();
    return this.#info(key);
  }

  async openRange(pin: ObjectPin, start: number, end: number): Promise<RangeReader> {
    await this.#pause();
    const { bytes } = this.#pinned(pin);
    assert(start >= 0 && start <= end && end <= bytes.length, 'a range lies within its object');
    let at = start;
    let open = true;
    return {
      read: async (target) => {
        assert(open, 'a closed range is not read');
        await this.#pause();
        const got = Math.min(target.length, end - at);
        target.set(bytes.subarray(at, at + got));
        at += got;
        if (got > 0 && at === end) this.#pinned(pin);
        return got;
      },
      close: async () => {
        open = false;
      },
    };
  }

  async create(key: string): Promise<ObjectWriter> {
    checkKey(key);
    const blocks: Uint8Array[] = [];
    let open = true;
    return {
      write: async (bytes) => {
        assert(open, 'a finished object is not written');
        await this.#pause();
        await null;
        blocks.push(bytes.slice());
      },
      commit: async () => {
        assert(open, 'an object is committed once');
        await this.#pause();
        open = false;
        return this.set(key, Buffer.concat(blocks));
      },
      abort: async () => {
        open = false;
      },
    };
  }

  async put(key: string, bytes: Uint8Array): Promise<ObjectInfo> {
    checkKey(key);
    await this.#pause();
    return this.set(key, bytes);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#pause();
    return this.#objects.get(key)?.bytes.slice();
  }

  async delete(key: string): Promise<void> {
    await this.#pause();
    this.#objects.delete(key);
  }

  async deletePrefix(prefix: string): Promise<void> {
    assert(prefix !== '', 'a prefix to delete names something');
    await this.#pause();
    for (const key of this.keys(prefix)) this.#objects.delete(key);
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for (const key of this.keys(prefix)) {
      const info = this.#info(key);
      if (info !== undefined) yield info;
    }
  }

  /** Puts an object at once: for tests that make, change or corrupt one. */
  set(key: string, bytes: Uint8Array, etag?: string): ObjectInfo {
    this.#states += 1;
    this.#objects.set(key, {
      bytes: Uint8Array.from(bytes),
      etag: etag ?? `e-${this.#states}`,
      modifiedMs: BEGAN_MS + this.#states,
    });
    return this.#info(key) as ObjectInfo;
  }

  /** Changes bytes behind the store's back: the pin stays as it was. */
  corrupt(key: string, change: (bytes: Uint8Array) => void): void {
    const object = this.#objects.get(key);
    assert(object !== undefined, 'there is an object to corrupt');
    change(object.bytes);
  }

  keys(prefix = ''): string[] {
    return [...this.#objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  bytesOf(key: string): Uint8Array {
    const object = this.#objects.get(key);
    assert(object !== undefined, `there is an object ${key}`);
    return object.bytes;
  }

  #info(key: string): ObjectInfo | undefined {
    const object = this.#objects.get(key);
    return object && { key, etag: object.etag, bytes: object.bytes.length, modifiedMs: object.modifiedMs };
  }

  #pinned(pin: ObjectPin): StoredObject {
    const object = this.#objects.get(pin.key);
    if (object === undefined) throw new Fault('OBJECT_VANISHED');
    if (object.etag !== pin.etag) throw new Fault('OBJECT_CHANGED');
    return object;
  }
}

export class MemoryStaging implements StagingStore {
  /** Batch → `range/attempt` → shard → pages; only what was committed. */
  readonly #staged = new Map<string, Map<string, Map<number, Uint8Array[]>>>();
  readonly #pause: Pause;

  constructor(pause: Pause = briefly) {
    this.#pause = pause;
  }

  async open(batch: string, range: number, attempt: string): Promise<StagingWriter> {
    await this.#pause();
    const pages = new Map<number, Uint8Array[]>();
    let open = true;
    return {
      write: async (shard, page) => {
        assert(open, 'a finished attempt is not written');
        await this.#pause();
        await null;
        pages.set(shard, [...(pages.get(shard) ?? []), page.slice()]);
      },
      commit: async () => {
        assert(open, 'an attempt is committed once');
        await this.#pause();
        open = false;
        const ofBatch = this.#staged.get(batch) ?? new Map<string, Map<number, Uint8Array[]>>();
        this.#staged.set(batch, ofBatch.set(`${range}/${attempt}`, pages));
      },
      abort: async () => {
        open = false;
      },
    };
  }

  async *read(batch: string, shard: number, from: StagedRange): AsyncIterable<Uint8Array> {
    const pages = this.#staged.get(batch)?.get(`${from.range}/${from.attempt}`)?.get(shard) ?? [];
    for (let index = 0; index < from.pages; index++) {
      await this.#pause();
      const page = pages[index]?.slice();
      if (page === undefined) throw new Fault('STAGED_PAGES_SHORT', '', { batch, range: from.range, shard });
      yield page;
      page.fill(POISON);
    }
  }

  async free(batch: string): Promise<void> {
    await this.#pause();
    this.#staged.delete(batch);
  }

  /** Every committed page of a batch, as it is stored: for tests that corrupt one. */
  pagesOf(batch: string): Uint8Array[] {
    return [...(this.#staged.get(batch)?.values() ?? [])].flatMap((attempt) => [...attempt.values()].flat());
  }

  /** Batches that have committed pages. */
  batches(): string[] {
    return [...this.#staged.keys()];
  }
}

export class MemoryDebts implements DebtStore {
  /** Client → `refHash/externalRef` → debt. */
  readonly #clients = new Map<string, Map<string, StoredDebt>>();
  readonly #pause: Pause;
  /** Rows that were written, repeats included. */
  written = 0;

  constructor(pause: Pause = briefly) {
    this.#pause = pause;
  }

  async fetch(client: string, keys: readonly DebtKey[]): Promise<(StoredDebt | undefined)[]> {
    await this.#pause();
    const debts = this.#of(client);
    return keys.map((key) => structuredClone(debts.get(keyOf(key))));
  }

  async write(client: string, turn: number, rows: readonly StoredDebt[]): Promise<WriteAnswer> {
    assert(new Set(rows.map(keyOf)).size === rows.length, 'rows of one write have distinct references');
    await this.#pause();
    const debts = this.#of(client);
    for (const row of rows) {
      assert(row.client === client && row.turn === turn, 'rows carry the client and turn of their write');
      const stored = debts.get(keyOf(row));
      if (stored?.erased === true) continue;
      if (stored !== undefined && stored.turn > turn) return 'superseded';
      debts.set(keyOf(row), structuredClone(row));
      this.written += 1;
    }
    await this.#pause();
    return 'written';
  }

  async *list(client: string, filter: DebtFilter): AsyncIterable<StoredDebt> {
    yield* this.all(client)
      .filter((debt) => !debt.erased)
      .filter((debt) => filter.document === undefined || debt.document === filter.document)
      .filter((debt) => filter.externalRef === undefined || debt.externalRef === filter.externalRef)
      .filter((debt) => filter.after === undefined || isAfter(debt, filter.after));
  }

  async tidy(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {}

  /** Every debt of the client, tombstones included, in the order of the store. */
  all(client: string): StoredDebt[] {
    return [...this.#of(client).values()]
      .sort((a, b) => a.refHash - b.refHash || Buffer.compare(Buffer.from(a.externalRef), Buffer.from(b.externalRef)))
      .map((debt) => structuredClone(debt));
  }

  /** Stores a debt as it is: for tests that begin with some. */
  set(debt: StoredDebt): void {
    this.#of(debt.client).set(keyOf(debt), structuredClone(debt));
  }

  #of(client: string): Map<string, StoredDebt> {
    const debts = this.#clients.get(client) ?? new Map<string, StoredDebt>();
    this.#clients.set(client, debts);
    return debts;
  }
}

function isAfter(debt: DebtKey, other: DebtKey): boolean {
  if (debt.refHash !== other.refHash) return debt.refHash > other.refHash;
  return Buffer.compare(Buffer.from(debt.externalRef), Buffer.from(other.externalRef)) > 0;
}

function keyOf(key: DebtKey): string {
  return `${key.refHash}/${key.externalRef}`;
}

function checkKey(key: string): void {
  const isPart = (part: string): boolean => /^[a-z0-9_-][a-z0-9._-]*$/.test(part) && !part.includes('..');
  assert(key.length <= 512 && key.split('/').every(isPart), 'an object key is well formed');
}
