/** The measurements of DynamoDB's requests compare what arrives before they time it: they fail where it is not right. */
import { describe, expect, it } from 'vitest';
import { measureLone, measurePacked } from '../../bench/dynamo/measure.ts';
import { measureDebts } from '../../bench/dynamo/measureDebts.ts';

describe('measurements of DynamoDB', () => {
  it.each([
    ['packed', measurePacked],
    ['lone', measureLone],
  ] as const)('send what they should: %s pages', async (_name, measure) => {
    const { ours, sdk } = await measure({ sampleLines: 60, rounds: 1, ours: 100, sdk: 100 });
    expect(Math.min(ours, sdk)).toBeGreaterThan(0);
  });

  it('send and read what they should: debts', async () => {
    const figures = await measureDebts({ sampleLines: 130, rounds: 1 });
    expect(Math.min(...Object.values(figures))).toBeGreaterThan(0);
  });
});
