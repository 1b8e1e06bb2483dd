/**
 * The body of an upload as a stream of its file's bytes: the content itself, or the one file part of a multipart form.
 *
 * Promises: bytes are pulled, never pushed: nothing is read from the network while the caller is busy, so memory does not
 * grow with the body; a body that stands still for `stillMsMax` ends with `BODY_TOO_SLOW`, one that is cut with `BODY_CUT`,
 * one larger than `bytesMax` with `FILE_TOO_LARGE`. Faults besides: `MEDIA_TYPE_UNKNOWN`, `REQUEST_INVALID`.
 */
import type { IncomingMessage } from 'node:http';
import { Fault, isFault } from '../../core/faults.ts';
import { endSocket } from '../problems.ts';
import type { Checksums } from './checksums.ts';
import { boundaryOf, filePartOf } from './forms.ts';

export interface BodyLimits {
  readonly bytesMax: number;
  readonly stillMsMax: number;
}

export interface FileBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The name in the form; known once the first bytes came. */
  name(): string | undefined;
}

const FILE_TYPES: ReadonlySet<string> = new Set([
  '',
  'text/csv',
  'text/plain',
  'application/csv',
  'application/x-ndjson',
  'application/jsonl',
  'application/vnd.ms-excel',
  'application/octet-stream',
  'application/gzip',
  'application/x-gzip',
]);
const MULTIPART = 'multipart/form-data';
/** Besides the file: its part's head, the boundaries, and fields that are of no use here. */
const FORM_BYTES_MAX = 64 * 1024;

export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

export function isForm(request: IncomingMessage): boolean {
  return mediaTypeOf(request) === MULTIPART;
}

/** Gzip, in the file or as the coding of the request, is stored as it came: the picker inflates it within limits. */
export function fileBody(request: IncomingMessage, checksums: Checksums, limits: BodyLimits): FileBody {
  const coding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding !== 'identity' && coding !== 'gzip')
    throw new Fault('MEDIA_TYPE_UNKNOWN', 'content-encoding is gzip or none');
  const form = isForm(request);
  if (!form && !FILE_TYPES.has(mediaTypeOf(request))) {
    throw new Fault(
      'MEDIA_TYPE_UNKNOWN',
      'send text/csv, application/x-ndjson, application/octet-stream, application/gzip or multipart/form-data',
    );
  }
  if (form && coding === 'gzip') {
    throw new Fault('MEDIA_TYPE_UNKNOWN', 'a form carries gzip inside of its file part, not around itself');
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.bytesMax + (form ? FORM_BYTES_MAX : 0)) throw tooLarge(limits);
  return form
    ? formFile(request, checksums, limits)
    : { bytes: content(request, checksums, limits, true), name: () => undefined };
}

/**
 * The content of the request, watched; the file's checksums are the caller's to feed.
 * @param isGivenBack whether a chunk is of no use to the caller once it asks for the next
 */
async function* content(
  request: IncomingMessage,
  checksums: Checksums,
  { bytesMax, stillMsMax }: BodyLimits,
  isGivenBack: boolean,
): AsyncGenerator<Uint8Array> {
  const watch = watchStill(request, stillMsMax);
  let bytes = 0;
  try {
    // A refusal is answered on the same connection: leaving the loop must not end that.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      watch.busy();
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLarge({ bytesMax });
      checksums.content(chunk);
      yield chunk;
      if (isGivenBack) giveBack(chunk);
      watch.waiting();
    }
    if (!request.complete) throw new Fault('BODY_CUT');
  } catch (error) {
    throw isFault(error) ? error : (watch.fault() ?? new Fault('BODY_CUT', '', {}, error));
  } finally {
    watch.end();
  }
}

/**
 * Frees a chunk's memory now. Left to the collector, each 32 MB of chunks make it mark the whole heap, which took 40 % of the
 * main thread's time.
 */
function giveBack(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength) buffer.transfer(0);
}

function formFile(request: IncomingMessage, checksums: Checksums, limits: BodyLimits): FileBody {
  const boundary = boundaryOf(request.headers['content-type'] ?? '');
  let name: string | undefined;
  // The form as a whole may be a little larger than the file in it.
  const whole = content(request, checksums, { ...limits, bytesMax: limits.bytesMax + FORM_BYTES_MAX }, false);
  const part = filePartOf(whole, boundary, FORM_BYTES_MAX, (found) => {
    name = found;
  });
  async function* bytes(): AsyncGenerator<Uint8Array> {
    let bytesOfFile = 0;
    try {
      for await (const chunk of part) {
        bytesOfFile += chunk.length;
        if (bytesOfFile > limits.bytesMax) throw tooLarge(limits);
        yield chunk;
      }
    } finally {
      await whole.return(undefined);
    }
  }
  return { bytes: bytes(), name: () => name };
}

/** Destroys a request whose next bytes do not come in time; the time its reader takes does not count. */
function watchStill(request: IncomingMessage, stillMsMax: number) {
  let fault: Fault | undefined;
  let waitsSince: number | undefined = performance.now();
  const timer = setInterval(
    () => {
      if (waitsSince === undefined || performance.now() - waitsSince < stillMsMax) return;
      fault = new Fault('BODY_TOO_SLOW', `no byte came for ${stillMsMax} ms`);
      endSocket(request.socket, fault);
      request.destroy(fault);
    },
    Math.max(10, Math.min(1000, stillMsMax / 4)),
  );
  timer.unref();
  return {
    busy: () => {
      waitsSince = undefined;
    },
    waiting: () => {
      waitsSince = performance.now();
    },
    fault: () => fault,
    end: () => clearInterval(timer),
  };
}

function tooLarge({ bytesMax }: { readonly bytesMax: number }): Fault {
  return new Fault('FILE_TOO_LARGE', `at most ${bytesMax} bytes`);
}

/** Reads on what a refused request still sends, within bounds, so that its sender comes to read the answer. */
export async function linger(request: IncomingMessage, bytesMax: number, msMax: number): Promise<void> {
  if (request.complete || request.destroyed) return;
  await new Promise<void>((quiet) => {
    let bytes = 0;
    const end = (): void => {
      clearTimeout(timer);
      request.off('data', count).off('end', end).off('close', end).off('error', end).pause();
      quiet();
    };
    const count = (chunk: Uint8Array): void => {
      bytes += chunk.length;
      if (bytes > bytesMax) end();
    };
    const timer = setTimeout(end, msMax);
    request.on('data', count).on('end', end).on('close', end).on('error', end).resume();
  });
}
