/**
 * The object store in S3 (port: objects).
 *
 *   new S3Objects(options: S3ObjectsOptions, deps: S3Deps): ObjectStore     deps: { client, clock, random, telemetry }
 *   s3ObjectsBytes(options: S3ObjectsOptions, readers: number, writers: number): number
 *       what a thread may hold with so many of each open; a worker of the engine has one reader and one writer
 *   s3ClientConfig(options: S3ClientOptions): S3ClientConfig                what the client has to be made with
 *
 * - A pin is an ETag and, where the bucket keeps versions, a version (pins.ts). Equal bytes put again in a bucket without
 *   versions have the same ETag: a pin of the earlier ones still holds, and gives the same bytes. `list` names no versions:
 *   its pins hold while the key has that ETag.
 * - A range is one stream, resumed where it was cut, or read by windows (range.ts); an object is written in one request or in parts (writer.ts).
 * - `put` carries a CRC-32 that S3 compares, and keeps it in the metadata, by which `get` knows spoilt bytes. Ranges are not
 *   covered by it: the manifest has CRCs of its own for those.
 * - Times are whole seconds, as S3 has them.
 *
 * The role needs GetObject, GetObjectVersion, PutObject, DeleteObject, AbortMultipartUpload and, lest S3 answers 403 for a key
 * that is not there, ListBucket. In a bucket that keeps versions, deleting leaves the bytes behind: a lifecycle rule for
 * noncurrent versions of the engine's prefixes takes them away.
 *
 * Faults besides those of the port: `SERVICE_IO`, `SERVICE_DENIED` (both retry). None names a key.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { crc32 } from 'node:zlib';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { assert } from '../../../core/assert.ts';
import { Fault } from '../../../core/faults.ts';
import type { ObjectInfo, ObjectPin, ObjectStore, ObjectWriter, RangeReader } from '../../ports/objects.ts';
import {
  bodyOf,
  destroyBody,
  isAbsent,
  pull,
  type S3CallOptions,
  S3Calls,
  type S3Deps,
  SpoiltAnswer,
} from './calls.ts';
import { headObject } from './head.ts';
import { listPages, secondOf } from './list.ts';
import { assertEngineKey, assertReadableKey, parsePin, pinText, type S3State, stateOf } from './pins.ts';
import { S3Range } from './range.ts';
import { ReadShares, WINDOW_BYTES_MIN } from './shares.ts';
import { checksumOf, S3Writer, type S3WriterOptions, writerBytes } from './writer.ts';

export interface S3ObjectsOptions extends S3CallOptions, S3WriterOptions {
  /** Open ranges that may keep a connection each: fewer than the client has. */
  readonly streamsMax: number;
  /** What the others may hold together (shares.ts). */
  readonly windowsBytes: number;
}

export interface S3ClientOptions {
  readonly region: string;
  /** Another endpoint than the region's; its buckets are named in the path. */
  readonly endpoint?: string;
  /** Connections of this client, at most: a reader and each part on its way take one. */
  readonly connections: number;
  readonly connectMs: number;
}

/** A body's own buffer and the socket's, for each reader. */
const READER_BYTES = 256 * 1024;
const DELETES_MAX = 1000;
/** Metadata of an object that was put in one request: its CRC-32 as 8 hexadecimal digits. */
const CRC = 'crc32';

export function s3ObjectsBytes(options: S3ObjectsOptions, readers: number, writers: number): number {
  const { streamsMax, windowsBytes } = options;
  const streams = Math.min(readers, streamsMax);
  const windows = readers > streams ? windowsBytes + (readers - streams) * WINDOW_BYTES_MIN : 0;
  return streams * READER_BYTES + windows + writers * writerBytes(options);
}

/**
 * One try a call, because S3Calls repeats them; no checksums but those asked for, because other servers refuse them and the
 * SDK would wrap bodies in streams that do not end their connection; no socket timeout, because it would end a transfer
 * whose consumer pauses.
 */
export function s3ClientConfig(options: S3ClientOptions): S3ClientConfig {
  const agent = { keepAlive: true, maxSockets: options.connections };
  return {
    region: options.region,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({
      connectionTimeout: options.connectMs,
      requestTimeout: 0,
      socketTimeout: 0,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    }),
  };
}

export class S3Objects implements ObjectStore {
  readonly #options: S3ObjectsOptions;
  readonly #calls: S3Calls;
  readonly #shares: ReadShares;

  constructor(options: S3ObjectsOptions, deps: S3Deps) {
    assert(options.partsAtOnce >= 1, 'a writer sends one part at least');
    this.#shares = new ReadShares(options);
    this.#options = options;
    this.#calls = new S3Calls(options, deps);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    assertReadableKey(key);
    return await headObject(this.#calls, this.#options.bucket, key);
  }

  async openRange(pin: ObjectPin, start: number, end: number): Promise<RangeReader> {
    assertReadableKey(pin.key);
    assert(start >= 0 && start <= end, 'a range lies within its object');
    if (start === end) {
      await this.#mustStand(pin);
      return { read: async () => 0, close: async () => {} };
    }
    const range = new S3Range(this.#calls, this.#options.bucket, this.#shares, pin, start, end);
    await range.open();
    return range;
  }

  async create(key: string): Promise<ObjectWriter> {
    assertEngineKey(key);
    const store = {
      put: (to: string, bytes: Uint8Array) => this.put(to, bytes),
      infoOf: (to: string, state: S3State, bytes: number) => this.#infoOf(to, state, bytes),
    };
    return new S3Writer(this.#calls, store, this.#options, key);
  }

  /** Put again where its answer was lost: the bytes are the same. */
  async put(key: string, bytes: Uint8Array): Promise<ObjectInfo> {
    assertEngineKey(key);
    const command = new PutObjectCommand({
      Bucket: this.#options.bucket,
      Key: key,
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumCRC32: checksumOf(bytes),
      Metadata: { [CRC]: crcHex(bytes) },
    });
    const send = async (abortSignal: AbortSignal): Promise<S3State> => {
      const answer = await this.#calls.client.send(command, { abortSignal });
      if (answer.ETag === undefined) throw new SpoiltAnswer('an object without an ETag');
      return answer;
    };
    const state = await this.#calls.run('PutObject', send, { bytes: bytes.length });
    return await this.#infoOf(key, state, bytes.length);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    assertReadableKey(key);
    const command = new GetObjectCommand({ Bucket: this.#options.bucket, Key: key });
    // How long it is, the answer tells: its bytes have the deadline of bodies.
    const open = async (abortSignal: AbortSignal) => {
      try {
        return await this.#calls.client.send(command, { abortSignal });
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    };
    for (let tries = 1; ; tries++) {
      const answer = await this.#calls.run('GetObject', open);
      if (answer === undefined) return undefined;
      try {
        return await this.#gather(answer);
      } catch (error) {
        destroyBody(answer);
        await this.#calls.again('GetObject', error, tries);
      }
    }
  }

  async delete(key: string): Promise<void> {
    assertEngineKey(key);
    const command = new DeleteObjectCommand({ Bucket: this.#options.bucket, Key: key });
    await this.#calls.run('DeleteObject', async (abortSignal) => {
      try {
        await this.#calls.client.send(command, { abortSignal });
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    });
  }

  async deletePrefix(prefix: string): Promise<void> {
    assert(prefix !== '', 'a prefix to delete names something');
    let keys: string[] = [];
    for await (const page of listPages(this.#calls, { bucket: this.#options.bucket, prefix })) {
      keys.push(...page.map(({ key }) => key));
      while (keys.length >= DELETES_MAX) {
        await this.#deleteAll(keys.slice(0, DELETES_MAX));
        keys = keys.slice(DELETES_MAX);
      }
    }
    if (keys.length > 0) await this.#deleteAll(keys);
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for await (const page of listPages(this.#calls, { bucket: this.#options.bucket, prefix })) {
      for (const { key, etag, bytes, modifiedMs } of page) yield { key, etag, bytes, modifiedMs };
    }
  }

  async #mustStand(pin: ObjectPin): Promise<void> {
    const { etag, version } = parsePin(pin.etag);
    const present = await headObject(this.#calls, this.#options.bucket, pin.key, version);
    if (present === undefined) throw new Fault('OBJECT_VANISHED');
    if (parsePin(present.etag).etag !== etag) throw new Fault('OBJECT_CHANGED');
  }

  /** S3 tells the time of a state only when it is asked; where another one has come meanwhile, this clock's is near it. */
  async #infoOf(key: string, state: S3State, bytes: number): Promise<ObjectInfo> {
    const written = stateOf(state);
    const present = await headObject(this.#calls, this.#options.bucket, key, written.version);
    if (present !== undefined && parsePin(present.etag).etag === written.etag) {
      if (present.bytes === bytes) return present;
      throw new Fault('SERVICE_IO', `S3 HeadObject: ${present.bytes} bytes where ${bytes} were written`);
    }
    return { key, etag: pinText(written), bytes, modifiedMs: secondOf(this.#calls.clock.nowMs()) };
  }

  async #gather(answer: {
    readonly Body?: unknown;
    readonly ContentLength?: number | undefined;
    readonly Metadata?: Record<string, string> | undefined;
    readonly $metadata: { readonly httpStatusCode?: number | undefined };
  }): Promise<Uint8Array> {
    const status = answer.$metadata.httpStatusCode;
    if (status !== 200) throw new SpoiltAnswer(`HTTP ${status} where the whole object was asked for`);
    const length = answer.ContentLength;
    if (length === undefined) throw new SpoiltAnswer('a body of unknown length');
    const bytes = new Uint8Array(length);
    const body = bodyOf(answer.Body);
    let got = 0;
    for (;;) {
      const chunk = await pull(body, this.#options.answerMs);
      if (chunk === undefined) break;
      if (chunk.length > length - got) throw new SpoiltAnswer('the body is longer than was told');
      bytes.set(chunk, got);
      got += chunk.length;
    }
    if (got < length) throw new SpoiltAnswer('the body ended too early');
    const crc = answer.Metadata?.[CRC];
    if (crc !== undefined && crc !== crcHex(bytes)) throw new SpoiltAnswer('bytes that differ from those stored');
    return bytes;
  }

  /** Those that S3 could not delete are asked for again; in the end that is a fault. */
  async #deleteAll(keys: readonly string[]): Promise<void> {
    let left = keys;
    await this.#calls.run('DeleteObjects', async (abortSignal) => {
      const command = new DeleteObjectsCommand({
        Bucket: this.#options.bucket,
        Delete: { Objects: left.map((Key) => ({ Key })), Quiet: true },
      });
      const { Errors } = await this.#calls.client.send(command, { abortSignal });
      const failed = (Errors ?? []).filter(({ Code }) => Code !== 'NoSuchKey');
      if (failed.length === 0) return;
      const first = failed[0]?.Code ?? '';
      if (first === 'AccessDenied') throw new Fault('SERVICE_DENIED', 'S3 DeleteObjects: AccessDenied');
      const named = failed.flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
      if (named.length > 0) left = named;
      throw new SpoiltAnswer(`${failed.length} objects not deleted`);
    });
  }
}

function crcHex(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}
