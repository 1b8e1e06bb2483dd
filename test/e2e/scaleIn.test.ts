/** The daemon as a task of an ECS service: protected while it works, given up when it ends; never stopped by its agent. */
import { mkdirSync, renameSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { goodFile } from './files.ts';
import { batchesOf, eventually, finalBatches, inboxFolder, sandboxes } from './harness.ts';

const sandbox = sandboxes();
const LINES = 60_000;

let agent: Server;
let asked: boolean[];
let refusing: boolean;

beforeEach(async () => {
  asked = [];
  refusing = false;
  agent = createServer(async (request, response) => {
    let text = '';
    for await (const block of request) text += block;
    const { ProtectionEnabled } = JSON.parse(text) as { ProtectionEnabled: boolean };
    asked.push(ProtectionEnabled);
    const answer = refusing ? { failure: { Reason: 'DEPLOYMENT_BLOCKED' } } : { protection: { ProtectionEnabled } };
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((done) => agent.listen(0, '127.0.0.1', done));
});

afterEach(async () => {
  agent.closeAllConnections();
  await new Promise((done) => agent.close(done));
});

function agentUrl(): string {
  return `http://127.0.0.1:${(agent.address() as AddressInfo).port}/api/v4`;
}

/** Gives the daemon file after file, so that whenever the guard looks there is work in hand. */
async function workUntilAsked(): Promise<number> {
  const { box } = sandbox;
  let files = 0;
  const content = goodFile(LINES);
  mkdirSync(inboxFolder(box, 'acme'), { recursive: true });
  await eventually('the agent to be asked', async () => {
    if (asked.length > 0) return true;
    const unfinished = (await batchesOf(box)).filter((batch) => batch.state !== 'completed').length;
    if (unfinished < 2) {
      const aside = box.write(`aside-${files}`, content);
      renameSync(aside, join(inboxFolder(box, 'acme'), `lote-${files++}.csv`));
    }
    return false;
  });
  return files;
}

describe('a daemon whose agent', () => {
  it('answers is protected while it works and gives that up in the end', async () => {
    const daemon = await sandbox.box.serve({ ECS_AGENT_URI: agentUrl(), REMESSA_LOG_LEVEL: 'debug' });
    expect(asked).toEqual([]);
    const files = await workUntilAsked();
    await finalBatches(sandbox.box, files);
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code).toBe(0);
    expect(asked[0]).toBe(true);
    expect(asked.at(-1)).toBe(false);
    expect(ended.stderr).toContain('protection.held');
    expect(ended.stderr).toContain('protection.released');
  });

  it('refuses goes on with its work and says so', async () => {
    refusing = true;
    const daemon = await sandbox.box.serve({ ECS_AGENT_URI: agentUrl() });
    const files = await workUntilAsked();
    const batches = await finalBatches(sandbox.box, files);
    expect(batches.map((batch) => batch.state)).toEqual(batches.map(() => 'completed'));
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('DEPLOYMENT_BLOCKED');
  });

  it('is not on this machine does not start', async () => {
    const ran = await sandbox.box.run(['serve'], { env: { ECS_AGENT_URI: 'http://agent.example/' } });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain('ECS_AGENT_URI');
  });
});
