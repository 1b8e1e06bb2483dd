/**
 * The one table of faults: what can go wrong, at which stage, and what follows.
 *
 * Promises: every code a record, a batch, a log or an exit message carries is a key of one of the tables here;
 * a code's id never changes and is never used again, because staged parts written by one build are read by the next.
 *
 * Dispositions
 * - `retry`  the work is tried again later; after a bounded number of recorded failures it counts as `fail`
 * - `fail`   the batch ends (`failed`; `stalled` once its registering has begun), with the reason
 * - `reject` one record is refused; the rest of the batch goes on
 * - `warn`   the record is accepted and carries the code
 */

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

export type Disposition = 'retry' | 'fail';

export interface FaultSpec {
  readonly stage: Stage;
  readonly disposition: Disposition;
  /** What happened and what to do about it, for the person who sent the file or runs the engine. */
  readonly says: string;
}

/** Faults of batches, work and stores, and of requests to the API. */
export const FAULTS = {
  ...REQUEST_FAULTS,

  // The input cannot be taken in.
  INPUT_MISSING: { stage: 'accept', disposition: 'fail', says: 'the input does not exist; check the path' },
  INPUT_IS_DIRECTORY: { stage: 'accept', disposition: 'fail', says: 'the input is a directory; name one file' },
  INPUT_NOT_A_FILE: { stage: 'accept', disposition: 'fail', says: 'the input is not a regular file' },
  INPUT_UNREADABLE: { stage: 'accept', disposition: 'fail', says: 'the input cannot be read; check its permissions' },
  INPUT_CHANGED: {
    stage: 'accept',
    disposition: 'fail',
    says: 'the input changed while it was copied; send it again once it is complete',
  },
  CLIENT_UNKNOWN: {
    stage: 'accept',
    disposition: 'fail',
    says: 'the client is not registered; add it with `remessa clients add`',
  },
  PROFILE_UNKNOWN: {
    stage: 'pick',
    disposition: 'fail',
    says: 'there is no such profile; add it with `remessa profiles add`',
  },
  PROFILE_INVALID: { stage: 'accept', disposition: 'fail', says: 'the document is not that of a profile' },

  // The file as a whole cannot be read.
  FILE_EMPTY: { stage: 'pick', disposition: 'fail', says: 'the file has no bytes; send it again with its header' },
  FILE_TOO_LARGE: { stage: 'pick', disposition: 'fail', says: 'the file is larger than the configured limit' },
  FILE_UTF16: { stage: 'pick', disposition: 'fail', says: 'the file is UTF-16; save it as UTF-8' },
  FILE_BINARY: { stage: 'pick', disposition: 'fail', says: 'the file is not text; send CSV in UTF-8' },
  FILE_ARCHIVE: {
    stage: 'pick',
    disposition: 'fail',
    says: 'the file is an archive or document, not CSV; send plain CSV or CSV in gzip',
  },
  GZIP_CORRUPT: {
    stage: 'pick',
    disposition: 'fail',
    says: 'the gzip data is corrupt; compress and send the file again',
  },
  GZIP_TRUNCATED: {
    stage: 'pick',
    disposition: 'fail',
    says: 'the gzip data ends too early; send the whole file again',
  },
  GZIP_TRAILING: {
    stage: 'pick',
    disposition: 'fail',
    says: 'bytes follow the end of the gzip data; send the file again without them',
  },
  GZIP_NESTED: { stage: 'pick', disposition: 'fail', says: 'the file is compressed twice; compress it once' },
  GZIP_BOMB: { stage: 'pick', disposition: 'fail', says: 'the gzip data inflates past the configured limits' },
  HEADER_MISSING: { stage: 'pick', disposition: 'fail', says: 'the file has no header line' },
  HEADER_INVALID: { stage: 'pick', disposition: 'fail', says: 'the header line cannot be read as CSV in UTF-8' },
  HEADER_TOO_LONG: { stage: 'pick', disposition: 'fail', says: 'the header line is longer than the record limit' },
  COLUMN_MISSING: { stage: 'pick', disposition: 'fail', says: 'the header lacks a required column' },
  COLUMN_UNKNOWN: { stage: 'pick', disposition: 'fail', says: 'the header names a column that is not known' },
  COLUMN_REPEATED: { stage: 'pick', disposition: 'fail', says: 'the header names a column twice' },
  QUOTE_UNCLOSED: { stage: 'pick', disposition: 'fail', says: 'a quoted field is never closed' },
  RECORD_TOO_LONG: { stage: 'pick', disposition: 'fail', says: 'a record is longer than the record limit' },
  TOO_MANY_RECORDS: { stage: 'pick', disposition: 'fail', says: 'the file holds more records than one batch may' },

  // The object changed or went away under the work.
  OBJECT_VANISHED: { stage: 'store', disposition: 'fail', says: 'the stored file is gone; send it again' },
  OBJECT_CHANGED: {
    stage: 'store',
    disposition: 'fail',
    says: 'the stored file changed after it was accepted; send it again once it is complete',
  },
  RANGE_CORRUPT: {
    stage: 'intermediate',
    disposition: 'retry',
    says: 'the bytes of a range differ from those scanned',
  },
  RECORDS_DISAGREE: {
    stage: 'intermediate',
    disposition: 'retry',
    says: 'a range gave another number of records than the scan counted',
  },
  EQUATIONS_FAIL: { stage: 'settle', disposition: 'fail', says: 'the results of the ranges do not add up to the scan' },
  STAGED_PAGES_SHORT: {
    stage: 'registering',
    disposition: 'retry',
    says: 'a shard has fewer staged records than the results say',
  },
  TURN_SUPERSEDED: {
    stage: 'registering',
    disposition: 'retry',
    says: 'a debt already carries a later turn; this work is out of date and stops',
  },
  OUTCOMES_DISAGREE: { stage: 'finish', disposition: 'retry', says: 'the outcomes do not add up to the records' },

  // The engine and its stores.
  STORE_FULL: {
    stage: 'store',
    disposition: 'retry',
    says: 'no space is left for the data folder; free some and resume',
  },
  STORE_IO: { stage: 'store', disposition: 'retry', says: 'the store failed to read or write; check the disk' },
  STORE_CORRUPT: { stage: 'store', disposition: 'fail', says: 'the store holds data that cannot be decoded' },
  STORE_BUSY: { stage: 'store', disposition: 'retry', says: 'the store is locked by another writer' },
  SERVICE_IO: {
    stage: 'store',
    disposition: 'retry',
    says: 'a service did not answer as asked; work is tried again, check the endpoint, the region and its limits',
  },
  SERVICE_DENIED: {
    stage: 'store',
    disposition: 'retry',
    says: 'a service refused the credentials or the permission; mend them, work is tried again meanwhile',
  },
  NOTICE_REFUSED: {
    stage: 'notify',
    disposition: 'fail',
    says: 'a notice cannot be delivered as it is; mend its addresses, or the sender that the service knows',
  },
  WEBHOOK_FAILED: {
    stage: 'notify',
    disposition: 'retry',
    says: 'the receiver of the webhook did not take the event; it is tried again',
  },
  WEBHOOK_FORBIDDEN: {
    stage: 'notify',
    disposition: 'retry',
    says: 'the webhook leads to an address that may not be called; see REMESSA_WEBHOOK_TARGETS',
  },
  ON_HOLD: {
    stage: 'usage',
    disposition: 'fail',
    says: 'a legal hold forbids erasing; see `remessa hold list`',
  },
  ERASURE_BLOCKED: {
    stage: 'usage',
    disposition: 'fail',
    says: 'nothing can be erased while work on it goes on; let it end or cancel it, then erase again',
  },
  HOLD_UNKNOWN: { stage: 'usage', disposition: 'fail', says: 'no legal hold has this id' },
  CLIENT_ERASED: {
    stage: 'accept',
    disposition: 'fail',
    says: 'everything of the client was erased; nothing of it is taken in',
  },
  BATCH_ERASED: {
    stage: 'usage',
    disposition: 'fail',
    says: "the batch's file and answers were erased; its numbers stay",
  },
  DELIVERY_UNKNOWN: { stage: 'usage', disposition: 'fail', says: 'no delivery has this id' },
  LEASE_LOST: { stage: 'store', disposition: 'retry', says: 'the lease on a message ran out; another worker has it' },
  WORKER_DIED: { stage: 'store', disposition: 'retry', says: 'a worker thread ended in the middle of a task' },
  FOLDER_LOCKED: {
    stage: 'store',
    disposition: 'fail',
    says: 'another engine keeps this data folder; stop it or use another folder',
  },
  WORK_POISONED: { stage: 'store', disposition: 'fail', says: 'the same work failed too many times' },
  CANCELLED: { stage: 'settle', disposition: 'fail', says: 'the batch was cancelled before registering' },
  BATCH_UNKNOWN: { stage: 'usage', disposition: 'fail', says: 'no batch has this id' },
  NOT_IN_THIS_STATE: { stage: 'usage', disposition: 'fail', says: 'the batch is in a state that does not allow it' },
  OUTPUT_NOT_READY: { stage: 'usage', disposition: 'fail', says: 'the batch has no such output in its present state' },
  CONFIG_INVALID: { stage: 'usage', disposition: 'fail', says: 'the configuration is not valid' },
  INTERRUPTED: { stage: 'usage', disposition: 'fail', says: 'the command was asked to end before the batch had' },
  USAGE: { stage: 'usage', disposition: 'fail', says: 'the command line is not valid; see --help' },
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
 * value of a record. The message reads «CODE: what happened and what to do (detail; place)».
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly detail: string;
  readonly place: Place;

  constructor(code: FaultCode, detail = '', place: Place = {}, cause?: unknown) {
    super(describe(code, detail, place), cause === undefined ? undefined : { cause });
    this.code = code;
    this.detail = detail;
    this.place = place;
  }

  get disposition(): Disposition {
    return FAULTS[this.code].disposition;
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
  readonly detail: string;
  readonly place: Place;
}

function describe(code: FaultCode, detail: string, place: Place): string {
  const where = [
    place.line === undefined ? '' : `line ${place.line}`,
    place.column === undefined ? '' : `column ${place.column}`,
    place.byte === undefined ? '' : `byte ${place.byte}`,
    place.range === undefined ? '' : `range ${place.range}`,
    place.shard === undefined ? '' : `shard ${place.shard}`,
    place.batch === undefined ? '' : `batch ${place.batch}`,
  ].filter((part) => part !== '');
  const extra = [detail, where.join(', ')].filter((part) => part !== '').join('; ');
  return `${code}: ${FAULTS[code].says}${extra === '' ? '' : ` (${extra})`}`;
}

/** Whether it is an operating fault; one thrown in a worker thread is restored by the pool before it comes here. */
export function isFault(error: unknown): error is Fault {
  return error instanceof Fault;
}
