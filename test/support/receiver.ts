/**
 * A receiver of webhooks that behaves as it is told, request by request: it takes, fails, stalls, cuts the line after it has
 * taken, redirects, or answers without end. It checks every signature by itself and remembers what it took.
 */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Behaviour = 'take' | 'fail' | 'stall' | 'lose' | 'redirect' | 'gone' | 'endless';

export interface Taken {
  readonly id: string;
  readonly body: string;
  readonly how: Behaviour;
}

export class Receiver {
  /** Every request that came, in order. */
  readonly came: Taken[] = [];
  /** Requests whose signature or time was not right. */
  readonly foreign: string[] = [];
  readonly #server: Server;
  readonly #secret: string;
  readonly #next: (nth: number, id: string) => Behaviour;
  readonly #paths: string[] = [];

  private constructor(secret: string, next: (nth: number, id: string) => Behaviour) {
    this.#secret = secret;
    this.#next = next;
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  static async start(secret: string, next: (nth: number, id: string) => Behaviour): Promise<Receiver> {
    const receiver = new Receiver(secret, next);
    await new Promise<void>((done) => receiver.#server.listen(0, '127.0.0.1', done));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  get paths(): readonly string[] {
    return this.#paths;
  }

  /** What the receiver has done its work for: those that were answered 2xx and those whose answer was lost. */
  get worked(): Set<string> {
    return new Set(this.came.filter(({ how }) => ['take', 'lose', 'endless'].includes(how)).map(({ id }) => id));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    try {
      for await (const block of request.setEncoding('utf8')) body += block;
    } catch {
      return;
    }
    this.#paths.push(request.url ?? '');
    const header = (name: string): string => String(request.headers[name] ?? '');
    const id = header('webhook-id');
    const key = Buffer.from(this.#secret.slice('whsec_'.length), 'base64');
    const time = header('webhook-timestamp');
    const wanted = `v1,${createHmac('sha256', key).update(`${id}.${time}.${body}`).digest('base64')}`;
    if (!header('webhook-signature').split(' ').includes(wanted)) this.foreign.push(id);
    const how = this.#next(this.came.length, id);
    this.came.push({ id, body, how });
    switch (how) {
      case 'take':
        response.writeHead(204).end();
        break;
      case 'fail':
        response.writeHead(503).end('busy');
        break;
      case 'gone':
        response.writeHead(410).end();
        break;
      case 'redirect':
        response.writeHead(307, { location: `http://127.0.0.1:${this.port}/elsewhere` }).end();
        break;
      case 'lose':
        request.socket.destroy();
        break;
      case 'endless':
        response.writeHead(200);
        response.write('x'.repeat(100_000));
        break;
      case 'stall':
        break;
    }
  }
}
