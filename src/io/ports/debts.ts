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
 * - `register` is there where the store can compare and write many records in one step; without it registering asks with
 *   `fetch`, decides row by row and stores with `write`. Both come to the same: fates, rows and refusals are equal.
 * - An erased debt (tombstone) is returned by `fetch` with `erased: true` and no personal data; writes leave it as it is.
 * - Money is integer cents below 2^53; days are `YYYY-MM-DD`; documents are text, the eleven digits of a CPF or the
 *   fourteen characters of a CNPJ: the length tells the kind (core/documents.ts).
 */

/** The text columns from external_ref on, as stored; `null` where the debt has none. */
export interface DebtValues {
  readonly externalRef: string;
  readonly debtorName: string;
  /** Empty in a tombstone. */
  readonly document: string;
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
  readonly document?: string;
  readonly externalRef?: string;
  /** Of `externalRef`, where the caller has it: the debt is then looked up, and no other one is read. */
  readonly refHash?: number;
  /** Only debts that come after this one in the order of the list. */
  readonly after?: DebtKey;
}

export type WriteAnswer = 'written' | 'superseded';

/**
 * Records as the kernel unpacks a shard's pages (kernel/recordChunk.ts). In the arena, from `starts[i]` on, big-endian:
 * u48 line, u64 cents, u32 hash, u40 the digits of a CPF as a number or 2^39 for a CNPJ, u24 the day as `year × 512 +
 * month × 32 + day`, u16 bytes of each text (external_ref, debtor_name, debtor_email, debtor_phone, creditor_name,
 * account_type, installment; 0 where there is none); then the texts, UTF-8, one after another; then the fourteen
 * characters of a CNPJ.
 */
export interface DebtRecords {
  readonly arena: Uint8Array;
  readonly starts: Int32Array;
  /** The hash once more, side by side. */
  readonly hashes: Uint32Array;
}

/** Under which batch and turn records are registered. */
export interface Registration {
  readonly client: string;
  readonly batch: string;
  readonly turn: number;
  readonly turnAtMs: number;
  /** For each optional column, whether the file has it: a column absent from the file keeps the stored value. */
  readonly hasOptional: readonly boolean[];
  /** `preview` compares and writes nothing; stored turns do not count then. */
  readonly mode: 'preview' | 'apply';
}

/** What becomes of a record that won its reference. `erased`: a tombstone stands there, and the record is refused. */
export const DEBT_FATES = ['created', 'updated', 'unchanged', 'erased'] as const;

export interface DebtStore {
  fetch(client: string, keys: readonly DebtKey[]): Promise<(StoredDebt | undefined)[]>;
  write(client: string, turn: number, rows: readonly StoredDebt[]): Promise<WriteAnswer>;
  /**
   * Registers the records that `order` names: distinct references, by ascending hash. `fates[i]` is set, for each of
   * them, to an index of `DEBT_FATES`; what is created or updated is stored as `write` would store it.
   */
  register?(
    registration: Registration,
    records: DebtRecords,
    order: Int32Array,
    fates: Uint8Array,
  ): Promise<WriteAnswer>;
  /** All debts of the client that pass the filter, in the order of (refHash, externalRef); erased ones left out. */
  list(client: string, filter: DebtFilter): AsyncIterable<StoredDebt>;
  /** One bounded step of upkeep, for idle times; whether there may be more to do. */
  tidy(): Promise<boolean>;
  /**
   * After debts were made tombstones: takes away what the store keeps of them beside their rows, of the whole client or of one
   * document. Absent where rows are all that is kept.
   */
  forget?(client: string, document: string | undefined): Promise<void>;
  close(): Promise<void>;
}

/** What answers questions about debts and changes none. */
export type DebtReader = Pick<DebtStore, 'fetch' | 'list'>;
