/**
 * What is told of a batch: which kind of end it came to, or that it waits for approval; the id by which receivers know it
 * again, and what it says.
 *
 * Promises: all of it is a function of the stored batch (and of its preview, which is put once), so a repeated message makes the same event under the same id. An
 * event holds counts, sums, codes and times; no value of a record, no file name, no message about one.
 */
import { derivedId } from '../../core/ids.ts';
import { parseExactJson } from '../../core/text.ts';
import type { NoticeKind } from '../../io/ports/clients.ts';
import type { Batch } from '../../io/ports/registry.ts';
import type { Preview } from '../preview.ts';

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
  /** Of one that waits for approval: the end of the time to decide. ISO 8601, UTC. */
  readonly approveBefore?: string;
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
    id: eventIdOf(batch, batch.state, atMs),
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

/** That it came to wait for approval, whatever has been decided since; `undefined` where it never did. */
export function askingNotice(batch: Batch, preview: Pick<Preview, 'lines' | 'cents'>): Notice | undefined {
  const state = 'awaiting_approval';
  const atMs = batch.enteredMs[state];
  if (atMs === undefined) return undefined;
  const untilMs = batch.approval?.untilMs;
  return {
    id: eventIdOf(batch, state, atMs),
    type: `batch.${state}`,
    client: batch.client,
    batch: batch.id,
    at: new Date(atMs).toISOString(),
    kind: state,
    state,
    dryRun: batch.dryRun,
    code: null,
    ...(untilMs === undefined ? {} : { approveBefore: new Date(untilMs).toISOString() }),
    lines: preview.lines,
    cents: preview.cents,
  };
}

const TIME_DIGITS = 11;

/** Sorts by time; derived from batch, state and the time that the transition recorded. */
function eventIdOf(batch: Batch, state: string, atMs: number): string {
  return `e-${atMs.toString(36).padStart(TIME_DIGITS, '0')}-${derivedId('notice', batch.id, state)}`;
}

function receiptOf(batch: Batch): {
  readonly lines: Readonly<Record<string, unknown>>;
  readonly cents: Readonly<Record<string, unknown>>;
} {
  const receipt = batch.receipt === null ? {} : (parseExactJson(batch.receipt) as Record<string, unknown>);
  const part = (name: string) => (receipt[name] ?? {}) as Record<string, unknown>;
  return { lines: part('lines'), cents: part('cents') };
}
