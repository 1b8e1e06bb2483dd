/**
 * The engine's own parts for the cases that measure a stage of it: its worker pool over its embedded stores, put together
 * as `src/main.ts` does, on a data folder of the case, with the file already stored in it.
 */
import { randomBytes } from 'node:crypto';
import { deriveLimits, type Limits } from '../src/config/limits.ts';
import { resolveSettings } from '../src/config/load.ts';
import type { Settings } from '../src/config/schema.ts';
import { assert } from '../src/core/assert.ts';
import { systemClock } from '../src/core/clock.ts';
import { loadKernelModule } from '../src/engine/kernelModule.ts';
import { WorkerPool } from '../src/engine/pool.ts';
import * as embedded from '../src/io/embedded/driver.ts';
import type { ObjectStore } from '../src/io/ports/objects.ts';
import type { WasmModule } from '../src/kernel/wasm/api.ts';
import type { WorkerSetup } from '../src/roles/worker.ts';
import { rawKey } from '../src/stages/batch/keys.ts';
import type { SourceObject } from '../src/stages/pick.task.ts';
import type { TaskTable } from '../src/stages/tasks.ts';

export const WORKER_HEAP_MIB = 256;
const STAGING_INDEX_BYTES = 4 * 1024 * 1024;
export const CLIENT = 'bench';

export interface EngineParts {
  readonly settings: Settings;
  readonly limits: Limits;
  readonly pool: WorkerPool<TaskTable>;
  readonly objects: ObjectStore;
  readonly source: SourceObject;
  close(): Promise<void>;
}

export function settingsFor(dataDir: string, threads: number): Settings {
  return resolveSettings({ REMESSA_DATA_DIR: dataDir, REMESSA_THREADS: String(threads) }, undefined, threads).settings;
}

/** The module that the program reads with. What is measured on the plain kernel instead would say nothing of the program. */
export async function kernelModule(): Promise<WasmModule> {
  const { module, problem } = await loadKernelModule();
  assert(module !== undefined, `the kernel can be built: ${problem}`);
  return module;
}

export async function openEngineParts(dataDir: string, path: string, threads: number): Promise<EngineParts> {
  const settings = settingsFor(dataDir, threads);
  const deps = { clock: systemClock, random: (size: number): Uint8Array => randomBytes(size) };
  const stores = await embedded.openDirect(settings, 'write', deps);
  const source = await stores.intake.copyIn(path, rawKey(CLIENT, 'measured'));
  const driverOptions: embedded.DataPlaneOptions = {
    dataDir,
    debtsCacheBytes: Math.floor(settings.debtsCacheBytes / threads),
    stagingBufferBytes: settings.stagingBufferBytes,
    stagingIndexBytes: STAGING_INDEX_BYTES,
    writeTurn: embedded.createWriteTurn(),
  };
  const workerData: WorkerSetup = {
    settings,
    kernel: await kernelModule(),
    driverUrl: new URL('../src/io/embedded/driver.ts', import.meta.url).href,
    driverOptions,
    telemetryChannel: 'remessa-bench',
  };
  const workerUrl = new URL('../src/roles/worker.ts', import.meta.url);
  const pool = new WorkerPool<TaskTable>({ workerUrl, workerData, threads, heapMiB: WORKER_HEAP_MIB });
  return {
    settings,
    limits: deriveLimits(settings),
    pool,
    objects: stores.objects,
    source,
    async close() {
      await pool.close();
      await stores.close();
    },
  };
}
