/**
 * A server of DynamoDB's protocol with another one behind it, which does to each request what a script says: refuses it,
 * loses its answer, leaves a part of it undone. What is done is done by the server behind, by its own rules.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { closeServer, listen } from '../support.ts';

export interface Asked {
  readonly operation: string;
  readonly body: string;
  /** Of a batch of statements. */
  readonly statements: readonly object[];
  /** Of a batch of reads. */
  readonly keys: readonly object[];
}

export type Harm =
  | { readonly kind: 'none' }
  | { readonly kind: 'error'; readonly status: number; readonly type: string }
  /** The socket ends before the answer, after or before the request took effect. */
  | { readonly kind: 'reset'; readonly applied: boolean }
  /** Statements for which there is a code are not run and answer that; keys for which there is one are unprocessed. */
  | { readonly kind: 'parts'; codeOf(part: number): string | undefined }
  | { readonly kind: 'answer'; of(answer: string): string };

export const NO_HARM: Harm = { kind: 'none' };

interface Sent {
  readonly Statements?: readonly object[];
  readonly RequestItems?: Readonly<Record<string, { readonly Keys?: readonly object[] }>>;
}

export class FaultyProxy {
  endpoint = '';
  readonly asked: Asked[] = [];
  underWay = 0;
  underWayMax = 0;
  harm: (asked: Asked, index: number) => Harm | Promise<Harm> = () => NO_HARM;
  readonly #behind: string;
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  private constructor(behind: string) {
    this.#behind = behind;
  }

  static async start(behind: string): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(behind);
    proxy.endpoint = await listen(proxy.#server);
    return proxy;
  }

  /** Does these to the next requests of the operation, one each, and nothing to those after them. */
  script(operation: string, ...harms: readonly Harm[]): void {
    let next = 0;
    this.harm = (asked) => (asked.operation === operation ? (harms[next++] ?? NO_HARM) : NO_HARM);
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.underWayMax = Math.max(this.underWayMax, ++this.underWay);
    response.on('close', () => this.underWay--);
    try {
      const body = (await bytesOf(request)).toString();
      const sent = JSON.parse(body) as Sent;
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      const keys = operation === 'BatchGetItem' ? (Object.values(sent.RequestItems ?? {})[0]?.Keys ?? []) : [];
      const asked: Asked = { operation, body, statements: sent.Statements ?? [], keys };
      this.asked.push(asked);
      const harm = await this.harm(asked, this.asked.length - 1);
      const answer = await this.#answerOf(harm, asked, sent, request);
      if (harm.kind === 'reset') request.socket.resetAndDestroy();
      else {
        response.statusCode = harm.kind === 'error' ? harm.status : answer.status;
        response.end(harm.kind === 'answer' ? harm.of(answer.text) : answer.text);
      }
    } catch {
      // The client hung up.
      response.destroy();
    }
  }

  async #answerOf(harm: Harm, asked: Asked, sent: Sent, request: IncomingMessage): Promise<Answer> {
    if (harm.kind === 'error') return { status: harm.status, text: JSON.stringify({ __type: `x#${harm.type}` }) };
    if (harm.kind === 'reset' && !harm.applied) return { status: 0, text: '' };
    if (harm.kind !== 'parts') return this.#forward(request, asked.body);
    return asked.operation === 'BatchGetItem'
      ? this.#someKeys(harm, asked, sent, request)
      : this.#someStatements(harm, asked, request);
  }

  async #someKeys(harm: Harm & { kind: 'parts' }, asked: Asked, sent: Sent, request: IncomingMessage): Promise<Answer> {
    const table = Object.keys(sent.RequestItems ?? {})[0] as string;
    const done = asked.keys.filter((_, i) => harm.codeOf(i) === undefined);
    const left = asked.keys.filter((_, i) => harm.codeOf(i) !== undefined);
    let Responses: unknown = { [table]: [] };
    if (done.length > 0) {
      const body = { RequestItems: { [table]: { ConsistentRead: true, Keys: done } } };
      const { text } = await this.#forward(request, JSON.stringify(body));
      ({ Responses } = JSON.parse(text) as { Responses: unknown });
    }
    const UnprocessedKeys = left.length === 0 ? {} : { [table]: { ConsistentRead: true, Keys: left } };
    return { status: 200, text: JSON.stringify({ Responses, UnprocessedKeys }) };
  }

  async #someStatements(harm: Harm & { kind: 'parts' }, asked: Asked, request: IncomingMessage): Promise<Answer> {
    const run = asked.statements.filter((_, i) => harm.codeOf(i) === undefined);
    const { text } =
      run.length === 0
        ? { text: '{"Responses":[]}' }
        : await this.#forward(request, JSON.stringify({ Statements: run }));
    const ran = (JSON.parse(text) as { Responses: object[] }).Responses;
    const Responses = asked.statements.map((_, i) => {
      const code = harm.codeOf(i);
      return code === undefined ? ran.shift() : { Error: { Code: code, Message: 'about the value 52998224725' } };
    });
    return { status: 200, text: JSON.stringify({ Responses }) };
  }

  #forward(like: IncomingMessage, body: string): Promise<Answer> {
    const sent = Buffer.from(body);
    const headers = { ...like.headers, host: new URL(this.#behind).host, 'content-length': String(sent.length) };
    return new Promise((done, failed) => {
      const request = httpRequest(this.#behind, { method: 'POST', headers }, (response) => {
        bytesOf(response).then((bytes) => done({ status: response.statusCode ?? 0, text: bytes.toString() }), failed);
      });
      request.on('error', failed);
      request.end(sent);
    });
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
