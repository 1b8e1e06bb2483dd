/**
 * What the faults say that end no batch: of requests to the API (titles of problem details), of commands, of deliveries.
 * Programs and operators read them, in English alone.
 */

export const OPERATOR_FAULT_TEXTS = {
  // Requests to the API.
  UNAUTHENTICATED: 'the request carries no valid API key; send it as Authorization: Bearer …',
  FORBIDDEN: 'the API key does not allow this',
  CLIENT_NOT_NAMED: 'an operator key acts for a client; name it in the header X-Remessa-Client',
  ROUTE_UNKNOWN: 'the API has no such route; see /openapi.json',
  METHOD_NOT_ALLOWED: 'the route does not take this method; the header Allow names those that it takes',
  REQUEST_INVALID: 'the request does not follow the description of the API',
  MEDIA_TYPE_UNKNOWN: 'the content type is not one that this route takes',
  BODY_TOO_LARGE: 'the body of the request is larger than this route takes',
  BODY_CUT: 'the body of the request ended before it was complete; send it again',
  BODY_TOO_SLOW: 'the request came in too slowly; send it again',
  HEADERS_TOO_LARGE: 'the headers of the request are too large',
  CHECKSUM_MISMATCH: 'the bytes that came differ from the checksum given; nothing was stored, send the file again',
  RATE_LIMITED: 'too many requests; wait as long as Retry-After tells',
  STREAMS_TOO_MANY: 'too many event streams are open; close one first',
  UPLOADS_TOO_MANY: 'too many files come in at once; send it again shortly',
  REQUESTS_TOO_MANY: 'the service holds as many bodies of requests as it may; send it again shortly',
  IDEMPOTENCY_KEY_RUNNING: 'a request with this Idempotency-Key is still being answered; ask again shortly',
  IDEMPOTENCY_KEY_REUSED: 'this Idempotency-Key was used for another request; use a new one',
  SUBMISSION_UNKNOWN: 'no submission has this id',
  SUBMISSION_CLOSED: 'the submission was submitted and takes no more lines',
  SUBMISSION_EXPIRED: 'the submission was left alone too long and is gone',
  SUBMISSION_FULL: 'the submission holds as much as one may; submit it and open another, or send a file',
  SUBMISSION_EMPTY: 'the submission has no lines; append some first',
  SUBMISSIONS_TOO_MANY: 'too many submissions are open; submit or discard some first',
  LINES_REFUSED: 'no line of the request could be taken; see each line',
  DEBT_UNKNOWN: 'no debt has this reference',
  CURSOR_INVALID: 'the cursor is not one that this list gave',
  KEY_UNKNOWN: 'no API key has this id',
  ENDING: 'the service is ending; send the request again',
  INTERNAL: 'the request met an error of the service; it was reported',

  // Deliveries.
  NOTICE_REFUSED: 'a notice cannot be delivered as it is; mend its addresses, or the sender that the service knows',
  WEBHOOK_FAILED: 'the receiver of the webhook did not take the event; it is tried again',
  WEBHOOK_FORBIDDEN: 'the webhook leads to an address that may not be called; see REMESSA_WEBHOOK_TARGETS',

  // Commands.
  ON_HOLD: 'a legal hold forbids erasing; see `remessa hold list`',
  ERASURE_BLOCKED: 'nothing can be erased while work on it goes on; let it end or cancel it, then erase again',
  HOLD_UNKNOWN: 'no legal hold has this id',
  BATCH_ERASED: "the batch's file and answers were erased; its numbers stay",
  DELIVERY_UNKNOWN: 'no delivery has this id',
  BATCH_UNKNOWN: 'no batch has this id',
  NOT_IN_THIS_STATE: 'the batch is in a state that does not allow it',
  OUTPUT_NOT_READY: 'the batch has no such output in its present state',
  CONFIG_INVALID: 'the configuration is not valid',
  INTERRUPTED: 'the command was asked to end before the batch had',
  USAGE: 'the command line is not valid; see --help',
} as const satisfies Record<string, string>;
