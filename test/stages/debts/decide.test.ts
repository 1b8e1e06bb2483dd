/** Created, updated, unchanged: what a record makes of the debt that is stored, and what it leaves alone. */
import { describe, expect, it } from 'vitest';
import type { Registration, StoredDebt } from '../../../src/io/ports/debts.ts';
import { PageReader } from '../../../src/kernel/pages.ts';
import { RecordChunk } from '../../../src/kernel/recordChunk.ts';
import { CREATED, decide, optionalColumns, UNCHANGED, UPDATED } from '../../../src/stages/debts/decide.ts';
import type { LineValues } from '../../support/files.ts';
import { ALL_FIELDS, pagesOf, REQUIRED_FIELDS } from '../../support/records.ts';

const FULL = ['a@b.co', '551133334444', 'Banco', 'conta', '1/3'];

function chunkOf(values: LineValues, fields: readonly number[]): RecordChunk {
  const chunk = new RecordChunk(1, 4096);
  const reader = new PageReader();
  reader.load(pagesOf([values], fields)[0] as Uint8Array);
  reader.next();
  chunk.add(reader);
  return chunk;
}

function decideOn(
  values: Partial<LineValues>,
  existing?: StoredDebt,
  fields = ALL_FIELDS,
  change: Partial<Registration> = {},
) {
  const line = { ref: 'R-1', optional: fields === ALL_FIELDS ? FULL : [], ...values };
  const registering = {
    client: 'acme',
    batch: 'b-2',
    turn: 9,
    turnAtMs: 900,
    hasOptional: optionalColumns(fields),
    ...change,
  };
  const chunk = chunkOf(line, fields);
  return decide(registering, chunk, 0, chunk.ref(0), existing);
}

/** As batch b-1 stored it, under turn 4. */
const STORED: StoredDebt = {
  client: 'acme',
  refHash: chunkOf({ ref: 'R-1' }, REQUIRED_FIELDS).hashes[0] as number,
  externalRef: 'R-1',
  debtorName: 'Ana Lima',
  document: '52998224725',
  amountCents: 15_000,
  dueDate: '2026-01-10',
  debtorEmail: 'a@b.co',
  debtorPhone: '551133334444',
  creditorName: 'Banco',
  accountType: 'conta',
  installment: '1/3',
  createdBatch: 'b-1',
  createdLine: 7,
  changedBatch: 'b-1',
  changedLine: 7,
  turn: 4,
  createdAtMs: 400,
  changedAtMs: 400,
  erased: false,
};
const CHANGED = { changedBatch: 'b-2', changedLine: 2, turn: 9, changedAtMs: 900 };

describe('a record whose debt is not stored', () => {
  it('creates it, under its own batch and turn', () => {
    expect(decideOn({})).toEqual({
      fate: CREATED,
      row: { ...STORED, ...CHANGED, createdBatch: 'b-2', createdLine: 2, createdAtMs: 900 },
    });
  });

  it('leaves empty what the file leaves empty or does not have', () => {
    const none = { debtorEmail: null, debtorPhone: null, creditorName: null, accountType: null, installment: null };
    expect(decideOn({ optional: ['', '', '', '', ''] }).row).toMatchObject(none);
    expect(decideOn({}, undefined, REQUIRED_FIELDS).row).toMatchObject(none);
  });

  it('keeps leading zeros of the CPF', () => {
    expect(decideOn({ cpf: '00000000191' }).row?.document).toBe('00000000191');
    expect(decideOn({ cpf: '1234567890' }).row?.document).toBe('01234567890');
  });
});

describe('a record whose debt is stored', () => {
  it('that says the same leaves it unchanged', () => {
    expect(decideOn({}, STORED)).toEqual({ fate: UNCHANGED, row: undefined });
    expect(decideOn({}, STORED, REQUIRED_FIELDS)).toEqual({ fate: UNCHANGED, row: undefined });
  });

  it.each<[string, Partial<LineValues>, Partial<StoredDebt>]>([
    ['name', { name: 'Ana L.' }, { debtorName: 'Ana L.' }],
    ['cpf', { cpf: '11144477735' }, { document: '11144477735' }],
    ['amount', { amount: '150.01' }, { amountCents: 15_001 }],
    ['due date', { due: '2026-01-11' }, { dueDate: '2026-01-11' }],
    ['e-mail', { optional: ['b@b.co', ...FULL.slice(1)] }, { debtorEmail: 'b@b.co' }],
    ['e-mail, by an empty field', { optional: ['', ...FULL.slice(1)] }, { debtorEmail: null }],
    ['telephone, by an empty field', { optional: ['a@b.co', '', ...FULL.slice(2)] }, { debtorPhone: null }],
    ['creditor', { optional: ['a@b.co', '551133334444', 'Outro', 'conta', '1/3'] }, { creditorName: 'Outro' }],
    ['account type, by an empty field', { optional: [...FULL.slice(0, 3), '', '1/3'] }, { accountType: null }],
    ['instalment', { optional: [...FULL.slice(0, 4), '2/3'] }, { installment: '2/3' }],
  ])('updates its %s alone, and remembers who created it', (_, values, change) => {
    expect(decideOn(values, STORED)).toEqual({ fate: UPDATED, row: { ...STORED, ...CHANGED, ...change } });
  });

  it('keeps the columns that the file does not have', () => {
    expect(decideOn({ amount: '1.00' }, STORED, REQUIRED_FIELDS).row).toEqual({
      ...STORED,
      ...CHANGED,
      amountCents: 100,
    });
    // Of the optional columns only the e-mail and the instalment, in another order.
    const some = [9, 0, 1, 2, 3, 4, 5];
    expect(optionalColumns(some)).toEqual([true, false, false, false, true]);
  });

  it('gives the outcome it gave before where this batch stored it, and writes nothing', () => {
    const mine = { ...STORED, ...CHANGED };
    expect(decideOn({ amount: '7.00' }, mine)).toEqual({ fate: UPDATED, row: undefined });
    expect(decideOn({}, { ...mine, createdBatch: 'b-2' })).toEqual({ fate: CREATED, row: undefined });
  });

  it('is one that another batch changed since this one created it: it is judged anew', () => {
    const since = { ...STORED, createdBatch: 'b-2', changedBatch: 'b-1' };
    expect(decideOn({}, since).fate).toBe(UNCHANGED);
    expect(decideOn({ amount: '7.00' }, since).fate).toBe(UPDATED);
  });
});
