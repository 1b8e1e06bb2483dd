/**
 * The body of an upload as a stream of its file's bytes: the content itself, or the one file part of a multipart form.
 *
 * Promises: bytes are pulled, never pushed: nothing is read from the network while the caller is busy, so memory does not
 * grow with the body; a body that stands still for `stillMsMax` ends with `BODY_TOO_SLOW`, one that is cut with `BODY_CUT`,
 * one larger than `bytesMax` with `FILE_TOO_LARGE`. Faults besides: `MEDIA_TYPE_UNKNOWN`, `REQUEST_INVALID`.
 */
import type { IncomingMessage } from 'node:http';
import { pipeline, Transform } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { Fault, isFault } from '../../core/faults.ts';
import { endSocket } from '../problems.ts';
import type { Checksums } from './checksums.ts';

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
    throw new Fault('MEDIA_TYPE_UNKNOWN', 'send text/csv, application/gzip or multipart/form-data');
  }
  if (form && coding === 'gzip') {
    throw new Fault('MEDIA_TYPE_UNKNOWN', 'a form carries gzip inside of its file part, not around itself');
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.bytesMax + (form ? FORM_BYTES_MAX : 0)) throw tooLarge(limits);
  return form
    ? formFile(request, checksums, limits)
    : { bytes: content(request, checksums, limits), name: () => undefined };
}

/** The content of the request, watched; the file's checksums are the caller's to feed. */
async function* content(
  request: IncomingMessage,
  checksums: Checksums,
  { bytesMax, stillMsMax }: BodyLimits,
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
      watch.waiting();
    }
    if (!request.complete) throw new Fault('BODY_CUT');
  } catch (error) {
    throw isFault(error) ? error : (watch.fault() ?? new Fault('BODY_CUT', '', {}, error));
  } finally {
    watch.end();
  }
}

function formFile(request: IncomingMessage, checksums: Checksums, limits: BodyLimits): FileBody {
  let name: string | undefined;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const opened = openForm(request, checksums, limits);
    try {
      const file = await opened.file;
      name = file.name;
      for await (const chunk of file.stream as AsyncIterable<Uint8Array>) yield chunk;
      await opened.done;
      if (file.stream.truncated) throw tooLarge(limits);
    } catch (error) {
      throw isFault(error) ? error : await opened.fault(error);
    } finally {
      opened.end();
    }
  }
  return { bytes: bytes(), name: () => name };
}

interface FilePart {
  readonly name: string;
  readonly stream: AsyncIterable<Uint8Array> & { readonly truncated: boolean };
}

/** Busboy takes the request through a tap, which sees all content; its file part stops the flow while nobody reads it. */
function openForm(request: IncomingMessage, checksums: Checksums, limits: BodyLimits) {
  const { headers } = request;
  const watch = watchStill(request, limits.stillMsMax);
  let parser: InstanceType<typeof Busboy>;
  try {
    const type = headers['content-type'] ?? '';
    parser = new Busboy({
      headers: { ...headers, 'content-type': type },
      limits: { files: 1, fields: 16, fieldSize: 4096, fileSize: limits.bytesMax + 1, parts: 20, headerPairs: 20 },
    });
  } catch {
    watch.end();
    throw new Fault('REQUEST_INVALID', 'the form names no boundary');
  }
  const tap = new Transform({
    transform(chunk: Uint8Array, _encoding, pass) {
      watch.busy();
      checksums.content(chunk);
      pass(null, chunk);
      watch.waiting();
    },
  });
  const { promise: file, resolve: found, reject: missing } = Promise.withResolvers<FilePart>();
  const { promise: done, resolve: ended, reject: broke } = Promise.withResolvers<void>();
  // Whoever does not wait for them is not told of their failure.
  for (const promise of [file, done]) promise.catch(() => {});
  parser.on('file', (_field, stream, filename) => found({ name: filename ?? '', stream }));
  parser.on('filesLimit', () => broke(new Fault('REQUEST_INVALID', 'the form holds more than one file')));
  const cut = (): void => {
    if (!request.complete) tap.destroy(watch.fault() ?? new Fault('BODY_CUT'));
  };
  request.on('error', cut).on('close', cut).pipe(tap);
  // The request itself stands outside: it would be destroyed with the others, and its connection with it.
  pipeline(tap, parser, (error) => {
    watch.end();
    if (error != null) {
      missing(error);
      broke(error);
      return;
    }
    missing(new Fault('REQUEST_INVALID', 'the form holds no file part'));
    ended();
  });
  return {
    file,
    done,
    async fault(error: unknown): Promise<Fault> {
      // A part that ends too early is told before what cut it.
      const cause = await done.then(
        () => error,
        (told: unknown) => told,
      );
      if (isFault(cause)) return cause;
      const cut = request.destroyed && !request.complete;
      return (
        watch.fault() ??
        (cut ? new Fault('BODY_CUT', '', {}, cause) : new Fault('REQUEST_INVALID', 'the form is broken'))
      );
    },
    end() {
      watch.end();
      request.off('error', cut).off('close', cut).unpipe(tap);
      tap.destroy();
    },
  };
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
