/**
 * Bytes `[start, end)` of one state of an object, read in one stream that is taken up again where it was cut; or, where there
 * are enough streams (shares.ts), window by window, without a connection between.
 *
 * Promises
 * - Every request carries the ETag (and version) of the pin, and its answer must be 206, of exactly the range that was
 *   asked for, as long as that, and of that ETag: else it is asked for again, and in the end is `SERVICE_IO`.
 * - `OBJECT_VANISHED` where the key (or version) is gone, `OBJECT_CHANGED` where it holds something else.
 * - A body that is cut or stalls is destroyed, and the range is asked for again from the first byte that did not come:
 *   `triesMax` times in a row without a byte.
 * - Nothing is held but a body's own buffer (64 KiB and the socket's), or a window; a read body gives its connection back, any
 *   other is destroyed.
 */
import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { assert } from '../../../core/assert.ts';
import { Fault } from '../../../core/faults.ts';
import type { ObjectPin, RangeReader } from '../../ports/objects.ts';
import { bodyOf, destroyBody, isAbsent, pull, type S3Calls, SpoiltAnswer, statusOf } from './calls.ts';
import { parsePin, quoted, type S3Pin, stateOf } from './pins.ts';
import type { ReadShares } from './shares.ts';

const NOTHING = Buffer.alloc(0);

export class S3Range implements RangeReader {
  readonly #calls: S3Calls;
  readonly #bucket: string;
  readonly #key: string;
  readonly #pin: S3Pin;
  readonly #end: number;
  /** The first byte that has not come from S3. */
  #next: number;
  /** What has come and was not handed over. */
  #chunk: Buffer = NOTHING;
  #body: Readable | undefined;
  #closed = false;
  readonly #shares: ReadShares;
  #isStream = false;
  /** What the present window has of the store's share. */
  #windowBytes = 0;

  /** `start < end`; nothing is asked before `open`. */
  constructor(calls: S3Calls, bucket: string, shares: ReadShares, pin: ObjectPin, start: number, end: number) {
    assert(start >= 0 && start < end, 'a range has bytes');
    this.#shares = shares;
    this.#calls = calls;
    this.#bucket = bucket;
    this.#key = pin.key;
    this.#pin = parsePin(pin.etag);
    this.#next = start;
    this.#end = end;
  }

  async open(): Promise<void> {
    this.#isStream = this.#shares.takeStream();
    try {
      if (this.#isStream) this.#body = await this.#ask(this.#end);
      else this.#chunk = await this.#window();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async read(target: Uint8Array): Promise<number> {
    assert(!this.#closed, 'a closed range is not read');
    let got = 0;
    while (got < target.length) {
      if (this.#chunk.length === 0) {
        if (this.#next === this.#end) break;
        this.#chunk = this.#isStream ? await this.#more() : await this.#window();
      }
      const taken = Math.min(this.#chunk.length, target.length - got);
      target.set(this.#chunk.subarray(0, taken), got);
      this.#chunk = this.#chunk.subarray(taken);
      got += taken;
    }
    return got;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#chunk = NOTHING;
    this.#body?.destroy();
    this.#body = undefined;
    this.#giveShares();
  }

  #giveShares(): void {
    if (this.#isStream) this.#shares.giveStream();
    this.#isStream = false;
    this.#shares.giveWindow(this.#windowBytes);
    this.#windowBytes = 0;
  }

  /** The bytes of the next window, or, where its body is cut, those that came: at least one. */
  async #window(): Promise<Buffer> {
    this.#giveShares();
    this.#windowBytes = this.#shares.takeWindow();
    const until = Math.min(this.#end, this.#next + this.#windowBytes);
    for (let tries = 1; ; tries++) {
      const body = await this.#ask(until);
      const bytes = Buffer.allocUnsafeSlow(until - this.#next);
      let got = 0;
      try {
        while (got < bytes.length) {
          const chunk = await this.#pull(body, bytes.length - got);
          bytes.set(chunk, got);
          got += chunk.length;
        }
        body.resume();
      } catch (error) {
        body.destroy();
        if (got === 0) {
          await this.#calls.again('GetObject', error, tries);
          continue;
        }
      }
      this.#next += got;
      return bytes.subarray(0, got);
    }
  }

  async #pull(body: Readable, bytesMax: number): Promise<Buffer> {
    const chunk = await pull(body, this.#calls.options.answerMs);
    if (chunk === undefined) throw new SpoiltAnswer('the body ended too early');
    if (chunk.length > bytesMax) throw new SpoiltAnswer('the body has more bytes than were asked for');
    return chunk;
  }

  /** The next bytes of the stream, at least one. */
  async #more(): Promise<Buffer> {
    for (let tries = 1; ; tries++) {
      const body = this.#body ?? (await this.#ask(this.#end));
      this.#body = body;
      try {
        const chunk = await this.#pull(body, this.#end - this.#next);
        this.#next += chunk.length;
        if (this.#next === this.#end) this.#giveBack(body);
        return chunk;
      } catch (error) {
        body.destroy();
        this.#body = undefined;
        await this.#calls.again('GetObject', error, tries);
      }
    }
  }

  /** The end of a body is still to be seen, and then its connection serves the next request. */
  #giveBack(body: Readable): void {
    body.resume();
    this.#body = undefined;
    this.#giveShares();
  }

  async #ask(until: number): Promise<Readable> {
    const length = until - this.#next;
    const range = `${this.#next}-${until - 1}`;
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: this.#key,
      Range: `bytes=${range}`,
      IfMatch: quoted(this.#pin.etag),
      VersionId: this.#pin.version,
    });
    return await this.#calls.run('GetObject', async (abortSignal) => {
      try {
        const answer = await this.#calls.client.send(command, { abortSignal });
        try {
          this.#check(answer, range, length);
        } catch (error) {
          destroyBody(answer);
          throw error;
        }
        return bodyOf(answer.Body);
      } catch (error) {
        throw pinFault(error);
      }
    });
  }

  #check(
    answer: {
      readonly $metadata: { readonly httpStatusCode?: number | undefined };
      readonly ContentRange?: string | undefined;
      readonly ContentLength?: number | undefined;
      readonly ETag?: string | undefined;
      readonly VersionId?: string | undefined;
    },
    range: string,
    length: number,
  ): void {
    const status = answer.$metadata.httpStatusCode;
    if (status !== 206) throw new SpoiltAnswer(`HTTP ${status} where a range was asked for`);
    const told = /^bytes (\d+-\d+)\/(\d+|\*)$/.exec(answer.ContentRange ?? '');
    if (told?.[1] !== range) throw new SpoiltAnswer('another range than was asked for');
    if (answer.ContentLength !== length) throw new SpoiltAnswer('another length than the range has');
    const state = stateOf(answer);
    const { etag, version } = this.#pin;
    if (state.etag !== etag || (version !== undefined && state.version !== undefined && state.version !== version)) {
      throw new Fault('OBJECT_CHANGED');
    }
  }
}

/** What S3 says of a pin that does not hold, as the faults of the port; anything else as it is. */
export function pinFault(error: unknown): unknown {
  if (statusOf(error) === 412) return new Fault('OBJECT_CHANGED');
  return isAbsent(error) ? new Fault('OBJECT_VANISHED') : error;
}
