/**
 * What a task works with in its worker thread: the data path. It reads, parses and writes, and decides nothing about
 * batches.
 */
import type { Limits } from '../config/limits.ts';
import type { Settings } from '../config/schema.ts';
import type { LoadedModule } from '../engine/modules.ts';
import type { DebtStore } from '../io/ports/debts.ts';
import type { ObjectStore } from '../io/ports/objects.ts';
import type { StagingStore } from '../io/ports/staging.ts';
import { RecordChunk } from '../kernel/recordChunk.ts';
import { RefTable } from '../kernel/refTable.ts';
import { type KernelEngine, plainEngine } from '../kernel/wasm/engine.ts';

export interface TaskContext {
  readonly settings: Settings;
  readonly limits: Limits;
  readonly objects: ObjectStore;
  readonly staging: StagingStore;
  readonly debts: DebtStore;
  /** Of the operator's, as this thread has loaded them; absent where no profile can name one. */
  readonly modules?: ModuleStore;
  /** Buffers made once per worker and used by one task at a time. */
  readonly scratch: Scratch;
}

/** See `Modules` of engine/modules.ts. */
export interface ModuleStore {
  open(name: string, watch: SharedArrayBuffer, version?: string): Promise<LoadedModule>;
}

export interface Scratch {
  /** What reads files here: one range or piece at a time; its memory holds the buffer and the open pages. */
  readonly kernel: KernelEngine;
  /** At least `bytes` long; its contents are whatever the last task left. */
  buffer(bytes: number): Uint8Array;
  /** The worker's one chunk of unpacked records. */
  chunk(records: number, textBytes: number): RecordChunk;
  /** The worker's one table of references, empty. */
  references(): RefTable;
}

/** Made once per worker. Buffers are as large as the largest request so far, which the settings bound. */
export function createScratch(kernel: KernelEngine = plainEngine()): Scratch {
  let chunk: RecordChunk | undefined;
  const references = new RefTable();
  return {
    kernel,
    buffer: (bytes) => kernel.buffer(bytes),
    references() {
      references.clear();
      return references;
    },
    chunk(records, textBytes) {
      if (chunk?.capacity !== records) chunk = new RecordChunk(records, textBytes);
      return chunk;
    },
  };
}
