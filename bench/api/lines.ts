/**
 * Single lines appended from 50 connections, each durable before its answer: the API against a bare node:http server with
 * the same group commit. Checks first that what was acknowledged is in the submission; prints rates and their ratio.
 *
 *   node bench/api/lines.ts [--rounds 7] [--seconds 2]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FOLDER } from '../input.ts';
import { medianOf } from '../statistics.ts';
import { type Loaded, load } from './load.ts';
import { type Server, startBare, startDaemon } from './servers.ts';

const CONNECTIONS = 50;
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '2' } },
});
const seconds = Number(values.seconds);

mkdirSync(FOLDER, { recursive: true });
const root = mkdtempSync(join(FOLDER, 'api-'));
const servers: Server[] = [];
try {
  const api = await startDaemon(join(root, 'api'));
  servers.push(api);
  const bare = await startBare(join(import.meta.dirname, 'bareLines.server.ts'), join(root, 'bare'));
  servers.push(bare);
  await check(api);
  const rates = { api: [] as number[], bare: [] as number[] };
  const p99Ms = { api: [] as number[], bare: [] as number[] };
  const cpuMicros = { api: [] as number[], bare: [] as number[] };
  const ratios: number[] = [];
  let number = 0;
  for (let round = 0; round < Number(values.rounds); round++) {
    const turns = round % 2 === 0 ? (['api', 'bare'] as const) : (['bare', 'api'] as const);
    for (const turn of turns) {
      const path = turn === 'api' ? `/v1/submissions/${await submission(api)}/lines` : '/lines';
      const server = turn === 'api' ? api : bare;
      const cpuMs = server.cpuMs();
      const loaded = await turnOf(server, path, seconds, number);
      cpuMicros[turn].push(((server.cpuMs() - cpuMs) * 1000) / loaded.answered);
      if (loaded.acknowledged.length !== loaded.answered) throw new Error(`${turn}: some lines were refused`);
      p99Ms[turn].push(loaded.tookMs[Math.floor(loaded.tookMs.length * 0.99)] ?? 0);
      number += loaded.answered + CONNECTIONS;
      rates[turn].push(loaded.answered / loaded.seconds);
    }
    ratios.push((rates.api.at(-1) as number) / (rates.bare.at(-1) as number));
  }
  for (const name of ['api', 'bare'] as const) {
    const all = rates[name];
    const range = `${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))}`;
    const cpu = Math.round(medianOf(cpuMicros[name]));
    console.log(
      `${name.padEnd(6)} ${Math.round(medianOf(all))} lines/s (${range}), ${cpu} µs of processor time a line, p99 ${medianOf(p99Ms[name]).toFixed(1)} ms`,
    );
  }
  console.log(
    `ratio  ${medianOf(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
  );
} finally {
  for (const server of servers) await server.stop();
  rmSync(root, { recursive: true, force: true });
}

function headersOf(server: Server): Record<string, string> {
  return { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
}

async function submission(server: Server): Promise<string> {
  const made = await fetch(`${server.url}/v1/submissions`, { method: 'POST', headers: headersOf(server), body: '{}' });
  return ((await made.json()) as { readonly id: string }).id;
}

function lineOf(number: number): string {
  return JSON.stringify({
    external_ref: `CT-${number}`,
    debtor_name: 'Maria Aparecida da Silva',
    cpf: '529.982.247-25',
    amount: '1234.56',
    due_date: '2026-03-10',
  });
}

async function turnOf(server: Server, path: string, turnSeconds: number, firstNumber: number): Promise<Loaded> {
  const headers = `POST ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${server.token}\r\ncontent-type: application/json\r\n`;
  const request = (number: number): Buffer => {
    const body = lineOf(number);
    return Buffer.from(`${headers}content-length: ${body.length}\r\n\r\n${body}`);
  };
  return await load({ url: server.url, connections: CONNECTIONS, seconds: turnSeconds, request }, firstNumber);
}

/** Every line that was acknowledged is read back, as it was sent, under a number of its own. */
async function check(server: Server): Promise<void> {
  const id = await submission(server);
  const { acknowledged } = await turnOf(server, `/v1/submissions/${id}/lines`, 0.3, 0);
  const found = new Set<string>();
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = await fetch(`${server.url}/v1/submissions/${id}/lines?limit=5000${query}`, {
      headers: headersOf(server),
    });
    const { items, next } = (await page.json()) as { items: { line: object }[]; next: string | null };
    for (const { line } of items) found.add(JSON.stringify(line));
    cursor = next;
  }
  const missing = acknowledged.filter((number) => !found.has(lineOf(number)));
  if (acknowledged.length < CONNECTIONS || missing.length > 0 || found.size !== acknowledged.length) {
    throw new Error(`wrong: ${acknowledged.length} acknowledged, ${found.size} found, ${missing.length} missing`);
  }
}
