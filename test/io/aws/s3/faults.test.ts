/** What networks and servers do to the S3 store: cuts, stalls, lies, refusals and lost answers; and that no socket is left. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectPin } from '../../../../src/io/ports/objects.ts';
import { faultCode, madeBytes } from '../../../contract/support.ts';
import { FakeS3, failure, type Reply, type S3Request, send, sendBeginning } from './fakeS3.ts';
import { type OpenedS3, openS3, S3_TEST_OPTIONS } from './support.ts';

const KEY = 'raw/acme/file';
/** Short only where a deadline is meant to pass: the machine may be slow. */
const STALL_MS = 600;
const bytes = madeBytes(200_000);

let fake: FakeS3;
let s3: OpenedS3;
let pin: ObjectPin;

beforeEach(async () => {
  fake = await new FakeS3().start();
  s3 = openS3(fake.endpoint, {}, { connections: 2 });
  pin = { key: KEY, etag: fake.store(KEY, bytes) };
});

afterEach(async () => {
  s3.close();
  await fake.close();
});

function losePatience(): void {
  s3.close();
  s3 = openS3(fake.endpoint, { answerMs: STALL_MS }, { connections: 2 });
}

async function readAll(from: ObjectPin, start = 0, end = bytes.length, step = 30_000): Promise<Buffer> {
  const reader = await s3.objects.openRange(from, start, end);
  try {
    const all: Buffer[] = [];
    const target = Buffer.alloc(step);
    for (let got = await reader.read(target); got > 0; got = await reader.read(target)) {
      all.push(Buffer.from(target.subarray(0, got)));
    }
    return Buffer.concat(all);
  } finally {
    await reader.close();
  }
}

const isBody = ({ method, headers }: S3Request): boolean => method === 'GET' && headers.range !== undefined;
const isWhole = (got: Buffer, start = 0, end = bytes.length): boolean => got.equals(bytes.subarray(start, end));

/** Spoils the first `times` answers to ranged reads. */
function spoil(times: number, how: (reply: Reply, request: S3Request) => Reply): void {
  let left = times;
  fake.script = (request, { honest }) => (isBody(request) && left-- > 0 ? how(honest(), request) : undefined);
}

async function until(holds: () => boolean): Promise<void> {
  await expect.poll(holds, { interval: 5 }).toBe(true);
}

describe('a range that is cut', () => {
  // fault 8
  it('goes on from the byte it had come to, wherever it was cut', async () => {
    const small = { key: 'small', etag: fake.store('small', bytes.subarray(0, 300)) };
    for (let cut = 0; cut < 290; cut += 7) {
      let cuts = 0;
      const asked: string[] = [];
      fake.script = (request, { honest, response, socket }) => {
        asked.push(String(request.headers.range));
        if (cuts++ > 0) return undefined;
        sendBeginning(response, honest(), cut);
        // What was written goes out before the end of the connection.
        setImmediate(() => socket.end());
        return 'handled';
      };
      expect((await readAll(small, 5, 299)).equals(bytes.subarray(5, 299)), `cut at ${cut}`).toBe(true);
      expect(asked).toEqual(['bytes=5-298', `bytes=${5 + cut}-298`]);
    }
  });

  it('goes on over many cuts, as long as each try gains a byte', async () => {
    fake.script = (request, { honest, response, socket }) => {
      if (!isBody(request)) return undefined;
      sendBeginning(response, honest(), 20_000);
      setImmediate(() => socket.end());
      return 'handled';
    };
    expect(isWhole(await readAll(pin, 0, 199_999), 0, 199_999)).toBe(true);
    expect(fake.requests.length).toBeGreaterThan(S3_TEST_OPTIONS.triesMax);
  });

  it('ends where no try gains anything', async () => {
    fake.script = (_, { honest, response, socket }) => {
      sendBeginning(response, honest(), 0);
      setImmediate(() => socket.destroy());
      return 'handled';
    };
    expect(await faultCode(readAll(pin))).toBe('SERVICE_IO');
    expect(fake.requests.length).toBe(S3_TEST_OPTIONS.triesMax);
  });

  // fault 9
  it('destroys a body that stalls, and goes on', async () => {
    losePatience();
    let stalls = 0;
    fake.script = (request, { honest, response }) => {
      if (!isBody(request) || stalls++ > 1) return undefined;
      sendBeginning(response, honest(), 50_000);
      return 'handled';
    };
    expect(isWhole(await readAll(pin))).toBe(true);
    expect(fake.requests.map(({ headers }) => headers.range)).toEqual([
      'bytes=0-199999',
      'bytes=50000-199999',
      'bytes=100000-199999',
    ]);
    expect(fake.open.size).toBeLessThanOrEqual(1);
  });

  it('does not mistake a consumer that pauses for a stall', async () => {
    losePatience();
    const reader = await s3.objects.openRange(pin, 0, bytes.length);
    const target = Buffer.alloc(100_000);
    expect(await reader.read(target)).toBe(100_000);
    await new Promise((next) => setTimeout(next, STALL_MS * 3));
    expect(await reader.read(target)).toBe(100_000);
    expect(target.equals(bytes.subarray(100_000))).toBe(true);
    await reader.close();
    expect(fake.requests.length).toBe(1);
  });

  it('waits no longer than its deadline for an answer that never begins', async () => {
    losePatience();
    let silent = 1;
    fake.script = () => (silent-- > 0 ? 'handled' : undefined);
    expect(isWhole(await readAll(pin))).toBe(true);
    expect(fake.requests.length).toBe(2);
  });
});

describe('an answer that is not what was asked', () => {
  const lies: readonly (readonly [string, (reply: Reply, request: S3Request) => Reply])[] = [
    ['200 and the whole object', () => ({ status: 200, headers: { etag: `"${pin.etag}"` }, body: Buffer.from(bytes) })],
    ['200 and the range', (reply) => ({ ...reply, status: 200 })],
    [
      'another range',
      (reply) => ({ ...reply, headers: { ...reply.headers, 'content-range': `bytes 1-200000/${bytes.length}` } }),
    ],
    ['no range told', ({ headers, ...reply }) => ({ ...reply, headers: { etag: headers['etag'] as string } })],
    ['fewer bytes, honestly counted', (reply) => ({ ...reply, body: reply.body.subarray(1) })],
    ['more bytes', (reply) => ({ ...reply, body: Buffer.concat([reply.body, Buffer.from('x')]) })],
  ];

  // fault 7
  it.each(lies)('is asked for again: %s', async (_, lie) => {
    spoil(2, lie);
    expect(isWhole(await readAll(pin))).toBe(true);
    expect(fake.requests.length).toBe(3);
  });

  // fault 7
  it.each(lies)('is a fault when it lasts: %s', async (_, lie) => {
    spoil(100, lie);
    expect(await faultCode(readAll(pin))).toBe('SERVICE_IO');
    expect(fake.requests.length).toBe(S3_TEST_OPTIONS.triesMax);
    await until(() => fake.open.size <= 1);
  });

  // fault 7
  it('is another object where the ETag differs, though If-Match was not heeded', async () => {
    spoil(1, (reply) => ({ ...reply, headers: { ...reply.headers, etag: '"0123456789abcdef0123456789abcdef"' } }));
    expect(await faultCode(readAll(pin))).toBe('OBJECT_CHANGED');
  });

  // fault 6
  it('is found when the object is swapped between two requests of one range', async () => {
    let cuts = 0;
    fake.script = (_, { honest, response, socket }) => {
      if (cuts++ > 0) return undefined;
      sendBeginning(response, honest(), 50_000);
      setImmediate(() => {
        fake.store(KEY, madeBytes(200_000, 2));
        socket.end();
      });
      return 'handled';
    };
    expect(await faultCode(readAll(pin))).toBe('OBJECT_CHANGED');
    cuts = 0;
    pin = { key: KEY, etag: fake.store(KEY, bytes) };
    fake.script = (_, { honest, response, socket }) => {
      if (cuts++ > 0) return undefined;
      sendBeginning(response, honest(), 50_000);
      setImmediate(() => {
        fake.objects.delete(KEY);
        socket.end();
      });
      return 'handled';
    };
    expect(await faultCode(readAll(pin))).toBe('OBJECT_VANISHED');
  });

  it('is asked for again when the bytes of a whole small object were spoilt', async () => {
    await s3.objects.put('manifests/b-1/a', bytes.subarray(0, 1000));
    let flips = 1;
    fake.script = (request, { honest }) => {
      if (request.method !== 'GET' || flips-- <= 0) return undefined;
      const body = Buffer.from(honest().body);
      body[500] = (body[500] as number) ^ 4;
      return { ...honest(), body };
    };
    expect((await s3.objects.get('manifests/b-1/a'))?.length).toBe(1000);
    expect(flips).toBe(-1);
    flips = 100;
    expect(await faultCode(s3.objects.get('manifests/b-1/a'))).toBe('SERVICE_IO');
  });
});

describe('refusals', () => {
  it.each([
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [429, 'TooManyRequests'],
    [400, 'RequestTimeout'],
  ] as const)('%i %s is tried again, a bounded number of times', async (status, code) => {
    let left = 3;
    fake.script = () => (left-- > 0 ? failure(status, code) : undefined);
    expect(isWhole(await readAll(pin))).toBe(true);
    left = 100;
    fake.requests.length = 0;
    expect(await faultCode(s3.objects.put('parts/p', bytes))).toBe('SERVICE_IO');
    expect(fake.requests.length).toBe(S3_TEST_OPTIONS.triesMax);
  });

  it.each([
    [403, 'AccessDenied', 'SERVICE_DENIED'],
    [400, 'InvalidArgument', 'SERVICE_IO'],
    [404, 'NoSuchBucket', 'SERVICE_IO'],
  ] as const)('%i %s is final', async (status, code, fault) => {
    fake.script = () => failure(status, code);
    expect(await faultCode(readAll(pin))).toBe(fault);
    expect(fake.requests.length).toBe(1);
  });

  it('repeats nothing of what S3 said, for it quotes keys', async () => {
    fake.script = () => failure(400, 'InvalidArgument');
    const error = await readAll(pin).then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toContain('S3 GetObject: InvalidArgument');
    expect(`${error?.message} ${error?.stack} ${JSON.stringify(error)} ${String(error?.cause)}`).not.toContain(
      '529.982',
    );
    expect(JSON.stringify(s3.events)).not.toContain('529.982');
  });
});

describe('writing', () => {
  const large = madeBytes(12_000_000, 5);

  const write = async (key: string, all: Uint8Array, step = 1_000_000): Promise<unknown> => {
    const writer = await s3.objects.create(key);
    try {
      for (let at = 0; at < all.length; at += step) await writer.write(all.subarray(at, at + step));
      return await writer.commit();
    } finally {
      await writer.abort();
    }
  };

  beforeEach(() => {
    s3.close();
    s3 = openS3(fake.endpoint, {}, { connections: 4 });
  });

  /** The server does what is asked, and the answer never comes. */
  function loseReplies(times: number, which: (request: S3Request) => boolean): void {
    let left = times;
    fake.script = (request, { honest, socket }) => {
      if (!which(request) || left-- <= 0) return undefined;
      honest();
      socket.destroy();
      return 'handled';
    };
  }

  // fault 21
  it('puts again when the reply was lost', async () => {
    loseReplies(2, ({ method }) => method === 'PUT');
    await s3.objects.put('parts/p', bytes);
    expect(fake.objects.get('parts/p')?.bytes.equals(bytes)).toBe(true);
  });

  it('puts again what was spoilt on its way', async () => {
    let left = 1;
    fake.script = (request) => {
      if (request.method !== 'PUT' || left-- <= 0) return undefined;
      const body = Buffer.from(request.body);
      body[7] = (body[7] as number) ^ 1;
      return fake.answer({ ...request, body });
    };
    await s3.objects.put('parts/p', bytes);
    expect(fake.objects.get('parts/p')?.bytes.equals(bytes)).toBe(true);
    expect(left).toBe(-1);
  });

  // fault 21
  it('knows its object when the reply to completing was lost', async () => {
    loseReplies(1, ({ method, query }) => method === 'POST' && query.has('uploadId'));
    await write('work/w', large);
    expect(fake.objects.get('work/w')?.bytes.equals(large)).toBe(true);
  });

  // fault 21
  it('does not take another’s object for its own', async () => {
    fake.script = (request) => {
      if (request.method !== 'POST' || !request.query.has('uploadId')) return undefined;
      fake.uploads.clear();
      fake.store('work/w', large, { upload: 'of somebody else' });
      return undefined;
    };
    expect(await faultCode(write('work/w', large))).toBe('SERVICE_IO');
  });

  it('sends parts again, and leaves no upload behind where it cannot', async () => {
    let left = 3;
    fake.script = ({ query, number }) =>
      query.has('partNumber') && number % 2 === 1 && left-- > 0 ? failure(503, 'SlowDown') : undefined;
    await write('work/w', large);
    expect(fake.objects.get('work/w')?.bytes.equals(large)).toBe(true);
    fake.script = ({ query }) => (query.get('partNumber') === '2' ? failure(500, 'InternalError') : undefined);
    expect(await faultCode(write('work/v', large))).toBe('SERVICE_IO');
    expect(fake.uploads.size).toBe(0);
    expect(fake.objects.has('work/v')).toBe(false);
  });

  it('tells of an upload that it cannot take back, and keeps the failure that it was aborted for', async () => {
    fake.script = ({ method, query }) => {
      if (method === 'DELETE') return failure(403, 'AccessDenied');
      return query.get('partNumber') === '2' ? failure(412, 'PreconditionFailed') : undefined;
    };
    const writer = await s3.objects.create('work/w');
    await writer.write(large.subarray(0, 6_000_000));
    await writer.abort();
    expect(s3.events.filter(({ name }) => name === 's3.leftover').map(({ fields }) => fields)).toEqual([
      { operation: 'AbortMultipartUpload', code: 'SERVICE_DENIED' },
    ]);
    expect(await faultCode(write('work/v', large))).toBe('SERVICE_IO');
  });

  it('aborts while parts are on their way, and takes the upload back after them', async () => {
    fake.script = ({ query }) => (query.has('partNumber') ? 'handled' : undefined);
    for (const waits of [true, false]) {
      const writer = await s3.objects.create('work/w');
      fake.requests.length = 0;
      for (let at = 0; at < 11_000_000; at += 1_000_000) await writer.write(large.subarray(at, at + 1_000_000));
      // Once with two parts on their way, once before the upload has its id.
      if (waits) await until(() => fake.requests.filter(({ query }) => query.has('partNumber')).length === 2);
      await writer.abort();
      expect(fake.uploads.size).toBe(0);
      expect(fake.requests.at(-1)?.method).toBe('DELETE');
    }
  });

  it('holds no more than its parts: a writer waits while they are on their way', async () => {
    const waiting: (() => void)[] = [];
    fake.script = async ({ query }) => {
      if (query.has('partNumber')) await new Promise<void>((go) => waiting.push(go));
      return undefined;
    };
    const { partBytes, partsAtOnce } = S3_TEST_OPTIONS;
    const writer = await s3.objects.create('work/w');
    let taken = 0;
    const writing = (async () => {
      for (let i = 0; i < 30; i++) {
        await writer.write(large.subarray(0, 1_000_000));
        taken += 1_000_000;
      }
    })();
    await until(() => waiting.length === partsAtOnce);
    await new Promise((next) => setTimeout(next, 30));
    expect(taken).toBeLessThanOrEqual((partsAtOnce + 1) * partBytes);
    while (taken < 30_000_000) {
      for (const go of waiting.splice(0)) go();
      await new Promise((next) => setTimeout(next, 5));
    }
    await writing;
    for (const go of waiting.splice(0)) go();
    fake.script = () => undefined;
    expect((await writer.commit()).bytes).toBe(30_000_000);
  });
});

describe('connections', () => {
  it('are used again, and none is left by readers closed in the middle', async () => {
    for (let i = 0; i < 20; i++) expect(isWhole(await readAll(pin))).toBe(true);
    expect(fake.connections).toBeLessThanOrEqual(2);
    for (let i = 0; i < 20; i++) {
      const reader = await s3.objects.openRange(pin, 0, bytes.length);
      await reader.read(Buffer.alloc(10));
      await reader.close();
      await reader.close();
    }
    expect(isWhole(await readAll(pin))).toBe(true);
    await until(() => fake.open.size <= 2);
  });

  it('are left by no answer that comes after its deadline', async () => {
    losePatience();
    const late: (() => void)[] = [];
    fake.script = (request, { honest, response }) => {
      if (late.length >= 4) return undefined;
      late.push(() => send(response, honest(), request.method));
      return 'handled';
    };
    expect(isWhole(await readAll(pin))).toBe(true);
    for (const answer of late) answer();
    await until(() => fake.open.size <= 1);
  });
});
