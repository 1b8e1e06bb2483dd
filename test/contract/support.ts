/** What the contract suites share: a clock that only a test moves, and made-up things to store. */
import type { Clock } from '../../src/core/clock.ts';
import type { Batch, BatchDraft } from '../../src/io/ports/registry.ts';

/** A driver as a suite gets it: a fresh, empty store; `reopen` closes it and opens what it left behind. */
export interface Fixture<T> {
  readonly store: T;
  reopen(): Promise<T>;
  dispose(): Promise<void>;
}

export type MakeFixture<T> = () => Promise<Fixture<T>>;

export class FakeClock implements Clock {
  #wallMs = Date.UTC(2026, 0, 15, 12);
  #monotonicMs = 1_000_000;
  readonly #sleepers = new Set<{ readonly untilMs: number; wake(): void }>();

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((done) => {
      const sleeper = {
        untilMs: this.#monotonicMs + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          done();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Wall and monotonic time go on together. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
    for (const sleeper of [...this.#sleepers]) if (sleeper.untilMs <= this.#monotonicMs) sleeper.wake();
  }

  /** The wall clock is set; monotonic time does not notice. */
  setWall(ms: number): void {
    this.#wallMs = ms;
  }

  /** The machine was started anew: monotonic time begins again. */
  restart(): void {
    this.#monotonicMs = 5;
  }
}

/** Lets everything that is ready to run do so, until `done` says that it has happened. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((next) => setImmediate(next));
}

export function draft(id: string, client = 'acme', change: Partial<BatchDraft> = {}): BatchDraft {
  return {
    id,
    client,
    file: 'debts.csv',
    bucket: 'raw',
    key: `raw/${client}/${id}`,
    version: '1',
    etag: 'e-1',
    bytes: 1234,
    profile: 'default',
    amountCentsMin: 1,
    amountCentsMax: 999_999_999_999_999,
    businessDate: '2026-01-15',
    dryRun: false,
    acceptedAtMs: 1_768_478_400_000,
    ...change,
  };
}

export function moved(batch: Batch, change: Partial<Batch>): Batch {
  return { ...batch, ...change };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

/** Bytes that differ at every position, the same for the same seed. */
export function madeBytes(count: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(count);
  let state = seed * 2_654_435_761;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** The code of the fault a promise ends with; `undefined` where it ends well. */
export async function faultCode(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
    throw error;
  }
}

/** Until the clock of any file system has moved on: the coarse ones step every 4 to 10 ms. */
export async function nextTick(): Promise<void> {
  await new Promise((next) => setTimeout(next, 20));
}
