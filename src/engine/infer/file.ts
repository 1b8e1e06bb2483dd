/**
 * A file of this machine as a sample: at any place where it is plain, in order where it is gzip.
 *
 * Faults: `INPUT_…` for what is no readable file; `FILE_EMPTY`, `FILE_UTF16`, `FILE_BINARY`, `FILE_ARCHIVE` for what is no text;
 * `GZIP_…` for gzip that is damaged, cut, inflates past the limits or holds gzip. None of them names the path.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { detail } from '../../core/catalogue.ts';
import { Fault, type FaultCode, isFault } from '../../core/faults.ts';
import { sniff } from '../sniff.ts';
import { type FileSample, sampleOf, sampleOfStream } from './sample.ts';

export interface GzipLimits {
  readonly gzipInflatedBytesMax: number;
  readonly gzipRatioMax: number;
}

/** Of the beginning, enough to tell what a file is. */
const SNIFFED_BYTES = 4096;

export async function sampleFile(path: string, limits: GzipLimits, signal: AbortSignal): Promise<FileSample> {
  const file = await openFile(path);
  try {
    const stats = await file.stat();
    if (stats.isDirectory()) throw new Fault('INPUT_IS_DIRECTORY');
    if (!stats.isFile()) throw new Fault('INPUT_NOT_A_FILE');
    if (stats.size === 0) throw new Fault('FILE_EMPTY');
    const placed = { bytes: stats.size, read: (start: number, end: number) => readAt(file, start, end) };
    const looks = lookedAt(await placed.read(0, Math.min(SNIFFED_BYTES, stats.size)));
    const sample = looks === 'gzip' ? await inflated(file, limits, signal) : await sampleOf(placed);
    if (looks === 'gzip') {
      if (sample.fileBytes === 0) throw new Fault('FILE_EMPTY', detail('INFLATES_TO_NOTHING'));
      if (lookedAt(sample.head) === 'gzip') throw new Fault('GZIP_NESTED');
    }
    return sample;
  } finally {
    await file.close();
  }
}

function lookedAt(bytes: Uint8Array): 'gzip' | undefined {
  const looks = sniff(bytes, bytes.length);
  if (isFault(looks)) throw looks;
  return looks;
}

async function readAt(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - start);
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
    if (bytesRead === 0) throw new Fault('INPUT_CHANGED');
    at += bytesRead;
  }
  return bytes;
}

async function inflated(file: FileHandle, limits: GzipLimits, signal: AbortSignal): Promise<FileSample> {
  let read = 0;
  let out = 0;
  const counted = new Transform({
    transform(block: Uint8Array, _encoding, done) {
      read += block.length;
      done(null, block);
    },
  });
  const bounded = new Transform({
    readableObjectMode: true,
    transform(block: Uint8Array, _encoding, done) {
      out += block.length;
      if (out > limits.gzipInflatedBytesMax)
        return done(new Fault('GZIP_BOMB', detail('MORE_THAN_BYTES', limits.gzipInflatedBytesMax)));
      if (out > read * limits.gzipRatioMax + SMALL_BYTES)
        return done(new Fault('GZIP_BOMB', detail('MORE_THAN_TIMES', limits.gzipRatioMax)));
      done(null, block);
    },
  });
  let sample: FileSample | undefined;
  try {
    await pipeline(
      file.createReadStream({ start: 0, autoClose: false }),
      counted,
      createGunzip(),
      bounded,
      async (blocks: AsyncIterable<Uint8Array>) => {
        sample = await sampleOfStream(blocks);
      },
      { signal },
    );
  } catch (error) {
    throw gzipFault(error);
  }
  return sample as FileSample;
}

/** A beginning that inflates further than the ratio allows is no bomb yet. */
const SMALL_BYTES = 1024 * 1024;

function gzipFault(error: unknown): unknown {
  const code = (error as { readonly code?: unknown } | null)?.code;
  if (isFault(error) || typeof code !== 'string' || !code.startsWith('Z_')) return error;
  return new Fault(code === 'Z_BUF_ERROR' ? 'GZIP_TRUNCATED' : 'GZIP_CORRUPT', code, {}, error);
}

const OPEN_FAULTS: Readonly<Record<string, FaultCode>> = {
  ENOENT: 'INPUT_MISSING',
  ENOTDIR: 'INPUT_MISSING',
  EISDIR: 'INPUT_IS_DIRECTORY',
  EACCES: 'INPUT_UNREADABLE',
  EPERM: 'INPUT_UNREADABLE',
};

async function openFile(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK a pipe that nobody writes would hold the process for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = OPEN_FAULTS[(error as NodeJS.ErrnoException).code ?? ''];
    throw code === undefined ? error : new Fault(code, '', {}, error);
  }
}
