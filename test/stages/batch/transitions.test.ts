/** Every state against every event, and what no sequence of events can break. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ApprovalRule,
  acceptedBatch,
  type Batch,
  type BatchState,
  FINAL_STATES,
} from '../../../src/io/ports/registry.ts';
import { type BatchEvent, hasBegun, owedByState, transition } from '../../../src/stages/batch/transitions.ts';

const STATES: readonly BatchState[] = [
  'accepted',
  'picking',
  'processing',
  'staged',
  'previewing',
  'awaiting_approval',
  'registering',
  'stalled',
  'completed',
  'failed',
  'cancelled',
];

const failure = { code: 'FILE_EMPTY', message: 'FILE_EMPTY: no bytes' };
const plan = { manifestKey: 'manifests/b-1/x', manifest: null, records: 9, ranges: 2, shards: 3 };

const EVENTS: Readonly<Record<string, BatchEvent>> = {
  pick_started: { type: 'pick_started' },
  picked: { type: 'picked', small: false, ...plan },
  picked_small: { type: 'picked', small: true, ...plan, manifestKey: null, manifest: '{}', ranges: 1, shards: 1 },
  picked_asking: { type: 'picked', small: false, ...plan, approval: {} },
  ranges_staged: { type: 'ranges_staged', cents: 100n, made: 9 },
  preview_started: { type: 'preview_started' },
  previewed: { type: 'previewed', cents: 100n, untilMs: 1000 },
  approved: { type: 'approved', by: 'somebody' },
  discarded: { type: 'discarded', failure, receipt: '{"d":4}' },
  released: { type: 'released', turn: 5, turnAtMs: 77 },
  shards_done: { type: 'shards_done' },
  completed: { type: 'completed', receipt: '{"a":1}' },
  failed: { type: 'failed', failure, receipt: '{"b":2}' },
  cancelled: { type: 'cancelled', failure, receipt: '{"c":3}' },
  stalled: { type: 'stalled', failure },
  redriven: { type: 'redriven' },
  warned: { type: 'warned', warning: { code: 'RULES_AWAITED', message: 'RULES_AWAITED: …' } },
};

function batchIn(state: BatchState, change: Partial<Batch> = {}): Batch {
  const draft = {
    id: 'b-1',
    client: 'acme',
    file: 'f',
    bucket: 'raw',
    key: 'raw/acme/f',
    version: '1',
    etag: 'e',
    bytes: 10,
    profile: 'default',
    amountCentsMin: 1,
    amountCentsMax: 9,
    businessDate: '2026-08-01',
    dryRun: change.dryRun ?? false,
    acceptedAtMs: 1,
  };
  const inLine = !draft.dryRun && !FINAL_STATES.has(state);
  return { ...acceptedBatch(draft, 1), state, owed: [], inLine, ...change };
}

/** Kind of batch → state → event → where it leads and what is owed; all that is not named changes nothing. */
const FAIL = { failed: 'failed free,line', cancelled: 'cancelled free,line' };
const BEGUN = { shards_done: 'registering finish', completed: 'completed free,line', stalled: 'stalled ' };
const EARLY = {
  accepted: { pick_started: 'picking ', warned: 'accepted pick', ...FAIL },
  processing: { ranges_staged: 'staged line', ...FAIL },
};
const PICKING = {
  picked: 'processing ranges',
  picked_asking: 'processing ranges',
  picked_small: 'staged line',
  ...FAIL,
};
const TOLD = { failed: 'failed free,line,notify', cancelled: 'cancelled free,line,notify' };
const REQUIRED = { standing: 'required' } as const;

/** Whether a batch of that kind can come to the state at all. */
function comesTo(kind: Partial<Batch>, state: BatchState): boolean {
  if (state === 'previewing' || state === 'awaiting_approval') return kind.approval?.standing === 'required';
  return kind.dryRun !== true || !['registering', 'stalled'].includes(state);
}

const TABLES: readonly [string, Partial<Batch>, Partial<Record<BatchState, Record<string, string>>>][] = [
  [
    'large',
    {},
    {
      ...EARLY,
      picking: PICKING,
      staged: { released: 'registering shards', ...FAIL },
      registering: BEGUN,
      stalled: { redriven: 'registering shards' },
    },
  ],
  [
    'small',
    { small: true },
    {
      ...EARLY,
      picking: PICKING,
      staged: { released: 'registering ', ...FAIL },
      registering: { ...BEGUN, completed: 'completed ' },
      stalled: { redriven: 'registering line' },
    },
  ],
  [
    'large dry run',
    { dryRun: true },
    {
      accepted: EARLY.accepted,
      picking: {
        picked: 'processing ranges',
        picked_asking: 'processing ranges',
        picked_small: 'staged settle',
        ...FAIL,
      },
      processing: { ranges_staged: 'staged shards', ...FAIL },
      staged: { shards_done: 'staged finish', completed: 'completed free,line', ...FAIL },
    },
  ],
  [
    'large one that asks for approval',
    { approval: REQUIRED },
    {
      ...EARLY,
      picking: PICKING,
      staged: { preview_started: 'previewing shards', ...FAIL },
      previewing: { previewed: 'awaiting_approval line', ...FAIL },
      awaiting_approval: { approved: 'staged line', discarded: 'cancelled free,line', ...FAIL },
      registering: BEGUN,
      stalled: { redriven: 'registering shards' },
    },
  ],
  [
    'small one that asks for approval, and tells of it',
    { small: true, notify: true, approval: REQUIRED },
    {
      accepted: { pick_started: 'picking ', warned: 'accepted pick', ...TOLD },
      processing: { ranges_staged: 'staged line', ...TOLD },
      picking: { ...PICKING, ...TOLD },
      staged: { preview_started: 'previewing ', ...TOLD },
      previewing: { previewed: 'awaiting_approval line,ask', ...TOLD },
      awaiting_approval: { approved: 'staged line', discarded: 'cancelled free,line,notify', ...TOLD },
      registering: { ...BEGUN, completed: 'completed notify' },
      stalled: { redriven: 'registering line' },
    },
  ],
  [
    'large one that was approved',
    { approval: { ...REQUIRED, standing: 'approved' } },
    {
      ...EARLY,
      picking: PICKING,
      staged: { released: 'registering shards', ...FAIL },
      registering: BEGUN,
      stalled: { redriven: 'registering shards' },
    },
  ],
];

describe.each(TABLES)('a %s batch', (_, kind, table) => {
  const states = STATES.filter((state) => comesTo(kind, state));
  it.each(states)('in state %s moves as the table says and no other way', (state) => {
    const owed = state === 'accepted' ? (['pick'] as const) : [];
    const moves: Record<string, string> = {};
    for (const [name, event] of Object.entries(EVENTS)) {
      const next = transition(batchIn(state, { ...kind, owed }), event, 500);
      if (next !== undefined) moves[name] = `${next.state} ${next.owed.join(',')}`;
    }
    expect(moves).toEqual(table[state] ?? {});
  });
});

describe('a transition', () => {
  it('owes the answers once, however often its shards are done', () => {
    const done = transition(batchIn('registering'), { type: 'shards_done' }, 1);
    expect(done?.owed).toEqual(['finish']);
    expect(transition(done as Batch, { type: 'shards_done' }, 2)).toBeUndefined();
  });

  it('stores what its event brings', () => {
    expect(transition(batchIn('picking'), EVENTS['picked'] as BatchEvent, 9)).toMatchObject({
      ...plan,
      small: false,
      updatedAtMs: 9,
    });
    expect(transition(batchIn('staged'), EVENTS['released'] as BatchEvent, 9)).toMatchObject({ turn: 5, turnAtMs: 77 });
    expect(transition(batchIn('registering'), EVENTS['completed'] as BatchEvent, 9)?.receipt).toBe('{"a":1}');
    expect(transition(batchIn('staged'), EVENTS['failed'] as BatchEvent, 9)).toMatchObject({
      failure,
      receipt: '{"b":2}',
    });
  });

  it('pins the rules that a batch is picked under, and forgets that it waited for them', () => {
    const waiting = transition(batchIn('accepted'), EVENTS['warned'] as BatchEvent, 9) as Batch;
    expect(waiting).toMatchObject({ state: 'accepted', warnings: [{ code: 'RULES_AWAITED' }], updatedAtMs: 9 });
    const ruled = {
      profile: 'acme/erp@2',
      profileSource: { url: 'https://rules.example/', etag: null },
      warnings: [{ code: 'RULES_STALE', message: 'RULES_STALE: …' }],
      language: 'pt-BR' as const,
      notify: true,
    };
    const picking = transition(waiting, { type: 'pick_started', ruled }, 10) as Batch;
    expect(picking).toMatchObject({ state: 'picking', ...ruled });
    expect(transition(picking, { type: 'pick_started', ruled: { ...ruled, profile: 'x@1' } }, 11)).toBeUndefined();
    // What acceptance took from another document is gone with it.
    const english = batchIn('accepted', { language: 'en', notifications: { kinds: [] } });
    const { language, ...silent } = ruled;
    expect(transition(english, { type: 'pick_started', ruled: silent }, 10)).toMatchObject({
      language: undefined,
      notifications: undefined,
    });
    expect(transition(waiting, { type: 'pick_started' }, 10)).toMatchObject({ profile: 'default', warnings: [] });
    expect(transition(batchIn('accepted'), { type: 'pick_started' }, 10)).not.toHaveProperty('warnings');
  });

  it('keeps the place and the turn of a batch that stalls and is redriven', () => {
    const before = batchIn('registering', { turn: 5, turnAtMs: 77, number: 12 });
    const stalled = transition(before, { type: 'stalled', failure }, 1) as Batch;
    expect(stalled).toMatchObject({ turn: 5, turnAtMs: 77, number: 12, inLine: true, failure });
    expect(transition(stalled, { type: 'redriven' }, 2)).toMatchObject({ turn: 5, number: 12, inLine: true, failure });
  });

  it('asks for approval as the rule says, once it is known whether it is reached', () => {
    const picked = (rule: ApprovalRule, change: Partial<Batch> = {}) =>
      transition(batchIn('picking', change), { type: 'picked', small: false, ...plan, approval: rule }, 9) as Batch;
    const standing = ({ approval }: Batch) => approval?.standing;
    expect(standing(picked({}))).toBe('required');
    expect(standing(picked({ recordsMin: 9 }))).toBe('required');
    expect(standing(picked({ recordsMin: 10 }))).toBe('not_needed');
    expect(standing(picked({ recordsMin: 9, centsMin: 1 }))).toBe('required');
    expect(standing(picked({}, { dryRun: true }))).toBeUndefined();
    const open = picked({ recordsMin: 10, centsMin: 100 });
    expect(standing(open)).toBe('undecided');
    const staged = (batch: Batch, cents: bigint, made = 9) =>
      transition(batch, { type: 'ranges_staged', cents, made }, 9) as Batch;
    expect(standing(staged(open, 99n))).toBe('not_needed');
    expect(standing(staged(open, 100n))).toBe('required');
    expect(standing(staged(open, 2n ** 70n))).toBe('required');
    expect(standing(staged(picked({}), 0n))).toBe('required');
    // What a module makes of the records counts too, once it is made.
    const read = transition(
      batchIn('picking'),
      {
        type: 'picked',
        small: false,
        ...plan,
        approval: { recordsMin: 10 },
        module: { name: 'carnes', version: 'v1' },
      },
      9,
    ) as Batch;
    expect(['undecided', 'not_needed', 'required']).toEqual(
      [read, staged(read, 0n), staged(read, 0n, 10)].map((batch) => standing(batch)),
    );
    // A small batch learns its sum with its preview, and then goes on at once or waits.
    const previewed = (cents: bigint) =>
      transition(
        batchIn('previewing', { small: true, approval: { centsMin: 100, standing: 'undecided' } }),
        {
          type: 'previewed',
          cents,
          untilMs: 50,
        },
        9,
      ) as Batch;
    expect(previewed(99n)).toMatchObject({ state: 'staged', inLine: true, approval: { standing: 'not_needed' } });
    expect(previewed(100n)).toMatchObject({ state: 'awaiting_approval', inLine: false, approval: { untilMs: 50 } });
  });

  it('releases nothing whose approval is open, and records who gave it', () => {
    const released = EVENTS['released'] as BatchEvent;
    for (const standing of ['undecided', 'required'] as const) {
      expect(transition(batchIn('staged', { approval: { standing } }), released, 9)).toBeUndefined();
    }
    expect(transition(batchIn('staged', { approval: { standing: 'not_needed' } }), released, 9)?.state).toBe(
      'registering',
    );
    const waiting = batchIn('awaiting_approval', { inLine: false, approval: { ...REQUIRED, untilMs: 100 } });
    expect(transition(waiting, { type: 'approved', by: 'ana' }, 99)).toMatchObject({
      state: 'staged',
      inLine: true,
      approval: { standing: 'approved', by: 'ana', atMs: 99, untilMs: 100 },
      enteredMs: { approved: 99 },
    });
    // The time to decide is over: it can only be discarded.
    expect(transition(waiting, { type: 'approved', by: 'ana' }, 100)).toBeUndefined();
    expect(transition(waiting, EVENTS['discarded'] as BatchEvent, 100)?.state).toBe('cancelled');
  });

  it('owes that somebody is asked until it was sent, whatever is decided before', () => {
    const change = { small: true, inLine: false, owed: ['ask'], approval: { ...REQUIRED, untilMs: 99 } } as const;
    const waiting = batchIn('awaiting_approval', change);
    const approved = transition(waiting, { type: 'approved', by: 'ana' }, 9) as Batch;
    const released = transition(approved, EVENTS['released'] as BatchEvent, 9) as Batch;
    const ends = [
      transition(released, EVENTS['completed'] as BatchEvent, 9),
      transition(waiting, EVENTS['discarded'] as BatchEvent, 9),
    ];
    expect([approved, released, ...ends].map((batch) => batch?.owed.join())).toEqual([
      'line,ask',
      'ask',
      'ask',
      'free,line,ask',
    ]);
  });

  it('tells when each state was first reached', () => {
    const picking = transition(batchIn('accepted'), { type: 'pick_started' }, 10) as Batch;
    expect(picking.enteredMs).toEqual({ accepted: 1, picking: 10 });
    const again = transition(
      transition(batchIn('registering', { enteredMs: { registering: 3 } }), { type: 'stalled', failure }, 4) as Batch,
      { type: 'redriven' },
      5,
    ) as Batch;
    expect(again.enteredMs).toEqual({ registering: 3, stalled: 4 });
    expect(transition(again, { type: 'shards_done' }, 6)?.enteredMs).toMatchObject({ registering: 3, finishing: 6 });
  });
});

describe('what a sweep sends again', () => {
  it.each<[BatchState, Partial<Batch>, string | undefined]>([
    ['accepted', {}, 'pick'],
    ['picking', {}, 'pick'],
    ['processing', {}, 'ranges'],
    ['staged', {}, 'line'],
    ['staged', { small: true }, 'line'],
    ['staged', { dryRun: true }, 'shards'],
    ['staged', { dryRun: true, owed: ['finish'] }, 'finish'],
    ['staged', { dryRun: true, small: true }, 'settle'],
    ['previewing', {}, 'shards'],
    ['previewing', { small: true }, 'line'],
    ['awaiting_approval', {}, undefined],
    ['registering', {}, 'shards'],
    ['registering', { owed: ['finish'] }, 'finish'],
    ['registering', { small: true }, 'line'],
    ['stalled', {}, undefined],
    ['completed', {}, undefined],
    ['failed', {}, undefined],
    ['cancelled', {}, undefined],
  ])('of a batch that is %s %j is %s', (state, change, owed) => {
    expect(owedByState(batchIn(state, change))).toBe(owed);
  });
});

describe('any sequence of events', () => {
  const kinds = fc.record({ dryRun: fc.boolean() });
  const names = fc.array(fc.constantFrom(...Object.keys(EVENTS)), { maxLength: 40 });

  it('never moves a final batch, never ends a begun one but by completing it, releases nothing unapproved, and never touches revision or place', () => {
    fc.assert(
      fc.property(kinds, names, (kind, events) => {
        let batch = batchIn('accepted', { ...kind, owed: ['pick'] });
        for (const [index, name] of events.entries()) {
          const next = transition(batch, EVENTS[name] as BatchEvent, 100 + index);
          if (next === undefined) continue;
          expect(FINAL_STATES.has(batch.state)).toBe(false);
          if (hasBegun(batch)) expect(['registering', 'stalled', 'completed']).toContain(next.state);
          if (next.state === 'failed' || next.state === 'cancelled') expect(batch.turn).toBeNull();
          if (batch.turn !== null) expect(next.turn).toBe(batch.turn);
          expect([next.revision, next.number, next.id, next.client]).toEqual([
            batch.revision,
            batch.number,
            batch.id,
            batch.client,
          ]);
          expect(next.inLine).toBe(
            !batch.dryRun && !FINAL_STATES.has(next.state) && next.state !== 'awaiting_approval',
          );
          if (!batch.inLine && next.inLine) expect(name).toBe('approved');
          if (next.state === 'registering') expect(['required', 'undecided']).not.toContain(next.approval?.standing);
          if (next.approval?.standing === 'approved') expect(events.slice(0, index + 1)).toContain('approved');
          expect(FINAL_STATES.has(next.state)).toBe(next.receipt !== null);
          const mayGoBack = ['stalled', 'awaiting_approval'].includes(batch.state);
          expect(STATES.indexOf(next.state) >= STATES.indexOf(batch.state) || mayGoBack).toBe(true);
          expect(next.updatedAtMs).toBe(100 + index);
          // Whatever is not final or stalled is carried on by a sweep, at the latest.
          const rests = FINAL_STATES.has(next.state) || ['stalled', 'awaiting_approval'].includes(next.state);
          expect(owedByState(next) === undefined).toBe(rests);
          batch = next;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('that is repeated leads nowhere else: each event that just happened applies no more', () => {
    fc.assert(
      fc.property(kinds, names, (kind, events) => {
        let batch = batchIn('accepted', { ...kind, owed: ['pick'] });
        for (const name of events) {
          const event = EVENTS[name] as BatchEvent;
          const next = transition(batch, event, 100);
          if (next === undefined) continue;
          expect(transition(next, event, 101)).toBeUndefined();
          batch = next;
        }
      }),
      { numRuns: 500 },
    );
  });
});
