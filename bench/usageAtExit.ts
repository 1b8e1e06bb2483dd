/**
 * Loaded before the program (`node --import`) in a measured process: when that ends, it notes what the process took, for
 * getrusage of ended children is not to be had in Node. With a planted slowdown it first burns that share of its
 * user time more.
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { burn, peakBytes } from './meter.ts';

/** The environment variables of this hook; nothing else reads them. */
export const USAGE_FILE_KEY = 'BENCH_USAGE_FILE';
export const USAGE_BURN_KEY = 'BENCH_USAGE_BURN';

export interface Usage {
  readonly userMs: number;
  readonly systemMs: number;
  readonly peakBytes: number;
}

const path = process.env[USAGE_FILE_KEY];
// Worker threads load the hook too, and end before the process does.
if (path !== undefined && isMainThread) {
  process.on('exit', () => {
    const share = Number(process.env[USAGE_BURN_KEY] ?? 0);
    burn((process.cpuUsage().user / 1000) * share);
    const { user, system } = process.cpuUsage();
    const usage: Usage = { userMs: user / 1000, systemMs: system / 1000, peakBytes: peakBytes() };
    writeFileSync(path, JSON.stringify(usage));
  });
}
