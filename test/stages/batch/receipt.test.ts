/** The receipt: its sums are proved, its fields stand in the documented order, its cents are exact. */
import { describe, expect, it } from 'vitest';
import { acceptedBatch, type Batch } from '../../../src/io/ports/registry.ts';
import {
  completedReceipt,
  encodeReceipt,
  failureReceipt,
  type OutcomeTotals,
  type RejectTotals,
} from '../../../src/stages/batch/receipt.ts';

const AT = Date.UTC(2026, 7, 3, 12);

function batchOf(change: Partial<Batch> = {}): Batch {
  const draft = {
    id: 'b-1',
    client: 'acme',
    file: 'dívidas "agosto".csv',
    bucket: 'raw',
    key: 'raw/acme/f',
    version: '1',
    etag: 'e',
    bytes: 1234,
    profile: 'default',
    amountCentsMin: 1,
    amountCentsMax: 9,
    businessDate: '2026-08-01',
    dryRun: false,
    acceptedAtMs: AT,
  };
  return { ...acceptedBatch(draft, 1), records: 15, ranges: 2, shards: 2, ...change };
}

const rejects = (rejected: number, staged: string, change: Partial<RejectTotals> = {}): RejectTotals => ({
  rejected,
  centsStaged: staged,
  centsRejected: '40',
  rejectedBy: rejected === 0 ? {} : { LENGTH: rejected },
  ...change,
});

const outcomes = (lines: number[], cents: string[], change: Partial<OutcomeTotals> = {}): OutcomeTotals => ({
  lines,
  cents,
  rejectedBy: lines[4] === 0 ? {} : { DEBT_PRESCRIBED: lines[4] ?? 0 },
  warnedBy: {},
  ...change,
});

const RANGES = [rejects(2, '900'), rejects(1, '178')];
const SHARDS = [
  outcomes([1, 2, 3, 0, 1], ['100', '200', '300', '0', '5'], { warnedBy: { CPF_PADDED: 2 } }),
  outcomes([2, 0, 0, 3, 0], ['400', '0', '0', '73', '0'], { warnedBy: { CPF_PADDED: 1, DEBT_NEAR_PRESCRIPTION: 1 } }),
];

describe('the receipt of a completed batch', () => {
  it('adds up ranges and shards, in the documented order', () => {
    const text = encodeReceipt(completedReceipt(batchOf(), RANGES, SHARDS, AT + 2500));
    expect(text).toBe(
      JSON.stringify({
        batch: 'b-1',
        client: 'acme',
        file: 'dívidas "agosto".csv',
        status: 'completed',
        reason: null,
        dryRun: false,
        profile: 'default',
        profileSource: null,
        warnings: [],
        module: null,
        bytes: 1234,
        records: 15,
        ranges: 2,
        shards: 2,
        lines: { total: 15, created: 3, updated: 2, unchanged: 3, duplicate: 3, rejected: 4 },
        cents: { total: 1158, created: 500, updated: 200, unchanged: 300, duplicate: 73, rejected: 85 },
        rejectedBy: { DEBT_PRESCRIBED: 1, LENGTH: 3 },
        warnedBy: { CPF_PADDED: 3, DEBT_NEAR_PRESCRIPTION: 1 },
        acceptedAt: '2026-08-03T12:00:00.000Z',
        businessDate: '2026-08-01',
        finishedAt: '2026-08-03T12:00:02.500Z',
        seconds: 2.5,
        linesPerSecond: 6,
      }),
    );
  });

  it('has cents as bare integers of any size', () => {
    const huge = '123456789012345678901234567890';
    const shard = outcomes([15, 0, 0, 0, 0], [huge, '0', '0', '0', '0']);
    const text = encodeReceipt(completedReceipt(batchOf(), [rejects(0, huge, { centsRejected: '0' })], [shard], AT));
    expect(text).toContain(`"cents":{"total":${huge},"created":${huge},"updated":0,`);
  });

  it('does not divide by a time of nothing, nor by one that went back', () => {
    for (const at of [AT, AT - 5000]) {
      const { seconds, linesPerSecond } = completedReceipt(batchOf(), RANGES, SHARDS, at);
      expect([seconds, linesPerSecond]).toEqual([0, 0]);
    }
  });

  it('of an empty batch is all zeros', () => {
    const { lines, cents } = completedReceipt(batchOf({ records: 0 }), [], [], AT);
    expect([lines.total, cents.total]).toEqual([0, 0n]);
  });

  it.each<[string, Batch, readonly RejectTotals[], readonly OutcomeTotals[]]>([
    ['a record too many', batchOf({ records: 14 }), RANGES, SHARDS],
    ['a record too few', batchOf({ records: 16 }), RANGES, SHARDS],
    ['a shard that is missing', batchOf(), RANGES, SHARDS.slice(1)],
    ['a range that is missing', batchOf(), RANGES.slice(1), SHARDS],
    ['a shard that counts twice', batchOf(), RANGES, [...SHARDS, ...SHARDS]],
    ['a rejected record without a code', batchOf(), [RANGES[0]!, rejects(1, '178', { rejectedBy: {} })], SHARDS],
    ['cents that were lost on the way', batchOf(), [RANGES[0]!, rejects(1, '179')], SHARDS],
    ['cents that were made on the way', batchOf(), [RANGES[0]!, rejects(1, '177')], SHARDS],
  ])('is refused with %s', (_, batch, ranges, shards) => {
    expect(() => completedReceipt(batch, ranges, shards, AT)).toThrow(/^OUTCOMES_DISAGREE/);
  });
});

describe('the receipt of a batch that failed', () => {
  it('says why, and that nothing was registered', () => {
    const failure = {
      code: 'QUOTE_UNCLOSED',
      message: 'QUOTE_UNCLOSED: a quoted field is never closed (line 3)',
      line: 3,
    };
    const receipt = JSON.parse(failureReceipt(batchOf({ dryRun: true }), 'failed', failure, AT + 1000));
    expect(receipt).toMatchObject({
      status: 'failed',
      reason: failure.message,
      dryRun: true,
      lines: { total: 0, created: 0, updated: 0, unchanged: 0, duplicate: 0, rejected: 0 },
      cents: { total: 0, rejected: 0 },
      rejectedBy: {},
      seconds: 1,
      linesPerSecond: 0,
    });
    expect(Object.keys(receipt)).toEqual(
      Object.keys(JSON.parse(encodeReceipt(completedReceipt(batchOf(), RANGES, SHARDS, AT)))),
    );
    expect(JSON.parse(failureReceipt(batchOf(), 'cancelled', failure, AT)).status).toBe('cancelled');
  });
});
