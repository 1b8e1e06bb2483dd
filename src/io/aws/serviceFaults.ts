/**
 * What the AWS SDK throws, as faults of the one table. Shared by every driver that calls a service through the SDK.
 *
 *   serviceFault(where: { service: string; operation: string; place?: Place }, error: unknown): unknown
 *   errorName(error: unknown): string     e.g. to look for `NoSuchKey` before mapping what is left
 *   refusedEntry(where, code: string, count: number, tries?: number): Fault     entries of a batch call
 *   isThrottled(error: unknown): boolean
 *
 * - `SERVICE_DENIED`: no credentials, credentials that are refused or expired, or a permission that is missing.
 * - `SERVICE_IO`: everything else that a service answered, or the lack of an answer (network, deadline, spoilt body).
 * - Faults and bugs come back as they are, so `throw serviceFault(where, error)` stands in any `catch`.
 *
 * The detail names the service, the operation, the kind of the failure, the HTTP status and the request id. It never repeats the
 * service's message: messages quote keys and resources, and those may hold personal data.
 */
import { Fault, isFault, type Place } from '../../core/faults.ts';

export interface CallSite {
  /** As people call it: `SQS`, `S3`. */
  readonly service: string;
  readonly operation: string;
  readonly place?: Place;
}

/** Credentials and permissions, as the services name them; some names are of the query protocol, some of JSON. */
const DENIED: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthFailure',
  'AuthorizationError',
  'AuthorizationErrorException',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'Forbidden',
  'IncompleteSignature',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'InvalidSignatureException',
  'InvalidToken',
  'KMSAccessDenied',
  'KMSAccessDeniedException',
  'KmsAccessDenied',
  'MissingAuthenticationToken',
  'NotAuthorized',
  'OptInRequired',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
  'UnauthorizedOperation',
  'UnrecognizedClientException',
]);
/** These come with status 403 as well and are no refusal of who asks. */
const WRONG_CLOCK: ReadonlySet<string> = new Set(['RequestTimeTooSkewed', 'RequestExpired', 'RequestInTheFuture']);
const THROTTLED: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'KmsThrottled',
  'LimitExceededException',
  'OverLimit',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

const NAME = /^[A-Za-z][A-Za-z0-9_:-]{0,79}$/;
/** Of the system, of name look-ups, of undici, of HTTP and of TLS; `ERR_INVALID_…` and its kin are bugs. */
const NETWORK_CODE =
  /^(?:E(?!RR_)[A-Z0-9_]+|ERR_(?:TLS|SSL|HTTP2|STREAM_PREMATURE)[A-Z0-9_]*|UND_ERR_[A-Z_]+|HPE_[A-Z_]+|[A-Z_]*(?:CERT|SIGNATURE)[A-Z_]*)$/;

/** The fault to throw, or the error itself where it is a fault already or a bug. */
export function serviceFault(where: CallSite, error: unknown): unknown {
  if (isFault(error) || !isOfService(error)) return error;
  const name = errorName(error);
  const status = statusOf(error);
  const denied = DENIED.has(name) || ((status === 401 || status === 403) && !WRONG_CLOCK.has(name));
  const told = [
    WRONG_CLOCK.has(name) ? `${name}: the clock of this machine is wrong` : name,
    status === undefined ? '' : `HTTP ${status}`,
    requestIdOf(error),
  ].filter((part) => part !== '');
  const detail = `${where.service} ${where.operation}: ${told.join(', ')}`;
  return new Fault(denied ? 'SERVICE_DENIED' : 'SERVICE_IO', detail, where.place, error);
}

/** The fault of `count` entries of a batch call that a service did not take, with the service's code for the last one. */
export function refusedEntry(where: CallSite, code: string, count: number, tries = 1): Fault {
  const name = code.split('.').at(-1) as string;
  const said = NAME.test(name) ? name : 'unknown error';
  const entries = `${count} ${count === 1 ? 'entry' : 'entries'} not taken`;
  const detail = `${where.service} ${where.operation}: ${entries}${tries === 1 ? '' : ` in ${tries} tries`}, ${said}`;
  return new Fault(DENIED.has(name) ? 'SERVICE_DENIED' : 'SERVICE_IO', detail, where.place);
}

/** The service's own name of a failure, or the code of the network's (`ECONNREFUSED`); safe to repeat in a log. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const { name } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // Query-protocol services put a namespace before the name (`AWS.SimpleQueueService.NonExistentQueue`).
  const said = name === 'Error' || name === 'AggregateError' ? code : (name.split('.').at(-1) as string);
  return NAME.test(said) ? said : 'unknown error';
}

/** Whether a service's name of a failure tells of credentials or permissions. */
export function isDeniedName(name: string): boolean {
  return DENIED.has(name);
}

export function isThrottled(error: unknown): boolean {
  return THROTTLED.has(errorName(error)) || statusOf(error) === 429;
}

/** The SDK marks what it throws; the network's errors carry a code; what is neither is a bug of ours. */
function isOfService(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'TimeoutError' || error.name === 'AbortError' || DENIED.has(error.name)) return true;
  if ('$metadata' in error || '$fault' in error || '$response' in error || '$responseBodyText' in error) return true;
  return 'code' in error && typeof error.code === 'string' && NETWORK_CODE.test(error.code);
}

function metadataOf(error: unknown): { readonly httpStatusCode?: unknown; readonly requestId?: unknown } {
  if (!(error instanceof Error) || !('$metadata' in error)) return {};
  return typeof error.$metadata === 'object' && error.$metadata !== null ? error.$metadata : {};
}

function statusOf(error: unknown): number | undefined {
  const { httpStatusCode } = metadataOf(error);
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
}

function requestIdOf(error: unknown): string {
  const { requestId } = metadataOf(error);
  return typeof requestId === 'string' && /^[A-Za-z0-9+/=_-]{1,64}$/.test(requestId) ? `request ${requestId}` : '';
}
