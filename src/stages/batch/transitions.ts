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
 * Where the profile asks for approval, the head of the line is previewed before it is released:
 *
 *   staged → previewing → awaiting_approval → staged (at the end of the line) → registering
 *
 * - While it is previewed it keeps its place, so nothing of its client registers meanwhile: the preview is what would have
 *   been registered there. Then it leaves the line, and the next one goes on.
 * - `approved` is the one event that puts a batch back in line; it is stored by `requeue`, which gives the new place.
 *   `discarded` (by somebody, or because the time to decide is over) ends it as `cancelled`. Both apply only while it waits.
 * - No batch whose approval is required or undecided is released.
 * - A rule on amounts is decided once they are known: with the last range, for a small batch with its preview. One that does
 *   not reach its rule goes on as if there were none.
 *
 * Each transition is one conditional write. It records, in the same item, the messages that are now owed; they are sent
 * after it, under derived ids, as often as need be. An event that no longer applies (it came twice, or late) changes
 * nothing: `transition` answers `undefined`.
 */
import { unreachable } from '../../core/assert.ts';
import {
  type Approval,
  type ApprovalRule,
  type Batch,
  type BatchFailure,
  type BatchState,
  type BatchWarning,
  FINAL_STATES,
  type Owed,
} from '../../io/ports/registry.ts';

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
      readonly approval?: ApprovalRule;
      readonly module?: Batch['module'];
    }
  /** `cents`: of all records whose amount could be read. `made`: what the records of the file became. */
  | { readonly type: 'ranges_staged'; readonly cents: bigint; readonly made: number }
  | { readonly type: 'preview_started' }
  | { readonly type: 'previewed'; readonly cents: bigint; readonly untilMs: number }
  | { readonly type: 'approved'; readonly by: string }
  | { readonly type: 'discarded'; readonly failure: BatchFailure; readonly receipt: string }
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
    // That it came to wait is told whatever is decided meanwhile: until it is sent, every later write owes it too.
    owed: batch.owed.includes('ask') ? [...owed, 'ask'] : owed,
    inLine: (change.inLine ?? batch.inLine) && !FINAL_STATES.has(state),
    updatedAtMs: nowMs,
    enteredMs: { [owed.includes('finish') ? 'finishing' : state]: nowMs, ...batch.enteredMs, ...change.enteredMs },
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
      const { manifestKey, manifest, records, ranges, shards, small, module } = event;
      const approval = batch.dryRun ? undefined : approvalOf(event.approval, records, module !== undefined);
      const more = { ...(approval && { approval }), ...(module && { module }) };
      const plan = { manifestKey, manifest, records, ranges, shards, small, ...more };
      return small ? to('staged', [afterStaging(batch, true)], plan) : to('processing', ['ranges'], plan);
    }
    case 'ranges_staged':
      if (batch.state !== 'processing') return undefined;
      return to('staged', [afterStaging(batch, false)], decided(batch, event.cents, event.made));
    case 'preview_started':
      if (batch.state !== 'staged' || !needsPreview(batch)) return undefined;
      return to('previewing', batch.small ? [] : ['shards']);
    case 'previewed': {
      if (batch.state !== 'previewing') return undefined;
      const { approval = batch.approval } = decided(batch, event.cents, batch.records);
      if (approval?.standing !== 'required') return to('staged', ['line'], approval && { approval });
      const asks = batch.notify === true ? (['ask'] as const) : [];
      const waits = { inLine: false, approval: { ...approval, untilMs: event.untilMs } };
      return to('awaiting_approval', ['line', ...asks], waits);
    }
    case 'approved': {
      const { approval } = batch;
      if (batch.state !== 'awaiting_approval' || approval === undefined || isOver(approval, nowMs)) return undefined;
      return to('staged', ['line'], {
        inLine: true,
        approval: { ...approval, standing: 'approved', by: event.by, atMs: nowMs },
        enteredMs: { approved: nowMs },
      });
    }
    case 'discarded':
      return batch.state === 'awaiting_approval' ? ended('cancelled', event) : undefined;
    case 'released':
      if (batch.state !== 'staged' || batch.dryRun || needsPreview(batch)) return undefined;
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
      return FINAL_STATES.has(batch.state) || hasBegun(batch) ? undefined : ended(event.type, event);
    case 'stalled':
      return batch.state === 'registering' ? to('stalled', [], { failure: event.failure }) : undefined;
    case 'redriven':
      // The failure stays until the batch completes: it tells what was redriven.
      return batch.state === 'stalled' ? to('registering', batch.small ? ['line'] : ['shards']) : undefined;
    default:
      return unreachable(event);
  }

  function ended(state: 'failed' | 'cancelled', { failure, receipt }: Pick<Batch, 'failure' | 'receipt'>): Batch {
    return to(state, ['free', 'line', ...notices(batch)], { failure, receipt });
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

/** Whether the batch is to be previewed before it may be released. */
export function needsPreview({ approval }: Pick<Batch, 'approval'>): boolean {
  return approval?.standing === 'required' || approval?.standing === 'undecided';
}

/** Whether the time to decide is over. */
export function isOver({ untilMs }: Pick<Approval, 'untilMs'>, nowMs: number): boolean {
  return untilMs !== undefined && nowMs >= untilMs;
}

/**
 * What the rule of the profile comes to when the records are counted; nothing where it asks for no approval any more. What a
 * module makes of them, which may be more, is known when they are read.
 */
function approvalOf(rule: ApprovalRule | undefined, records: number, byModule: boolean): Approval | undefined {
  if (rule === undefined) return undefined;
  const { recordsMin, centsMin } = rule;
  if (recordsMin === undefined && centsMin === undefined) return { standing: 'required' };
  if (recordsMin !== undefined && records >= recordsMin) return { ...rule, standing: 'required' };
  const isOpen = centsMin !== undefined || byModule;
  return { ...rule, standing: isOpen ? 'undecided' : 'not_needed' };
}

/** The approval once the sums are known, where it hung on those. */
function decided({ approval }: Batch, cents: bigint, made: number): Pick<Batch, 'approval'> {
  if (approval?.standing !== 'undecided') return {};
  const { centsMin, recordsMin } = approval;
  const reached =
    (centsMin !== undefined && cents >= BigInt(centsMin)) || (recordsMin !== undefined && made >= recordsMin);
  return { approval: { ...approval, standing: reached ? 'required' : 'not_needed' } };
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
    case 'previewing':
      return batch.small ? 'line' : 'shards';
    case 'registering':
      if (batch.small) return 'line';
      return batch.owed.includes('finish') ? 'finish' : 'shards';
    case 'awaiting_approval':
    case 'stalled':
    case 'completed':
    case 'failed':
    case 'cancelled':
      return undefined;
    default:
      return unreachable(batch.state);
  }
}
