/** A worker thread of `records.ts`: one range of the file through the kernel, its output taken and dropped. */
import { openSync, readSync } from 'node:fs';
import { Piscina } from 'piscina';
import { assert } from '../../src/core/assert.ts';
import { answerOf, type TaskAnswer, type TaskCall } from '../../src/engine/pool.ts';
import { feedRange } from '../../src/engine/recordFeed.ts';
import { RangeKernel } from '../../src/kernel/kernel.ts';
import type { RecordPlan } from '../../src/kernel/plan.ts';
import type { RangePlan } from '../../src/kernel/split.ts';
import type { RangeSum } from './rangeTotals.ts';

/** Plain data. */
export interface RecordsSetup {
  readonly path: string;
  readonly plan: RecordPlan;
  readonly pageBytes: number;
  readonly readBytes: number;
}

export type RecordsTasks = { range(range: RangePlan): Promise<RangeSum> };

interface Opened {
  readonly setup: RecordsSetup;
  readonly fd: number;
  readonly buffer: Uint8Array;
}

let opened: Opened | undefined;

export function runTask(call: TaskCall): Promise<TaskAnswer> {
  return answerOf(() => {
    opened ??= open(Piscina.workerData as RecordsSetup);
    return readRange(opened, call.args as RangePlan);
  });
}

function open(setup: RecordsSetup): Opened {
  const buffer = new Uint8Array(setup.readBytes + setup.plan.recordBytesMax);
  const fd = openSync(setup.path, 'r');
  return { setup, fd, buffer };
}

/** Exposed for whoever measures without threads. */
export async function readRange({ setup, fd, buffer }: Opened, range: RangePlan): Promise<RangeSum> {
  const kernel = new RangeKernel(setup.plan, range.firstLine, range.start, setup.pageBytes);
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
