/** The Registrar over a store in memory, its chunks, pages and blocks forced small, against the plain model. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveLimits, type Limits } from '../../src/config/limits.ts';
import { withDefaults } from '../../src/config/schema.ts';
import { OUTCOMES, recordCodeName } from '../../src/core/codes.ts';
import type { StoredDebt } from '../../src/io/ports/debts.ts';
import { hashRef } from '../../src/kernel/hash.ts';
import type { DuplicatesPolicy } from '../../src/kernel/plan.ts';
import { type RegisterArgs, Registrar } from '../../src/stages/registering.task.ts';
import { createScratch, type TaskContext } from '../../src/stages/taskContext.ts';
import { entriesOf } from '../support/entries.ts';
import type { LineValues } from '../support/files.ts';
import { MemoryDebts, MemoryObjects, MemoryStaging } from '../support/memoryStores.ts';
import { type ModelDebt, type ModelOutcome, modelRegister, modelTotals } from '../support/model.ts';
import { ALL_FIELDS, HASH_SEED, pagesOf, REQUIRED_FIELDS } from '../support/records.ts';

const SETTINGS = withDefaults({}, 1);
const RULES = { version: 1, businessDate: '2026-08-01', amountCentsMin: 500, amountCentsMax: 1_000_000 };

interface Sizes {
  readonly chunkRecords: number;
  readonly chunkTextBytes: number;
  readonly entryBlockBytes: number;
  readonly recordsAPage: number;
}
const SMALL: Sizes = { chunkRecords: 3, chunkTextBytes: 900, entryBlockBytes: 40, recordsAPage: 2 };

interface Given {
  readonly batch?: string;
  readonly turn?: number;
  readonly mode?: RegisterArgs['mode'];
  readonly full?: boolean;
  readonly sizes?: Sizes;
  readonly duplicates?: DuplicatesPolicy;
}

function contextOf(debts: MemoryDebts, sizes: Sizes): TaskContext {
  const limits: Limits = { ...deriveLimits(SETTINGS), ...sizes };
  return {
    settings: SETTINGS,
    limits,
    debts,
    objects: new MemoryObjects(),
    staging: new MemoryStaging(),
    scratch: createScratch(),
  };
}

async function registered(debts: MemoryDebts, lines: readonly LineValues[], given: Given = {}) {
  const { batch = 'b-1', turn = 1, mode = 'apply', full = false, sizes = SMALL } = given;
  const context = contextOf(debts, sizes);
  const fields = full ? ALL_FIELDS : REQUIRED_FIELDS;
  const rules = given.duplicates === undefined ? RULES : { ...RULES, duplicates: given.duplicates };
  const args: RegisterArgs = { batch, client: 'acme', mode, turn, turnAtMs: turn * 100, rules, fields };
  const registrar = new Registrar(args, context);
  const blocks: Uint8Array[] = [];
  const emit = async (block: Uint8Array): Promise<void> => {
    await null;
    blocks.push(block.slice());
  };
  let reads = 0;
  const { totals } = await registrar.all(async (take) => {
    reads++;
    for (const page of pagesOf(lines, fields, sizes.recordsAPage)) {
      await take(page);
      page.fill(0xdb);
    }
  }, emit);
  expect(reads).toBe(given.duplicates === 'last' || given.duplicates === 'reject-all' ? 2 : 1);
  expect(registrar.records).toBe(lines.length);
  const outcomes = entriesOf(Buffer.concat(blocks)).map(
    (entry): ModelOutcome => ({
      line: entry.line,
      ref: entry.ref,
      outcome: OUTCOMES[entry.outcome] as ModelOutcome['outcome'],
      code: recordCodeName(entry.code) ?? '',
      winner: entry.winner,
      cents: entry.cents,
    }),
  );
  return { totals, outcomes, entries: entriesOf(Buffer.concat(blocks)) };
}

function modelRun(given: Given) {
  const { batch = 'b-1', turn = 1, mode = 'apply', full = false, duplicates } = given;
  const { businessDate, amountCentsMin: centsMin, amountCentsMax: centsMax } = RULES;
  const policy = duplicates === undefined ? {} : { duplicates };
  return { batch, turn, businessDate, centsMin, centsMax, full, apply: mode === 'apply', ...policy };
}

function modelDebtOf(debt: StoredDebt): ModelDebt {
  const { createdBatch, createdLine, changedBatch, changedLine, turn, erased } = debt;
  return {
    ref: debt.externalRef,
    name: debt.debtorName,
    cpf: debt.document,
    cents: debt.amountCents,
    due: debt.dueDate,
    optional: [debt.debtorEmail, debt.debtorPhone, debt.creditorName, debt.accountType, debt.installment],
    createdBatch,
    createdLine,
    changedBatch,
    changedLine,
    turn,
    erased,
  };
}

function tombstone(ref: string): StoredDebt {
  const bytes = Buffer.from(ref);
  const refHash = hashRef(bytes, 0, bytes.length, HASH_SEED);
  const gone = { debtorEmail: null, debtorPhone: null, creditorName: null, accountType: null, installment: null };
  const origin = {
    createdBatch: 'b-0',
    createdLine: 2,
    changedBatch: 'b-0',
    changedLine: 2,
    createdAtMs: 0,
    changedAtMs: 0,
  };
  const values = { debtorName: '', document: '', amountCents: 0, dueDate: '', ...gone };
  return { client: 'acme', refHash, externalRef: ref, ...values, ...origin, turn: 0, erased: true };
}

const line = (full: boolean): fc.Arbitrary<LineValues> =>
  fc.record({
    ref: fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F', 'G', 'GONE', 'Ç中'),
    name: fc.constantFrom('Ana Lima', 'Ana Lima', 'Zé'),
    cpf: fc.constantFrom('52998224725', '52998224725', '1234567890'),
    amount: fc.constantFrom('150.00', '150.00', '150.01', '4.99', '5.00', '10000.00', '10000.01'),
    due: fc.constantFrom(
      '2026-01-10',
      '2026-01-10',
      '2026-07-31',
      '2026-08-01',
      '2021-08-01',
      '2021-07-31',
      '2021-09-01',
      '2021-08-31',
    ),
    optional: full
      ? fc.constantFrom(['', '', '', '', ''], ['a@b.co', '', '', '', '1/2'], ['', '', 'Banco', 'conta', ''])
      : fc.constant<readonly string[]>([]),
  });

const sizes: fc.Arbitrary<Sizes> = fc.record({
  chunkRecords: fc.integer({ min: 1, max: 9 }),
  chunkTextBytes: fc.integer({ min: 200, max: 1200 }),
  entryBlockBytes: fc.integer({ min: 9, max: 200 }),
  recordsAPage: fc.integer({ min: 1, max: 7 }),
});

const step = fc.boolean().chain((full) =>
  fc.record({
    full: fc.constant(full),
    lines: fc.array(line(full), { maxLength: 25 }),
    mode: fc.constantFrom<RegisterArgs['mode'][]>('apply', 'apply', 'preview'),
    sizes,
    replays: fc.nat(2),
    duplicates: fc.constantFrom<DuplicatesPolicy[]>('first', 'first', 'last', 'reject', 'reject-all'),
  }),
);

describe('registering', () => {
  it('does to any batches, one after another and each replayed, what the plain model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        const debts = new MemoryDebts();
        const model = new Map<string, ModelDebt>();
        debts.set(tombstone('GONE'));
        model.set('GONE', modelDebtOf(tombstone('GONE')));
        for (const [index, { lines, replays, ...given }] of steps.entries()) {
          const run = { ...given, batch: `b-${index + 1}`, turn: index + 1 };
          const expected = modelRegister(model, lines, modelRun(run));
          for (let replay = 0; replay <= replays; replay++) {
            const { outcomes, totals } = await registered(debts, lines, run);
            expect(outcomes).toEqual(expected);
            expect(totals).toEqual(modelTotals(expected));
          }
          const stored = new Map(debts.all('acme').map((debt) => [debt.externalRef, modelDebtOf(debt)]));
          expect(stored).toEqual(model);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('finds duplicates across chunks and pages, and names the line that won', async () => {
    const refs = ['A', 'B', 'A', 'C', 'D', 'E', 'F', 'G', 'B', 'A', 'H', 'C'];
    const { outcomes } = await registered(
      new MemoryDebts(),
      refs.map((ref) => ({ ref })),
    );
    expect(outcomes.map(({ winner }) => winner)).toEqual([0, 0, 2, 0, 0, 0, 0, 0, 3, 2, 0, 5]);
  });

  it.each<[DuplicatesPolicy, string]>([
    ['first', 'created A, created B, duplicate 2, created C, rejected DUE_DATE_NOT_PAST, duplicate 3, duplicate 2'],
    ['last', 'duplicate 8, duplicate 7, duplicate 8, created C, rejected DUE_DATE_NOT_PAST, created B, created A'],
    [
      'reject',
      'created A, created B, rejected REF_REPEATED, created C, rejected DUE_DATE_NOT_PAST, rejected REF_REPEATED, ' +
        'rejected REF_REPEATED',
    ],
    [
      'reject-all',
      'rejected REF_REPEATED, rejected REF_REPEATED, rejected REF_REPEATED, created C, rejected DUE_DATE_NOT_PAST, ' +
        'rejected REF_REPEATED, rejected REF_REPEATED',
    ],
  ])('by the policy %s', async (duplicates, says) => {
    const lines = ['A', 'B', 'A', 'C', 'A', 'B', 'A'].map((ref, i) => (i === 4 ? { ref, due: '2026-09-01' } : { ref }));
    for (const mode of ['preview', 'apply'] as const) {
      const { outcomes, entries } = await registered(new MemoryDebts(), lines, { duplicates, mode });
      const told = outcomes.map(({ outcome, code, winner, ref }) =>
        [outcome, outcome === 'created' ? ref : outcome === 'rejected' ? code : winner].join(' '),
      );
      expect(told.join(', ')).toBe(says);
      // Whoever mends the file finds what was refused in it, and in which column.
      for (const { column, source } of entries.filter((_, i) => outcomes[i]?.code === 'REF_REPEATED')) {
        expect([column, source?.length]).toEqual([0, 2]);
      }
    }
  });

  it('lets the first record win that passes the rules, not the first', async () => {
    const lines = [{ ref: 'A', amount: '1.00' }, { ref: 'A' }, { ref: 'A', amount: '7.00' }];
    const debts = new MemoryDebts();
    const { outcomes } = await registered(debts, lines);
    expect(outcomes.map(({ outcome, winner }) => [outcome, winner])).toEqual([
      ['rejected', 0],
      ['created', 0],
      ['duplicate', 3],
    ]);
    expect(debts.all('acme').map((debt) => debt.amountCents)).toEqual([15_000]);
  });

  it('tells of a rejected record where it stands in the file, and in which column it failed', async () => {
    const { entries } = await registered(new MemoryDebts(), [
      { ref: 'A' },
      { ref: 'B', due: '2026-08-01' },
      { ref: 'C', amount: '1.00' },
    ]);
    const bytes = Buffer.byteLength('A,Ana Lima,52998224725,150.00,2026-01-10\n');
    expect(entries.map(({ column, source }) => [column, source])).toEqual([
      [255, undefined],
      [4, [bytes, bytes]],
      [3, [2 * bytes, bytes - 2]],
    ]);
  });

  it('writes nothing in a preview, and says what it would have done', async () => {
    const debts = new MemoryDebts();
    const lines = [{ ref: 'A' }, { ref: 'B' }, { ref: 'A' }];
    const preview = await registered(debts, lines, { mode: 'preview', turn: 0 });
    expect(debts.written).toBe(0);
    expect((await registered(debts, lines)).outcomes).toEqual(preview.outcomes);
  });

  it('previews against debts of any turn', async () => {
    const debts = new MemoryDebts();
    await registered(debts, [{ ref: 'A' }], { turn: 50 });
    const { outcomes } = await registered(debts, [{ ref: 'A' }], { mode: 'preview', turn: 0, batch: 'b-2' });
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['unchanged']);
  });

  it('writes only what changed', async () => {
    const debts = new MemoryDebts();
    await registered(debts, [{ ref: 'A' }, { ref: 'B' }]);
    await registered(debts, [{ ref: 'A' }, { ref: 'B', amount: '7.00' }, { ref: 'C' }], { batch: 'b-2', turn: 2 });
    expect(debts.written).toBe(4);
  });
});

describe('a worker whose turn is over', () => {
  it('stops where a debt it reads carries a later turn, and changes nothing of it', async () => {
    const debts = new MemoryDebts();
    await registered(debts, [{ ref: 'A', amount: '7.00' }], { batch: 'b-2', turn: 2 });
    const before = debts.all('acme');
    await expect(registered(debts, [{ ref: 'A' }], { turn: 1 })).rejects.toThrow(/^TURN_SUPERSEDED: .*turn 1/);
    expect(debts.all('acme')).toEqual(before);
  });

  it('stops where the later turn comes between its reading and its writing', async () => {
    const debts = new MemoryDebts();
    const fetch = debts.fetch.bind(debts);
    debts.fetch = async (client, keys) => {
      const found = await fetch(client, keys);
      debts.fetch = fetch;
      await registered(debts, [{ ref: 'B', amount: '7.00' }], { batch: 'b-2', turn: 2 });
      return found;
    };
    await expect(registered(debts, [{ ref: 'A' }, { ref: 'B' }], { turn: 1 })).rejects.toThrow(/^TURN_SUPERSEDED/);
    expect(debts.all('acme').find((debt) => debt.externalRef === 'B')).toMatchObject({ amountCents: 700, turn: 2 });
  });

  it('does not stop at its own turn', async () => {
    const debts = new MemoryDebts();
    await registered(debts, [{ ref: 'A' }], { turn: 3 });
    const { outcomes } = await registered(debts, [{ ref: 'A' }, { ref: 'B' }], { turn: 3 });
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['created', 'created']);
  });
});

describe('a staged record', () => {
  it('that no chunk can hold is a damaged store, not an endless loop', async () => {
    const tight = { ...SMALL, chunkTextBytes: 50 };
    const lines = [{ ref: 'A', name: 'x'.repeat(100) }];
    await expect(registered(new MemoryDebts(), lines, { sizes: tight })).rejects.toThrow(/^STORE_CORRUPT/);
  });
});
