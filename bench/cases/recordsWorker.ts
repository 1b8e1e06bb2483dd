/** A worker thread of `records.ts`: one range of the file through the kernel, its output taken and dropped. */
import { openSync, readSync } from 'node:fs';
import { Piscina } from 'piscina';
import { deriveLimits } from '../../src/config/limits.ts';
import type { Settings } from '../../src/config/schema.ts';
import { assert } from '../../src/core/assert.ts';
import { openKernel } from '../../src/engine/kernelModule.ts';
import { answerOf, type TaskAnswer, type TaskCall } from '../../src/engine/pool.ts';
import { feedRange } from '../../src/engine/recordFeed.ts';
import type { RecordPlan } from '../../src/kernel/plan.ts';
import type { RangePlan } from '../../src/kernel/split.ts';
import type { WasmModule } from '../../src/kernel/wasm/api.ts';
import type { KernelEngine } from '../../src/kernel/wasm/engine.ts';
import type { RangeSum } from './rangeTotals.ts';

/** Plain data. */
export interface RecordsSetup {
  readonly path: string;
  readonly plan: RecordPlan;
  readonly pageBytes: number;
  readonly settings: Settings;
  /** As the engine's workers get it; without one the plain kernel is measured. */
  readonly kernel: WasmModule | undefined;
}

export type RecordsTasks = { range(range: RangePlan): Promise<RangeSum> };

interface Opened {
  readonly setup: RecordsSetup;
  readonly fd: number;
  readonly kernel: KernelEngine;
}

let opened: Opened | undefined;

export function runTask(call: TaskCall): Promise<TaskAnswer> {
  return answerOf(() => {
    opened ??= open(Piscina.workerData as RecordsSetup);
    return readRange(opened, call.args as RangePlan);
  });
}

export function open(setup: RecordsSetup): Opened {
  const { path, settings, kernel } = setup;
  return { setup, fd: openSync(path, 'r'), kernel: openKernel(kernel, settings, deriveLimits(settings)) };
}

/** Exposed, as `open` is, for whoever measures without threads. */
export async function readRange({ setup, fd, kernel: engine }: Opened, range: RangePlan): Promise<RangeSum> {
  const { plan, pageBytes, settings } = setup;
  const kernel = engine.range(plan, range.firstLine, range.start, pageBytes);
  const buffer = engine.buffer(settings.readBytes + plan.recordBytesMax);
  let at = range.start;
  const reader = {
    async read(target: Uint8Array): Promise<number> {
      const got = readSync(fd, target, 0, Math.min(target.length, range.end - at), at);
      at += got;
      return got;
    },
    async close(): Promise<void> {},
  };
  const drain = async (): Promise<void> => {
    while (kernel.takePage() !== undefined);
    while (kernel.takeRejects() !== undefined);
  };
  const read = await feedRange(reader, kernel, buffer, range.end - range.start, drain);
  assert(read.crc === range.crc, 'the bytes are those that were scanned');
  kernel.flush();
  await drain();
  const { records, staged, centsStaged, centsRejected, rejectedBy } = kernel.totals();
  return { records, staged, centsStaged: String(centsStaged), centsRejected: String(centsRejected), rejectedBy };
}
