/**
 * The yardstick of line appends: node:http, the body parsed as JSON, and the same group commit (the control thread of the
 * embedded store) before the answer. No keys, no schemas, no limits, no routes.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { ThreadControl } from '../../src/io/embedded/control/control.ts';
import { createSubmissions } from '../../src/io/embedded/control/submissions.ts';
import { layoutOf, makeFolders } from '../../src/io/embedded/layout.ts';

const layout = layoutOf(process.argv[2] as string);
makeFolders(layout);
const control = await ThreadControl.open(layout.controlDb);
const submissions = createSubmissions(control);
const created = { client: 'bench', file: '', columns: null, dryRun: false, asOf: null, createdAtMs: Date.now() };
await submissions.create({ ...created, id: 's-bare' });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const line = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>;
    const answer = await submissions.append({
      client: 'bench',
      id: 's-bare',
      lines: [JSON.stringify(Object.values(line))],
      columnsUsed: 31,
      token: null,
      linesMax: Number.MAX_SAFE_INTEGER,
      bytesMax: Number.MAX_SAFE_INTEGER,
      nowMs: Date.now(),
      idleMs: 86_400_000,
    });
    const body = JSON.stringify(answer);
    response.writeHead(201, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  });
});
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
process.once('SIGTERM', async () => {
  server.close();
  server.closeAllConnections();
  await control.close();
});
