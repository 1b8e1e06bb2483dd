/** A table that takes its time: whoever writes to it waits for it, and does not grow. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { closeServer, listen } from '../support.ts';

const BYTES = 160 * 1024 * 1024;
const ANSWER = '{"UnprocessedItems":{}}';
/** 6 requests at once, of a megabyte each: the table takes no more than 100 MB a second, and the writer would make more. */
const WAIT_MS = 60;

// fault 28
it('a writer of 160 MB to a slow table keeps a few requests in memory, not what the table has not taken', async () => {
  let taken = 0;
  const server = createServer((request, response) => {
    request.on('data', (block: Buffer) => {
      taken += block.length;
    });
    request.on('end', () => {
      response.setHeader('x-amz-crc32', String(crc32(ANSWER)));
      setTimeout(() => response.end(ANSWER), WAIT_MS);
    });
  });
  const endpoint = await listen(server);
  onTestFinished(() => closeServer(server));
  const child = join(import.meta.dirname, 'slowStore.child.ts');
  // A worker's young generation: garbage of texts is no buffer that grows.
  const args = ['--max-semi-space-size=4', '--max-old-space-size=128', child, endpoint, String(BYTES)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { grew } = JSON.parse(stdout) as { readonly grew: number };
  console.info(`grew by ${(grew / 1_048_576).toFixed(1)} MiB while ${(taken / 1_048_576).toFixed(0)} MiB were sent`);
  expect(taken).toBeGreaterThan(BYTES);
  expect(grew).toBeLessThan(BYTES / 2);
});
