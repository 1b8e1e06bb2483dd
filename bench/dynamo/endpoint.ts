/**
 * A process that answers writes to DynamoDB as cheaply as it can: it counts the bytes of each request and says that all was
 * done; of a batch of statements also those, for each has an answer; of a batch of reads it finds every key, with one and the
 * same debt. When told to keep, it keeps every item and every
 * statement, so that what was sent can be compared with what should have been.
 *
 * Talks with its parent: `{ port }` once it listens; then `'keep'` → keeps from now on, `'give'` → `{ items }`, and forgets.
 * It ends when its parent does.
 */
import { createServer, type Socket } from 'node:net';
import process from 'node:process';
import { crc32 } from 'node:zlib';

/** `pk`, `sk`, the bytes of `p` in base64, `ttl`; of a statement, its text and its parameters in JSON. */
export type KeptItem = readonly [pk: string, sk: string, p: string, ttl: string];

const WRITTEN = answerOf('{"UnprocessedItems":{}}');
const PUT = answerOf('{}');
/** By the number of statements. */
const DONE = Array.from({ length: 26 }, (_, count) => {
  const responses = new Array<string>(count).fill('{"TableName":"remessa-debts"}');
  return answerOf(`{"Responses":[${responses.join(',')}]}`);
});

/** What every key that is read is found with, beside the key. */
const DEBT = JSON.stringify({
  turn: { N: '7' },
  amount_cents: { N: '123456' },
  created_batch: { S: 'b-0123456789abcdef01234567' },
  created_line: { N: '1234567' },
  changed_batch: { S: 'b-0123456789abcdef01234567' },
  changed_line: { N: '1234567' },
  created_at_ms: { N: '1790000000000' },
  changed_at_ms: { N: '1790000000000' },
  doc: { S: 'acme#P4CSQ8NqPLl9MJ1y3Q5xVg' },
  cpf: { S: '52998224725' },
  debtor_name: { S: 'Maria da Silva Pereira' },
  due_date: { S: '2025-03-01' },
  debtor_email: { S: 'maria.silva@example.com' },
  debtor_phone: { S: '+5511987654321' },
  installment: { S: '3/12' },
}).slice(1);

function itemsFor(request: Buffer): Buffer {
  const { RequestItems } = JSON.parse(request.toString()) as {
    readonly RequestItems: Readonly<Record<string, { readonly Keys: readonly object[] }>>;
  };
  const [[table, { Keys }] = ['', { Keys: [] }]] = Object.entries(RequestItems);
  const items = Keys.map((key) => `${JSON.stringify(key).slice(0, -1)},${DEBT}`);
  return answerOf(`{"Responses":{"${table}":[${items.join(',')}]},"UnprocessedKeys":{}}`);
}

function answerOf(text: string): Buffer {
  const body = Buffer.from(text);
  const head =
    'HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n' +
    `x-amz-crc32: ${crc32(body)}\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

let keeping = false;
let items: KeptItem[] = [];

/** One request at a time on a connection; no chunked bodies: neither client sends them. */
function serve(socket: Socket): void {
  let head: Buffer = Buffer.alloc(0);
  let body: Buffer[] = [];
  let left = -1;
  let operation = '';
  const finish = (): void => {
    const whole = body.length === 0 ? Buffer.alloc(0) : Buffer.concat(body);
    if (keeping) keep(operation, whole);
    body = [];
    left = -1;
    if (operation === 'BatchExecuteStatement') socket.write(DONE[statementsIn(whole)] as Buffer);
    else if (operation === 'BatchGetItem') socket.write(itemsFor(whole));
    else socket.write(operation === 'PutItem' ? PUT : WRITTEN);
  };
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    if (left < 0) {
      head = head.length === 0 ? rest : Buffer.concat([head, rest]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const text = head.toString('latin1', 0, end);
      left = Number(/content-length: *(\d+)/i.exec(text)?.[1]);
      operation = /x-amz-target: *\w+\.(\w+)/i.exec(text)?.[1] ?? '';
      rest = head.subarray(end + 4);
      head = Buffer.alloc(0);
    }
    left -= rest.length;
    if (keeping || operation !== 'BatchWriteItem') body.push(rest);
    if (left === 0) finish();
  });
}

interface SentRequest {
  readonly RequestItems: Record<
    string,
    { PutRequest: { Item: { pk: { S: string }; sk: { S: string }; p: { B: string }; ttl: { N: string } } } }[]
  >;
}

interface SentStatement {
  readonly Statement: string;
  readonly Parameters: readonly unknown[];
}

function statementsIn(body: Buffer): number {
  let count = 0;
  for (let at = body.indexOf('"Statement":'); at >= 0; at = body.indexOf('"Statement":', at + 1)) count++;
  return count;
}

function keep(operation: string, body: Buffer): void {
  if (operation === 'BatchGetItem') return;
  if (operation === 'BatchExecuteStatement') {
    const { Statements } = JSON.parse(body.toString()) as { readonly Statements: readonly SentStatement[] };
    for (const { Statement, Parameters } of Statements) items.push(['', '', Statement, JSON.stringify(Parameters)]);
    return;
  }
  if (operation === 'PutItem') {
    items.push(['', '', '', JSON.stringify(JSON.parse(body.toString()))]);
    return;
  }
  for (const requests of Object.values((JSON.parse(body.toString()) as SentRequest).RequestItems)) {
    for (const { PutRequest } of requests) {
      const { pk, sk, p, ttl } = PutRequest.Item;
      items.push([pk.S, sk.S, p.B, ttl.N]);
    }
  }
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') process.send?.({ port: address?.port });
});
process.on('message', (message) => {
  if (message === 'keep') {
    keeping = true;
    process.send?.('keeping');
  } else {
    process.send?.({ items });
    keeping = false;
    items = [];
  }
});
process.on('disconnect', () => process.exit());
