/** Asks bundled into calls: at once where alone, together where they meet, each with its own answer. */
import { describe, expect, it } from 'vitest';
import { MicroBatch } from '../../../src/io/aws/microBatch.ts';
import { until } from '../../contract/support.ts';

function made(options: { readonly sizeMax: number; readonly callsMax: number }) {
  const calls: { readonly asks: readonly number[]; answer(): void; fail(error: Error): void }[] = [];
  const batch = new MicroBatch<number, string>(
    options,
    (asks) =>
      new Promise((done, fail) => {
        calls.push({ asks, answer: () => done(asks.map((ask) => `of ${ask}`)), fail });
      }),
  );
  const askAll = (...asks: number[]): Promise<string>[] => asks.map((ask) => batch.ask(ask));
  return { batch, calls, askAll };
}

describe('a micro batch', () => {
  it('sends a lone ask in the same turn of the loop', async () => {
    const { batch, calls } = made({ sizeMax: 10, callsMax: 1 });
    const answer = batch.ask(7);
    await new Promise((next) => setImmediate(next));
    expect(calls.map(({ asks }) => asks)).toEqual([[7]]);
    calls[0]?.answer();
    expect(await answer).toBe('of 7');
  });

  it('bundles what is asked at once, in calls of the size, and no more calls than may be', async () => {
    const { calls, askAll } = made({ sizeMax: 3, callsMax: 2 });
    const answers = askAll(1, 2, 3, 4, 5, 6, 7, 8);
    await until(() => calls.length === 2);
    await new Promise((next) => setImmediate(next));
    expect(calls.map(({ asks }) => asks)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const later = askAll(9);
    calls[1]?.answer();
    await until(() => calls.length === 3);
    expect(calls[2]?.asks).toEqual([7, 8, 9]);
    calls[0]?.answer();
    calls[2]?.answer();
    expect(await Promise.all([...answers, ...later])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((ask) => `of ${ask}`));
  });

  it('fails the asks of a call that fails, and those alone', async () => {
    const { calls, askAll } = made({ sizeMax: 1, callsMax: 1 });
    const [first, second] = askAll(1, 2) as [Promise<string>, Promise<string>];
    await until(() => calls.length === 1);
    calls[0]?.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await until(() => calls.length === 2);
    calls[1]?.answer();
    expect(await second).toBe('of 2');
  });
});
