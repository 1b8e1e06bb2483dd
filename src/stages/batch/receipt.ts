/**
 * The receipt: the totals that prove that every record has its one outcome.
 *
 * Invariants, checked when it is made: the outcomes sum to the records of the scan; their cents sum to the cents of all
 * records whose amount could be read. Cents are exact integers of any size (BigInt inside, bare digits in the JSON).
 */
import { OUTCOMES, type Outcome } from '../../core/codes.ts';
import { Fault } from '../../core/faults.ts';
import type { ProfileSource } from '../../io/ports/clients.ts';
import type { Batch, BatchFailure, BatchWarning } from '../../io/ports/registry.ts';
import type { RangeResult } from '../intermediate.task.ts';

declare global {
  interface JSON {
    /** Text that `stringify` writes as it is (ECMAScript proposal «JSON.parse source text access»; in Node since 21). */
    rawJSON(text: string): object;
  }
}

export type OutcomeCounts = Readonly<Record<Outcome, number>>;
export type OutcomeCents = Readonly<Record<Outcome, bigint>>;

export interface Receipt {
  readonly batch: string;
  readonly client: string;
  readonly file: string;
  readonly status: 'completed' | 'failed' | 'cancelled';
  readonly reason: string | null;
  readonly dryRun: boolean;
  /** Name and version of the profile by which the file was read. */
  readonly profile: string;
  /** Where the rules service gave it; `null` where it did not. */
  readonly profileSource: ProfileSource | null;
  readonly warnings: readonly BatchWarning[];
  /** The module that read it, and its version; `null` where none did. */
  readonly module: { readonly name: string; readonly version: string } | null;
  readonly bytes: number;
  /** Of the file; `lines` counts what they became, which is as many where no module made several of one. */
  readonly records: number;
  readonly ranges: number;
  readonly shards: number;
  readonly lines: { readonly total: number } & OutcomeCounts;
  readonly cents: { readonly total: bigint } & OutcomeCents;
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly warnedBy: Readonly<Record<string, number>>;
  readonly acceptedAt: string;
  readonly businessDate: string;
  readonly finishedAt: string;
  readonly seconds: number;
  readonly linesPerSecond: number;
}

/** What one shard, or one small batch, adds to the totals. Cents are decimal texts. Plain JSON. */
export interface OutcomeTotals {
  readonly lines: readonly number[];
  readonly cents: readonly string[];
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly warnedBy: Readonly<Record<string, number>>;
}

/** What parsing one range, or one small batch, adds to the totals, and the cents it handed on to registering. */
export interface RejectTotals {
  /** What its records became, where that is counted by itself: a module may make several of one. */
  readonly made?: number;
  readonly rejected: number;
  readonly centsStaged: string;
  readonly centsRejected: string;
  readonly rejectedBy: Readonly<Record<string, number>>;
}

export function completedReceipt(
  batch: Batch,
  rejects: readonly RejectTotals[],
  outcomes: readonly OutcomeTotals[],
  nowMs: number,
): Receipt {
  const lines = zero(0);
  const cents = zero(0n);
  const rejectedBy: Record<string, number> = {};
  const warnedBy: Record<string, number> = {};
  let centsStaged = 0n;
  let centsDecided = 0n;
  for (const part of rejects) {
    centsStaged += BigInt(part.centsStaged);
    lines.rejected += part.rejected;
    cents.rejected += BigInt(part.centsRejected);
    add(rejectedBy, part.rejectedBy);
  }
  for (const part of outcomes) {
    for (const [index, outcome] of OUTCOMES.entries()) {
      lines[outcome] += part.lines[index] ?? 0;
      const ofOutcome = BigInt(part.cents[index] ?? 0);
      cents[outcome] += ofOutcome;
      centsDecided += ofOutcome;
    }
    add(rejectedBy, part.rejectedBy);
    add(warnedBy, part.warnedBy);
  }
  const total = OUTCOMES.reduce((sum, outcome) => sum + lines[outcome], 0);
  const rejected = Object.values(rejectedBy).reduce((sum, count) => sum + count, 0);
  const counted = rejects.every(({ made }) => made !== undefined);
  const made = counted ? rejects.reduce((sum, part) => sum + (part.made ?? 0), 0) : batch.records;
  if (total !== made || rejected !== lines.rejected) {
    throw new Fault('OUTCOMES_DISAGREE', `${total} outcomes of ${made} records`, { batch: batch.id });
  }
  if (centsDecided !== centsStaged) {
    throw new Fault('OUTCOMES_DISAGREE', `${centsDecided} cents decided, ${centsStaged} staged`, { batch: batch.id });
  }
  return {
    ...common(batch, nowMs, total),
    status: 'completed',
    reason: null,
    lines: { total, ...lines },
    cents: { total: OUTCOMES.reduce((sum, outcome) => sum + cents[outcome], 0n), ...cents },
    rejectedBy: sorted(rejectedBy),
    warnedBy: sorted(warnedBy),
  };
}

/** A range's share of the totals, of what its records became. */
export function rejectTotalsOf(range: RangeResult): RejectTotals {
  const { rejected, centsStaged, centsRejected, rejectedBy, made = range.records } = range;
  return { rejected, centsStaged, centsRejected, rejectedBy, made };
}

/** The lines of one shard, or one small batch, by the names of their outcomes. */
export function linesByOutcome({ lines }: Pick<OutcomeTotals, 'lines'>): OutcomeCounts {
  const named = zero(0);
  for (const [index, outcome] of OUTCOMES.entries()) named[outcome] = lines[index] ?? 0;
  return named;
}

/** The receipt of a batch that ended without outcomes. */
export function failureReceipt(
  batch: Batch,
  status: 'failed' | 'cancelled',
  failure: BatchFailure,
  nowMs: number,
): string {
  return encodeReceipt({
    ...common(batch, nowMs, 0),
    status,
    reason: failure.message,
    lines: { total: 0, ...zero(0) },
    cents: { total: 0n, ...zero(0n) },
    rejectedBy: {},
    warnedBy: {},
  });
}

function common(batch: Batch, nowMs: number, records: number) {
  const seconds = Math.max(0, nowMs - batch.acceptedAtMs) / 1000;
  return {
    batch: batch.id,
    client: batch.client,
    file: batch.file,
    dryRun: batch.dryRun,
    profile: batch.profile,
    profileSource: batch.profileSource ?? null,
    warnings: batch.warnings ?? [],
    module: batch.module ?? null,
    bytes: batch.bytes,
    records: batch.records,
    ranges: batch.ranges,
    shards: batch.shards,
    acceptedAt: new Date(batch.acceptedAtMs).toISOString(),
    businessDate: batch.businessDate,
    finishedAt: new Date(nowMs).toISOString(),
    seconds,
    linesPerSecond: seconds > 0 ? Math.round(records / seconds) : 0,
  };
}

/** Fields in the documented order; cents as bare integers. */
export function encodeReceipt(receipt: Receipt): string {
  const { batch, client, file, status, reason, dryRun, ...rest } = receipt;
  const { profile, profileSource, warnings, module, bytes, records, ranges, shards, ...totals } = rest;
  const { lines, cents, rejectedBy, warnedBy, ...times } = totals;
  const read = { profile, profileSource, warnings, module, bytes, records, ranges, shards };
  const ordered = {
    batch,
    client,
    file,
    status,
    reason,
    dryRun,
    ...read,
    lines,
    cents,
    rejectedBy,
    warnedBy,
    ...times,
  };
  return JSON.stringify(ordered, (_, value: unknown) => (typeof value === 'bigint' ? JSON.rawJSON(`${value}`) : value));
}

function zero<T>(value: T): Record<Outcome, T> {
  return { created: value, updated: value, unchanged: value, duplicate: value, rejected: value };
}

function add(into: Record<string, number>, from: Readonly<Record<string, number>>): void {
  for (const [code, count] of Object.entries(from)) into[code] = (into[code] ?? 0) + count;
}

function sorted(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}
