/**
 * The plan of a batch: all that the kernel must know to read any range of its file, frozen in the manifest by the picker
 * so that every attempt, in every process, reads alike. Plain data.
 */

export interface Dialect {
  /** One byte, for example 0x2c. */
  readonly delimiter: number;
  /** One byte, for example 0x22. */
  readonly quote: number;
}

export const DEFAULT_DIALECT: Dialect = { delimiter: 0x2c, quote: 0x22 };

export interface RecordPlan {
  readonly dialect: Dialect;
  /** For each field of a record, from the left, the number of its column (see `columns.ts`). */
  readonly fields: readonly number[];
  /** A longer record, its line end included, ends the batch. */
  readonly recordBytesMax: number;
  /** How many shards the batch's records are dealt to. */
  readonly shards: number;
  /** Keys the hash of references, so that no client can aim records at one shard. */
  readonly hashSeed: number;
}

/** What `registering` applies to every record, frozen at acceptance. Amounts in cents, days as `YYYY-MM-DD`. */
export interface BusinessRules {
  readonly version: number;
  readonly businessDate: string;
  readonly amountCentsMin: number;
  readonly amountCentsMax: number;
}

export const RULES_VERSION = 1;
