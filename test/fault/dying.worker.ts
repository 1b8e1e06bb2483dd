/**
 * A worker thread that dies in the middle: the real one, but that the first tasks of one kind end their thread. How, how
 * often and where the count is kept comes in the worker's data beside what the real one needs.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { Piscina } from 'piscina';
import type { TaskAnswer, TaskCall } from '../../src/engine/pool.ts';
import { runTask as runForReal, type WorkerSetup } from '../../src/roles/worker.ts';

export interface DyingSetup extends WorkerSetup {
  readonly task: string;
  readonly deaths: number;
  /** `exit` ends the thread, `memory` fills its heap, `locked` ends it inside of a write transaction. */
  readonly how: 'exit' | 'memory' | 'locked';
  /** A file that gets a byte a death: threads share nothing else. */
  readonly countFile: string;
}

export async function runTask(call: TaskCall): Promise<TaskAnswer> {
  const setup = Piscina.workerData as DyingSetup;
  if (call.task === setup.task && readFileSync(setup.countFile).length < setup.deaths) {
    appendFileSync(setup.countFile, 'x');
    die(setup);
  }
  return await runForReal(call);
}

function die(setup: DyingSetup): void {
  if (setup.how === 'memory') {
    const held: string[][] = [];
    for (;;) held.push(Array.from({ length: 100_000 }, (_, i) => `${i} of many`));
  }
  if (setup.how === 'locked') {
    const db = new DatabaseSync(join(setup.settings.dataDir, 'debts.db'), { timeout: 10_000 });
    db.exec('BEGIN IMMEDIATE');
  }
  process.exit(7);
}
