/**
 * The kernel alone: parse, every check, packing into pages and the CRC of each range; the pages are thrown away. Ranges
 * are read from the file itself, so that nothing but the kernel and the read is measured.
 */
import { join } from 'node:path';
import { WorkerPool } from '../../src/engine/pool.ts';
import { kernelModule, settingsFor, WORKER_HEAP_MIB } from '../engine.ts';
import { splitFile } from '../splitFile.ts';
import type { Case } from './case.ts';
import { factsOfRanges } from './rangeTotals.ts';
import type { RecordsSetup, RecordsTasks } from './recordsWorker.ts';

export const recordsCase: Case = {
  apart: false,
  async open({ path, bytes, threads, workFolder }) {
    const settings = settingsFor(join(workFolder, 'data'), threads);
    const { plan, pageBytes, ranges } = splitFile(path, bytes, settings);
    const workerData: RecordsSetup = { path, plan, pageBytes, settings, kernel: await kernelModule() };
    const workerUrl = new URL('./recordsWorker.ts', import.meta.url);
    const pool = new WorkerPool<RecordsTasks>({ workerUrl, workerData, threads, heapMiB: WORKER_HEAP_MIB });
    return {
      async pass() {
        return { found: factsOfRanges(await Promise.all(ranges.map((range) => pool.run('range', range)))) };
      },
      close: () => pool.close(),
    };
  },
};
