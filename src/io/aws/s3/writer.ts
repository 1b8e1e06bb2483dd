/**
 * Writes one object of unknown size: in one request where it fits a part, else as a multipart upload.
 *
 * Promises
 * - The object appears whole, at `commit`, or not at all. `abort` ends what is under way and takes the upload back; where
 *   that fails it says so and throws nothing. What is left of an upload is for the bucket's rule that ends incomplete ones.
 * - At most `partsAtOnce` parts are on their way and one is being filled: `write` waits beyond that.
 * - 10,000 parts suffice for `objectBytesMax`: the second half of them is as large as that needs (`partBytesAt`).
 * - Every part carries its CRC-32, which S3 compares. A part may be sent again; completing may lose its answer: the object
 *   then shows by the mark in its metadata that this upload made it.
 *
 * Parts differ in size, which the SDK's uploader cannot do: with one size for all, a giant's would have to be held for every
 * object (docs/decisions/009). Memory: `(partsAtOnce + 1)` parts of the greatest size that the object has come to.
 */
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { assert } from '../../../core/assert.ts';
import { Fault, isFault } from '../../../core/faults.ts';
import type { ObjectInfo, ObjectWriter } from '../../ports/objects.ts';
import { errorName } from '../serviceFaults.ts';
import { isAbsent, type S3Calls, SpoiltAnswer } from './calls.ts';
import type { S3State } from './pins.ts';

export interface S3WriterOptions {
  readonly bucket: string;
  /** Of the parts of an object that is not gigantic; at least 5 MiB on AWS. */
  readonly partBytes: number;
  /** Parts of one writer that may be on their way. */
  readonly partsAtOnce: number;
  /** The largest object that is ever written. */
  readonly objectBytesMax: number;
}

/** What a writer needs of the store it writes to. */
export interface S3WriterStore {
  put(key: string, bytes: Uint8Array): Promise<ObjectInfo>;
  /** What is told of a state that was just written. */
  infoOf(key: string, state: S3State, bytes: number): Promise<ObjectInfo>;
}

export const PARTS_MAX = 10_000;
const MiB = 1024 * 1024;
/** Parts before they grow. */
const BASE_PARTS = PARTS_MAX / 2;
const BUFFER_BYTES_MIN = 64 * 1024;
/** S3 puts the parts of a giant together in minutes. */
const COMPLETE_PATIENCE = 6;
/** Metadata of an object made by a multipart upload: which one. */
const MARK = 'upload';

/** The size of part `index` (from 0); all before it together with those after it hold `objectBytesMax`. */
export function partBytesAt(index: number, { partBytes, objectBytesMax }: S3WriterOptions): number {
  if (index < BASE_PARTS) return partBytes;
  const left = objectBytesMax - BASE_PARTS * partBytes;
  return Math.max(partBytes, Math.ceil(left / (PARTS_MAX - BASE_PARTS) / MiB) * MiB);
}

/** The most that one writer holds. */
export function writerBytes(options: S3WriterOptions): number {
  const { partBytes, partsAtOnce, objectBytesMax } = options;
  const parts = Math.ceil(objectBytesMax / partBytes);
  return (partsAtOnce + 1) * partBytesAt(Math.min(parts, PARTS_MAX) - 1, options);
}

export class S3Writer implements ObjectWriter {
  readonly #calls: S3Calls;
  readonly #store: S3WriterStore;
  readonly #options: S3WriterOptions;
  readonly #key: string;
  readonly #ending = new AbortController();
  readonly #mark: string;
  readonly #parts: CompletedPart[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #spare: Buffer[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #held = 0;
  #bytes = 0;
  #upload: Promise<string> | undefined;
  #failure: unknown;
  #state: 'open' | 'done' = 'open';

  constructor(calls: S3Calls, store: S3WriterStore, options: S3WriterOptions, key: string) {
    this.#calls = calls;
    this.#store = store;
    this.#options = options;
    this.#key = key;
    this.#mark = calls.randomHex(16);
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(this.#state === 'open', 'a finished object is not written');
    for (let at = 0; at < bytes.length; ) {
      const room = this.#partBytes() - this.#held;
      // A part is sent when more follows it: an object of one part needs no upload of parts.
      if (room === 0) {
        await this.#sendPart();
        continue;
      }
      const taken = Math.min(room, bytes.length - at);
      this.#reserve(this.#held + taken);
      this.#buffer.set(bytes.subarray(at, at + taken), this.#held);
      this.#held += taken;
      this.#bytes += taken;
      at += taken;
    }
    if (this.#bytes > this.#options.objectBytesMax) {
      throw new Fault('STORE_FULL', `an object above ${this.#options.objectBytesMax} bytes`);
    }
  }

  async commit(): Promise<ObjectInfo> {
    assert(this.#state === 'open', 'an object is committed once');
    try {
      const info =
        this.#upload === undefined
          ? await this.#store.put(this.#key, this.#buffer.subarray(0, this.#held))
          : await this.#complete(this.#upload);
      this.#state = 'done';
      this.#forget();
      return info;
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async abort(): Promise<void> {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#ending.abort();
    // A part that still arrives after the upload was taken back would be kept.
    await Promise.allSettled(this.#underWay);
    this.#forget();
    const UploadId = await this.#upload?.catch(() => undefined);
    if (UploadId === undefined) return;
    const command = new AbortMultipartUploadCommand({ Bucket: this.#options.bucket, Key: this.#key, UploadId });
    const operation = 'AbortMultipartUpload';
    try {
      await this.#calls.run(operation, async (abortSignal) => {
        try {
          await this.#calls.client.send(command, { abortSignal });
        } catch (error) {
          if (errorName(error) !== 'NoSuchUpload') throw error;
        }
      });
    } catch (error) {
      if (!isFault(error)) throw error;
      // Thrown, it would stand in the place of what it is aborted for. The bucket's rule ends the upload.
      this.#calls.tellLeftover(operation, error.code);
    }
  }

  #partBytes(): number {
    return partBytesAt(this.#parts.length, this.#options);
  }

  /** Makes the buffer hold `bytes`: small objects take little, large ones a part. */
  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const size = Math.min(this.#partBytes(), Math.max(BUFFER_BYTES_MIN, this.#buffer.length * 2, bytes));
    const larger = Buffer.allocUnsafe(size);
    this.#buffer.copy(larger, 0, 0, this.#held);
    this.#buffer = larger;
  }

  /** Hands the filled buffer to an upload and takes another; waits while too many are under way. */
  async #sendPart(): Promise<void> {
    this.#upload ??= this.#create();
    // Its failure is met by whoever sends a part.
    this.#upload.catch(() => {});
    while (this.#underWay.size >= this.#options.partsAtOnce) await Promise.race(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
    const body = this.#buffer.subarray(0, this.#held);
    const whole = this.#buffer;
    const part: CompletedPart = { PartNumber: this.#parts.length + 1 };
    this.#parts.push(part);
    const sending = this.#uploadPart(part, body)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#underWay.delete(sending);
        this.#spare.push(whole);
      });
    this.#underWay.add(sending);
    this.#held = 0;
    const spare = this.#spare.pop();
    this.#buffer = spare !== undefined && spare.length === this.#partBytes() ? spare : Buffer.alloc(0);
  }

  async #create(): Promise<string> {
    const command = new CreateMultipartUploadCommand({
      Bucket: this.#options.bucket,
      Key: this.#key,
      ChecksumAlgorithm: 'CRC32',
      Metadata: { [MARK]: this.#mark },
    });
    const send = async (abortSignal: AbortSignal): Promise<string> => {
      const { UploadId } = await this.#calls.client.send(command, { abortSignal });
      if (UploadId === undefined || UploadId === '') throw new SpoiltAnswer('an upload without an id');
      return UploadId;
    };
    // Not ended by an abort: an upload whose id nobody learns could not be taken back.
    return await this.#calls.run('CreateMultipartUpload', send);
  }

  async #uploadPart(part: CompletedPart & { ETag?: string; ChecksumCRC32?: string }, body: Buffer): Promise<void> {
    const UploadId = await this.#upload;
    part.ChecksumCRC32 = checksumOf(body);
    const command = new UploadPartCommand({
      Bucket: this.#options.bucket,
      Key: this.#key,
      UploadId,
      PartNumber: part.PartNumber,
      Body: body,
      ContentLength: body.length,
      ChecksumCRC32: part.ChecksumCRC32,
    });
    const send = async (abortSignal: AbortSignal): Promise<string> => {
      const { ETag } = await this.#calls.client.send(command, { abortSignal });
      if (ETag === undefined) throw new SpoiltAnswer('a part without an ETag');
      return ETag;
    };
    part.ETag = await this.#calls.run('UploadPart', send, { signal: this.#ending.signal, bytes: body.length });
  }

  async #complete(upload: Promise<string>): Promise<ObjectInfo> {
    if (this.#held > 0) await this.#sendPart();
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
    const command = new CompleteMultipartUploadCommand({
      Bucket: this.#options.bucket,
      Key: this.#key,
      UploadId: await upload,
      MultipartUpload: { Parts: this.#parts },
    });
    const send = async (abortSignal: AbortSignal): Promise<S3State> => {
      try {
        return await this.#calls.client.send(command, { abortSignal });
      } catch (error) {
        if (errorName(error) !== 'NoSuchUpload') throw error;
        // An earlier try was done and lost its answer, or somebody took the upload back.
        const made = await this.#made(abortSignal);
        if (made === undefined) throw error;
        return made;
      }
    };
    const state = await this.#calls.run('CompleteMultipartUpload', send, { patience: COMPLETE_PATIENCE });
    return await this.#store.infoOf(this.#key, state, this.#bytes);
  }

  /** The state under the key, where this upload made it. */
  async #made(abortSignal: AbortSignal): Promise<S3State | undefined> {
    try {
      const command = new HeadObjectCommand({ Bucket: this.#options.bucket, Key: this.#key });
      const answer = await this.#calls.client.send(command, { abortSignal });
      return answer.Metadata?.[MARK] === this.#mark ? answer : undefined;
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  #forget(): void {
    this.#buffer = Buffer.alloc(0);
    this.#spare.length = 0;
  }
}

/** As S3's headers have it: base 64 of the four bytes, the highest first. */
export function checksumOf(bytes: Uint8Array): string {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(bytes));
  return four.toString('base64');
}
