/** The DynamoDB writer and reader against a server that does them harm. */

import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DynamoDataOptions } from '../../../../src/io/aws/dataPlane.ts';
import type { StagingWriter } from '../../../../src/io/ports/staging.ts';
import { faultCode, madeBytes } from '../../../contract/support.ts';
import { Sha256 } from '../s3/sha256.ts';
import { type Opened, openOn, TEST_OPTIONS } from '../support.ts';
import { type Act, ANSWER, FakeDynamo } from './fakeDynamo.ts';

let server: FakeDynamo;
let opened: Opened[] = [];

beforeEach(async () => {
  server = await FakeDynamo.start();
});

afterEach(async () => {
  for (const each of opened) await each.close();
  opened = [];
  await server.close();
});

function open(changes: Partial<DynamoDataOptions> = {}, deps: Parameters<typeof openOn>[2] = {}): Opened {
  const data = openOn(server.endpoint, changes, deps);
  opened.push(data);
  return data;
}

const PAGES = 60;

async function fill(writer: StagingWriter, pages = PAGES): Promise<void> {
  for (let i = 0; i < pages; i++) await writer.write(i % 2, madeBytes(600, i));
}

/** Stages `PAGES` pages of two shards and gives back what can be read of them. */
async function stage({ staging }: Opened): Promise<void> {
  const writer = await staging.open('b-1', 0, 'a1');
  await fill(writer);
  await writer.commit();
}

async function expectStaged({ staging }: Opened): Promise<void> {
  for (const shard of [0, 1]) {
    let at = shard;
    for await (const page of staging.read('b-1', shard, { range: 0, attempt: 'a1', pages: PAGES / 2 })) {
      expect(Buffer.compare(page, madeBytes(600, at))).toBe(0);
      at += 2;
    }
    expect(at).toBe(PAGES + shard);
  }
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'no failure',
    (error: Error) => error.message,
  );
}

const error = (status: number, type?: string): Act => ({
  kind: 'error',
  status,
  ...(type === undefined ? {} : { type }),
});
const unprocessed = (left: (item: number) => boolean): Act => ({ kind: 'unprocessed', left });
const ALL_LEFT = unprocessed(() => true);

describe('unprocessed items', () => {
  // fault 19
  it('are sent again, they alone', async () => {
    const data = open({ inFlightMax: 1 });
    server.script(
      unprocessed((item) => item % 3 === 1),
      unprocessed((item) => item > 4),
      ANSWER,
    );
    await stage(data);
    await expectStaged(data);
    const sizes = server.received.filter(({ operation }) => operation === 'BatchWriteItem').map(({ items }) => items);
    // 25 items, of them 8 again, of those 3; then the rest, and the item of the attempt.
    expect(sizes).toEqual([25, 8, 3, 25, 10, 1]);
  });

  // fault 19
  it('may be all of them, several times', async () => {
    const data = open();
    server.script(ALL_LEFT, ALL_LEFT, ALL_LEFT, ALL_LEFT);
    await stage(data);
    await expectStaged(data);
  });

  // fault 19
  it('end in a fault after so many tries in vain', async () => {
    const data = open({ inFlightMax: 1, triesMax: 4 });
    server.act = () => ALL_LEFT;
    const writer = await data.staging.open('b-1', 0, 'a1');
    await fill(writer, 10);
    expect(await failureOf(writer.commit())).toMatch(
      /^SERVICE_IO.*4 tries in vain, the last: unprocessed items.*range 0/,
    );
    expect(server.received.length).toBe(4);
    expect(await faultCode(writer.write(0, madeBytes(10)))).toBe('SERVICE_IO');
    await writer.abort();
    expect(server.items.size).toBe(0);
  });

  it('are not given up while some are taken', async () => {
    const data = open({ inFlightMax: 1, triesMax: 2 });
    server.act = ({ items }) => (items > 1 ? unprocessed((item) => item > 0) : ANSWER);
    await stage(data);
    await expectStaged(data);
  });
});

describe('refusals', () => {
  it.each([
    'ProvisionedThroughputExceededException',
    'ThrottlingException',
    'RequestLimitExceeded',
  ])('for being too fast (%s) slow the sender and lose nothing', async (type) => {
    const data = open({ inFlightMax: 1 });
    server.script(ANSWER, error(400, type), error(400, type), ANSWER);
    await stage(data);
    await expectStaged(data);
    const slower = data.events.filter(({ name }) => name === 'dynamodb.slower');
    expect(slower.length).toBeGreaterThan(0);
    expect(slower.length).toBeLessThanOrEqual(2);
  });

  // fault 22
  it('for being too fast, without end, are bounded: no busy loop', async () => {
    const data = open({ inFlightMax: 3, triesMax: 4 });
    server.act = () => error(400, 'ThrottlingException');
    expect(await failureOf(stage(data))).toMatch(/4 tries in vain, the last: ThrottlingException/);
    expect(server.received.length).toBeLessThanOrEqual(3 * 4);
  });

  it.each([500, 502, 503])('by a server in trouble (%i) are asked again', async (status) => {
    const data = open();
    server.script(error(status, 'InternalServerError'), error(status), ANSWER, error(status));
    await stage(data);
    await expectStaged(data);
  });

  it.each([
    'ResourceNotFoundException',
    'AccessDeniedException',
    'ValidationException',
  ])('that another try cannot change (%s) fail at once, and quote nothing', async (type) => {
    const data = open({ inFlightMax: 1 });
    server.act = () => error(400, type);
    const says = await failureOf(stage(data));
    expect(says).toContain(type);
    expect(says).not.toContain('about the key');
    expect(server.received.length).toBe(1);
  });
});

describe('lost answers', () => {
  // fault 21
  it.each([true, false])('by a reset (taken effect: %s) are asked for again', async (applied) => {
    const data = open();
    server.script({ kind: 'reset', applied }, ANSWER, { kind: 'reset', applied });
    await stage(data);
    await expectStaged(data);
  });

  // fault 9
  it.each(['headers', 'body'] as const)('by a stall before the %s are cut off and asked for again', async (at) => {
    const data = open({ headersMs: 80, bodyMs: 80 });
    server.script({ kind: 'stall', at }, ANSWER, { kind: 'stall', at });
    await stage(data);
    await expectStaged(data);
  });

  it.each(['crc', 'json', 'kind', 'keys', 'cut'] as const)('that lie (%s) are asked for again', async (about) => {
    const data = open();
    server.script({ kind: 'lie', about }, ANSWER, { kind: 'lie', about });
    await stage(data);
    server.script({ kind: 'lie', about }, ANSWER, { kind: 'lie', about });
    await expectStaged(data);
  });

  it('that never end in bytes are cut off', async () => {
    const data = open();
    server.script({ kind: 'huge' }, ANSWER);
    await stage(data);
    await expectStaged(data);
  });

  // fault 30
  it('by connections closed while idle are asked for again', async () => {
    const data = open();
    server.act = () => ({ kind: 'hang up' });
    await stage(data);
    await expectStaged(data);
  });

  it('without end are a fault', async () => {
    const data = open({ triesMax: 3, inFlightMax: 1 });
    server.act = () => ({ kind: 'reset', applied: true });
    expect(await failureOf(stage(data))).toMatch(/3 tries in vain/);
    expect(server.received.length).toBe(3);
  });

  it('where no one listens are a fault', async () => {
    const data = openOn('http://127.0.0.1:1', { triesMax: 2 });
    opened.push(data);
    expect(await failureOf(stage(data))).toMatch(/2 tries in vain, the last: ECONNREFUSED/);
  });
});

describe('who asks', () => {
  it('renews credentials that the service calls expired', async () => {
    let asked = 0;
    const credentials = async () => ({ accessKeyId: `KEY${++asked}`, secretAccessKey: 's', sessionToken: `T${asked}` });
    const data = open({}, { credentials });
    server.act = ({ headers }) =>
      String(headers['authorization']).includes('KEY1/') ? error(400, 'ExpiredTokenException') : ANSWER;
    await stage(data);
    await expectStaged(data);
    expect(asked).toBe(2);
    expect(server.received.at(-1)?.headers['x-amz-security-token']).toBe('T2');
  });

  // fault 35
  it('goes by the service’s clock when its own is wrong', async () => {
    const data = open();
    const aheadMs = 20 * 60_000;
    server.act = ({ headers }) => {
      const date = String(headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
      const service = new Date(Date.now() + aheadMs);
      const apart = Math.abs(Date.parse(date) - service.getTime());
      return apart < 5 * 60_000
        ? ANSWER
        : { kind: 'error', status: 400, type: 'InvalidSignatureException', date: service };
    };
    await stage(data);
    await expectStaged(data);
  });

  it('does not ask for ever when the signature itself is wrong', async () => {
    const data = open({ inFlightMax: 1 });
    server.act = () => ({ kind: 'error', status: 400, type: 'InvalidSignatureException', date: new Date() });
    expect(await failureOf(stage(data))).toContain('InvalidSignatureException');
    expect(server.received.length).toBe(1);
  });

  it('signs as the SDK signs the same request', async () => {
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'a+token/=' };
    const data = open({}, { credentials: async () => credentials });
    await stage(data);
    await expectStaged(data);
    const signer = new SignatureV4({ service: 'dynamodb', region: TEST_OPTIONS.region, credentials, sha256: Sha256 });
    for (const { headers, body } of server.received) {
      const named = /SignedHeaders=([^,]*)/.exec(String(headers['authorization']))?.[1]?.split(';') ?? [];
      expect(named).toEqual(['content-type', 'host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target']);
      const date = String(headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
      const own = Object.fromEntries(
        ['content-type', 'host', 'x-amz-target'].map((name) => [name, String(headers[name])]),
      );
      const signed = await signer.sign(
        { method: 'POST', protocol: 'http:', hostname: String(headers['host']), path: '/', headers: own, body },
        { signingDate: new Date(date), unsignableHeaders: new Set(['x-amz-content-sha256']) },
      );
      expect(headers['authorization']).toBe(signed.headers['authorization']);
    }
  });
});

describe('a slow store', () => {
  // fault 28
  it('holds the writer back: what is in memory is bounded by the requests under way', async () => {
    const data = open({ inFlightMax: 2, headersMs: 60_000 });
    const held: (() => void)[] = [];
    server.act = () => new Promise((answer) => held.push(() => answer(ANSWER)));
    const writer = await data.staging.open('b-1', 0, 'a1');
    let written = 0;
    const writing = (async () => {
      for (let i = 0; i < PAGES * 4; i++) {
        await writer.write(i % 2, madeBytes(600, i));
        written++;
      }
      await writer.commit();
    })();
    // Two requests under way, one full: one page more waits, however long.
    const expectHeldAt = async (pages: number): Promise<void> => {
      while (written < pages || held.length < 2) await new Promise((next) => setTimeout(next, 1));
      for (let turn = 0; turn < 100; turn++) await new Promise((next) => setImmediate(next));
      expect(written).toBe(pages);
    };
    await expectHeldAt(75);
    held.shift()?.();
    await expectHeldAt(100);
    expect(server.underWayMax).toBe(2);
    server.act = () => ANSWER;
    for (const go of held.splice(0)) go();
    await writing;
    expect(server.underWayMax).toBe(2);
    expect(server.items.size).toBe(PAGES * 4 + 1);
  });

  it('can be left: aborting ends what is under way and removes what was written', async () => {
    const data = open({ inFlightMax: 2, triesMax: 1000, retryMsMin: 10_000, retryMsMax: 20_000 });
    let puts = 0;
    server.act = ({ body }) => (body.includes('PutRequest') && ++puts > 2 ? error(500) : ANSWER);
    const writer = await data.staging.open('b-1', 0, 'a1');
    await fill(writer, 110);
    while (puts < 3) await new Promise((next) => setTimeout(next, 5));
    await writer.abort();
    expect(server.items.size).toBe(0);
    expect(data.events).toEqual([]);
  });

  it('that cannot even delete is told, and left to the time to live', async () => {
    const data = open({ triesMax: 2 });
    server.act = ({ body }) => (body.includes('DeleteRequest') ? error(500) : ANSWER);
    const writer = await data.staging.open('b-1', 3, 'a1');
    await fill(writer);
    await writer.abort();
    expect(data.events.map(({ name, fields }) => [name, fields['range']])).toEqual([['staging.leftover', 3]]);
  });
});

describe('stored bytes', () => {
  it.each([
    ['cut to nothing', Buffer.alloc(0)],
    ['of an unknown encoding', Buffer.from([9, 0, 0, 1, 2, 3])],
    ['that do not inflate', Buffer.from([1, 0, 0, 1, 2, 3])],
    ['whose rest is another page’s', Buffer.from([0, 5, 0, 1])],
  ])('%s are a fault', async (_what, bytes) => {
    const data = open();
    await stage(data);
    const item = server.items.get('b-1#00000\n00000000#a1#00000001');
    expect(item?.['p']?.B).toBeTypeOf('string');
    (item as Record<string, { B?: string }>)['p'] = { B: bytes.toString('base64') };
    expect(await faultCode(expectStaged(data))).toBe('STORE_CORRUPT');
  });
});

describe('any run of faults', () => {
  const act = fc.constantFrom<Act>(
    ANSWER,
    ANSWER,
    error(500),
    error(400, 'ThrottlingException'),
    error(400, 'ExpiredTokenException'),
    ALL_LEFT,
    unprocessed((item) => item % 2 === 0),
    { kind: 'reset', applied: true },
    { kind: 'reset', applied: false },
    { kind: 'hang up' },
    { kind: 'lie', about: 'crc' },
    { kind: 'lie', about: 'cut' },
    { kind: 'stall', at: 'body' },
  );

  // faults 19, 21
  it('leaves the state of a clean one', async () => {
    const clean = open();
    await stage(clean);
    const expected = [...server.items].map(([key, item]) => [key, item['p']?.B]).sort();
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        server.items.clear();
        const data = openOn(server.endpoint, { triesMax: 100, bodyMs: 30, retryMsMax: 2 });
        server.script(...acts);
        await stage(data);
        await expectStaged(data);
        expect([...server.items].map(([key, item]) => [key, item['p']?.B]).sort()).toEqual(expected);
        await data.staging.free('b-1');
        expect(server.items.size).toBe(0);
        await data.close();
      }),
      { seed: 20260115, numRuns: 25 },
    );
  });
});
