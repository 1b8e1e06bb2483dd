/**
 * What a task works with in its worker thread: the data path. It reads, parses and writes, and decides nothing about
 * batches.
 */
import type { Limits } from '../config/limits.ts';
import type { Settings } from '../config/schema.ts';
import type { DebtStore } from '../io/ports/debts.ts';
import type { ObjectStore } from '../io/ports/objects.ts';
import type { StagingStore } from '../io/ports/staging.ts';
import { RecordChunk } from '../kernel/recordChunk.ts';
import { RefTable } from '../kernel/refTable.ts';

export interface TaskContext {
  readonly settings: Settings;
  readonly limits: Limits;
  readonly objects: ObjectStore;
  readonly staging: StagingStore;
  readonly debts: DebtStore;
  /** Buffers made once per worker and used by one task at a time. */
  readonly scratch: Scratch;
}

export interface Scratch {
  /** At least `bytes` long; its contents are whatever the last task left. */
  buffer(bytes: number): Uint8Array;
  /** The same for open pages, of which a range has as many as its batch has shards. */
  slab(bytes: number): Uint8Array;
  /** The worker's one chunk of unpacked records. */
  chunk(records: number, textBytes: number): RecordChunk;
  /** The worker's one table of references, empty. */
  references(): RefTable;
}

/** One growing buffer per worker: the largest request so far decides, so its size is bounded by the settings. */
export function createScratch(): Scratch {
  let buffer = new Uint8Array(0);
  let slab = new Uint8Array(0);
  let chunk: RecordChunk | undefined;
  const references = new RefTable();
  return {
    references() {
      references.clear();
      return references;
    },
    chunk(records, textBytes) {
      if (chunk?.capacity !== records) chunk = new RecordChunk(records, textBytes);
      return chunk;
    },
    slab(bytes) {
      if (slab.length < bytes) slab = new Uint8Array(bytes);
      return slab;
    },
    buffer(bytes) {
      if (buffer.length < bytes) buffer = new Uint8Array(bytes);
      return buffer;
    },
  };
}
