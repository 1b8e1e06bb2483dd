/** Credits: first come, first served, and never more given than there are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Credits } from '../../src/engine/credits.ts';
import { settled } from '../support/clock.ts';

describe('credits', () => {
  it('are given at once while there are enough', async () => {
    const credits = new Credits(3);
    const back = await credits.take(2);
    await credits.take(1);
    expect(credits.free).toBe(0);
    back();
    expect(credits.free).toBe(2);
  });

  it('go to those who wait in the order they came, a large one before the small ones behind it', async () => {
    const credits = new Credits(4);
    const back = await credits.take(3);
    const got: string[] = [];
    const large = credits.take(4).then((give) => {
      got.push('large');
      return give;
    });
    const small = credits.take(1).then(() => got.push('small'));
    await settled();
    expect([got, credits.free]).toEqual([[], 1]);
    back();
    const largeBack = await large;
    await settled();
    expect([got, credits.free]).toEqual([['large'], 0]);
    largeBack();
    await small;
    expect([got, credits.free]).toEqual([['large', 'small'], 3]);
  });

  it('are all given, alone, to one who asks for more than there are', async () => {
    const credits = new Credits(2);
    const back = await credits.take(100);
    expect(credits.free).toBe(0);
    back();
    expect(credits.free).toBe(2);
  });

  it('come back once, however often they are given back', async () => {
    const credits = new Credits(2);
    const back = await credits.take(1);
    back();
    back();
    expect(credits.free).toBe(2);
  });

  it('need a total', () => {
    expect(() => new Credits(0)).toThrow(/positive total/);
  });

  it('never exceed the total and reach everyone, in order, whatever the interleaving', async () => {
    const step = fc.record({ take: fc.integer({ min: 1, max: 12 }), giveBackFirst: fc.nat(3), wait: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 30 }), async (total, steps) => {
        const credits = new Credits(total);
        const held: { n: number; back: () => void }[] = [];
        const order: number[] = [];
        const giveBack = () => held.shift()?.back();
        const asked = steps.map(async ({ take, giveBackFirst, wait }, index) => {
          for (let i = 0; i < giveBackFirst; i++) giveBack();
          const back = credits.take(take);
          if (wait) await settled();
          held.push({ n: Math.min(take, total), back: await back });
          order.push(index);
          const inUse = held.reduce((sum, one) => sum + one.n, 0);
          expect(inUse + credits.free).toBeLessThanOrEqual(total);
          expect(credits.free).toBeGreaterThanOrEqual(0);
        });
        const all = Promise.all(asked);
        let done = false;
        void all.then(() => {
          done = true;
        });
        while (!done) {
          await settled();
          giveBack();
        }
        await all;
        while (held.length > 0) giveBack();
        expect(order.length).toBe(steps.length);
        expect(credits.free).toBe(total);
      }),
      { numRuns: 40 },
    );
  });

  it('are granted in the order of asking, always', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 }),
        async (total, wants) => {
          const credits = new Credits(total);
          const order: number[] = [];
          await Promise.all(
            wants.map(async (n, index) => {
              const back = await credits.take(n);
              order.push(index);
              await null;
              back();
            }),
          );
          expect(order).toEqual(wants.map((_, index) => index));
        },
      ),
      { numRuns: 100 },
    );
  });
});
