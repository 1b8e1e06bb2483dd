/**
 * Calls to S3: each try has a deadline, what may pass is tried again, and no answer's body is left behind.
 *
 * Promises
 * - A try ends by its deadline: `answerMs`, and for what is sent or gathered the time its bytes may take. The socket is then
 *   destroyed; an answer that comes all the same is destroyed when it comes.
 * - `triesMax` tries with jitter between them, then the fault of the last one. Client errors are not tried again.
 * - A body is read with a deadline for its next bytes that runs only while they are waited for: a slow consumer ends nothing.
 *
 * The client is to make one try itself (`maxAttempts: 1`, see `s3ClientConfig`): the SDK's own tries end at the headers, and
 * here they would only multiply. Faults: `SERVICE_IO`, `SERVICE_DENIED`.
 */
import type { Readable } from 'node:stream';
import { clearTimeout, setTimeout } from 'node:timers';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Clock } from '../../../core/clock.ts';
import { Fault, type FaultCode, isFault } from '../../../core/faults.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import { errorName, isThrottled, serviceFault } from '../serviceFaults.ts';

export interface S3CallOptions {
  /** Tries in a row that gain nothing, the first included. */
  readonly triesMax: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
  /** How long S3 may let a request, or the next bytes of an answer, wait. */
  readonly answerMs: number;
}

export interface S3Deps {
  readonly client: S3Client;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly telemetry: Telemetry;
}

export interface TryOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal;
  /** Bytes that go with the request or come with its answer. */
  readonly bytes?: number;
  /** Times `answerMs`, for calls that S3 takes its time for. */
  readonly patience?: number;
}

/** An answer that is not what was asked for: it is asked for again. */
export class SpoiltAnswer extends Error {
  override readonly name = 'SpoiltAnswer';
}

/** No slower line is served: a part of 8 MiB may take half a minute. */
const BYTES_PER_SECOND_MIN = 256 * 1024;

/** Client errors that another try may not meet; `BadDigest` and its like say that bytes were spoilt on their way. */
const AGAIN: ReadonlySet<string> = new Set([
  'BadDigest',
  'ExpiredToken',
  'IncompleteBody',
  'InternalError',
  'OperationAborted',
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

export class S3Calls {
  readonly client: S3Client;
  readonly clock: Clock;
  readonly options: S3CallOptions;
  readonly #random: RandomBytes;
  readonly #telemetry: Telemetry;

  constructor(options: S3CallOptions, deps: S3Deps) {
    this.options = options;
    this.client = deps.client;
    this.clock = deps.clock;
    this.#random = deps.random;
    this.#telemetry = deps.telemetry;
  }

  /** The answer of `send`, tried until it comes. `send` gets the signal that ends its try. */
  async run<Answer>(
    operation: string,
    send: (signal: AbortSignal) => Promise<Answer>,
    options: TryOptions = {},
  ): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#try(send, options);
      } catch (error) {
        await this.again(operation, error, tries, options.signal);
      }
    }
  }

  /** Waits before try `tries + 1`, or throws the fault where there is none. */
  async again(operation: string, error: unknown, tries: number, signal?: AbortSignal): Promise<void> {
    const final = signal?.aborted === true || !mayPass(error) || tries >= this.options.triesMax;
    if (final) throw this.fault(operation, error);
    const fields = { operation, error: nameOf(error), tries };
    this.#telemetry.emit({ name: 's3.again', level: isThrottled(error) ? 'warn' : 'info', fields });
    await this.clock.sleep(this.#delayMs(tries), signal);
  }

  fault(operation: string, error: unknown): unknown {
    if (error instanceof SpoiltAnswer) return new Fault('SERVICE_IO', `S3 ${operation}: ${error.message}`);
    const fault = serviceFault({ service: 'S3', operation }, error);
    // What S3 says may quote a key, and a client's key may hold personal data: the cause is left behind.
    return isFault(fault) ? Fault.from(fault.toJSON()) : fault;
  }

  /** Something could not be taken back: nobody reads it, and a rule of the bucket removes it. */
  tellLeftover(operation: string, code: FaultCode): void {
    this.#telemetry.emit({ name: 's3.leftover', level: 'warn', fields: { operation, code } });
  }

  randomHex(bytes: number): string {
    return Buffer.from(this.#random(bytes)).toString('hex');
  }

  /** Exponential with full jitter. */
  #delayMs(tries: number): number {
    const { retryMsMin, retryMsMax } = this.options;
    const ceilingMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(tries, 30));
    const share = Buffer.from(this.#random(4)).readUInt32LE() / 2 ** 32;
    return Math.round(retryMsMin + share * Math.max(0, ceilingMs - retryMsMin));
  }

  async #try<Answer>(send: (signal: AbortSignal) => Promise<Answer>, options: TryOptions): Promise<Answer> {
    const { answerMs } = this.options;
    const ownMs = answerMs * (options.patience ?? 1);
    const waitMs = Math.round(ownMs + ((options.bytes ?? 0) / BYTES_PER_SECOND_MIN) * 1000);
    const ending = new AbortController();
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    let end = (): void => {};
    const limit = new Promise<never>((_, failed) => {
      const stop = (error: Error): void => {
        ended = true;
        failed(error);
        ending.abort();
      };
      timer = setTimeout(() => stop(new SpoiltAnswer(`no answer within ${waitMs} ms`)), waitMs);
      end = () => stop(new SpoiltAnswer('given up'));
    });
    const { signal } = options;
    signal?.addEventListener('abort', end, { once: true });
    try {
      if (signal?.aborted === true) throw new SpoiltAnswer('given up');
      const answer = send(ending.signal);
      // The SDK may answer after it was told to stop: nobody would read, and so nobody free, that body.
      answer.then(
        (late) => {
          if (ended) destroyBody(late);
        },
        () => {},
      );
      return await Promise.race([answer, limit]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      limit.catch(() => {});
    }
  }
}

/** Whether another try may end otherwise. What is neither a service's error nor the network's is a bug, and final. */
function mayPass(error: unknown): boolean {
  if (error instanceof SpoiltAnswer) return true;
  if (isFault(error) || !isFault(serviceFault({ service: '', operation: '' }, error))) return false;
  if (AGAIN.has(errorName(error)) || isThrottled(error)) return true;
  const status = statusOf(error);
  // Below 400: a good answer whose body could not be made out.
  return status === undefined ? !isCredentials(error) : status < 400 || status >= 500 || status === 408;
}

function isCredentials(error: unknown): boolean {
  return error instanceof Error && /^(?:CredentialsProvider|TokenProvider)Error$/.test(error.name);
}

function nameOf(error: unknown): string {
  return error instanceof SpoiltAnswer ? error.message : errorName(error);
}

/** The HTTP status of what S3 answered; `undefined` where it did not. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata as { readonly httpStatusCode?: unknown } | null;
  return typeof metadata?.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Whether the key, or the version of it, is not there. A missing bucket is no missing object. */
export function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404 && errorName(error) !== 'NoSuchBucket' && errorName(error) !== 'NoSuchUpload';
}

/** A readable body as the SDK gives it, made ready: an error of it that nobody waits for ends nothing. */
export function bodyOf(body: unknown): Readable {
  const readable = body as Readable;
  readable.on('error', () => {});
  return readable;
}

/** Ends the connection of an answer that is not read; an answer without a body has nothing to end. */
export function destroyBody(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null || !('Body' in answer)) return;
  if (answer.Body !== undefined && answer.Body !== null) bodyOf(answer.Body).destroy();
}

/** The next bytes of a body; `undefined` at its end. Throws `SpoiltAnswer` where none come in time or the body is cut. */
export async function pull(body: Readable, waitMs: number): Promise<Buffer | undefined> {
  for (;;) {
    const chunk: unknown = body.read();
    if (chunk !== null) return chunk as Buffer;
    if (body.readableEnded) return undefined;
    if (body.destroyed) throw new SpoiltAnswer('the body was cut');
    await somethingOf(body, waitMs);
  }
}

function somethingOf(body: Readable, waitMs: number): Promise<void> {
  return new Promise((done, failed) => {
    const stop = (): void => {
      clearTimeout(timer);
      body.off('readable', come);
      body.off('end', come);
      body.off('error', cut);
      body.off('close', come);
    };
    const come = (): void => {
      stop();
      done();
    };
    const cut = (): void => {
      stop();
      failed(new SpoiltAnswer('the body was cut'));
    };
    const timer = setTimeout(() => {
      stop();
      failed(new SpoiltAnswer(`no bytes within ${waitMs} ms`));
    }, waitMs);
    body.on('readable', come);
    body.on('end', come);
    body.on('error', cut);
    body.on('close', come);
  });
}
