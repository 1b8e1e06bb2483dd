/**
 * Faults of requests to the API: a part of the table in faults.ts, which is where they are used from.
 *
 * They are answered as problem details, their codes being part of the API; none of them ends a batch.
 */
import type { FaultSpec } from './faults.ts';

export const REQUEST_FAULTS = {
  UNAUTHENTICATED: {
    stage: 'api',
    disposition: 'fail',
    says: 'the request carries no valid API key; send it as Authorization: Bearer …',
  },
  FORBIDDEN: { stage: 'api', disposition: 'fail', says: 'the API key does not allow this' },
  CLIENT_NOT_NAMED: {
    stage: 'api',
    disposition: 'fail',
    says: 'an operator key acts for a client; name it in the header X-Remessa-Client',
  },
  ROUTE_UNKNOWN: { stage: 'api', disposition: 'fail', says: 'the API has no such route; see /openapi.json' },
  REQUEST_INVALID: {
    stage: 'api',
    disposition: 'fail',
    says: 'the request does not follow the description of the API',
  },
  MEDIA_TYPE_UNKNOWN: { stage: 'api', disposition: 'fail', says: 'the content type is not one that this route takes' },
  BODY_TOO_LARGE: {
    stage: 'api',
    disposition: 'fail',
    says: 'the body of the request is larger than this route takes',
  },
  BODY_CUT: {
    stage: 'api',
    disposition: 'retry',
    says: 'the body of the request ended before it was complete; send it again',
  },
  BODY_TOO_SLOW: { stage: 'api', disposition: 'retry', says: 'the request came in too slowly; send it again' },
  HEADERS_TOO_LARGE: { stage: 'api', disposition: 'fail', says: 'the headers of the request are too large' },
  CHECKSUM_MISMATCH: {
    stage: 'api',
    disposition: 'retry',
    says: 'the bytes that came differ from the checksum given; nothing was stored, send the file again',
  },
  RATE_LIMITED: { stage: 'api', disposition: 'retry', says: 'too many requests; wait as long as Retry-After tells' },
  STREAMS_TOO_MANY: { stage: 'api', disposition: 'retry', says: 'too many event streams are open; close one first' },
  UPLOADS_TOO_MANY: {
    stage: 'api',
    disposition: 'retry',
    says: 'too many files come in at once; send it again shortly',
  },
  REQUESTS_TOO_MANY: {
    stage: 'api',
    disposition: 'retry',
    says: 'the service holds as many bodies of requests as it may; send it again shortly',
  },
  IDEMPOTENCY_KEY_RUNNING: {
    stage: 'api',
    disposition: 'retry',
    says: 'a request with this Idempotency-Key is still being answered; ask again shortly',
  },
  IDEMPOTENCY_KEY_REUSED: {
    stage: 'api',
    disposition: 'fail',
    says: 'this Idempotency-Key was used for another request; use a new one',
  },
  SUBMISSION_UNKNOWN: { stage: 'api', disposition: 'fail', says: 'no submission has this id' },
  SUBMISSION_CLOSED: {
    stage: 'api',
    disposition: 'fail',
    says: 'the submission was submitted and takes no more lines',
  },
  SUBMISSION_EXPIRED: { stage: 'api', disposition: 'fail', says: 'the submission was left alone too long and is gone' },
  SUBMISSION_FULL: {
    stage: 'api',
    disposition: 'fail',
    says: 'the submission holds as much as one may; submit it and open another, or send a file',
  },
  SUBMISSION_EMPTY: { stage: 'api', disposition: 'fail', says: 'the submission has no lines; append some first' },
  SUBMISSIONS_TOO_MANY: {
    stage: 'api',
    disposition: 'fail',
    says: 'too many submissions are open; submit or discard some first',
  },
  LINES_REFUSED: { stage: 'api', disposition: 'fail', says: 'no line of the request could be taken; see each line' },
  DEBT_UNKNOWN: { stage: 'api', disposition: 'fail', says: 'no debt has this reference' },
  CURSOR_INVALID: { stage: 'api', disposition: 'fail', says: 'the cursor is not one that this list gave' },
  KEY_UNKNOWN: { stage: 'api', disposition: 'fail', says: 'no API key has this id' },
  ENDING: { stage: 'api', disposition: 'retry', says: 'the service is ending; send the request again' },
  INTERNAL: { stage: 'api', disposition: 'retry', says: 'the request met an error of the service; it was reported' },
} as const satisfies Record<string, FaultSpec>;
