/**
 * The states of a batch, and the only function that changes them.
 *
 *   accepted → picking → processing → staged → registering → completed
 *
 * - A small batch goes from picking to staged at once: it needs no ranges' work.
 * - `failed` and `cancelled` are final and are reached only before registering begins.
 * - From registering on, trouble makes the batch `stalled`: it keeps its place and its turn; `redriven` resumes it.
 * - A dry run stands in no line and takes no turn: staged, previewed shard by shard, completed.
 *
 * Each transition is one conditional write. It records, in the same item, the messages that are now owed; they are sent
 * after it, under derived ids, as often as need be. An event that no longer applies (it came twice, or late) changes
 * nothing: `transition` answers `undefined`.
 */
import { unreachable } from '../core/assert.ts';
import {
  type Batch,
  type BatchFailure,
  type BatchState,
  type BatchWarning,
  FINAL_STATES,
  type Owed,
} from '../io/ports/registry.ts';

/** What the rules service changes of a batch: all that acceptance took from the profile that was known here. */
export type RuledBatch = Pick<
  Batch,
  'profile' | 'profileSource' | 'warnings' | 'language' | 'notifications' | 'notify'
>;

export type BatchEvent =
  /** `ruled` is absent where the rules service was not asked or knows no such profile. */
  | { readonly type: 'pick_started'; readonly ruled?: RuledBatch }
  /** It waits before it is picked, and whoever looks at it is to see why. */
  | { readonly type: 'warned'; readonly warning: BatchWarning }
  | {
      readonly type: 'picked';
      readonly small: boolean;
      readonly manifestKey: string | null;
      readonly manifest: string | null;
      readonly records: number;
      readonly ranges: number;
      readonly shards: number;
    }
  | { readonly type: 'ranges_staged' }
  | { readonly type: 'released'; readonly turn: number; readonly turnAtMs: number }
  | { readonly type: 'shards_done' }
  | { readonly type: 'completed'; readonly receipt: string }
  | { readonly type: 'failed'; readonly failure: BatchFailure; readonly receipt: string }
  | { readonly type: 'cancelled'; readonly failure: BatchFailure; readonly receipt: string }
  | { readonly type: 'stalled'; readonly failure: BatchFailure }
  | { readonly type: 'redriven' };

/** The batch after the event, or `undefined` where the event does not apply to its state. */
export function transition(batch: Batch, event: BatchEvent, nowMs: number): Batch | undefined {
  const to = (state: BatchState, owed: readonly Owed[], change: Partial<Batch> = {}): Batch => ({
    ...batch,
    ...change,
    state,
    owed,
    inLine: (change.inLine ?? batch.inLine) && !FINAL_STATES.has(state),
    updatedAtMs: nowMs,
    enteredMs: { [owed.includes('finish') ? 'finishing' : state]: nowMs, ...batch.enteredMs },
  });
  switch (event.type) {
    case 'pick_started':
      return batch.state === 'accepted' ? to('picking', [], ruled(batch, event.ruled)) : undefined;
    case 'warned': {
      const { warnings = [] } = batch;
      if (batch.state !== 'accepted' || warnings.some(({ code }) => code === event.warning.code)) return undefined;
      return { ...batch, warnings: [...warnings, event.warning], updatedAtMs: nowMs };
    }
    case 'picked': {
      if (batch.state !== 'picking') return undefined;
      const { manifestKey, manifest, records, ranges, shards, small } = event;
      const plan = { manifestKey, manifest, records, ranges, shards, small };
      return small ? to('staged', [afterStaging(batch, true)], plan) : to('processing', ['ranges'], plan);
    }
    case 'ranges_staged':
      return batch.state === 'processing' ? to('staged', [afterStaging(batch, false)]) : undefined;
    case 'released':
      if (batch.state !== 'staged' || batch.dryRun) return undefined;
      return to('registering', batch.small ? [] : ['shards'], { turn: event.turn, turnAtMs: event.turnAtMs });
    case 'shards_done':
      return inRegistering(batch) && !batch.owed.includes('finish') ? to(batch.state, ['finish']) : undefined;
    case 'completed':
      if (!inRegistering(batch)) return undefined;
      // A small batch staged nothing, and whoever completes it looks at the line next: thousands of them owe nothing.
      return to('completed', [...(batch.small ? [] : (['free', 'line'] as const)), ...notices(batch)], {
        receipt: event.receipt,
      });
    case 'failed':
    case 'cancelled':
      if (FINAL_STATES.has(batch.state) || hasBegun(batch)) return undefined;
      return to(event.type, ['free', 'line', ...notices(batch)], { failure: event.failure, receipt: event.receipt });
    case 'stalled':
      return batch.state === 'registering' ? to('stalled', [], { failure: event.failure }) : undefined;
    case 'redriven':
      // The failure stays until the batch completes: it tells what was redriven.
      return batch.state === 'stalled' ? to('registering', batch.small ? ['line'] : ['shards']) : undefined;
    default:
      return unreachable(event);
  }
}

/** What the rules service changes; what the batch was warned of while it waited for that is over. */
function ruled(batch: Batch, by: RuledBatch | undefined): Partial<Batch> {
  if (by === undefined) return batch.warnings === undefined ? {} : { warnings: [] };
  const { language, notifications, notify = batch.notify } = by;
  return { ...by, language, notifications, notify };
}

/** Whether registering has begun, after which a batch can no longer fail or be cancelled. */
export function hasBegun(batch: Batch): boolean {
  return batch.state === 'registering' || batch.state === 'stalled';
}

/** Whether shards' outcomes are being made: under a turn, or as the preview of a dry run. */
function inRegistering(batch: Batch): boolean {
  return batch.state === 'registering' || (batch.dryRun && batch.state === 'staged');
}

/** The outbox: that somebody is to be told is recorded with the end itself, in one write. */
function notices(batch: Batch): readonly Owed[] {
  return batch.notify === true ? ['notify'] : [];
}

/** A dry run stands in no line: it goes straight to its preview. */
function afterStaging(batch: Batch, small: boolean): Owed {
  if (!batch.dryRun) return 'line';
  return small ? 'settle' : 'shards';
}

/** The message that carries a batch on from where it stands: what a sweep sends again. */
export function owedByState(batch: Batch): Owed | undefined {
  switch (batch.state) {
    case 'accepted':
    case 'picking':
      return 'pick';
    case 'processing':
      return 'ranges';
    case 'staged':
      return batch.owed.includes('finish') ? 'finish' : afterStaging(batch, batch.small);
    case 'registering':
      if (batch.small) return 'line';
      return batch.owed.includes('finish') ? 'finish' : 'shards';
    case 'stalled':
    case 'completed':
    case 'failed':
    case 'cancelled':
      return undefined;
    default:
      return unreachable(batch.state);
  }
}
