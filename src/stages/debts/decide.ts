/**
 * What becomes of one record that won its reference: created, updated or unchanged, and the row to write.
 *
 * Rules: a column absent from the file, or from the record itself, keeps the stored value, an empty field clears it;
 * unchanged compares merged values.
 * A debt that this very batch changed is a replay: it reports what it reported, and nothing is written again.
 *
 * A store may decide by itself (`DebtStore.register`): then this is the reference it is held against.
 */
import { DEBT_FATES, type Registration, type StoredDebt } from '../../io/ports/debts.ts';
import { COLUMN_COUNT, REQUIRED_COLUMNS } from '../../kernel/columns.ts';
import type { RecordChunk } from '../../kernel/recordChunk.ts';
import { unpackDate } from '../../kernel/rules.ts';

/** Indices of OUTCOMES. */
export const CREATED = 0;
export const UPDATED = 1;
export const UNCHANGED = 2;
export const DUPLICATE = 3;
export const REJECTED = 4;

const FATE_CREATED = DEBT_FATES.indexOf('created');
const FATE_UPDATED = DEBT_FATES.indexOf('updated');
const FATE_UNCHANGED = DEBT_FATES.indexOf('unchanged');

export interface Decision {
  /** Index of DEBT_FATES. */
  readonly fate: number;
  /** The row to store; `undefined` where the stored one stands. */
  readonly row: StoredDebt | undefined;
}

/** The optional columns a file has, from its header's columns. */
export function optionalColumns(fields: readonly number[]): boolean[] {
  return Array.from({ length: COLUMN_COUNT - REQUIRED_COLUMNS }, (_, k) => fields.includes(REQUIRED_COLUMNS + k));
}

export function decide(
  registration: Omit<Registration, 'mode'>,
  chunk: RecordChunk,
  i: number,
  externalRef: string,
  existing: StoredDebt | undefined,
): Decision {
  const { batch, hasOptional } = registration;
  if (existing !== undefined && existing.changedBatch === batch) {
    return { fate: existing.createdBatch === batch ? FATE_CREATED : FATE_UPDATED, row: undefined };
  }
  const kept = chunk.kept[i] as number;
  const optional = (k: number, stored: string | null | undefined): string | null =>
    hasOptional[k] === true && ((kept >> k) & 1) === 0 ? chunk.optional(i, k) : (stored ?? null);
  const line = chunk.lines[i] as number;
  const row: StoredDebt = {
    client: registration.client,
    refHash: chunk.hashes[i] as number,
    externalRef,
    debtorName: chunk.name(i),
    document: chunk.document(i),
    amountCents: chunk.cents[i] as number,
    dueDate: unpackDate(chunk.days[i] as number),
    debtorEmail: optional(0, existing?.debtorEmail),
    debtorPhone: optional(1, existing?.debtorPhone),
    creditorName: optional(2, existing?.creditorName),
    accountType: optional(3, existing?.accountType),
    installment: optional(4, existing?.installment),
    createdBatch: existing?.createdBatch ?? batch,
    createdLine: existing?.createdLine ?? line,
    changedBatch: batch,
    changedLine: line,
    turn: registration.turn,
    createdAtMs: existing?.createdAtMs ?? registration.turnAtMs,
    changedAtMs: registration.turnAtMs,
    erased: false,
  };
  if (existing === undefined) return { fate: FATE_CREATED, row };
  return sameValues(existing, row) ? { fate: FATE_UNCHANGED, row: undefined } : { fate: FATE_UPDATED, row };
}

function sameValues(a: StoredDebt, b: StoredDebt): boolean {
  return (
    a.amountCents === b.amountCents &&
    a.debtorName === b.debtorName &&
    a.document === b.document &&
    a.dueDate === b.dueDate &&
    a.debtorEmail === b.debtorEmail &&
    a.debtorPhone === b.debtorPhone &&
    a.creditorName === b.creditorName &&
    a.accountType === b.accountType &&
    a.installment === b.installment
  );
}
