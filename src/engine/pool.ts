/**
 * The worker-thread pool. A task is a whole piece of work (a range, a shard, a file's answers), never rows.
 *
 * Promises
 * - One task per worker at a time, so a crash takes only its own task with it; that task ends with `WORKER_DIED`. A worker
 *   that dies with nothing in hand is replaced, and told of.
 * - A thread that becomes free goes to the client that was served longest ago: what waits for another client's work waits
 *   for one piece of it at most, however many there are.
 * - Short tasks do not wait for long ones at all: where every thread has something in hand, one more, which has none but
 *   short tasks, is started for them, and ends when it had none for a while.
 * - A fault thrown in a worker arrives here as the same fault. Anything else a task throws arrives as an error with the
 *   worker's stack: it is a bug, and the consumer records it as a failure of the work.
 * - `run` refuses nothing: callers bound what they submit (consumers by their slots, the picker by credits).
 */
import { Piscina } from 'piscina';
import { Fault, type FaultData, isFault } from '../core/faults.ts';
import { FairQueue } from './fairQueue.ts';

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
  /** Tasks that are over in a moment and so wait for no long one; without them there is no thread besides `threads`. */
  readonly shortTasks?: ReadonlySet<string>;
  /** Told of a thread that died with nothing in hand (a timer or a promise that a task left behind); it is replaced. */
  readonly onIdleDeath?: (reason: string) => void;
  /** Heap limit of one worker, in MiB; buffers outside the heap are bounded by configuration instead. */
  readonly heapMiB: number;
}

export interface RunOptions {
  /** Whose work it is; work of nobody's is a client of its own. */
  readonly client?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The thread of short tasks ends after so long without one. */
const SHORT_IDLE_MS = 10_000;

interface Waiting {
  readonly isShort: boolean;
  readonly start: (lane: Lane) => void;
  readonly fail: (fault: Fault) => void;
}

/** Some workers, and how many tasks they have in hand: never more than there are workers. */
interface Lane {
  readonly threads: number;
  readonly workers: () => Piscina<TaskCall, TaskAnswer>;
  inHand: number;
}

export class WorkerPool<T extends TaskTable> {
  readonly threads: number;
  readonly #options: PoolOptions;
  readonly #waiting = new FairQueue<Waiting>();
  readonly #lane: Lane;
  readonly #shortLane: Lane;
  readonly #opened: Piscina<TaskCall, TaskAnswer>[] = [];
  #closed = false;

  constructor(options: PoolOptions) {
    this.threads = options.threads;
    this.#options = options;
    const workers = this.#open({ minThreads: options.threads, maxThreads: options.threads });
    this.#lane = { threads: options.threads, workers: () => workers, inHand: 0 };
    let shortWorkers: Piscina<TaskCall, TaskAnswer> | undefined;
    const openShort = (): Piscina<TaskCall, TaskAnswer> =>
      (shortWorkers ??= this.#open({ minThreads: 0, maxThreads: 1, idleTimeout: SHORT_IDLE_MS }));
    this.#shortLane = { threads: 1, workers: openShort, inHand: 0 };
  }

  #open(threads: { minThreads: number; maxThreads: number; idleTimeout?: number }): Piscina<TaskCall, TaskAnswer> {
    const piscina = new Piscina<TaskCall, TaskAnswer>({
      filename: this.#options.workerUrl.href,
      name: 'runTask',
      ...threads,
      concurrentTasksPerWorker: 1,
      // Workers hold connections of their own: their event loop must keep turning while they are idle.
      atomics: 'disabled',
      maxQueue: Number.POSITIVE_INFINITY,
      workerData: this.#options.workerData,
      // Ranges make few objects: a larger young generation only lets the heaps of a long run grow (10 MB a worker).
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMiB, maxYoungGenerationSizeMb: 4 },
    });
    // Without a listener it would end the process.
    piscina.on('error', (error) => this.#options.onIdleDeath?.(nameOf(error)));
    this.#opened.push(piscina);
    return piscina;
  }

  async run<K extends keyof T & string>(
    task: K,
    args: TaskArgs<T, K>,
    { client = '', signal }: RunOptions = {},
  ): Promise<TaskResult<T, K>> {
    const lane = await this.#placeFor(task, client, signal);
    let answer: TaskAnswer;
    try {
      // Closed since its place was given: workers that are started now would never be ended.
      if (this.#closed) throw closed();
      answer = await lane.workers().run({ task, args }, signal === undefined ? {} : { signal });
    } catch (error) {
      if (signal?.aborted === true) throw new Fault('LEASE_LOST', `task ${task} was stopped`, {}, error);
      throw new Fault('WORKER_DIED', `task ${task}: ${nameOf(error)}`, {}, error);
    } finally {
      lane.inHand -= 1;
      this.#serve();
    }
    if (answer.ok) return answer.value as TaskResult<T, K>;
    if ('fault' in answer) throw Fault.from(answer.fault);
    throw new Error(`task ${task} failed in its worker: ${answer.bug}`);
  }

  /** Waits for a worker; it is counted as having the task in hand. */
  async #placeFor(task: string, client: string, signal: AbortSignal | undefined): Promise<Lane> {
    const stopped = (): Fault => new Fault('LEASE_LOST', `task ${task} was stopped`, {}, signal?.reason);
    if (signal?.aborted === true) throw stopped();
    if (this.#closed) throw closed();
    const isShort = this.#options.shortTasks?.has(task) === true;
    let stop: (() => void) | undefined;
    try {
      return await new Promise<Lane>((start, fail) => {
        const waiting: Waiting = { isShort, start, fail };
        stop = () => {
          this.#waiting.remove(waiting);
          fail(stopped());
        };
        signal?.addEventListener('abort', stop, { once: true });
        this.#waiting.push(client, waiting);
        this.#serve();
      });
    } finally {
      if (stop !== undefined) signal?.removeEventListener('abort', stop);
    }
  }

  #serve(): void {
    this.#fill(this.#lane, () => true);
    this.#fill(this.#shortLane, ({ isShort }) => isShort);
  }

  #fill(lane: Lane, may: (waiting: Waiting) => boolean): void {
    while (lane.inHand < lane.threads) {
      const next = this.#waiting.take(may);
      if (next === undefined) return;
      lane.inHand += 1;
      next.start(lane);
    }
  }

  /** Tasks that a worker has in hand. */
  get running(): number {
    return this.#lane.inHand + this.#shortLane.inHand;
  }

  /** Tasks that wait for a worker. */
  get queued(): number {
    return this.#waiting.size;
  }

  /** Ends the workers, whatever they have in hand: that ends with `WORKER_DIED`, and so does what still waits. */
  async close(): Promise<void> {
    this.#closed = true;
    for (let left = this.#waiting.take(); left !== undefined; left = this.#waiting.take()) left.fail(closed());
    await Promise.all(this.#opened.map((workers) => workers.destroy()));
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

function closed(): Fault {
  return new Fault('WORKER_DIED', 'the pool is closed');
}

function nameOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error ? `${error.name} ${String(error.code)}` : error.name;
  return 'unknown error';
}
