/**
 * Port: the registered debts. Data plane: used in worker threads, and by the reading commands.
 *
 * Contract
 * - A debt is identified by (client, external_ref); `refHash` is the keyed hash of the reference and always goes with it.
 * - `fetch` gives the stored debts for the references asked, in the same order, `undefined` where none is stored.
 * - `write` stores whole rows under a turn, each on the condition that the stored debt, if any, carries no later turn.
 *   It answers `superseded` as soon as one is refused; rows before it may have been written (they carry this turn and
 *   are right: a turn's rows are a function of the batch). Rows of one call have distinct references.
 * - After `written`, the rows survive a loss of power.
 * - An erased debt (tombstone) is returned by `fetch` with `erased: true` and no personal data; writes leave it as it is.
 * - Money is integer cents below 2^53; days are `YYYY-MM-DD`; documents are digits as text.
 */

/** The text columns from external_ref on, as stored; `null` where the debt has none. */
export interface DebtValues {
  readonly externalRef: string;
  readonly debtorName: string;
  readonly cpf: string;
  readonly amountCents: number;
  readonly dueDate: string;
  readonly debtorEmail: string | null;
  readonly debtorPhone: string | null;
  readonly creditorName: string | null;
  readonly accountType: string | null;
  readonly installment: string | null;
}

/** Which batch and line created and last changed a debt, so that a replay reports the same outcomes. */
export interface DebtOrigin {
  readonly createdBatch: string;
  readonly createdLine: number;
  readonly changedBatch: string;
  readonly changedLine: number;
  readonly turn: number;
  /** When the batch took its turn, in ms: equal in every attempt. */
  readonly createdAtMs: number;
  readonly changedAtMs: number;
}

export interface StoredDebt extends DebtValues, DebtOrigin {
  readonly client: string;
  readonly refHash: number;
  readonly erased: boolean;
}

export interface DebtKey {
  readonly refHash: number;
  readonly externalRef: string;
}

export interface DebtFilter {
  readonly cpf?: string;
  readonly externalRef?: string;
}

export type WriteAnswer = 'written' | 'superseded';

export interface DebtStore {
  fetch(client: string, keys: readonly DebtKey[]): Promise<(StoredDebt | undefined)[]>;
  write(client: string, turn: number, rows: readonly StoredDebt[]): Promise<WriteAnswer>;
  /** All debts of the client that pass the filter, in the order of (refHash, externalRef); erased ones left out. */
  list(client: string, filter: DebtFilter): AsyncIterable<StoredDebt>;
  /** One bounded step of upkeep, for idle times; whether there may be more to do. */
  tidy(): Promise<boolean>;
  close(): Promise<void>;
}
