/** Webhooks over real HTTP: what a receiver may do, and where nobody is ever called. */
import type { LookupAddress } from 'node:dns';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { isFault } from '../../../src/core/faults.ts';
import type { Targets } from '../../../src/io/http/addresses.ts';
import { openWebhooks, type Resolve, signaturesOf } from '../../../src/io/http/webhook.ts';
import type { WebhookSender } from '../../../src/io/ports/webhook.ts';
import { type Behaviour, Receiver } from '../../support/receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
const ending: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0)) await end();
});

function sender(targets: Targets, resolve?: Resolve, answerMs = 5000): WebhookSender {
  const options = { targets, answerMs, userAgent: 'test' };
  const opened = openWebhooks(options, { clock: systemClock, ...(resolve === undefined ? {} : { resolve }) });
  ending.push(() => opened.close());
  return opened;
}

async function receiver(how: Behaviour): Promise<Receiver> {
  const started = await Receiver.start(SECRET, () => how);
  ending.push(() => started.close());
  return started;
}

async function outcome(work: Promise<void>): Promise<string> {
  try {
    await work;
    return 'taken';
  } catch (error) {
    if (!isFault(error)) throw error;
    return `${error.code} ${error.message}`;
  }
}

const post = (url: string) => ({ id: 'e-1', url, secrets: [OTHER, SECRET], body: '{"é":1}' });
const signal = new AbortController().signal;

describe('a receiver', () => {
  // threat 7
  it('gets id, time and a signature by every secret', async () => {
    const there = await receiver('take');
    await sender('loopback').post(post(there.url), signal);
    expect(there.came).toEqual([{ id: 'e-1', body: '{"é":1}', how: 'take' }]);
    expect(there.foreign).toEqual([]);
  });

  it('is signed to as the published example of Standard Webhooks says', () => {
    const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'];
    const body = '{"test": 2432232314}';
    expect(signaturesOf({ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', secrets, body }, '1614265330')).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  it.each([
    ['fail', /^WEBHOOK_FAILED .*status 503/],
    ['redirect', /^WEBHOOK_FAILED .*status 307/],
    ['lose', /^WEBHOOK_FAILED/],
    ['gone', /^NOTICE_REFUSED .*410/],
    ['endless', /^taken$/],
  ] as const)('that does this: %s', async (how, says) => {
    const there = await receiver(how);
    const said = await outcome(sender('loopback').post(post(there.url), signal));
    expect(said).toMatch(says);
    expect(said).not.toContain(String(there.port));
    expect(there.paths).toEqual(['/hook']);
  });

  // fault 33
  it('that stalls is left after the deadline', async () => {
    const there = await receiver('stall');
    expect(await outcome(sender('loopback', undefined, 300).post(post(there.url), signal))).toMatch(/within 300 ms/);
  });

  it('that stalls holds up nobody who wants to stop', async () => {
    const there = await receiver('stall');
    const stop = new AbortController();
    const said = outcome(sender('loopback', undefined, 100_000).post(post(there.url), stop.signal));
    while (there.came.length === 0) await systemClock.sleep(5);
    stop.abort();
    expect(await said).toMatch(/stopped/);
  });
});

/** A port of this machine on which every connection is counted. */
async function trap(): Promise<{ readonly port: number; readonly connections: () => number }> {
  let connections = 0;
  const server: Server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {}).destroy();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ending.push(() => new Promise((done) => server.close(done)));
  return { port: (server.address() as { readonly port: number }).port, connections: () => connections };
}

describe('an address that may not be called', () => {
  // threat 7
  it.each([
    'https://127.0.0.1:PORT/',
    'https://localhost:PORT/',
    'https://[::1]:PORT/',
    'https://[::ffff:127.0.0.1]:PORT/',
    'https://[::ffff:7f00:1]:PORT/',
    'https://2130706433:PORT/',
    'https://0x7f000001:PORT/',
    'https://0177.0.0.1:PORT/',
    'https://127.1:PORT/',
    'https://0.0.0.0:PORT/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::ffff:169.254.169.254]/',
    'https://10.0.0.1/',
    'https://192.168.0.1/',
    'https://[fd00::1]/',
    'https://[fe80::1]/',
  ])('%s is not', async (template) => {
    const { port, connections } = await trap();
    const url = template.replace('PORT', String(port));
    expect(await outcome(sender('public').post(post(url), signal))).toMatch(/^WEBHOOK_FORBIDDEN/);
    expect(connections()).toBe(0);
  });

  // threat 7
  it('is none of link-local ones where private networks may be called', async () => {
    for (const url of ['http://169.254.169.254/', 'http://[::ffff:a9fe:a9fe]/', 'http://[fd00:ec2::254]/']) {
      expect(await outcome(sender('private').post(post(url), signal))).toMatch(/^WEBHOOK_FORBIDDEN/);
    }
  });

  it.each([
    ['a private answer', [{ address: '127.0.0.1', family: 4 }]],
    [
      'a public and a private answer',
      [
        { address: '1.1.1.1', family: 4 },
        { address: '127.0.0.1', family: 4 },
      ],
    ],
    ['a mapped answer', [{ address: '::ffff:127.0.0.1', family: 6 }]],
    ['no answer', []],
  ] as [string, LookupAddress[]][])('is found behind a name that has %s', async (_, addresses) => {
    const { port, connections } = await trap();
    const url = `https://hook.example:${port}/`;
    expect(await outcome(sender('public', async () => addresses).post(post(url), signal))).toMatch(
      /^WEBHOOK_FORBIDDEN/,
    );
    expect(connections()).toBe(0);
  });

  // threat 7
  it('is not reached by a name whose answer changes: it is resolved once, and that answer is connected to', async () => {
    const there = await receiver('take');
    let asked = 0;
    // First the receiver, from then on an address that is never allowed: a second look would be refused.
    const resolve: Resolve = async () => {
      asked += 1;
      return [{ address: asked === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }];
    };
    const url = `http://hook.example:${there.port}/hook`;
    expect(await outcome(sender('loopback', resolve).post(post(url), signal))).toBe('taken');
    expect(asked).toBe(1);
    // A new connection resolves anew, and the new answer is judged.
    expect(await outcome(sender('loopback', resolve).post(post(url), signal))).toMatch(/^WEBHOOK_FORBIDDEN/);
    expect(there.came).toHaveLength(1);
  });

  it.each([
    'http://hook.example/',
    'ftp://hook.example/',
    'https://a:b@hook.example/',
    'nonsense',
    'https://x.example/#a',
  ])('%s is no url of a webhook', async (url) => {
    expect(await outcome(sender('public').post(post(url), signal))).toMatch(/^NOTICE_REFUSED/);
  });
});
