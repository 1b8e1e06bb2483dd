/**
 * The worker pool inside the test's own thread: the real tasks over any data plane. As in the real one, arguments,
 * results and faults cross as plain data, a worker has one task at a time, and its scratch lives as long as it does.
 */
import { Fault } from '../../src/core/faults.ts';
import { FairQueue } from '../../src/engine/fairQueue.ts';
import { answerOf, type RunOptions, type WorkerPool } from '../../src/engine/pool.ts';
import { createScratch, type Scratch, type TaskContext } from '../../src/stages/taskContext.ts';
import { TASKS, type TaskTable } from '../../src/stages/tasks.ts';

export type TaskHook = (task: string, args: unknown) => Promise<void> | void;

type AnyTask = (args: unknown, context: TaskContext) => Promise<unknown>;

export class InlinePool {
  readonly threads: number;
  /** Names of the tasks that were begun, in order. */
  readonly begun: string[] = [];
  /** Runs before each task; what it throws is the task's end. */
  before: TaskHook = () => {};
  readonly #context: Omit<TaskContext, 'scratch'>;
  readonly #idle: Scratch[];
  readonly #waiting = new FairQueue<(scratch: Scratch) => void>();

  constructor(context: Omit<TaskContext, 'scratch'>, threads = 2) {
    this.threads = threads;
    this.#context = context;
    this.#idle = Array.from({ length: threads }, createScratch);
  }

  get running(): number {
    return this.threads - this.#idle.length;
  }

  get queued(): number {
    return this.#waiting.size;
  }

  async run(task: keyof TaskTable, args: unknown, { client = '', signal }: RunOptions = {}): Promise<unknown> {
    const given = structuredClone(args);
    const scratch = this.#idle.pop() ?? (await new Promise<Scratch>((go) => this.#waiting.push(client, go)));
    try {
      if (signal?.aborted === true) throw new Fault('LEASE_LOST', `task ${task} was stopped`);
      this.begun.push(task);
      const answer = structuredClone(
        await answerOf(async () => {
          await this.before(task, given);
          return await (TASKS[task] as unknown as AnyTask)(given, { ...this.#context, scratch });
        }),
      );
      if (answer.ok) return answer.value;
      if ('fault' in answer) throw Fault.from(answer.fault);
      throw new Error(`task ${task} failed in its worker: ${answer.bug}`);
    } finally {
      // Handed over to who waits: nobody who comes meanwhile gets in between.
      const next = this.#waiting.take();
      if (next === undefined) this.#idle.push(scratch);
      else next(scratch);
    }
  }

  async close(): Promise<void> {}

  /** As the stages see it. */
  asPool(): WorkerPool<TaskTable> {
    return this as unknown as WorkerPool<TaskTable>;
  }
}
