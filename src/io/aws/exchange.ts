/**
 * One HTTP exchange over kept connections: a request whose body is at hand, an answer gathered whole.
 *
 * Promises: at most `connections` sockets, one exchange at a time on each (pipelining 1); every phase ends by a deadline
 * of its own (connecting, the headers of the answer, its body), after which the socket is destroyed; an answer larger than
 * `answerBytesMax` ends the exchange; nothing is retried here. undici's own timers are off: they step by half a second.
 *
 * The body's bytes are sent from where they stand: they may change once the exchange has ended, as only a server that
 * answered without reading them could then still be sent any.
 */
import { clearTimeout, setTimeout } from 'node:timers';
import { type Dispatcher, Pool } from 'undici';

export interface ExchangeOptions {
  /** Scheme, host and port: `https://dynamodb.sa-east-1.amazonaws.com`. */
  readonly origin: string;
  readonly connections: number;
  readonly connectMs: number;
  /** From the request's start until the answer's headers: sending the body counts. */
  readonly headersMs: number;
  readonly bodyMs: number;
  readonly answerBytesMax: number;
}

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The exchange had no answer: it is unknown whether the request took effect. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

const KEEP_ALIVE_MS = 10_000;
const HEADERS_BYTES_MAX = 16 * 1024;

export class ExchangePool {
  readonly #options: ExchangeOptions;
  readonly #pool: Pool;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#pool = new Pool(options.origin, {
      connections: options.connections,
      pipelining: 1,
      allowH2: false,
      connectTimeout: options.connectMs,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADERS_BYTES_MAX,
    });
  }

  /** `headers` are names and values in turn; undici adds `host` and `content-length`. Throws `NoAnswer`. */
  post(path: string, headers: string[], body: Uint8Array): Promise<Answer> {
    return new Promise((done, failed) => {
      this.#pool.dispatch({ method: 'POST', path, headers, body }, new Gathering(this.#options, done, failed));
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

class Gathering implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #done: (answer: Answer) => void;
  readonly #failed: (error: NoAnswer) => void;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  #headers: Answer['headers'] = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(options: ExchangeOptions, done: (answer: Answer) => void, failed: (error: NoAnswer) => void) {
    this.#options = options;
    this.#done = done;
    this.#failed = failed;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { headersMs } = this.#options;
    this.#deadline(controller, headersMs, `no answer within ${headersMs} ms`);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Answer['headers']): void {
    if (status < 200) return;
    const { bodyMs } = this.#options;
    this.#deadline(controller, bodyMs, `an answer not finished within ${bodyMs} ms`);
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.answerBytesMax) {
      controller.abort(new NoAnswer(`an answer above ${this.#options.answerBytesMax} bytes`));
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#bytes);
    this.#done({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer);
    this.#chunks = [];
    this.#failed(error instanceof NoAnswer ? error : new NoAnswer(codeOf(error)));
  }

  #deadline(controller: Dispatcher.DispatchController, ms: number, says: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => controller.abort(new NoAnswer(says)), ms);
  }
}

/** `UND_ERR_SOCKET`, `ECONNRESET`, …: messages may name addresses, codes tell what is to be known. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
