/** The pool over real threads: how results, faults, bugs, deaths and aborts arrive. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Fault, isFault } from '../../src/core/faults.ts';
import { WorkerPool } from '../../src/engine/pool.ts';
import type { POOL_TASKS } from './poolWorker.ts';

type Tasks = typeof POOL_TASKS;

let pool: WorkerPool<Tasks>;

beforeAll(() => {
  pool = new WorkerPool<Tasks>({
    workerUrl: new URL('./poolWorker.ts', import.meta.url),
    workerData: { name: 'here' },
    threads: 2,
    heapMiB: 64,
  });
});

afterAll(async () => {
  await pool.close();
});

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isFault(error)) throw new Error(`a fault was expected, not ${String(error)}`);
  return error;
}

function poolOf(threads: number): WorkerPool<Tasks> {
  return new WorkerPool<Tasks>({
    workerUrl: new URL('./poolWorker.ts', import.meta.url),
    workerData: null,
    threads,
    shortTasks: new Set(['short']),
    heapMiB: 64,
  });
}

/** A bell that tasks wait for in their threads. */
function bell(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4));
}

function ring(it: Int32Array<SharedArrayBuffer>): void {
  Atomics.store(it, 0, 1);
  Atomics.notify(it, 0);
}

describe('a thread that dies with nothing in hand', () => {
  it('is replaced and told of, and takes nothing with it', async () => {
    const told: string[] = [];
    let tell: () => void = () => {};
    const died = new Promise<void>((done) => {
      tell = done;
    });
    const own = new WorkerPool<Tasks>({
      workerUrl: new URL('./poolWorker.ts', import.meta.url),
      workerData: null,
      threads: 1,
      heapMiB: 64,
      onIdleDeath: (reason) => {
        told.push(reason);
        tell();
      },
    });
    const first = await own.run('leaves', null);
    await died;
    expect(told).toEqual(['TypeError']);
    expect(await own.run('thread', null)).not.toBe(first);
    await own.close();
  });
});

describe('threads among clients', () => {
  let fair: WorkerPool<Tasks>;

  afterEach(async () => {
    await fair.close();
  });

  it('go to who waits for another’s many pieces after one of them, and to both in turns then', async () => {
    fair = poolOf(1);
    const order: string[] = [];
    const run = async (client: string, name: string, until?: Int32Array<SharedArrayBuffer>): Promise<void> => {
      order.push(String(await fair.run('held', { name, until }, { client })));
    };
    const first = bell();
    const giant = [run('giant', 'g1', first), ...['g2', 'g3', 'g4', 'g5'].map((name) => run('giant', name))];
    const others = [...['s1', 's2', 's3'].map((name) => run('small', name)), run('other', 'o1')];
    expect([fair.running, fair.queued]).toEqual([1, 8]);
    ring(first);
    await Promise.all([...giant, ...others]);
    expect(order).toEqual(['g1', 's1', 'o1', 'g2', 's2', 'g3', 's3', 'g4', 'g5']);
  });

  it('cannot be kept by a client that comes back again and again', async () => {
    fair = poolOf(1);
    const order: string[] = [];
    const first = bell();
    const giant = ['g1', 'g2', 'g3'].map(async (name, at) => {
      order.push(String(await fair.run('held', { name, until: at === 0 ? first : undefined }, { client: 'giant' })));
    });
    const chain = (async () => {
      for (const name of ['s1', 's2', 's3', 's4']) {
        order.push(String(await fair.run('held', { name, until: undefined }, { client: 'small' })));
      }
    })();
    ring(first);
    await Promise.all([...giant, chain]);
    expect(order.indexOf('g3')).toBeLessThan(order.indexOf('s4'));
    expect(order.slice(0, 2)).toEqual(['g1', 's1']);
  });

  it('are one more for short tasks, where all are held', async () => {
    fair = poolOf(2);
    const until = bell();
    const held = ['a', 'b', 'c', 'd'].map((name) => fair.run('held', { name, until }, { client: 'giant' }));
    const ids = await Promise.all([1, 2, 3].map(() => fair.run('short', null, { client: 'small' })));
    expect(new Set(ids).size).toBe(1);
    expect([fair.running, fair.queued]).toEqual([2, 2]);
    ring(until);
    expect(await Promise.all(held)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('outlive the death of a short task in theirs', async () => {
    fair = new WorkerPool<Tasks>({
      workerUrl: new URL('./poolWorker.ts', import.meta.url),
      workerData: null,
      threads: 1,
      shortTasks: new Set(['exit', 'short']),
      heapMiB: 64,
    });
    const until = bell();
    const held = fair.run('held', { name: 'a', until });
    const [dead, short] = await Promise.allSettled([fair.run('exit', null), fair.run('short', null)]);
    expect(dead).toMatchObject({ status: 'rejected', reason: { code: 'WORKER_DIED' } });
    expect(short.status).toBe('fulfilled');
    ring(until);
    expect(await held).toBe('a');
  });

  it('are let go with everything that waits when the pool is closed', async () => {
    fair = poolOf(1);
    const runs = [fair.run('forever', null), fair.run('echo', 1), fair.run('echo', 2)];
    const ended = Promise.all(runs.map(faultOf));
    await fair.close();
    expect((await ended).map((fault) => fault.code)).toEqual(Array(3).fill('WORKER_DIED'));
    expect((await faultOf(fair.run('echo', 3))).code).toBe('WORKER_DIED');
  });
});

describe('a task that got its place just before the pool was closed', () => {
  it.each(['echo', 'short'] as const)('ends with the pool, and starts no thread (%s)', async (task) => {
    const ending = poolOf(1);
    const held = ending.run('forever', null);
    const late = [ending.run(task, null as never), ending.run('short', null)];
    const ended = Promise.all([held, ...late].map(faultOf));
    await ending.close();
    expect((await ended).map((fault) => fault.code)).toEqual(Array(3).fill('WORKER_DIED'));
    expect([ending.running, ending.queued]).toEqual([0, 0]);
  });
});

describe('the pool', () => {
  it('brings arguments in and results out as plain data', async () => {
    const data = { text: 'é', list: [1, null, undefined], bytes: Uint8Array.of(1, 2), big: 2n ** 70n };
    expect(await pool.run('echo', data)).toEqual(data);
    expect(await pool.run('setup', null)).toEqual({ name: 'here' });
  });

  it('brings a fault across as the same fault', async () => {
    const fault = await faultOf(pool.run('fault', null));
    expect(fault).toBeInstanceOf(Fault);
    expect([fault.code, fault.detail, fault.place]).toEqual(['GZIP_CORRUPT', 'in a worker', { byte: 7, line: 2 }]);
    expect(fault.message).toBe(new Fault('GZIP_CORRUPT', 'in a worker', { byte: 7, line: 2 }).message);
  });

  it('brings a bug across as an error with the stack of the worker', async () => {
    const error = await pool.run('bug', null).catch((thrown: unknown) => thrown);
    expect(isFault(error)).toBe(false);
    expect(String(error)).toMatch(/task bug failed in its worker: TypeError: a bug of ours\n.*thisIsWhereItBroke/);
    await expect(pool.run('text', null)).rejects.toThrow(/not even an error/);
  });

  it.each(['exit', 'late', 'hungry'] as const)('outlives a worker that ends in the middle (%s)', async (task) => {
    const fault = await faultOf(pool.run(task, null));
    expect([fault.code, fault.disposition]).toEqual(['WORKER_DIED', 'retry']);
    expect(fault.detail).toMatch(new RegExp(`^task ${task}: `));
    expect(await Promise.all([1, 2, 3].map((n) => pool.run('echo', n)))).toEqual([1, 2, 3]);
  });

  it('loses no more than the one task when a worker ends', async () => {
    const others = Array.from({ length: 6 }, () => pool.run('together', { waitMs: 30 }));
    const [dead, ...done] = await Promise.allSettled([pool.run('exit', null), ...others]);
    expect(dead.status).toBe('rejected');
    expect(done.map((one) => one.status)).toEqual(Array(6).fill('fulfilled'));
  });

  it('gives each worker one task at a time', async () => {
    const runs = Array.from({ length: 8 }, () => pool.run('together', { waitMs: 5 }));
    expect(pool.queued).toBeGreaterThan(0);
    expect(await Promise.all(runs)).toEqual(Array(8).fill(1));
    expect(pool.queued).toBe(0);
  });

  it('uses as many threads as it was given', async () => {
    const meeting = { came: bell(), wanted: pool.threads };
    const ids = await Promise.all(Array.from({ length: pool.threads }, () => pool.run('meet', meeting)));
    expect(new Set(ids).size).toBe(2);
  });

  it('stops a task whose signal aborts, running or waiting, and goes on', async () => {
    const control = new AbortController();
    const running = [1, 2, 3].map(() => faultOf(pool.run('forever', null, { signal: control.signal })));
    expect((await faultOf(pool.run('echo', 1, { signal: AbortSignal.abort() }))).code).toBe('LEASE_LOST');
    control.abort();
    expect((await Promise.all(running)).map((fault) => fault.code)).toEqual(Array(3).fill('LEASE_LOST'));
    expect(await pool.run('echo', 'on')).toBe('on');
  });

  it('leaves a task alone whose signal aborts after its end', async () => {
    const control = new AbortController();
    expect(await pool.run('echo', 1, { signal: control.signal })).toBe(1);
    control.abort();
    expect(await pool.run('echo', 2)).toBe(2);
  });
});
