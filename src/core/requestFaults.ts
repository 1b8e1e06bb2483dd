/**
 * Faults of requests to the API: a part of the table in faults.ts, which is where they are used from.
 *
 * They are answered as problem details, their codes being part of the API; none of them ends a batch.
 */
import type { FaultSpec } from './faults.ts';

export const REQUEST_FAULTS = {
  UNAUTHENTICATED: { stage: 'api', disposition: 'fail' },
  FORBIDDEN: { stage: 'api', disposition: 'fail' },
  CLIENT_NOT_NAMED: { stage: 'api', disposition: 'fail' },
  ROUTE_UNKNOWN: { stage: 'api', disposition: 'fail' },
  METHOD_NOT_ALLOWED: { stage: 'api', disposition: 'fail' },
  REQUEST_INVALID: { stage: 'api', disposition: 'fail' },
  MEDIA_TYPE_UNKNOWN: { stage: 'api', disposition: 'fail' },
  BODY_TOO_LARGE: { stage: 'api', disposition: 'fail' },
  BODY_CUT: { stage: 'api', disposition: 'retry' },
  BODY_TOO_SLOW: { stage: 'api', disposition: 'retry' },
  HEADERS_TOO_LARGE: { stage: 'api', disposition: 'fail' },
  CHECKSUM_MISMATCH: { stage: 'api', disposition: 'retry' },
  RATE_LIMITED: { stage: 'api', disposition: 'retry' },
  STREAMS_TOO_MANY: { stage: 'api', disposition: 'retry' },
  UPLOADS_TOO_MANY: { stage: 'api', disposition: 'retry' },
  REQUESTS_TOO_MANY: { stage: 'api', disposition: 'retry' },
  IDEMPOTENCY_KEY_RUNNING: { stage: 'api', disposition: 'retry' },
  IDEMPOTENCY_KEY_REUSED: { stage: 'api', disposition: 'fail' },
  SUBMISSION_UNKNOWN: { stage: 'api', disposition: 'fail' },
  SUBMISSION_CLOSED: { stage: 'api', disposition: 'fail' },
  SUBMISSION_EXPIRED: { stage: 'api', disposition: 'fail' },
  SUBMISSION_FULL: { stage: 'api', disposition: 'fail' },
  SUBMISSION_EMPTY: { stage: 'api', disposition: 'fail' },
  SUBMISSIONS_TOO_MANY: { stage: 'api', disposition: 'fail' },
  LINES_REFUSED: { stage: 'api', disposition: 'fail' },
  DEBT_UNKNOWN: { stage: 'api', disposition: 'fail' },
  CURSOR_INVALID: { stage: 'api', disposition: 'fail' },
  KEY_UNKNOWN: { stage: 'api', disposition: 'fail' },
  ENDING: { stage: 'api', disposition: 'retry' },
  INTERNAL: { stage: 'api', disposition: 'retry' },
} as const satisfies Record<string, FaultSpec>;
