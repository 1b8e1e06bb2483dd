/**
 * Runs the cases of a module in a thread of their own, and ends it where the module has one in hand for too long.
 *
 * Faults: `CODE_INVALID`, with what is wrong, where the module cannot be loaded at all.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/faults.ts';
import type { CaseMessage, CaseThreadData } from './caseThread.ts';
import { type CaseResult, caseName, type ModuleCase } from './moduleCases.ts';
import { makeWatch, WatchingSide } from './moduleWatch.ts';

const LOOKS = 10;

export async function runCases(
  options: Omit<CaseThreadData, 'watch'> & { readonly recordMs: number },
  clock: Clock,
): Promise<CaseResult[]> {
  const { recordMs, ...data } = options;
  const watch = makeWatch();
  const watching = new WatchingSide(watch);
  const worker = new Worker(new URL('./caseThread.ts', import.meta.url), { workerData: { ...data, watch } });
  const results: CaseResult[] = [];
  const ended = new AbortController();
  let unusable: string | undefined;
  let trouble: string | undefined;
  worker.on('message', (message: CaseMessage) => {
    if ('result' in message) results.push(message.result);
    else if ('unusable' in message) unusable = message.unusable;
  });
  worker.on('error', (error) => {
    trouble = `its thread ended: ${error instanceof Error ? error.message : String(error)}`;
  });
  worker.on('exit', () => ended.abort());
  while (!ended.signal.aborted) {
    await clock.sleep(Math.ceil(recordMs / LOOKS), ended.signal);
    if (ended.signal.aborted || watching.look(clock.monotonicMs()) < recordMs) continue;
    trouble = `it took longer than ${recordMs} ms`;
    await worker.terminate();
  }
  if (unusable !== undefined) throw new Fault('CODE_INVALID', unusable);
  return finished(results, data.cases, trouble);
}

/** With the case at which it ended, where it did not come to the last. */
function finished(results: CaseResult[], cases: readonly ModuleCase[], trouble: string | undefined): CaseResult[] {
  const next = cases[results.length];
  if (next === undefined) return results;
  const problems = [trouble ?? 'its thread ended'];
  return [...results, { name: caseName(next, results.length), problems }];
}
