/**
 * The whole of it, as a user runs it: `remessa ingest FILE` into an empty data folder, from the start of the process to
 * its end. The states' seconds come from the batch itself.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT } from '../engine.ts';
import { AS_OF } from '../input.ts';
import { runProgram } from '../program.ts';
import { factsOfReceipt, parseReceipt } from '../receipt.ts';
import type { Case } from './case.ts';

export const ingestCase: Case = {
  apart: true,
  async open({ path, threads, workFolder, burn }) {
    const dataDir = join(workFolder, 'data');
    const clear = (): void => rmSync(dataDir, { recursive: true, force: true });
    return {
      async pass() {
        const args = ['ingest', path, '--client', CLIENT, '--as-of', AS_OF, '--json'];
        const { stdout, spent, peakBytes } = await runProgram(args, { dataDir, threads, burn });
        const receipt = parseReceipt(stdout);
        const shown = await runProgram(['batch', receipt.batch, '--json'], { dataDir, threads });
        const { seconds } = JSON.parse(shown.stdout) as { readonly seconds: Readonly<Record<string, number>> };
        return { found: factsOfReceipt(receipt), spent, peakBytes, stateSeconds: seconds };
      },
      async after() {
        clear();
        return {};
      },
      async close() {
        clear();
      },
    };
  },
};
