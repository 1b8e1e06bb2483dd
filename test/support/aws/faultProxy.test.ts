/** The proxy does to calls what it is told, no more, and counts it; the same decisions for the same seed. */
import { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultShares, startFaultProxy } from './faultProxy.ts';

const NONE: FaultShares = { failed: 0, replyLost: 0, sentTwice: 0 };

describe('the fault proxy', () => {
  let seen: string[];
  let server: Server;
  let target: string;

  beforeEach(async () => {
    seen = [];
    server = new Server(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      seen.push(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
      response.writeHead(207, { 'x-own': 'kept' });
      response.write('one ');
      response.end('two');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function through(shares: FaultShares, calls: number, seed = 1) {
    const proxy = await startFaultProxy(target, shares, seed);
    const ends: string[] = [];
    for (let call = 0; call < calls; call++) {
      try {
        const headers = { 'x-amz-target': 'AmazonSQS.SendMessageBatch' };
        const answer = await fetch(`${proxy.endpoint}/a?b`, { method: 'POST', body: `body ${call}`, headers });
        ends.push(`${answer.status} ${await answer.text()}`);
      } catch {
        ends.push('cut');
      }
    }
    await proxy.close();
    return { ends, counts: proxy.counts };
  }

  it('carries calls and answers through as they are', async () => {
    const { ends, counts } = await through(NONE, 2);
    expect(ends).toEqual(['207 one two', '207 one two']);
    expect(seen).toEqual(['POST /a?b body 0', 'POST /a?b body 1']);
    expect(counts).toEqual({ calls: 2, failed: 0, repliesLost: 0, sentTwice: 0 });
  });

  it('lets failed calls reach nobody', async () => {
    const { ends, counts } = await through({ ...NONE, failed: 1 }, 20);
    expect(seen).toEqual([]);
    expect(counts.failed).toBe(20);
    expect(new Set(ends.map((end) => end.slice(0, 3)))).toEqual(new Set(['cut', '500', '503']));
  });

  it('loses replies of calls that were carried out', async () => {
    const { ends, counts } = await through({ ...NONE, replyLost: 1 }, 20);
    expect(seen).toHaveLength(20);
    expect(counts.repliesLost).toBe(20);
    expect(new Set(ends)).toEqual(new Set(['cut']));
  });

  it('sends messages twice and answers once', async () => {
    const { ends } = await through({ ...NONE, sentTwice: 1 }, 1);
    expect(seen).toEqual(['POST /a?b body 0', 'POST /a?b body 0']);
    expect(ends).toEqual(['207 one two']);
  });

  it('decides alike for the same seed, in the shares it is told', async () => {
    const shares = { failed: 0.2, replyLost: 0.1, sentTwice: 0.1 };
    const first = await through(shares, 200, 7);
    const again = await through(shares, 200, 7);
    expect(again.ends).toEqual(first.ends);
    expect((await through(shares, 200, 8)).ends).not.toEqual(first.ends);
    expect(first.counts.failed).toBeGreaterThan(20);
    expect(first.counts.failed).toBeLessThan(60);
  });
});
