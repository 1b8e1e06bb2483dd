/** What the pool's test loads into its worker threads: tasks that end in every way a task can end. */
import { setTimeout as delay } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { Fault } from '../../src/core/faults.ts';
import { answerOf, type TaskAnswer, type TaskCall } from '../../src/engine/pool.ts';

let running = 0;

export const POOL_TASKS = {
  async echo(args: unknown): Promise<unknown> {
    return args;
  },
  async setup(_args: null): Promise<unknown> {
    return Piscina.workerData as unknown;
  },
  async thread(_args: null): Promise<number> {
    return threadId;
  },
  async short(_args: null): Promise<number> {
    return threadId;
  },
  /** Leaves something behind that ends its thread when it has nothing in hand any more. */
  async leaves(_args: null): Promise<number> {
    setTimeout(() => {
      throw new TypeError('left behind');
    }, 30);
    return threadId;
  },
  /** Keeps its thread until it is rung for. */
  async held(args: {
    readonly name: string;
    readonly until: Int32Array<SharedArrayBuffer> | undefined;
  }): Promise<string> {
    if (args.until !== undefined) Atomics.wait(args.until, 0, 0);
    return args.name;
  },
  /** Ends once `wanted` tasks are in it, each of which keeps a thread. */
  async meet(args: { readonly came: Int32Array<SharedArrayBuffer>; readonly wanted: number }): Promise<number> {
    const { came, wanted } = args;
    Atomics.add(came, 0, 1);
    Atomics.notify(came, 0);
    for (let now = Atomics.load(came, 0); now < wanted; now = Atomics.load(came, 0)) Atomics.wait(came, 0, now);
    return threadId;
  },
  async fault(_args: null): Promise<void> {
    throw new Fault('GZIP_CORRUPT', 'in a worker', { byte: 7, line: 2 }, new Error('cause'));
  },
  async bug(_args: null): Promise<void> {
    thisIsWhereItBroke();
  },
  async text(_args: null): Promise<void> {
    throw 'not even an error';
  },
  /** The thread ends in the middle. */
  async exit(_args: null): Promise<void> {
    process.exit(3);
  },
  /** Something that nobody waits for goes wrong, and ends the thread. */
  async late(_args: null): Promise<void> {
    setTimeout(() => {
      throw new Error('nobody waits for this');
    }, 5);
    await delay(60_000);
  },
  async hungry(_args: null): Promise<number> {
    const kept: number[][] = [];
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, i) => i + 0.5));
  },
  async forever(_args: null): Promise<void> {
    for (;;) await delay(1000);
  },
  /** How many tasks this thread had at once, itself included. */
  async together(args: { readonly waitMs: number }): Promise<number> {
    running += 1;
    await delay(args.waitMs);
    const most = running;
    running -= 1;
    return most;
  },
};

function thisIsWhereItBroke(): never {
  throw new TypeError('a bug of ours');
}

export function runTask(call: TaskCall): Promise<TaskAnswer> {
  return answerOf(() =>
    (POOL_TASKS as unknown as Record<string, (args: unknown) => Promise<unknown>>)[call.task]!(call.args),
  );
}
