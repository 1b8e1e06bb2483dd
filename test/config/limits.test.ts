import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveLimits, settingsProblems, threadsThatFit } from '../../src/config/limits.ts';
import { type Settings, withDefaults } from '../../src/config/schema.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

function settingsWith(given: Partial<Settings> = {}): Settings {
  return withDefaults({ ...given }, 2);
}

describe('derived bounds', () => {
  it('deals records to just enough shards', () => {
    const limits = deriveLimits(settingsWith({ shardRecords: 100, shardsMax: 8 }));
    expect([0, 1, 100, 101, 799, 800, 801, 10_000].map((records) => limits.shardsFor(records))).toEqual([
      1, 1, 1, 2, 8, 8, 8, 8,
    ]);
    expect(limits.recordsMax).toBe(800);
    expect(() => limits.shardsFor(-1)).toThrow(/bug/);
  });

  it('keeps open pages inside their budget, and every page inside its range', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4096 }),
        fc.integer({ min: 4 * KiB, max: 256 * KiB }),
        (shards, pageBytes) => {
          const limits = deriveLimits(settingsWith({ pageBytes, shardsMax: 4096, shardRecords: 1000 }));
          const page = limits.pageBytesFor(shards);
          expect(page).toBeGreaterThanOrEqual(4 * KiB);
          expect(page).toBeLessThanOrEqual(pageBytes);
          expect(page * shards).toBeLessThanOrEqual(16 * MiB);
        },
      ),
    );
  });

  it('gives few shards whole pages', () => {
    const limits = deriveLimits(settingsWith());
    expect([1, 64, 128, 256, 512].map((shards) => limits.pageBytesFor(shards))).toEqual([
      64 * KiB,
      64 * KiB,
      32 * KiB,
      16 * KiB,
      8 * KiB,
    ]);
  });
});

describe('the sum of memory', () => {
  it('is the sum of its holders, the largest first', () => {
    const { holders, memoryBytes } = deriveLimits(settingsWith());
    expect(holders.reduce((sum, holder) => sum + holder.bytes * holder.each, 0)).toBe(memoryBytes);
    const totals = holders.map((holder) => holder.bytes * holder.each);
    expect(totals).toEqual([...totals].sort((a, b) => b - a));
    expect(new Set(holders.map((holder) => holder.name)).size).toBe(holders.length);
  });

  // At these sizes each of these buffers are the largest of their kind, and the sum grows by just what they grow.
  it.each([
    ['rangeBytes', 128 * MiB, 2],
    // And the thread of short tasks: a small batch, and the bytes it is read into.
    ['smallBytesMax', 32 * MiB, 2 * 4 + 5],
    ['stagingBufferBytes', 32 * MiB, 2],
    // All threads share it, and the thread of short tasks has as much as one of two.
    ['debtsCacheBytes', 16 * MiB, 1.5],
    ['rulesBytesMax', 4 * MiB, 4 * 4],
  ] as const)('counts %s for each thread that holds it', (name, bytes, times) => {
    const given = { memoryBytesMax: 4096 * MiB, rangeBytes: 64 * MiB, rulesUrl: 'http://rules/{profile}' };
    const before = deriveLimits(settingsWith({ ...given, [name]: bytes })).memoryBytes;
    const after = deriveLimits(settingsWith({ ...given, [name]: bytes + MiB })).memoryBytes;
    expect(after - before).toBe(MiB * times);
  });

  it('holds one block of outcomes a shard inside their budget', () => {
    for (const shardsMax of [1, 512, 1024, 4096]) {
      const { entryBlockBytes } = deriveLimits(settingsWith({ shardsMax, shardRecords: 1000 }));
      expect(entryBlockBytes * shardsMax).toBeLessThanOrEqual(16 * MiB);
      expect(entryBlockBytes).toBeGreaterThanOrEqual(4 * KiB);
    }
  });

  it('is refused above the limit by one byte, and taken at it', () => {
    const { memoryBytes } = deriveLimits(settingsWith({ memoryBytesMax: 4096 * MiB }));
    expect(deriveLimits(settingsWith({ memoryBytesMax: memoryBytes })).memoryBytes).toBe(memoryBytes);
    expect(() => deriveLimits(settingsWith({ memoryBytesMax: memoryBytes - 1 }))).toThrow(
      /CONFIG_INVALID.*add up to.*REMESSA_MEMORY_BYTES_MAX.*the largest: .*2 ×/,
    );
  });

  it('names the largest holder', () => {
    expect(() => deriveLimits(settingsWith({ rangeBytes: 256 * MiB }))).toThrow(
      /the largest: bytes of a file being read 2 × 256MiB/,
    );
  });

  it('says how many threads fit', () => {
    const fit = threadsThatFit(settingsWith());
    expect(fit).toBeGreaterThanOrEqual(2);
    expect(() => deriveLimits(settingsWith({ threads: fit }))).not.toThrow();
    expect(() => deriveLimits(settingsWith({ threads: fit + 1 }))).toThrow(/CONFIG_INVALID/);
    expect(threadsThatFit(settingsWith({ memoryBytesMax: 1 }))).toBe(1);
  });
});

describe('contradictions', () => {
  it.each<[string, Partial<Settings>, Partial<Settings>]>([
    ['heartbeat', { leaseMs: 30_000, heartbeatMs: 10_001 }, { leaseMs: 30_000, heartbeatMs: 10_000 }],
    [
      'records',
      { shardRecords: 10, shardsMax: 10, recordsMax: 101 },
      { shardRecords: 10, shardsMax: 10, recordsMax: 100 },
    ],
    ['retry', { retryMsMin: 11, retryMsMax: 10 }, { retryMsMin: 10, retryMsMax: 10 }],
    ['receives', { failuresMax: 5, receivesMax: 5 }, { failuresMax: 5, receivesMax: 6 }],
    ['rules for all alike', { rulesUrl: 'http://rules/all' }, { rulesUrl: 'http://rules/{profile}' }],
    ['a token for nobody', { rulesToken: 'Bearer x' }, { rulesUrl: 'http://rules/{client}', rulesToken: 'Bearer x' }],
    [
      'a token that is no header',
      { rulesUrl: 'http://rules/{client}', rulesToken: 'Bearer\nx' },
      { rulesUrl: 'http://rules/{client}', rulesToken: 'x' },
    ],
    ['inbox', { inboxScanMs: 11, inboxQuietMs: 10 }, { inboxScanMs: 10, inboxQuietMs: 10 }],
  ])('%s', (_what, wrong, right) => {
    expect(settingsProblems(settingsWith(right))).toEqual([]);
    const problems = settingsProblems(settingsWith(wrong));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.names).toEqual(expect.arrayContaining(Object.keys(wrong).slice(-1)));
  });

  it('are all named in one fault', () => {
    expect(() => deriveLimits(settingsWith({ retryMsMin: 9, retryMsMax: 1, inboxScanMs: 9, inboxQuietMs: 1 }))).toThrow(
      /REMESSA_RETRY_MS_MIN.*REMESSA_INBOX_SCAN_MS/,
    );
  });
});
