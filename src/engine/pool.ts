/**
 * The worker-thread pool. A task is a whole piece of work (a range, a shard, a file's answers), never rows.
 *
 * Promises
 * - One task per worker at a time, so a crash takes only its own task with it; that task ends with `WORKER_DIED`.
 * - A fault thrown in a worker arrives here as the same fault. Anything else a task throws arrives as an error with the
 *   worker's stack: it is a bug, and the consumer records it as a failure of the work.
 * - `run` refuses nothing: callers bound what they submit (consumers by their slots, the picker by credits).
 */
import { Piscina } from 'piscina';
import { Fault, type FaultData, isFault } from '../core/faults.ts';

/** Task functions by name; arguments and results are plain data that can be cloned between threads. */
type TaskTable = Record<string, (args: never, context: never) => Promise<unknown>>;

export type TaskArgs<T extends TaskTable, K extends keyof T> = Parameters<T[K]>[0];
export type TaskResult<T extends TaskTable, K extends keyof T> = Awaited<ReturnType<T[K]>>;

/** How a task's end crosses the thread border. */
export type TaskAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: FaultData }
  | { readonly ok: false; readonly bug: string };

export interface TaskCall {
  readonly task: string;
  readonly args: unknown;
}

export interface PoolOptions {
  /** The module every worker loads; it exports `runTask(call: TaskCall): Promise<TaskAnswer>`. */
  readonly workerUrl: URL;
  /** Plain data handed to every worker. */
  readonly workerData: unknown;
  readonly threads: number;
  /** Heap limit of one worker, in MiB; buffers outside the heap are bounded by configuration instead. */
  readonly heapMiB: number;
}

export class WorkerPool<T extends TaskTable> {
  readonly threads: number;
  readonly #piscina: Piscina<TaskCall, TaskAnswer>;
  #inFlight = 0;

  constructor(options: PoolOptions) {
    this.threads = options.threads;
    this.#piscina = new Piscina({
      filename: options.workerUrl.href,
      name: 'runTask',
      minThreads: options.threads,
      maxThreads: options.threads,
      concurrentTasksPerWorker: 1,
      // Workers hold connections of their own: their event loop must keep turning while they are idle.
      atomics: 'disabled',
      maxQueue: Number.POSITIVE_INFINITY,
      workerData: options.workerData,
      // Ranges make few objects: a larger young generation only lets the heaps of a long run grow (10 MB a worker).
      resourceLimits: { maxOldGenerationSizeMb: options.heapMiB, maxYoungGenerationSizeMb: 4 },
    });
  }

  async run<K extends keyof T & string>(
    task: K,
    args: TaskArgs<T, K>,
    signal?: AbortSignal,
  ): Promise<TaskResult<T, K>> {
    let answer: TaskAnswer;
    this.#inFlight++;
    try {
      answer = await this.#piscina.run({ task, args }, signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted === true) throw new Fault('LEASE_LOST', `task ${task} was stopped`, {}, error);
      throw new Fault('WORKER_DIED', `task ${task}: ${nameOf(error)}`, {}, error);
    } finally {
      this.#inFlight--;
    }
    if (answer.ok) return answer.value as TaskResult<T, K>;
    if ('fault' in answer) throw Fault.from(answer.fault);
    throw new Error(`task ${task} failed in its worker: ${answer.bug}`);
  }

  /** Tasks that a worker has in hand. */
  get running(): number {
    return this.#inFlight - this.#piscina.queueSize;
  }

  /** Tasks that wait for a worker. */
  get queued(): number {
    return this.#piscina.queueSize;
  }

  async close(): Promise<void> {
    await this.#piscina.destroy();
  }
}

/** Runs a task inside a worker and turns whatever happens into data. */
export async function answerOf(run: () => Promise<unknown>): Promise<TaskAnswer> {
  try {
    return { ok: true, value: await run() };
  } catch (error) {
    if (isFault(error)) return { ok: false, fault: error.toJSON() };
    return { ok: false, bug: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function nameOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error ? `${error.name} ${String(error.code)}` : error.name;
  return 'unknown error';
}
