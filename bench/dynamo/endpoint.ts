/**
 * A process that answers BatchWriteItem as cheaply as it can: it counts the bytes of each request and says that all was
 * processed. When told to keep, it keeps every item, so that what was sent can be compared with what should have been.
 *
 * Talks with its parent: `{ port }` once it listens; then `'keep'` → keeps from now on, `'give'` → `{ items }`, and forgets.
 * It ends when its parent does.
 */
import { createServer, type Socket } from 'node:net';
import process from 'node:process';
import { crc32 } from 'node:zlib';

/** `pk`, `sk`, the bytes of `p` in base64, `ttl`. */
export type KeptItem = readonly [pk: string, sk: string, p: string, ttl: string];

const ANSWER_BODY = '{"UnprocessedItems":{}}';
const ANSWER = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n' +
    `x-amz-crc32: ${crc32(ANSWER_BODY)}\r\ncontent-length: ${ANSWER_BODY.length}\r\n\r\n${ANSWER_BODY}`,
  'latin1',
);

let keeping = false;
let items: KeptItem[] = [];

/** One request at a time on a connection; no chunked bodies: neither client sends them. */
function serve(socket: Socket): void {
  let head: Buffer = Buffer.alloc(0);
  let body: Buffer[] = [];
  let left = -1;
  const finish = (): void => {
    if (keeping) keep(Buffer.concat(body));
    body = [];
    left = -1;
    socket.write(ANSWER);
  };
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    if (left < 0) {
      head = head.length === 0 ? rest : Buffer.concat([head, rest]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      left = Number(/content-length: *(\d+)/i.exec(head.toString('latin1', 0, end))?.[1]);
      rest = head.subarray(end + 4);
      head = Buffer.alloc(0);
    }
    left -= rest.length;
    if (keeping) body.push(rest);
    if (left === 0) finish();
  });
}

interface SentRequest {
  readonly RequestItems: Record<
    string,
    { PutRequest: { Item: { pk: { S: string }; sk: { S: string }; p: { B: string }; ttl: { N: string } } } }[]
  >;
}

function keep(body: Buffer): void {
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
