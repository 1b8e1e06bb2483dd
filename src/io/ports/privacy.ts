/**
 * Port: legal holds and erasures, on record.
 *
 * Contract
 * - A record is named by (client, id). `add` answers `false` and changes nothing where it is there.
 * - `replace` writes where the stored `revision` is the one given and stores `revision + 1`; `false` otherwise.
 * - `list` gives all of a client, by id. Reads see every write that was answered.
 * - Records are never taken away: they are what proves that something was held or erased. A person is named by a digest and a
 *   masked text, never by the CPF.
 */

interface PrivacyRecordOfAny {
  readonly client: string;
  readonly id: string;
  readonly revision: number;
  /** Digest of the person's CPF; `null` for the whole client. */
  readonly person: string | null;
  /** `***.982.247-**`; `null` for the whole client. */
  readonly personText: string | null;
}

export interface Hold extends PrivacyRecordOfAny {
  readonly kind: 'hold';
  readonly by: string;
  readonly why: string;
  readonly atMs: number;
  readonly lifted: { readonly by: string; readonly why: string; readonly atMs: number } | null;
}

export interface Erasure extends PrivacyRecordOfAny {
  readonly kind: 'erasure';
  readonly state: 'running' | 'done';
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  /** How often it was begun: one that was interrupted is begun again. */
  readonly runs: number;
  /** Sums over all runs. */
  readonly counts: ErasureCounts;
}

export interface ErasureCounts {
  readonly debts: number;
  readonly batches: number;
  readonly objects: number;
  readonly submissions: number;
  readonly deliveries: number;
  readonly keys: number;
  /** Kept answers to requests with an Idempotency-Key; absent in records of builds that did not look for them. */
  readonly answers?: number;
}

export type PrivacyRecord = Hold | Erasure;

export interface PrivacyStore {
  add(record: PrivacyRecord): Promise<boolean>;
  replace(record: PrivacyRecord, expectedRevision: number): Promise<boolean>;
  list(client: string): Promise<PrivacyRecord[]>;
}

/**
 * Takes away an object with everything that the store keeps of it: also states that are no longer current, and files that
 * clients put there themselves.
 */
export interface ObjectEraser {
  /** How many states were taken away; 0 where there is nothing under the key. */
  erase(key: string): Promise<number>;
}
