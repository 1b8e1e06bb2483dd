/** The yardstick of uploads: node:http, the body hashed on its way into a file, the file synced before the answer. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const folder = process.argv[2] as string;
let files = 0;

const server = createServer(async (request, response) => {
  const path = join(folder, `f-${files++}`);
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, pass) {
      hash.update(chunk);
      pass(null, chunk);
    },
  });
  await pipeline(request, hashing, createWriteStream(path));
  const file = await open(path, 'r+');
  await file.sync();
  await file.close();
  response.writeHead(202, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ upload: { sha256: hash.digest('hex') } }));
});
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
