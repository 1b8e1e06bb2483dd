/**
 * A bucket over HTTP whose answers a test spoils: enough of S3 for reading and writing objects, with a script that may take over
 * any request. It counts the connections that are open and those that were ever made. Signatures are not looked at.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { closeServer, listen } from '../support.ts';

export interface S3Request {
  /** `GET`, `HEAD`, `PUT`, … */
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** From 0, of all requests. */
  readonly number: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a test does with a request: `undefined` lets the bucket answer; `'handled'` says that the answer was given. */
export type Script = (
  request: S3Request,
  answer: { readonly honest: () => Reply; readonly response: ServerResponse; readonly socket: Socket },
) => Reply | 'handled' | undefined | Promise<Reply | 'handled' | undefined>;

interface Stored {
  readonly bytes: Buffer;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

interface Upload {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parts: Map<number, Buffer>;
}

const LAST_MODIFIED = 'Thu, 15 Jan 2026 12:00:00 GMT';

export class FakeS3 {
  readonly objects = new Map<string, Stored>();
  readonly uploads = new Map<string, Upload>();
  readonly requests: S3Request[] = [];
  script: Script = () => undefined;
  connections = 0;
  readonly open = new Set<Socket>();
  endpoint = '';
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.open.add(socket);
      socket.on('close', () => this.open.delete(socket));
      socket.on('error', () => {});
    });
  }

  async start(): Promise<this> {
    this.endpoint = await listen(this.#server);
    return this;
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }

  store(key: string, bytes: Uint8Array, metadata: Readonly<Record<string, string>> = {}): string {
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    this.objects.set(key, { bytes: Buffer.from(bytes), etag, metadata });
    return etag.replaceAll('"', '');
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const url = new URL(incoming.url ?? '/', 'http://fake');
    const request: S3Request = {
      method: incoming.method ?? '',
      key: decodeURIComponent(url.pathname.split('/').slice(2).join('/')),
      query: url.searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks),
      number: this.requests.length,
    };
    this.requests.push(request);
    response.on('error', () => {});
    let honest: Reply | undefined;
    const answer = (): Reply => {
      honest ??= this.answer(request);
      return honest;
    };
    const reply = (await this.script(request, { honest: answer, response, socket: incoming.socket })) ?? answer();
    if (reply !== 'handled') send(response, reply, request.method);
  }

  /** What S3 would do and say. */
  answer(request: S3Request): Reply {
    const { method, query, key, body, headers } = request;
    const uploadId = query.get('uploadId');
    if (method === 'POST' && query.has('uploads')) return this.#beginUpload(key, metadataOf(headers));
    if (uploadId !== null) return this.#onUpload(request, uploadId);
    if (method === 'PUT') {
      if (!checksumHolds(headers, body)) return failure(400, 'BadDigest');
      this.store(key, body, metadataOf(headers));
      return { status: 200, headers: { etag: (this.objects.get(key) as Stored).etag }, body: Buffer.alloc(0) };
    }
    if (method === 'DELETE') {
      this.objects.delete(key);
      return { status: 204, headers: {}, body: Buffer.alloc(0) };
    }
    const stored = this.objects.get(key);
    if (stored === undefined) return failure(404, 'NoSuchKey');
    return method === 'HEAD' ? whole(stored) : ranged(stored, headers);
  }

  #beginUpload(key: string, metadata: Readonly<Record<string, string>>): Reply {
    const id = `upload-${this.uploads.size + 1}`;
    this.uploads.set(id, { key, metadata, parts: new Map() });
    return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
  }

  #onUpload({ method, query, key, body, headers }: S3Request, id: string): Reply {
    const upload = this.uploads.get(id);
    if (upload === undefined) return failure(404, 'NoSuchUpload');
    if (method === 'DELETE') {
      this.uploads.delete(id);
      return { status: 204, headers: {}, body: Buffer.alloc(0) };
    }
    if (method === 'PUT') {
      if (!checksumHolds(headers, body)) return failure(400, 'BadDigest');
      upload.parts.set(Number(query.get('partNumber')), body);
      return {
        status: 200,
        headers: { etag: `"${createHash('md5').update(body).digest('hex')}"` },
        body: Buffer.alloc(0),
      };
    }
    const asked = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map((match) => Number(match[1]));
    const bytes = Buffer.concat(asked.map((part) => upload.parts.get(part) ?? Buffer.alloc(0)));
    this.store(key, bytes, upload.metadata);
    this.uploads.delete(id);
    const { etag } = this.objects.get(key) as Stored;
    return xml(
      `<CompleteMultipartUploadResult><ETag>${etag.replaceAll('"', '&quot;')}</ETag></CompleteMultipartUploadResult>`,
    );
  }
}

/** A server's error as S3 writes it. */
export function failure(status: number, code: string): Reply {
  return {
    ...xml(`<Error><Code>${code}</Code><Message>inbox/acme/secret 529.982.247-25.csv</Message></Error>`),
    status,
  };
}

export function send(response: ServerResponse, reply: Reply, method = 'GET'): void {
  response.writeHead(reply.status, { 'content-length': String(reply.body.length), ...reply.headers });
  response.end(method === 'HEAD' ? undefined : reply.body);
}

/** Sends the headers and the first `bytes` of the body, and nothing more. */
export function sendBeginning(response: ServerResponse, reply: Reply, bytes: number): void {
  response.writeHead(reply.status, { 'content-length': String(reply.body.length), ...reply.headers });
  response.flushHeaders();
  response.write(reply.body.subarray(0, bytes));
}

function xml(text: string): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(`<?xml version="1.0"?>${text}`),
  };
}

function whole({ bytes, etag, metadata }: Stored): Reply {
  const meta = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]));
  return { status: 200, headers: { etag, 'last-modified': LAST_MODIFIED, ...meta }, body: bytes };
}

function ranged(stored: Stored, headers: IncomingMessage['headers']): Reply {
  const { bytes, etag } = stored;
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag) return failure(412, 'PreconditionFailed');
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
  const all = whole(stored);
  if (range === null) return all;
  const [start, end] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
  if (start >= bytes.length) return failure(416, 'InvalidRange');
  const told = { ...all.headers, 'content-range': `bytes ${start}-${end}/${bytes.length}` };
  return { status: 206, headers: told, body: bytes.subarray(start, end + 1) };
}

function checksumHolds(headers: IncomingMessage['headers'], body: Buffer): boolean {
  const told = headers['x-amz-checksum-crc32'];
  if (told === undefined) return true;
  const four = Buffer.alloc(4);
  four.writeUInt32BE(crc32(body));
  return told === four.toString('base64');
}

function metadataOf(headers: IncomingMessage['headers']): Record<string, string> {
  const all = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return Object.fromEntries(all.map(([name, value]) => [name.slice('x-amz-meta-'.length), String(value)]));
}
