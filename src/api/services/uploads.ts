/**
 * A file that comes in with one request: straight into the object store, then a batch.
 *
 * Promises: a batch exists only for a file that came whole and whose checksums agree; what was refused or cut leaves
 * nothing behind. Memory: one block on its way to the store while the next is gathered.
 */
import type { IncomingMessage } from 'node:http';
import { Fault } from '../../core/faults.ts';
import { attemptId, batchIdOf } from '../../core/ids.ts';
import type { ObjectInfo } from '../../io/ports/objects.ts';
import type { Batch } from '../../io/ports/registry.ts';
import { acceptObject, clientOf } from '../../stages/accept.ts';
import { RAW_BUCKET, rawKey } from '../../stages/batch/keys.ts';
import type { ApiContext } from '../context.ts';
import { type FileBody, fileBody, isForm } from './bodies.ts';
import { Checksums } from './checksums.ts';

export interface UploadWishes {
  readonly client: string;
  /** What the client calls the file; the name in a form goes before it. */
  readonly file: string;
  readonly asOf: string | null;
  readonly dryRun: boolean;
}

export interface Stored {
  readonly key: string;
  readonly etag: string;
  readonly bytes: number;
  readonly file: string;
  /** SHA-256, in hexadecimal. */
  readonly sha256: string;
}

const NAME_CHARACTERS_MAX = 255;
/** Two of them an upload; `limits.ts` counts them, and the chunks they are filled from. */
const BLOCK_BYTES = 128 * 1024;
const VERSION = '1';

/** Faults: those of bodies.ts and checksums.ts, `CLIENT_UNKNOWN`, `STORE_…`. */
export async function storeUpload(
  context: ApiContext,
  request: IncomingMessage,
  wishes: UploadWishes,
): Promise<Stored> {
  // Nothing is stored for a client that would be refused.
  await clientOf(context, wishes.client);
  const { body, checksums } = openBody(context, request);
  const writer = await context.objects.create(
    rawKey(wishes.client, `u-${attemptId(context.random)}${attemptId(context.random)}`),
  );
  try {
    await writeBlocks(body.bytes, checksums, (block) => writer.write(block));
    const sha256 = checksums.finish();
    const object: ObjectInfo = await writer.commit();
    const { key, etag, bytes } = object;
    return { key, etag, bytes, sha256, file: displayName(body.name() || wishes.file) };
  } finally {
    await writer.abort();
  }
}

/**
 * Gathers chunks in one block while the other is written: the network, the processor and the disk are busy at the same time,
 * the store is asked less often, and nothing is allocated that would have to be collected.
 */
async function writeBlocks(
  chunks: AsyncIterable<Uint8Array>,
  checksums: Checksums,
  write: (block: Uint8Array) => Promise<void>,
): Promise<void> {
  let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let other = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let bytes = 0;
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = write(block.subarray(0, bytes));
    // It is waited for before the next one; until then its failure is nobody's.
    writing.catch(() => {});
    [block, other] = [other, block];
    bytes = 0;
  };
  try {
    for await (const chunk of chunks) {
      checksums.file(chunk);
      for (let at = 0; at < chunk.length; ) {
        const taken = Math.min(chunk.length - at, BLOCK_BYTES - bytes);
        block.set(chunk.subarray(at, at + taken), bytes);
        at += taken;
        bytes += taken;
        if (bytes === BLOCK_BYTES) await flush();
      }
    }
    if (bytes > 0) await flush();
  } finally {
    // A writer is closed or given up only when it is quiet.
    await writing;
  }
}

/** Reads a body to its end and keeps nothing of it: its SHA-256. */
export async function digestUpload(context: ApiContext, request: IncomingMessage): Promise<string> {
  const { body, checksums } = openBody(context, request);
  for await (const chunk of body.bytes) checksums.file(chunk);
  return checksums.finish();
}

/** The batch of a stored file; the same one, however often. */
export async function acceptUpload(context: ApiContext, stored: Stored, wishes: UploadWishes): Promise<Batch> {
  return await acceptObject(context, {
    id: batchIdOf(RAW_BUCKET, stored.key, VERSION),
    client: wishes.client,
    file: stored.file,
    bucket: RAW_BUCKET,
    key: stored.key,
    version: VERSION,
    etag: stored.etag,
    bytes: stored.bytes,
    dryRun: wishes.dryRun,
    ...(wishes.asOf === null ? {} : { asOf: wishes.asOf }),
  });
}

/** How many files come in now; bounded, for each holds a buffer and a place in the store. */
export class UploadSlots {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  async hold<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#max) throw new Fault('UPLOADS_TOO_MANY');
    this.#taken += 1;
    try {
      return await work();
    } finally {
      this.#taken -= 1;
    }
  }
}

function openBody(
  { settings }: ApiContext,
  request: IncomingMessage,
): { readonly body: FileBody; readonly checksums: Checksums } {
  const checksums = new Checksums(request.headers, !isForm(request));
  const limits = { bytesMax: settings.fileBytesMax, stillMsMax: settings.httpBodyMs };
  return { body: fileBody(request, checksums, limits), checksums };
}

/** A file name is metadata: it is shown, so it holds no control characters and has a bounded length. */
export function displayName(name: string): string {
  return [...name.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '')].slice(0, NAME_CHARACTERS_MAX).join('');
}
