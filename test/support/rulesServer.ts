/**
 * A rules service over real HTTP that behaves as it is told, request by request. It remembers what it was asked, so that a
 * test can tell whether it was asked at all, under which path, with which condition and which token.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export const RULES_FAULTS = [
  'slow',
  'stalls',
  'drips',
  'cut',
  'reset',
  'fails',
  'denies',
  'redirects',
  'rubbish',
  'binary',
  'invalid',
  'large',
  'endless',
  'packed',
  'headers',
] as const;
export type RulesFault = (typeof RULES_FAULTS)[number];
/** `unlabelled`: the document without an ETag. `unasked`: 304, whatever was asked. */
export type RulesManner = 'well' | 'unlabelled' | 'absent' | 'gone' | 'unasked' | RulesFault;

export interface RulesRequest {
  readonly path: string;
  readonly condition: string | null;
  readonly token: string | null;
}

const ENDLESS = 'x'.repeat(10_000);

export class RulesServer {
  readonly asked: RulesRequest[] = [];
  /** Where it listens, or did before it was closed. */
  origin = '';
  manner: RulesManner = 'well';
  document: unknown = { format: 1 };
  etag = '"1"';
  /** While it is there, no answer is given before it settles. */
  hold: Promise<void> | undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<RulesServer> {
    const server = new RulesServer();
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done));
    server.origin = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }

  /** Gives another document from now on. */
  give(document: unknown, etag: string): void {
    this.document = document;
    this.etag = etag;
    this.manner = 'well';
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const header = (name: string): string | null => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : null;
    };
    const condition = header('if-none-match');
    this.asked.push({ path: request.url ?? '', condition, token: header('x-token') ?? header('authorization') });
    const manner = this.manner;
    await this.hold;
    response.on('error', () => {});
    const text = JSON.stringify(this.document);
    const json = { 'content-type': 'application/json', etag: this.etag };
    switch (manner) {
      case 'well':
        if (condition === this.etag) response.writeHead(304, { etag: this.etag }).end();
        else response.writeHead(200, json).end(text);
        return;
      case 'unlabelled':
        response.writeHead(200).end(text);
        return;
      case 'absent':
        response.writeHead(404).end('no such thing');
        return;
      case 'gone':
        response.writeHead(410).end();
        return;
      case 'unasked':
        response.writeHead(304).end();
        return;
      case 'slow':
        return;
      case 'stalls':
        response.writeHead(200, json).write(text.slice(0, 5));
        return;
      case 'drips':
        response.writeHead(200, json);
        drip(response);
        return;
      case 'cut':
        response.writeHead(200, { ...json, 'content-length': text.length });
        response.write(text.slice(0, 5), () => request.socket.destroy());
        return;
      case 'reset':
        request.socket.destroy();
        return;
      case 'fails':
        response.writeHead(503, { 'retry-after': '100' }).end('busy');
        return;
      case 'denies':
        response.writeHead(401).end();
        return;
      case 'redirects':
        response.writeHead(302, { location: '/elsewhere' }).end();
        return;
      case 'rubbish':
        response.writeHead(200, json).end('<html>It works!</html>');
        return;
      case 'binary':
        response.writeHead(200, json).end(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
        return;
      case 'invalid':
        response.writeHead(200, json).end('{"format":1,"dialeto":{"529.982.247-25":1}}');
        return;
      case 'large':
        response.writeHead(200, { ...json, 'content-length': 10_000_000 }).write(ENDLESS);
        return;
      case 'endless':
        response.writeHead(200, json);
        pour(response);
        return;
      case 'packed':
        response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(text));
        return;
      case 'headers':
        for (let n = 0; n < 40; n++) response.setHeader(`x-${n}`, 'y'.repeat(1000));
        response.writeHead(200, json).end(text);
        return;
    }
  }
}

/** A byte now and then, for as long as anybody reads: never idle for long, never at an end. */
function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write(' '), 10);
  response.on('close', () => clearInterval(timer));
}

function pour(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(ENDLESS));
  };
  response.on('drain', more);
  more();
}
