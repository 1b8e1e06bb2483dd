/** Scale-in protection against a local agent that answers what the real one's documentation shows, over real sockets. */
import { createServer, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTaskProtection } from '../../../src/io/aws/taskProtection.ts';
import type { ScaleInProtection } from '../../../src/io/ports/protection.ts';
import { closeServer, listen } from './support.ts';

const ARN = 'arn:aws:ecs:sa-east-1:111122223333:task/remessa/1234567890abcdef0';
/** Far above what an answer of this machine takes, busy as it may be. */
const WAIT_MS = 1500;

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly type: string | undefined;
  readonly body: unknown;
}

let server: Server;
let seen: Seen[];
let answer: { status: number; body: string; stalls?: boolean };
let protection: ScaleInProtection;

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    const blocks: Buffer[] = [];
    request.on('data', (block: Buffer) => blocks.push(block));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(blocks).toString('utf8')) as { ProtectionEnabled: boolean };
      seen.push({ method: request.method, url: request.url, type: request.headers['content-type'], body });
      if (answer.stalls === true) return;
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(answer.body.replace('"AS_ASKED"', String(body.ProtectionEnabled)));
    });
  });
  const endpoint = await listen(server);
  answer = {
    status: 200,
    body: JSON.stringify({
      protection: { ExpirationDate: '2026-11-21T10:00:00Z', ProtectionEnabled: 'AS_ASKED', TaskArn: ARN },
    }),
  };
  protection = openTaskProtection({ agentUrl: `${endpoint}/api/0123abcd`, waitMs: WAIT_MS });
});

afterEach(async () => {
  await protection.close();
  await closeServer(server);
});

describe('an answer of the agent', () => {
  it('to taking and giving up', async () => {
    expect(await protection.protect(600_000)).toEqual({ kind: 'done' });
    expect(await protection.release()).toEqual({ kind: 'done' });
    const common = { method: 'PUT', url: '/api/0123abcd/task-protection/v1/state', type: 'application/json' };
    expect(seen).toEqual([
      { ...common, body: { ProtectionEnabled: true, ExpiresInMinutes: 10 } },
      { ...common, body: { ProtectionEnabled: false } },
    ]);
  });

  it('is asked for whole minutes, never fewer, and no more than the service allows', async () => {
    for (const forMs of [1, 60_000, 60_001, 999 * 3_600_000]) await protection.protect(forMs);
    const minutes = seen.map(({ body }) => (body as { ExpiresInMinutes: number }).ExpiresInMinutes);
    expect(minutes).toEqual([1, 1, 2, 2880]);
  });

  // The agent gives failures of the service with status 200, and errors with the service's own status.
  it.each([
    [200, { failure: { Arn: ARN, Detail: null, Reason: 'DEPLOYMENT_BLOCKED' } }, { kind: 'blocked' }],
    [200, { failure: { Arn: ARN, Reason: 'TASK_NOT_VALID' } }, { kind: 'never', reason: 'TASK_NOT_VALID' }],
    [200, { failure: { Arn: ARN, Reason: 'MISSING' } }, { kind: 'failed', reason: 'MISSING' }],
    [
      400,
      { requestID: '1', error: { Arn: ARN, Code: 'AccessDeniedException', Message: `User: ${ARN} is not …` } },
      { kind: 'failed', reason: 'AccessDeniedException' },
    ],
    [200, { protection: { ProtectionEnabled: false } }, { kind: 'failed', reason: 'HTTP 200, not as asked' }],
    [500, { protection: { ProtectionEnabled: true } }, { kind: 'failed', reason: 'HTTP 500, not as asked' }],
    [200, { error: { Code: 'a sentence with 529.982.247-25' } }, { kind: 'failed', reason: 'HTTP 200, not as asked' }],
    [200, null, { kind: 'failed', reason: 'HTTP 200, not as asked' }],
  ])('%i %j', async (status, body, expected) => {
    answer = { status, body: JSON.stringify(body) };
    expect(await protection.protect(60_000)).toEqual(expected);
  });

  it('that is no JSON, or too large, is a failure', async () => {
    answer = { status: 502, body: '<html>' };
    expect(await protection.protect(60_000)).toEqual({ kind: 'failed', reason: 'HTTP 502, no JSON' });
    answer = { status: 200, body: `"${'x'.repeat(100_000)}"` };
    expect((await protection.protect(60_000)).kind).toBe('failed');
    answer = { status: 200, body: JSON.stringify({ protection: { ProtectionEnabled: true } }) };
    expect(await protection.protect(60_000)).toEqual({ kind: 'done' });
  });

  it('that never comes is a failure in time, and the next request is not in its way', async () => {
    const good = answer;
    answer = { ...good, stalls: true };
    expect((await protection.protect(60_000)).kind).toBe('failed');
    answer = good;
    expect(await protection.protect(60_000)).toEqual({ kind: 'done' });
  });

  it('of nobody is a failure', async () => {
    await closeServer(server);
    expect((await protection.release()).kind).toBe('failed');
  });
});

describe('the address of the agent', () => {
  const open = (agentUrl: string) => openTaskProtection({ agentUrl, waitMs: WAIT_MS });

  it.each([
    'http://169.254.170.2/api/1',
    'http://[::1]:51678',
    'http://[fe80::1]/x',
    'http://127.0.0.1:80',
  ])('may be %s', async (url) => {
    await open(url).close();
  });

  it.each([
    '',
    'agent',
    'file:///etc',
    'http://10.0.0.1',
    'http://agent.internal/',
    'http://169.254.1.1.evil.example/',
    'http://u:p@127.0.0.1/',
    'http://[2001:db8::1]/',
  ])('may not be «%s»', (url) => {
    expect(() => open(url)).toThrow(/CONFIG_INVALID/);
  });
});
