/**
 * What the stages work with. `StageContext` is the control path (main thread): it decides and records, and touches no
 * record. `TaskContext` is the data path (worker threads): it reads, parses and writes, and decides nothing about batches.
 */
import type { Limits } from '../config/limits.ts';
import type { Settings } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { RandomBytes } from '../core/ids.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { Credits } from '../engine/credits.ts';
import type { WorkerPool } from '../engine/pool.ts';
import type { ClientStore } from '../io/ports/clients.ts';
import type { DebtStore } from '../io/ports/debts.ts';
import type { ObjectStore } from '../io/ports/objects.ts';
import type { WorkQueue } from '../io/ports/queue.ts';
import type { Registry } from '../io/ports/registry.ts';
import type { StagingStore } from '../io/ports/staging.ts';
import { RecordChunk } from '../kernel/recordChunk.ts';
import type { TaskTable } from './tasks.ts';

export interface StageContext {
  readonly settings: Settings;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
  readonly registry: Registry;
  readonly queue: WorkQueue;
  readonly objects: ObjectStore;
  readonly clients: ClientStore;
  readonly pool: WorkerPool<TaskTable>;
  /** Pieces that may be with the pool at once, over all batches: a giant's scan leaves room for everyone's. */
  readonly scanCredits: Credits;
}

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
  /** The worker's one chunk of unpacked records. */
  chunk(records: number, textBytes: number): RecordChunk;
}

/** One growing buffer per worker: the largest request so far decides, so its size is bounded by the settings. */
export function createScratch(): Scratch {
  let buffer = new Uint8Array(0);
  let chunk: RecordChunk | undefined;
  return {
    chunk(records, textBytes) {
      if (chunk?.capacity !== records) chunk = new RecordChunk(records, textBytes);
      return chunk;
    },
    buffer(bytes) {
      if (buffer.length < bytes) buffer = new Uint8Array(bytes);
      return buffer;
    },
  };
}
