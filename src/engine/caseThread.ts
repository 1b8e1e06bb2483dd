/** The thread in which the cases of a module are run, one after another; each result is told as it comes. */
import { parentPort, workerData } from 'node:worker_threads';
import { isFault } from '../core/faults.ts';
import type { Reading } from '../kernel/plan.ts';
import { type CaseResult, caseName, type ModuleCase, runCase } from './moduleCases.ts';
import { Modules } from './modules.ts';

export interface CaseThreadData {
  readonly folder: string;
  readonly module: string;
  readonly cases: readonly ModuleCase[];
  readonly reading: Reading | undefined;
  readonly watch: SharedArrayBuffer;
}

export type CaseMessage = { readonly result: CaseResult } | { readonly unusable: string } | { readonly done: true };

async function run({ folder, module, cases, reading, watch }: CaseThreadData): Promise<void> {
  const tell = (message: CaseMessage): void => parentPort?.postMessage(message);
  try {
    const loaded = await new Modules(folder).open(module, watch);
    for (const [index, one] of cases.entries()) {
      tell({ result: { name: caseName(one, index), problems: runCase(one, { loaded, reading, watch }, index + 1) } });
    }
    tell({ done: true });
  } catch (error) {
    if (!isFault(error)) throw error;
    tell({ unusable: error.message });
  }
}

await run(workerData as CaseThreadData);
