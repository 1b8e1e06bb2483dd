/**
 * A worker that its parent stops in the middle: opens the data plane of the embedded driver and runs one task, as
 * described by a JSON file (`argv[2]`), in chunks of 1,024 records. Where the parent asked for it, it stops itself before the
 * store is told to write. Ends by saying `done` or the fault's code.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import { deriveLimits } from '../../src/config/limits.ts';
import { withDefaults } from '../../src/config/schema.ts';
import { isFault } from '../../src/core/faults.ts';
import { openDataPlane } from '../../src/io/embedded/driver.ts';
import type { DebtStore } from '../../src/io/ports/debts.ts';
import { createScratch, type TaskContext } from '../../src/stages/taskContext.ts';
import { TASKS, type TaskTable } from '../../src/stages/tasks.ts';
import { dataPlaneOptions } from './inProcess.ts';

export interface ZombieOrders {
  readonly dataDir: string;
  readonly task: keyof TaskTable;
  readonly args: unknown;
  /** The write before which it stops itself, from 1; 0 for none. */
  readonly stopAtWrite: number;
  /** Asks with `fetch`, decides and writes, as over a store that cannot do it in one step: the widest gap between the two. */
  readonly byRows: boolean;
}

function say(text: string): void {
  writeSync(1, `${text}\n`);
}

const orders = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as ZombieOrders;
const plane = await openDataPlane(dataPlaneOptions(orders.dataDir), { random: (size) => randomBytes(size) });
let writes = 0;
const debts: DebtStore = new Proxy(plane.debts, {
  get(store, name) {
    const value: unknown = Reflect.get(store, name);
    if (typeof value !== 'function' || (name === 'register' && orders.byRows)) return undefined;
    return (...given: unknown[]): unknown => {
      if (name === 'write' || name === 'register') {
        writes += 1;
        if (writes === orders.stopAtWrite) process.kill(process.pid, 'SIGSTOP');
      }
      return Reflect.apply(value, store, given);
    };
  },
});
const settings = withDefaults({ shardRecords: 1 }, 1);
const context: TaskContext = { ...plane, debts, settings, limits: deriveLimits(settings), scratch: createScratch() };
const run = TASKS[orders.task] as unknown as (args: unknown, context: TaskContext) => Promise<unknown>;
try {
  await run(orders.args, context);
  say('done');
} catch (error) {
  say(isFault(error) ? error.code : String(error));
}
await plane.close();
