/**
 * What is told of a batch's end: which kind of end it is, the id by which receivers know it again, and what it says.
 *
 * Promises: all of it is a function of the stored batch, so a repeated message makes the same event under the same id. An
 * event holds counts, sums, codes and times; no value of a record, no file name, no message about one.
 */
import { derivedId } from '../core/ids.ts';
import { parseExactJson } from '../core/text.ts';
import type { NoticeKind } from '../io/ports/clients.ts';
import type { Batch } from '../io/ports/registry.ts';

export interface Notice {
  readonly id: string;
  readonly type: string;
  readonly client: string;
  readonly batch: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly kind: NoticeKind;
  readonly state: string;
  readonly dryRun: boolean;
  readonly code: string | null;
  readonly lines: Readonly<Record<string, unknown>>;
  /** Decimal texts of cents: they may be beyond 2^53. */
  readonly cents: Readonly<Record<string, string>>;
}

/** How the batch ended, as far as anybody is told; `undefined` where it has not. */
export function noticeKindOf(batch: Batch): NoticeKind | undefined {
  switch (batch.state) {
    case 'completed':
      return Number(receiptOf(batch).lines['rejected'] ?? 0) > 0 ? 'completed_with_rejects' : 'completed';
    case 'failed':
    case 'cancelled':
      return batch.state;
    default:
      return undefined;
  }
}

export function noticeOf(batch: Batch): Notice | undefined {
  const kind = noticeKindOf(batch);
  if (kind === undefined) return undefined;
  const atMs = batch.enteredMs[batch.state] ?? batch.updatedAtMs;
  const { lines, cents } = receiptOf(batch);
  return {
    id: eventIdOf(batch, atMs),
    type: `batch.${batch.state}`,
    client: batch.client,
    batch: batch.id,
    at: new Date(atMs).toISOString(),
    kind,
    state: batch.state,
    dryRun: batch.dryRun,
    code: batch.failure !== null && batch.state !== 'completed' ? batch.failure.code : null,
    lines,
    cents: Object.fromEntries(Object.entries(cents).map(([outcome, sum]) => [outcome, String(sum)])),
  };
}

const TIME_DIGITS = 11;

/** Sorts by time; derived from batch, state and the time that the transition recorded. */
function eventIdOf(batch: Batch, atMs: number): string {
  return `e-${atMs.toString(36).padStart(TIME_DIGITS, '0')}-${derivedId('notice', batch.id, batch.state)}`;
}

function receiptOf(batch: Batch): {
  readonly lines: Readonly<Record<string, unknown>>;
  readonly cents: Readonly<Record<string, unknown>>;
} {
  const receipt = batch.receipt === null ? {} : (parseExactJson(batch.receipt) as Record<string, unknown>);
  const part = (name: string) => (receipt[name] ?? {}) as Record<string, unknown>;
  return { lines: part('lines'), cents: part('cents') };
}
