/**
 * An HTTP proxy before a server of the tests that makes calls fail, loses replies and doubles messages, by a seed.
 *
 * - A call that fails never reaches the server: its connection is reset, or it is answered 500 or 503.
 * - A call whose reply is lost was carried out: the connection is cut before, or in the middle of, the answer.
 * - Sending messages to a queue is now and then carried out twice, so each of them is delivered twice.
 *
 * The seed fixes the sequence of decisions; which call meets which depends on the order in which calls come.
 */
import { Agent, request as httpRequest, type IncomingMessage, Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FaultShares {
  /** Each from 0 to 1. */
  readonly failed: number;
  readonly replyLost: number;
  readonly sentTwice: number;
}

export interface FaultCounts {
  calls: number;
  failed: number;
  repliesLost: number;
  sentTwice: number;
}

export interface FaultProxy {
  readonly endpoint: string;
  readonly counts: Readonly<FaultCounts>;
  /** Calls by operation: the last part of `x-amz-target`, or S3's method. */
  readonly operations: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export async function startFaultProxy(target: string, shares: FaultShares, seed: number): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const random = randomOf(seed);
  const operations = new Map<string, number>();
  const counts: FaultCounts = { calls: 0, failed: 0, repliesLost: 0, sentTwice: 0 };

  const forward = (request: IncomingMessage, body: Buffer): Promise<Reply> =>
    new Promise((done, failed) => {
      const { method, url, headers } = request;
      const options = {
        agent,
        hostname,
        port,
        method,
        path: url,
        headers: { ...headers, 'content-length': body.length },
      };
      const outgoing = httpRequest(options, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => done({ answer, body: Buffer.concat(chunks) }));
        answer.on('error', failed);
      });
      outgoing.on('error', failed);
      outgoing.end(body);
    });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    counts.calls += 1;
    const target = String(request.headers['x-amz-target'] ?? `S3.${request.method}`);
    const operation = target.slice(target.lastIndexOf('.') + 1);
    operations.set(operation, (operations.get(operation) ?? 0) + 1);
    if (random() < shares.failed) {
      counts.failed += 1;
      refuse(request, response, random());
      return;
    }
    const sends = /SendMessage(Batch)?$/.test(String(request.headers['x-amz-target'] ?? ''));
    // The first one always: a short run sends too few for a share to be sure of any.
    const draw = random();
    if (sends && (draw < shares.sentTwice || (shares.sentTwice > 0 && counts.sentTwice === 0))) {
      counts.sentTwice += 1;
      await forward(request, body);
    }
    const reply = await forward(request, body);
    const headers = { ...reply.answer.headers };
    // The answer is sent on whole, and so with its length.
    delete headers['transfer-encoding'];
    if (request.method !== 'HEAD') headers['content-length'] = String(reply.body.length);
    if (random() < shares.replyLost) {
      counts.repliesLost += 1;
      if (random() < 0.5 && reply.body.length > 1) {
        response.writeHead(reply.answer.statusCode ?? 500, headers);
        response.write(reply.body.subarray(0, reply.body.length >> 1), () => response.destroy());
      } else response.destroy();
      return;
    }
    response.writeHead(reply.answer.statusCode ?? 500, headers);
    response.end(reply.body);
  };

  const server = new Server((request, response) => {
    // The server beyond, or the caller, has gone: there is nobody to tell.
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    operations,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      agent.destroy();
    },
  };
}

interface Reply {
  readonly answer: IncomingMessage;
  readonly body: Buffer;
}

/** In the three ways in which calls fail without having been carried out. */
function refuse(request: IncomingMessage, response: ServerResponse, how: number): void {
  if (how < 1 / 3) {
    response.destroy();
    return;
  }
  const [status, name] = how < 2 / 3 ? [500, 'InternalServerError'] : [503, 'ServiceUnavailable'];
  if (request.headers['x-amz-target'] === undefined) {
    response.writeHead(status as number, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${name}</Code><Message>made to fail</Message></Error>`);
    return;
  }
  response.writeHead(status as number, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify({ __type: `com.amazonaws.made#${name}`, message: 'made to fail' }));
}

/** mulberry32: numbers in [0, 1). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
