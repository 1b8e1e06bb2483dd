/**
 * The way to the control database: through the control thread (the engine, which must not wait for the disk) or directly
 * (a command beside a running engine, in short transactions).
 *
 * A call is settled only after its transaction is on disk. Faults: `STORE_…`, and `WORKER_DIED` when the thread ended.
 */
import { Worker } from 'node:worker_threads';
import { assert } from '../../../core/assert.ts';
import { Fault, type FaultData } from '../../../core/faults.ts';
import { ControlDb } from './db.ts';
import {
  type Answer,
  type Call,
  CONTROL_OPS,
  type OpArgs,
  type OpName,
  type OpResult,
  resultOf,
  runAlone,
} from './ops.ts';

export interface Control {
  call<K extends OpName>(op: K, args: OpArgs<K>): Promise<OpResult<K>>;
  /** Lets the calls that were made finish, then closes the database. Later calls are refused. */
  close(): Promise<void>;
}

/** Calls, or the wish to end. */
export type ToControlThread = readonly Call[] | 'close';
type FromControlThread = readonly Answer[] | { readonly ready: true } | { readonly fault: FaultData };

export class DirectControl implements Control {
  readonly #db: ControlDb;
  readonly #mode: 'read' | 'write';

  constructor(path: string, mode: 'read' | 'write') {
    this.#db = new ControlDb(path, mode);
    this.#mode = mode;
  }

  async call<K extends OpName>(op: K, args: OpArgs<K>): Promise<OpResult<K>> {
    assert(this.#mode === 'write' || !CONTROL_OPS[op].writes, `${op} needs a store opened for writing`);
    return runAlone(this.#db, op, args);
  }

  async close(): Promise<void> {
    this.#db.close();
  }
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class ThreadControl implements Control {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #unsent: Call[] = [];
  #nextId = 0;
  #closed = false;

  /** Starts the thread and waits until it has opened the database. */
  static async open(path: string): Promise<ThreadControl> {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: { path } });
    const first = await new Promise<FromControlThread>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if ('fault' in first) {
      await worker.terminate();
      throw Fault.from(first.fault);
    }
    return new ThreadControl(worker);
  }

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answers: readonly Answer[]) => this.#settle(answers));
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#closed = true;
        this.#fail(new Fault('WORKER_DIED', 'the control thread'));
        resolve();
      });
    });
    worker.once('error', (error) => this.#fail(new Fault('WORKER_DIED', 'the control thread', {}, error)));
    // An idle thread keeps no process alive; calls in flight do.
    worker.unref();
  }

  call<K extends OpName>(op: K, args: OpArgs<K>): Promise<OpResult<K>> {
    if (this.#closed) return Promise.reject(new Fault('WORKER_DIED', 'the control thread has ended'));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      // Calls of the same turn of the event loop cross together.
      if (this.#unsent.push({ id, op, args }) === 1) queueMicrotask(() => this.#flush());
    });
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#flush();
      this.#worker.ref();
      this.#worker.postMessage('close' satisfies ToControlThread);
    }
    await this.#ended;
  }

  #flush(): void {
    if (this.#unsent.length === 0) return;
    const calls = this.#unsent;
    this.#unsent = [];
    this.#worker.postMessage(calls satisfies ToControlThread);
  }

  #settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const pending = this.#pending.get(answer.id);
      this.#pending.delete(answer.id);
      try {
        pending?.resolve(resultOf(answer));
      } catch (error) {
        pending?.reject(error);
      }
    }
    if (this.#pending.size === 0 && !this.#closed) this.#worker.unref();
  }

  #fail(error: Fault): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }
}
