/**
 * Faults as answers: RFC 9457 problem details with a status, a stable code and what to do, and nothing that was sent.
 *
 * Messages are masked like those of the log; a bug is answered `INTERNAL` and told by the event `http.failed`.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyError } from 'fastify';
import { faultText } from '../core/catalogue.ts';
import { FAULTS, Fault, type FaultCode, isFault } from '../core/faults.ts';
import { maskedMessage, printable } from '../core/text.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** What is not here and ends a request is the service's own trouble: 503 where trying again helps, else 500. */
const STATUS: Readonly<Partial<Record<FaultCode, number>>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  CLIENT_NOT_NAMED: 400,
  ROUTE_UNKNOWN: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_INVALID: 400,
  MEDIA_TYPE_UNKNOWN: 415,
  BODY_TOO_LARGE: 413,
  FILE_TOO_LARGE: 413,
  BODY_CUT: 400,
  BODY_TOO_SLOW: 408,
  HEADERS_TOO_LARGE: 431,
  CHECKSUM_MISMATCH: 422,
  RATE_LIMITED: 429,
  STREAMS_TOO_MANY: 429,
  UPLOADS_TOO_MANY: 429,
  IDEMPOTENCY_KEY_RUNNING: 409,
  IDEMPOTENCY_KEY_REUSED: 422,
  SUBMISSION_UNKNOWN: 404,
  SUBMISSION_CLOSED: 409,
  SUBMISSION_EXPIRED: 410,
  SUBMISSION_FULL: 413,
  SUBMISSION_EMPTY: 409,
  SUBMISSIONS_TOO_MANY: 429,
  DEBT_UNKNOWN: 404,
  CURSOR_INVALID: 400,
  CLIENT_UNKNOWN: 404,
  BATCH_UNKNOWN: 404,
  NOT_IN_THIS_STATE: 409,
  OUTPUT_NOT_READY: 409,
  BATCH_ERASED: 410,
  CLIENT_ERASED: 410,
  INTERNAL: 500,
};

/** Told once the service is through with what hinders it. */
const RETRY_AFTER_SECONDS: Readonly<Partial<Record<FaultCode, number>>> = {
  IDEMPOTENCY_KEY_RUNNING: 1,
  STREAMS_TOO_MANY: 5,
  UPLOADS_TOO_MANY: 1,
  SUBMISSIONS_TOO_MANY: 60,
  BODY_TOO_SLOW: 1,
};

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: FaultCode;
  readonly detail: string;
}

export interface ProblemAnswer {
  readonly problem: Problem;
  readonly retryAfterSeconds: number | undefined;
}

/** A refusal that tells when to come again. */
export class WaitFault extends Fault {
  readonly waitSeconds: number;

  constructor(code: FaultCode, detail: string, waitSeconds: number) {
    super(code, detail);
    this.waitSeconds = waitSeconds;
  }
}

export function problemOf(error: unknown): ProblemAnswer {
  const fault = faultOf(error);
  const status = statusOf(fault.code);
  const detail = printable(maskedMessage(fault.code, fault.message));
  const type = `urn:remessa:problem:${fault.code.toLowerCase().replaceAll('_', '-')}`;
  const wait = fault instanceof WaitFault ? fault.waitSeconds : RETRY_AFTER_SECONDS[fault.code];
  return {
    problem: { type, title: faultText(fault.code), status, code: fault.code, detail },
    retryAfterSeconds: wait ?? (status === 503 ? 1 : undefined),
  };
}

/** Answers on a connection whose request nobody will finish, and closes it. */
export function endSocket(socket: Duplex, error: unknown): void {
  if (!socket.writable) return;
  const { problem, retryAfterSeconds } = problemOf(error);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    ...(retryAfterSeconds === undefined ? [] : [`retry-after: ${retryAfterSeconds}`]),
    'cache-control: no-store',
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function statusOf(code: FaultCode): number {
  return STATUS[code] ?? (FAULTS[code].disposition === 'retry' ? 503 : 500);
}

/** Faults as they are; what the framework refuses under its own names; anything else is a bug. */
function faultOf(error: unknown): Fault {
  if (isFault(error)) return error;
  const { code, statusCode, validation, validationContext } = (error ?? {}) as Partial<FastifyError>;
  if (validation !== undefined) {
    const found = validation.slice(0, 5).map(({ instancePath, message, params }) => {
      const extra = params['additionalProperty'] ?? params['unevaluatedProperty'];
      const where = `${validationContext ?? ''}${instancePath}`;
      return `${where} ${message ?? 'is not valid'}${typeof extra === 'string' ? ` («${extra.slice(0, 64)}»)` : ''}`;
    });
    return new Fault('REQUEST_INVALID', found.join('; '));
  }
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Fault('BODY_TOO_LARGE');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Fault('MEDIA_TYPE_UNKNOWN');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Fault('BODY_CUT');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new Fault('REQUEST_INVALID', 'the body is empty');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new Fault('REQUEST_INVALID', 'the body is not JSON');
    case 'ECONNRESET':
    case 'ECONNABORTED':
      return new Fault('BODY_CUT');
    default:
      if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return new Fault('REQUEST_INVALID');
      return new Fault('INTERNAL', '', {}, error);
  }
}
