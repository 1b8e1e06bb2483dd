/** The API as a daemon's users meet it: keys from the command line, the examples as they stand, SIGTERM, SIGKILL. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { eventually, type Program, type Sandbox, sandboxes } from './harness.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');
const sandbox = sandboxes();

const CSV = `external_ref,debtor_name,cpf,amount,due_date
CT-1,Maria Silva,529.982.247-25,100.00,2026-03-10
CT-2,Ana Lima,52998224726,100.00,2026-03-10
CT-3,"Souza, João",11144477735,0.01,2026-02-10
`;
const REJECTS = /^3,cpf,CPF_CHECK_DIGITS,/m;

async function tokenOf(box: Sandbox, ...options: readonly string[]): Promise<string> {
  const issued = await box.run(['keys', 'issue', ...options]);
  expect(issued.code).toBe(0);
  return issued.stdout.trim();
}

/** The daemon on a free port: its URL, as the log tells it. */
async function serve(
  box: Sandbox,
  env: Readonly<Record<string, string>> = {},
): Promise<{ daemon: Program; url: string }> {
  const daemon = await box.serve(env);
  const url = /"url":"(http:[^"]+)"/.exec(daemon.stderr)?.[1];
  if (url === undefined) throw new Error(`the log tells no url: ${daemon.stderr}`);
  return { daemon, url };
}

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** Runs an example without holding this process up: it would be the one that answers. */
function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    child.on('error', failed).on('close', (code) => done({ code, output }));
  });
}

function has(command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('the examples', () => {
  it.each([
    ['with curl', 'sh', 'curl.sh', has('curl', '--fail-with-body', '--version'), /^3,CT-2,rejected,CPF_CHECK_DIGITS/m],
    ['in TypeScript', process.execPath, 'client.ts', true, REJECTS],
    ['in Python', 'python3', 'client.py', has('python3', '--version'), REJECTS],
  ] as const)('run as they are: %s', async (_, command, name, canRun, says) => {
    expect(existsSync(join(EXAMPLES, name))).toBe(true);
    if (!canRun) return;
    const { box } = sandbox;
    await box.run(['clients', 'add', 'acme', '--name', 'Acme']);
    const token = await tokenOf(box, '--client', 'acme');
    const { url } = await serve(box);
    const file = box.write('debts.csv', CSV);
    const env = { REMESSA_URL: url, REMESSA_TOKEN: token, NODE_NO_WARNINGS: '1' };
    const ran = await run(command, [join(EXAMPLES, name), file], env);
    expect(ran).toEqual({ code: 0, output: expect.stringMatching(says) });
    expect(ran.output).toMatch(/^file completed/m);
    expect(ran.output).toMatch(/^submission completed/m);
    const debts = await box.run(['debts', '--client', 'acme']);
    expect(debts.stdout.trim().split('\n')).toHaveLength(3);
  });
});

describe('the daemon', () => {
  it('heeds keys that are issued, rotated and revoked while it runs', async () => {
    const { box } = sandbox;
    await box.run(['clients', 'add', 'acme', '--name', 'Acme']);
    const { url } = await serve(box);
    const status = async (token: string): Promise<number> =>
      (await fetch(`${url}/v1/batches`, { headers: { authorization: `Bearer ${token}` } })).status;
    const first = await tokenOf(box, '--client', 'acme', '--name', 'their system');
    const prefix = first.slice(0, 13);
    expect(await status(first)).toBe(200);
    const rotated = await box.run(['keys', 'rotate', prefix, '--hours', '1', '--json']);
    const second = JSON.parse(rotated.stdout).token as string;
    expect([await status(first), await status(second)]).toEqual([200, 200]);
    const revoked = await box.run(['keys', 'revoke', prefix]);
    expect(revoked).toMatchObject({ code: 0, stderr: `${prefix} is revoked\n` });
    expect([await status(first), await status(second)]).toEqual([401, 200]);
    const third = await tokenOf(box, '--operator', '--days', '1');
    const listed = await box.run(['keys', 'list']);
    for (const token of [first, second, third]) {
      expect(listed.stdout).toContain(token.slice(0, 13));
      expect(listed.stdout).not.toContain(token.slice(14));
    }
    expect(listed.stdout).toMatch(/\(ended\)/);
    const other = await box.run(['keys', 'issue', '--client', 'nobody']);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect((await box.run(['keys', 'issue'])).code).toBe(2);
    expect((await box.run(['keys', 'revoke', 'rk_none'])).code).toBe(1);
  });

  it('finishes what it has in hand at SIGTERM, ends event streams, and exits 0', async () => {
    const { box } = sandbox;
    await box.run(['clients', 'add', 'acme', '--name', 'Acme']);
    const token = await tokenOf(box, '--client', 'acme');
    const { daemon, url } = await serve(box, { REMESSA_HTTP_BODY_MS: '60000' });
    const authorization = `Bearer ${token}`;
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(CSV);
      await held;
      yield Buffer.from('CT-4,Ana Lima,52998224725,5.00,2026-03-10\n');
    }
    const upload = fetch(`${url}/v1/files`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'text/csv' },
      body: slow(),
      duplex: 'half',
    } as object);
    await eventually('the upload to begin', () => readdirSync(box.data('objects', '.incoming')).length === 1);
    const ended = daemon.kill('SIGTERM');
    await eventually('the port to close', () =>
      fetch(`${url}/readyz`).then(
        () => false,
        () => true,
      ),
    );
    letGo();
    const answer = await upload;
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as { id: string };
    expect((await ended).code).toBe(0);
    const batch = await box.run(['batch', id, '--json']);
    expect(JSON.parse(batch.stdout)).toMatchObject({ id, bytes: CSV.length + 43 });
  });

  it('keeps every acknowledged line over SIGKILL', async () => {
    const { box } = sandbox;
    await box.run(['clients', 'add', 'acme', '--name', 'Acme']);
    const token = await tokenOf(box, '--client', 'acme');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const first = await serve(box);
    const made = await fetch(`${first.url}/v1/submissions`, { method: 'POST', headers, body: '{}' });
    const { id } = (await made.json()) as { id: string };
    const acknowledged: string[] = [];
    const append = async (ref: string): Promise<void> => {
      const line = { external_ref: ref, debtor_name: 'Ana', cpf: '52998224725', amount: '1', due_date: '2026-03-10' };
      const body = JSON.stringify(line);
      const answer = await fetch(`${first.url}/v1/submissions/${id}/lines`, { method: 'POST', headers, body });
      if (answer.status === 201) acknowledged.push(ref);
    };
    const workers = Array.from({ length: 8 }, async (_, worker) => {
      for (let n = 0; ; n++) await append(`${worker}-${n}`);
    });
    const over = Promise.allSettled(workers);
    await eventually('some lines', () => acknowledged.length > 100);
    await first.daemon.kill('SIGKILL');
    await over;
    const second = await serve(box);
    const submitted = await fetch(`${second.url}/v1/submissions/${id}/submit`, { method: 'POST', headers });
    const batch = (await submitted.json()) as { id: string };
    await eventually('the batch', async () => {
      const asked = await fetch(`${second.url}/v1/batches/${batch.id}`, { headers });
      return ((await asked.json()) as { state: string }).state === 'completed';
    });
    const retorno = await (await fetch(`${second.url}/v1/batches/${batch.id}/retorno`, { headers })).text();
    const refs = new Set(retorno.split('\n').map((row) => row.split(',')[1]));
    expect(acknowledged.filter((ref) => !refs.has(ref))).toEqual([]);
    // At most what was on its way when it was killed comes besides.
    expect(refs.size - 2 - acknowledged.length).toBeLessThanOrEqual(8);
  });

  it('says so where its port is taken, and exits 2', async () => {
    const { box } = sandbox;
    const { url } = await serve(box);
    const env = { REMESSA_DATA_DIR: box.path('other'), REMESSA_HTTP_PORT: new URL(url).port };
    const second = await box.run(['serve'], { env });
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/cannot listen on 127\.0\.0\.1 port \d+: EADDRINUSE/);
  });
});
