/**
 * A server that speaks as much of DynamoDB's protocol as staging uses, keeps items in a map, and does to each request what
 * a script says: refuses it, loses its answer, stalls, lies. Real sockets, so that the client's sockets are tested too.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { crc32 } from 'node:zlib';
import { closeServer, listen } from '../support.ts';

export interface Received {
  readonly operation: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** Of a batch write; 0 otherwise. */
  readonly items: number;
}

/** What happens to a request. */
export type Act =
  | { readonly kind: 'answer' }
  /** Items for which `left` answers true are not processed. */
  | { readonly kind: 'unprocessed'; left(item: number): boolean }
  | { readonly kind: 'error'; readonly status: number; readonly type?: string; readonly date?: Date }
  /** The socket ends before the answer; `applied`: the request had taken effect. */
  | { readonly kind: 'reset'; readonly applied: boolean }
  | { readonly kind: 'stall'; readonly at: 'headers' | 'body' }
  | { readonly kind: 'lie'; readonly about: 'crc' | 'json' | 'kind' | 'keys' | 'cut' }
  | { readonly kind: 'huge' }
  /** Answers, and closes the connection unannounced. */
  | { readonly kind: 'hang up' };

export const ANSWER: Act = { kind: 'answer' };

type Attributes = Record<string, { S?: string; N?: string; B?: string }>;
type WriteRequest = { PutRequest?: { Item: Attributes }; DeleteRequest?: { Key: Attributes } };

export class FakeDynamo {
  /** `pk\nsk` → item. */
  readonly items = new Map<string, Attributes>();
  readonly received: Received[] = [];
  /** Every request since the last look, and how many are there at once. */
  underWay = 0;
  underWayMax = 0;
  act: (request: Received, index: number) => Act | Promise<Act> = () => ANSWER;
  endpoint = '';
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));

  static async start(): Promise<FakeDynamo> {
    const fake = new FakeDynamo();
    fake.endpoint = await listen(fake.#server);
    return fake;
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }

  /** Does `acts` to the first requests, one each, and answers those after them. */
  script(...acts: readonly Act[]): void {
    let next = this.received.length;
    const from = next;
    this.act = () => acts[next++ - from] ?? ANSWER;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.underWayMax = Math.max(this.underWayMax, ++this.underWay);
    response.on('close', () => this.underWay--);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      const writes = operation === 'BatchWriteItem' ? writesOf(body) : [];
      const received: Received = { operation, headers: request.headers, body, items: writes.length };
      this.received.push(received);
      const act = await this.act(received, this.received.length - 1);
      this.#act(act, received, writes, request, response);
    } catch {
      // The client hung up.
      response.destroy();
    }
  }

  #act(act: Act, received: Received, writes: WriteRequest[], request: IncomingMessage, response: ServerResponse): void {
    switch (act.kind) {
      case 'answer':
        this.#answer(
          response,
          this.#apply(received, writes, () => false),
        );
        return;
      case 'unprocessed':
        this.#answer(response, this.#apply(received, writes, act.left));
        return;
      case 'error': {
        response.statusCode = act.status;
        if (act.date !== undefined) response.setHeader('date', act.date.toUTCString());
        const type = act.type === undefined ? {} : { __type: `com.amazonaws.dynamodb.v20120810#${act.type}` };
        this.#answer(response, JSON.stringify({ ...type, message: 'about the key b-1#00000' }));
        return;
      }
      case 'reset':
        if (act.applied) this.#apply(received, writes, () => false);
        request.socket.resetAndDestroy();
        return;
      case 'stall':
        this.#apply(received, writes, () => false);
        if (act.at === 'headers') return;
        response.writeHead(200, { 'content-length': 100 });
        response.write('{"Unproc');
        return;
      case 'lie':
        this.#lie(act.about, received, writes, response);
        return;
      case 'huge':
        response.writeHead(200);
        response.on('error', () => {});
        response.end(Buffer.alloc(8 * 1024 * 1024, ' '));
        return;
      case 'hang up':
        response.on('finish', () => request.socket.destroy());
        this.#answer(
          response,
          this.#apply(received, writes, () => false),
        );
        return;
    }
  }

  #lie(about: string, received: Received, writes: WriteRequest[], response: ServerResponse): void {
    const text = this.#apply(received, writes, () => false);
    if (about === 'crc') {
      response.setHeader('x-amz-crc32', String((crc32(text) ^ 1) >>> 0));
      response.end(text);
    } else if (about === 'cut') {
      response.writeHead(200, { 'content-length': text.length });
      response.write(text.slice(0, -1));
      response.socket?.end();
    } else if (about === 'json') this.#answer(response, text.slice(0, -1));
    else if (about === 'kind') this.#answer(response, '{"Other":[]}');
    else {
      const Item = { pk: { S: 'of' }, sk: { S: 'another' } };
      const left = { [tableOf(received.body)]: [{ PutRequest: { Item } }] };
      this.#answer(response, JSON.stringify({ UnprocessedItems: left, Items: [{ sk: { S: 'no bytes' } }] }));
    }
  }

  #answer(response: ServerResponse, text: string): void {
    response.setHeader('x-amz-crc32', String(crc32(text)));
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    response.end(text);
  }

  #apply(received: Received, writes: WriteRequest[], left: (item: number) => boolean): string {
    if (received.operation === 'Query') return this.#query(received.body);
    const unprocessed = writes.filter((write, index) => {
      if (left(index)) return true;
      const key = write.PutRequest?.Item ?? write.DeleteRequest?.Key ?? {};
      const text = `${key['pk']?.S}\n${key['sk']?.S}`;
      if (write.PutRequest === undefined) this.items.delete(text);
      else this.items.set(text, write.PutRequest.Item);
      return false;
    });
    const none = unprocessed.length === 0;
    return JSON.stringify({ UnprocessedItems: none ? {} : { [tableOf(received.body)]: unprocessed } });
  }

  #query(body: Buffer): string {
    const query = JSON.parse(body.toString()) as {
      ExpressionAttributeValues: Record<string, { S: string }>;
      ExclusiveStartKey?: { sk: { S: string } };
      ConsistentRead?: boolean;
    };
    if (query.ConsistentRead !== true) throw new Error('every read is consistent');
    const pk = query.ExpressionAttributeValues[':pk']?.S;
    const prefix = query.ExpressionAttributeValues[':sk']?.S ?? '';
    const after = query.ExclusiveStartKey?.sk.S ?? '';
    const found = [...this.items.values()]
      .filter((item) => item['pk']?.S === pk && item['sk']?.S?.startsWith(prefix) && (item['sk']?.S ?? '') > after)
      .sort((a, b) => (String(a['sk']?.S) < String(b['sk']?.S) ? -1 : 1));
    const Items = found.slice(0, 3).map(({ sk, p }) => ({ sk, p }));
    const last = found.length > 3 ? { LastEvaluatedKey: { pk: { S: pk }, sk: Items.at(-1)?.sk } } : {};
    return JSON.stringify({ Items, Count: Items.length, ...last });
  }
}

function requestItems(body: Buffer): Record<string, WriteRequest[]> {
  return (JSON.parse(body.toString()) as { RequestItems: Record<string, WriteRequest[]> }).RequestItems;
}

function writesOf(body: Buffer): WriteRequest[] {
  return Object.values(requestItems(body)).flat();
}

function tableOf(body: Buffer): string {
  return Object.keys(requestItems(body))[0] ?? '';
}
