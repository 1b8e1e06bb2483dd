/** The pool over real threads: how results, faults, bugs, deaths and aborts arrive. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    const threads = new Set<number>();
    for (let round = 0; round < 20 && threads.size < 2; round++) {
      for (const id of await Promise.all([pool.run('thread', null), pool.run('thread', null)])) threads.add(id);
    }
    expect(threads.size).toBe(pool.threads);
  });

  it('stops a task whose signal aborts, running or waiting, and goes on', async () => {
    const control = new AbortController();
    const running = [1, 2, 3].map(() => faultOf(pool.run('forever', null, control.signal)));
    expect((await faultOf(pool.run('echo', 1, AbortSignal.abort()))).code).toBe('LEASE_LOST');
    control.abort();
    expect((await Promise.all(running)).map((fault) => fault.code)).toEqual(Array(3).fill('LEASE_LOST'));
    expect(await pool.run('echo', 'on')).toBe('on');
  });

  it('leaves a task alone whose signal aborts after its end', async () => {
    const control = new AbortController();
    expect(await pool.run('echo', 1, control.signal)).toBe(1);
    control.abort();
    expect(await pool.run('echo', 2)).toBe(2);
  });
});
