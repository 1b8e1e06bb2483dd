/** Peer of `scan`: `wc -l` counts the LFs of the cached file, on one thread and without looking at quotes or a CRC. */
import { runCommand } from '../program.ts';
import type { Case } from './case.ts';

export const wcCase: Case = {
  apart: false,
  async open({ path }) {
    return {
      async pass() {
        const { stdout, stderr, spent, peakBytes } = await runCommand('wc', ['-l', path]);
        const lfs = Number(/^\s*(\d+)/.exec(stdout)?.[1] ?? Number.NaN);
        if (Number.isNaN(lfs)) throw new Error(`wc said: ${stderr.trim()}`);
        return { found: { lfs }, spent, peakBytes };
      },
      async close() {},
    };
  },
};
