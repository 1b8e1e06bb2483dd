/**
 * Calls to DynamoDB: signed, sent, judged, and repeated until they have succeeded or a bound is reached.
 *
 * Promises
 * - Only calls that may be repeated go through here: reads; puts and deletes without a condition, under keys that no one
 *   else writes; and writes whose condition holds again once they have taken effect, or that tell then. An answer that was
 *   lost (reset, deadline, 5xx, wrong CRC) is therefore asked for again.
 * - Tries that gain nothing are bounded by `triesMax`, with jitter between them; then the call fails out loud. A refusal that
 *   another try cannot change (no such table, no permission, not valid) fails at once.
 * - Too fast (`ProvisionedThroughputExceededException` and its kin) slows the pace of everything on this client.
 * - Expired credentials are renewed, and a wrong clock is corrected by the service's own.
 *
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`, with the operation and the kind of the last failure; never a key or a value.
 */
import { crc32 } from 'node:zlib';
import type { Clock } from '../../../core/clock.ts';
import { Fault, type Place } from '../../../core/faults.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { CredentialSource } from '../credentials.ts';
import { type Answer, type ExchangePool, NoAnswer } from '../exchange.ts';
import { isDeniedName } from '../serviceFaults.ts';
import { type AwsCredentials, amzDate, Signer, sha256Hex } from '../sigv4.ts';
import type { Pace } from './pace.ts';

export type Operation = 'BatchWriteItem' | 'BatchGetItem' | 'BatchExecuteStatement' | 'Query';

export interface DynamoOptions {
  readonly region: string;
  /** Host and port of the endpoint as the `host` header has them. */
  readonly host: string;
  /** Tries in a row that gain nothing, the first included. */
  readonly triesMax: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export interface DynamoDeps {
  readonly exchange: ExchangePool;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
}

export interface CallContext {
  readonly pace: Pace;
  readonly place: Place;
  /** Ends waiting and repeating, not an exchange under way: the call then throws `SERVICE_IO`. */
  readonly signal?: AbortSignal;
}

/** What became of one try. */
export type Verdict<T> =
  | { readonly kind: 'done'; readonly value: T }
  /**
   * The service took a part, or nothing; the rest is to be asked for again. `rest` says why, and whether with a pause, where
   * the reason is another than that it comes too fast.
   */
  | { readonly kind: 'partly'; readonly gained: boolean; readonly rest?: Rest };

export interface Rest {
  readonly says: string;
  readonly kind: 'again' | 'at once';
}

export interface Call<T> {
  readonly operation: Operation;
  /** Asked for at each try, because what is left may be less. */
  body(): Uint8Array;
  /** In the units of the pace, of the body as it is. */
  units(): number;
  /** Judges a good answer; throws `SpoiltAnswer` where it makes no sense. */
  judge(body: Buffer): Verdict<T>;
}

/** An answer that cannot be the service's: it is asked for again. */
export class SpoiltAnswer extends Error {
  override readonly name = 'SpoiltAnswer';
}

const TOO_FAST = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'LimitExceededException',
  'TooManyRequestsException',
  'SlowDown',
]);
const EXPIRED = new Set(['ExpiredTokenException', 'ExpiredToken', 'TokenRefreshRequired']);
const WRONG_TIME = new Set(['InvalidSignatureException', 'RequestTimeTooSkewed', 'RequestExpired']);
/** A signature is refused for its time when it is five minutes off; below this, time was not the reason. */
const SKEW_MS_MIN = 60_000;

type Failure = { readonly says: string; readonly kind: 'again' | 'at once' | 'too fast' | 'final' };

export class DynamoClient {
  readonly #options: DynamoOptions;
  readonly #deps: DynamoDeps;
  readonly #signer: Signer;
  /** What the service's clock is ahead of ours. */
  #skewMs = 0;
  /** The date of the last request: most are made in the same second as the one before. */
  #second = 0;
  #date = '';

  constructor(options: DynamoOptions, deps: DynamoDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#signer = new Signer(options.region, 'dynamodb');
  }

  async run<T>(call: Call<T>, context: CallContext): Promise<T> {
    const { pace, signal, place } = context;
    let body = call.body();
    let sha256 = sha256Hex(body);
    for (let tries = 1; ; tries++) {
      const units = call.units();
      const beganMs = await pace.turn(units, signal);
      if (signal?.aborted === true) throw new Fault('SERVICE_IO', `${call.operation}: given up`, place);
      let failure: Failure;
      try {
        const verdict = await this.#try(call, body, sha256);
        if (!('says' in verdict)) {
          pace.taken(verdict.kind === 'done' ? units : units - call.units());
          if (verdict.kind === 'done') return verdict.value;
          if (verdict.gained) tries = 0;
          failure = verdict.rest ?? { says: 'unprocessed items', kind: 'too fast' };
          body = call.body();
          sha256 = sha256Hex(body);
        } else failure = verdict;
      } catch (error) {
        if (!(error instanceof NoAnswer || error instanceof SpoiltAnswer)) throw error;
        failure = { says: error.message, kind: 'again' };
      }
      if (failure.kind === 'too fast' && pace.refused(beganMs)) this.#tellSlower(call.operation, pace);
      if (failure.kind === 'final' || tries >= this.#options.triesMax) {
        const count = failure.kind === 'final' ? '' : `${tries} tries in vain, the last: `;
        const denied = failure.kind === 'final' && isDeniedName(failure.says);
        throw new Fault(
          denied ? 'SERVICE_DENIED' : 'SERVICE_IO',
          `DynamoDB ${call.operation}: ${count}${failure.says}`,
          place,
        );
      }
      if (failure.kind !== 'at once') await this.#deps.clock.sleep(this.#delayMs(tries), signal);
    }
  }

  async #try<T>(call: Call<T>, body: Uint8Array, sha256: string): Promise<Verdict<T> | Failure> {
    const { credentials, exchange } = this.#deps;
    const held = await credentials.current();
    const signedMs = this.#deps.clock.nowMs() + this.#skewMs;
    const answer = await exchange.post('/', this.#headers(call.operation, sha256, held, signedMs), body);
    checkCrc(answer);
    if (answer.status === 200) return call.judge(answer.body);
    return this.#failureOf(answer, held, signedMs);
  }

  #headers(operation: Operation, bodySha256: string, credentials: AwsCredentials, atMs: number): string[] {
    const date = this.#dateOf(Math.floor(atMs / 1000));
    const { sessionToken } = credentials;
    const signed: [string, string][] = [
      ['content-type', 'application/x-amz-json-1.0'],
      ['host', this.#options.host],
      ['x-amz-date', date],
    ];
    if (sessionToken !== undefined) signed.push(['x-amz-security-token', sessionToken]);
    signed.push(['x-amz-target', `DynamoDB_20120810.${operation}`]);
    const request = { method: 'POST', path: '/', query: '', headers: signed, bodySha256 };
    const authorization = this.#signer.authorization(request, date, credentials);
    return [...signed.flat(), 'authorization', authorization];
  }

  #dateOf(second: number): string {
    if (second !== this.#second) {
      this.#second = second;
      this.#date = amzDate(second * 1000);
    }
    return this.#date;
  }

  #failureOf(answer: Answer, used: AwsCredentials, signedMs: number): Failure {
    const type = errorType(answer);
    const says = type === '' ? `HTTP ${answer.status}` : type;
    if (TOO_FAST.has(type) || answer.status === 429) return { says, kind: 'too fast' };
    if (answer.status >= 500 || answer.status === 408) return { says, kind: 'again' };
    if (EXPIRED.has(type)) {
      this.#deps.credentials.refused(used);
      return { says, kind: 'again' };
    }
    if (WRONG_TIME.has(type) && this.#correctClock(answer, signedMs)) return { says, kind: 'at once' };
    return { says, kind: 'final' };
  }

  /** Whether the request was signed for another time than the service's; from now on its clock is gone by. */
  #correctClock(answer: Answer, signedMs: number): boolean {
    const serviceMs = Date.parse(String(answer.headers['date'] ?? ''));
    if (Number.isNaN(serviceMs) || Math.abs(serviceMs - signedMs) < SKEW_MS_MIN) return false;
    this.#skewMs = serviceMs - this.#deps.clock.nowMs();
    return true;
  }

  /** Exponential with full jitter. */
  #delayMs(tries: number): number {
    const { retryMsMin, retryMsMax } = this.#options;
    const ceilingMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(tries, 30));
    const share = Buffer.from(this.#deps.random(4)).readUInt32LE() / 2 ** 32;
    return Math.round(retryMsMin + share * Math.max(0, ceilingMs - retryMsMin));
  }

  #tellSlower(operation: Operation, pace: Pace): void {
    const fields = { operation, unitsPerSecond: Math.round(pace.unitsPerSecond) };
    this.#deps.telemetry.emit({ name: 'dynamodb.slower', level: 'warn', fields });
  }
}

/** DynamoDB sends the CRC-32 of the body as it sent it, in decimal; not every server that speaks its protocol does. */
function checkCrc(answer: Answer): void {
  const told = answer.headers['x-amz-crc32'];
  if (told === undefined) return;
  if (Number(told) !== crc32(answer.body)) throw new SpoiltAnswer('an answer whose CRC does not match');
}

/** The last part of `__type` (`com.amazonaws…#ThrottlingException`); empty where the answer has none. */
function errorType(answer: Answer): string {
  const { body } = answer;
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null || !('__type' in parsed)) return '';
    const name = String(parsed.__type).split('#').at(-1) as string;
    return /^[A-Za-z.]{1,80}$/.test(name) ? name : '';
  } catch {
    return '';
  }
}
