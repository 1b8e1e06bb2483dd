/**
 * One large file over loopback: the API against a bare Node server that hashes the body, pipes it to a file and syncs it.
 * Checks that both answer the digest of what was sent; prints speeds, their ratio and the memory of each server.
 *
 *   node bench/api/upload.ts [--mib 2048] [--rounds 3]
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FOLDER } from '../input.ts';
import { medianOf } from '../statistics.ts';
import { type Server, startBare, startDaemon } from './servers.ts';

const MiB = 1024 * 1024;
const { values } = parseArgs({
  options: { mib: { type: 'string', default: '2048' }, rounds: { type: 'string', default: '3' } },
});
const bytes = Number(values.mib) * MiB;
const block = Buffer.from('CT-1,Maria Aparecida da Silva,52998224725,1234.56,2026-03-10\n'.repeat(20_000)).subarray(
  0,
  MiB,
);

mkdirSync(FOLDER, { recursive: true });
const root = mkdtempSync(join(FOLDER, 'api-'));
const servers: Server[] = [];
try {
  const digest = digestOfAll();
  const api = await startDaemon(join(root, 'api'));
  servers.push(api);
  const bare = await startBare(join(import.meta.dirname, 'bareUpload.server.ts'), join(root, 'bare'));
  servers.push(bare);
  const speeds = { api: [] as number[], bare: [] as number[] };
  const cpuMs = { api: [] as number[], bare: [] as number[] };
  const ratios: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const turns = round % 2 === 0 ? (['api', 'bare'] as const) : (['bare', 'api'] as const);
    for (const turn of turns) {
      const server = turn === 'api' ? api : bare;
      const cpuBefore = server.cpuMs();
      const beginMs = performance.now();
      const answer = await upload(server);
      const seconds = (performance.now() - beginMs) / 1000;
      cpuMs[turn].push(server.cpuMs() - cpuBefore);
      if (answer !== digest) throw new Error(`${turn} answered another digest: ${answer}`);
      speeds[turn].push(bytes / MiB / seconds);
      // What was stored makes room for the next turn.
      removeStored(server);
    }
    ratios.push((speeds.api.at(-1) as number) / (speeds.bare.at(-1) as number));
  }
  for (const [name, server] of [
    ['api', api],
    ['bare', bare],
  ] as const) {
    const all = speeds[name];
    const range = `${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))}`;
    const memory = Math.round(server.peakBytes() / MiB);
    const cpu = Math.round((medianOf(cpuMs[name]) * 1024 * MiB) / bytes);
    console.log(
      `${name.padEnd(6)} ${Math.round(medianOf(all))} MiB/s (${range}), at most ${memory} MiB of memory, ${cpu} ms of processor time a GiB`,
    );
  }
  console.log(
    `ratio  ${medianOf(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
  );
} finally {
  for (const server of servers) await server.stop();
  rmSync(root, { recursive: true, force: true });
}

function digestOfAll(): string {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes; at += MiB) hash.update(block);
  return hash.digest('hex');
}

function removeStored({ dataDir }: Server): void {
  const stored = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && (entry.parentPath.includes('/raw/') || entry.name.startsWith('f-')),
  );
  for (const { parentPath, name } of stored) rmSync(join(parentPath, name));
}

function upload(server: Server): Promise<string> {
  return new Promise((done, failed) => {
    const headers = {
      authorization: `Bearer ${server.token}`,
      'content-type': 'text/csv',
      'content-length': bytes,
    };
    const sending = request(`${server.url}/v1/files`, { method: 'POST', headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      answer.on('error', failed).on('end', () => {
        if (answer.statusCode !== 202) failed(new Error(`answered ${answer.statusCode}: ${text}`));
        else done((JSON.parse(text) as { upload: { sha256: string } }).upload.sha256);
      });
    });
    sending.on('error', failed);
    let sent = 0;
    const send = (): void => {
      while (sent < bytes) {
        sent += MiB;
        if (!sending.write(block)) {
          sending.once('drain', send);
          return;
        }
      }
      sending.end();
    };
    send();
  });
}
