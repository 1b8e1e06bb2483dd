/**
 * Drivers over a network that refuses, cuts, stalls and turns bits, byte by byte and by seed: what they store is what a
 * clean one stores, and what cannot be had is a fault within its time.
 */
import { createServer } from 'node:http';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { STAGING_TABLE } from '../../src/io/aws/staging/stagedItems.ts';
import { openWebhooks } from '../../src/io/http/webhook.ts';
import { faultCode, madeBytes } from '../contract/support.ts';
import { closeServer, listen, openOn, untilActive } from '../io/aws/support.ts';
import { Random } from '../oracle/random.ts';
import { FakeClock } from '../support/clock.ts';
import { PASS, startTcpProxy, type TcpFate, tcpFates } from './tcpProxy.ts';

const TABLE = 'remessa-staging';
const PAGES = 40;
/** An answer of a few items is longer than its head: fates come about in both. */
const BYTES_MAX = 900;

const server = dynalite({ createTableMs: 0 });
let endpoint = '';

beforeAll(async () => {
  endpoint = await listen(server);
  const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
  const sdk = new DynamoDBClient({ endpoint, region: 'sa-east-1', credentials });
  await sdk.send(
    new CreateTableCommand({
      TableName: TABLE,
      AttributeDefinitions: STAGING_TABLE.keys.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
      KeySchema: STAGING_TABLE.keys.map(({ name, role }) => ({ AttributeName: name, KeyType: role })),
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await untilActive(sdk, TABLE);
  sdk.destroy();
});

afterAll(async () => {
  await closeServer(server);
});

describe('the DynamoDB data plane', () => {
  // faults 8, 9, 10, 21, 30
  it('stores and reads the same over a network that does its worst', async () => {
    const met: Record<TcpFate['kind'], number> = { pass: 0, refuse: 0, cut: 0, stall: 0, flip: 0 };
    for (let seed = 1; seed <= 12; seed++) {
      const proxy = await startTcpProxy(endpoint, tcpFates(new Random(seed), 0.6, BYTES_MAX));
      const quick = { triesMax: 200, headersMs: 150, bodyMs: 150, connectMs: 1000, retryMsMax: 4, connections: 3 };
      const data = openOn(proxy.endpoint, { table: TABLE, ...quick });
      try {
        const batch = `b-${seed}`;
        const writer = await data.staging.open(batch, 0, 'a1');
        for (let i = 0; i < PAGES; i++) await writer.write(i % 2, madeBytes(300, i));
        await writer.commit();
        for (const shard of [0, 1]) {
          let at = shard;
          for await (const page of data.staging.read(batch, shard, { range: 0, attempt: 'a1', pages: PAGES / 2 })) {
            expect(Buffer.compare(page, madeBytes(300, at)), `seed ${seed}, page ${at}`).toBe(0);
            at += 2;
          }
          expect(at).toBe(PAGES + shard);
        }
      } finally {
        await data.close();
        await proxy.close();
      }
      for (const [kind, times] of Object.entries(proxy.met)) met[kind as TcpFate['kind']] += times;
    }
    console.info(`connections: ${JSON.stringify(met)}`);
    for (const kind of ['refuse', 'cut', 'stall', 'flip'] as const) expect(met[kind], kind).toBeGreaterThan(0);
  });
});

describe('a webhook', () => {
  // fault 33
  it.each<readonly [TcpFate]>([
    [{ kind: 'refuse' }],
    [{ kind: 'cut', afterBytes: 0 }],
    [{ kind: 'cut', afterBytes: 10 }],
    [{ kind: 'stall', afterBytes: 0 }],
    [{ kind: 'stall', afterBytes: 10 }],
    [{ kind: 'flip', afterBytes: 9 }],
  ])('whose network does %j has failed, within its time; the next one is taken', async (fate) => {
    const posted: string[] = [];
    const receiver = createServer((request, response) => {
      posted.push(String(request.headers['webhook-id']));
      request.resume().on('end', () => response.writeHead(204).end());
    });
    const proxy = await startTcpProxy(await listen(receiver), (connection) => (connection === 0 ? fate : PASS));
    const options = { targets: 'loopback', answerMs: 1000, userAgent: 'test' } as const;
    const webhooks = openWebhooks(options, { clock: new FakeClock() });
    onTestFinished(async () => {
      await webhooks.close();
      await proxy.close();
      await closeServer(receiver);
    });
    const post = { id: 'e-1', url: `${proxy.endpoint}/hook`, body: '{}', secrets: ['whsec_AAAA'] };
    expect(await faultCode(webhooks.post(post, new AbortController().signal))).toBe('WEBHOOK_FAILED');
    await webhooks.post(post, new AbortController().signal);
    expect(posted.at(-1)).toBe('e-1');
  });
});
