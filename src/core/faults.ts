/**
 * The one table of faults: what can go wrong, at which stage, and what follows. What each says stands in the catalogue.
 *
 * Promises: every code a record, a batch, a log or an exit message carries is a key of one of the tables here;
 * a code's id never changes and is never used again, because staged parts written by one build are read by the next.
 *
 * Dispositions
 * - `retry`  the work is tried again later; after a bounded number of recorded failures it counts as `fail`
 * - `fail`   the batch ends (`failed`; `stalled` once its registering has begun), with the reason
 * - `reject` one record is refused; the rest of the batch goes on
 * - `warn`   the record is accepted, or the batch goes on, and carries the code
 */

import { type Detail, detailText, faultText, placeText } from './catalogue.ts';
import { DEFAULT_LANGUAGE, type Language } from './language.ts';
import { REQUEST_FAULTS } from './requestFaults.ts';

export type Stage =
  | 'api'
  | 'accept'
  | 'pick'
  | 'intermediate'
  | 'settle'
  | 'registering'
  | 'finish'
  | 'notify'
  | 'store'
  | 'usage';

export type Disposition = 'retry' | 'fail' | 'warn';

export interface FaultSpec {
  readonly stage: Stage;
  readonly disposition: Disposition;
}

/** Faults of batches, work and stores, and of requests to the API. */
export const FAULTS = {
  ...REQUEST_FAULTS,

  // The input cannot be taken in.
  INPUT_MISSING: { stage: 'accept', disposition: 'fail' },
  INPUT_IS_DIRECTORY: { stage: 'accept', disposition: 'fail' },
  INPUT_NOT_A_FILE: { stage: 'accept', disposition: 'fail' },
  INPUT_UNREADABLE: { stage: 'accept', disposition: 'fail' },
  INPUT_CHANGED: { stage: 'accept', disposition: 'fail' },
  CLIENT_UNKNOWN: { stage: 'accept', disposition: 'fail' },
  PROFILE_UNKNOWN: { stage: 'pick', disposition: 'fail' },
  PROFILE_INVALID: { stage: 'accept', disposition: 'fail' },
  RULES_STALE: { stage: 'pick', disposition: 'warn' },
  RULES_AWAITED: { stage: 'pick', disposition: 'retry' },
  RULES_UNAVAILABLE: { stage: 'pick', disposition: 'fail' },

  // The file as a whole cannot be read.
  FILE_EMPTY: { stage: 'pick', disposition: 'fail' },
  FILE_TOO_LARGE: { stage: 'pick', disposition: 'fail' },
  FILE_UTF16: { stage: 'pick', disposition: 'fail' },
  FILE_BINARY: { stage: 'pick', disposition: 'fail' },
  FILE_ARCHIVE: { stage: 'pick', disposition: 'fail' },
  GZIP_CORRUPT: { stage: 'pick', disposition: 'fail' },
  GZIP_TRUNCATED: { stage: 'pick', disposition: 'fail' },
  GZIP_TRAILING: { stage: 'pick', disposition: 'fail' },
  GZIP_NESTED: { stage: 'pick', disposition: 'fail' },
  GZIP_BOMB: { stage: 'pick', disposition: 'fail' },
  HEADER_MISSING: { stage: 'pick', disposition: 'fail' },
  HEADER_INVALID: { stage: 'pick', disposition: 'fail' },
  HEADER_TOO_LONG: { stage: 'pick', disposition: 'fail' },
  COLUMN_MISSING: { stage: 'pick', disposition: 'fail' },
  COLUMN_UNKNOWN: { stage: 'pick', disposition: 'fail' },
  COLUMN_REPEATED: { stage: 'pick', disposition: 'fail' },
  QUOTE_UNCLOSED: { stage: 'pick', disposition: 'fail' },
  RECORD_TOO_LONG: { stage: 'pick', disposition: 'fail' },
  CNAB_HEADER: { stage: 'pick', disposition: 'fail' },
  CNAB_ORDER: { stage: 'pick', disposition: 'fail' },
  CNAB_COUNT: { stage: 'pick', disposition: 'fail' },
  CNAB_SEQUENCE: { stage: 'pick', disposition: 'fail' },
  CNAB_TRUNCATED: { stage: 'pick', disposition: 'fail' },
  TOO_MANY_RECORDS: { stage: 'pick', disposition: 'fail' },

  // A module of the operator's.
  CODE_UNKNOWN: { stage: 'pick', disposition: 'fail' },
  CODE_INVALID: { stage: 'pick', disposition: 'fail' },
  CODE_CHANGED: { stage: 'intermediate', disposition: 'retry' },
  CODE_ENDLESS: { stage: 'intermediate', disposition: 'retry' },
  CODE_CRASHED: { stage: 'intermediate', disposition: 'retry' },
  CODE_FAILS: { stage: 'intermediate', disposition: 'fail' },

  // The object changed or went away under the work.
  OBJECT_VANISHED: { stage: 'store', disposition: 'fail' },
  OBJECT_CHANGED: { stage: 'store', disposition: 'fail' },
  RANGE_CORRUPT: { stage: 'intermediate', disposition: 'retry' },
  RECORDS_DISAGREE: { stage: 'intermediate', disposition: 'retry' },
  EQUATIONS_FAIL: { stage: 'settle', disposition: 'fail' },
  STAGED_PAGES_SHORT: { stage: 'registering', disposition: 'retry' },
  TURN_SUPERSEDED: { stage: 'registering', disposition: 'retry' },
  OUTCOMES_DISAGREE: { stage: 'finish', disposition: 'retry' },

  // The engine and its stores.
  STORE_FULL: { stage: 'store', disposition: 'retry' },
  STORE_IO: { stage: 'store', disposition: 'retry' },
  STORE_CORRUPT: { stage: 'store', disposition: 'fail' },
  STORE_BUSY: { stage: 'store', disposition: 'retry' },
  SERVICE_IO: { stage: 'store', disposition: 'retry' },
  SERVICE_DENIED: { stage: 'store', disposition: 'retry' },
  NOTICE_REFUSED: { stage: 'notify', disposition: 'fail' },
  WEBHOOK_FAILED: { stage: 'notify', disposition: 'retry' },
  WEBHOOK_FORBIDDEN: { stage: 'notify', disposition: 'retry' },
  ON_HOLD: { stage: 'usage', disposition: 'fail' },
  ERASURE_BLOCKED: { stage: 'usage', disposition: 'fail' },
  HOLD_UNKNOWN: { stage: 'usage', disposition: 'fail' },
  CLIENT_ERASED: { stage: 'accept', disposition: 'fail' },
  BATCH_ERASED: { stage: 'usage', disposition: 'fail' },
  DELIVERY_UNKNOWN: { stage: 'usage', disposition: 'fail' },
  LEASE_LOST: { stage: 'store', disposition: 'retry' },
  WORKER_DIED: { stage: 'store', disposition: 'retry' },
  FOLDER_LOCKED: { stage: 'store', disposition: 'fail' },
  WORK_POISONED: { stage: 'store', disposition: 'fail' },
  CANCELLED: { stage: 'settle', disposition: 'fail' },
  DISCARDED: { stage: 'settle', disposition: 'fail' },
  APPROVAL_EXPIRED: { stage: 'settle', disposition: 'fail' },
  BATCH_TOO_OLD: { stage: 'settle', disposition: 'fail' },
  BATCH_UNKNOWN: { stage: 'usage', disposition: 'fail' },
  NOT_IN_THIS_STATE: { stage: 'usage', disposition: 'fail' },
  OUTPUT_NOT_READY: { stage: 'usage', disposition: 'fail' },
  CONFIG_INVALID: { stage: 'usage', disposition: 'fail' },
  INTERRUPTED: { stage: 'usage', disposition: 'fail' },
  USAGE: { stage: 'usage', disposition: 'fail' },
} as const satisfies Record<string, FaultSpec>;

export type FaultCode = keyof typeof FAULTS;

/** Where a fault struck; every part is optional. Lines are physical and 1-based; bytes are offsets from 0. */
export interface Place {
  readonly batch?: string;
  readonly range?: number;
  readonly shard?: number;
  readonly line?: number;
  readonly byte?: number;
  readonly column?: string;
}

/**
 * An operating fault: expected, handled, reported. `detail` says what is particular to this case and must hold no
 * value of a record. The message reads «CODE: what happened and what to do (detail; place)», in English; `text` gives it in
 * any language of the catalogue.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly detail: string | Detail;
  readonly place: Place;

  constructor(code: FaultCode, detail: string | Detail = '', place: Place = {}, cause?: unknown) {
    super(describe(code, detail, place, DEFAULT_LANGUAGE), cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
    this.place = place;
  }

  get disposition(): Disposition {
    return FAULTS[this.code].disposition;
  }

  /** The message, as whoever reads that language is told. */
  text(language: Language): string {
    return describe(this.code, this.detail, this.place, language);
  }

  /** Plain data that crosses threads and stores; `Fault.from` restores it. */
  toJSON(): FaultData {
    return { code: this.code, detail: this.detail, place: this.place };
  }

  static from(data: FaultData, cause?: unknown): Fault {
    return new Fault(data.code, data.detail, data.place, cause);
  }
}

export interface FaultData {
  readonly code: FaultCode;
  readonly detail: string | Detail;
  readonly place: Place;
}

function describe(code: FaultCode, detail: string | Detail, place: Place, language: Language): string {
  const extra = [detailText(detail, language), placeText(place, language)].filter((part) => part !== '').join('; ');
  return `${code}: ${faultText(code, language)}${extra === '' ? '' : ` (${extra})`}`;
}

/** Whether it is an operating fault; one thrown in a worker thread is restored by the pool before it comes here. */
export function isFault(error: unknown): error is Fault {
  return error instanceof Fault;
}
