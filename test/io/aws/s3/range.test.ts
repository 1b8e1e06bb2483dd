/** Many ranges open side by side, as a merge has them: more than there are connections. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RangeReader } from '../../../../src/io/ports/objects.ts';
import { madeBytes } from '../../../contract/support.ts';
import { FakeS3 } from './fakeS3.ts';
import { type OpenedS3, openS3 } from './support.ts';

/** Beyond what buffers of sockets and streams hold of a body that nobody reads. */
const BYTES = 4 * 1024 * 1024;
const CONNECTIONS = 4;
const READERS = 12;
const LIMITS = { streamsMax: 2, windowsBytes: 1024 * 1024, answerMs: 2000, triesMax: 2 };
const bytes = madeBytes(BYTES);

let fake: FakeS3;
let s3: OpenedS3;
const readers: RangeReader[] = [];

beforeEach(async () => {
  fake = await new FakeS3().start();
  s3 = openS3(fake.endpoint, LIMITS, { connections: CONNECTIONS });
});

afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.close();
  s3.close();
  await fake.close();
});

async function openMany(): Promise<void> {
  for (let i = 0; i < READERS; i++) {
    const key = `parts/b/${i}`;
    readers.push(await s3.objects.openRange({ key, etag: fake.store(key, bytes) }, i, BYTES));
  }
}

describe('more open ranges than connections', () => {
  it('are all read, in turns, to the end', async () => {
    await openMany();
    const target = Buffer.alloc(300_000);
    const at = readers.map((_, i) => i);
    for (let open = READERS; open > 0; ) {
      for (const [i, reader] of readers.entries()) {
        const from = at[i] as number;
        if (from === BYTES) continue;
        const got = await reader.read(target);
        expect(target.subarray(0, got).equals(bytes.subarray(from, from + got))).toBe(true);
        at[i] = from + got;
        if (at[i] === BYTES) open -= 1;
      }
    }
    for (const reader of readers) expect(await reader.read(target)).toBe(0);
    expect(fake.open.size).toBeLessThanOrEqual(CONNECTIONS);
  });

  it('leave connections for other calls', async () => {
    await openMany();
    expect((await s3.objects.head('parts/b/0'))?.bytes).toBe(BYTES);
    const writer = await s3.objects.create('parts/b/new');
    await writer.write(bytes.subarray(0, 1000));
    expect((await writer.commit()).bytes).toBe(1000);
  });

  it('give back what they had of the streams, however they end', async () => {
    await openMany();
    for (const reader of readers.splice(0)) await reader.close();
    const gone = { key: 'parts/b/none', etag: 'x' };
    for (let i = 0; i < 3; i++) {
      await expect(s3.objects.openRange(gone, 0, 10)).rejects.toMatchObject({ code: 'OBJECT_VANISHED' });
    }
    const asked = fake.requests.length;
    const key = 'parts/b/0';
    const reader = await s3.objects.openRange({ key, etag: fake.store(key, bytes) }, 0, BYTES);
    readers.push(reader);
    expect(await reader.read(Buffer.alloc(BYTES))).toBe(BYTES);
    expect(fake.requests.length - asked).toBe(1);
  });

  it('hold no more than their share of bytes', async () => {
    await openMany();
    await Promise.all(readers.map((reader) => reader.read(Buffer.alloc(10))));
    const asked = fake.requests.map(({ headers }) => /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? ''));
    const windows = asked.slice(LIMITS.streamsMax).map((range) => Number(range?.[2]) - Number(range?.[1]) + 1);
    expect(windows).toHaveLength(READERS - LIMITS.streamsMax);
    expect(windows.reduce((sum, window) => sum + window, 0)).toBeLessThanOrEqual(LIMITS.windowsBytes);
  });

  it('are taken up again where a window is cut', async () => {
    await openMany();
    let cuts = 3;
    fake.script = ({ headers }, { honest, response, socket }) => {
      if (headers.range === undefined || cuts-- <= 0) return undefined;
      const { status, headers: told, body } = honest();
      response.writeHead(status, { ...told, 'content-length': String(body.length) });
      response.write(body.subarray(0, body.length >> 1), () => socket.destroy());
      return 'handled';
    };
    const last = readers.at(-1) as RangeReader;
    const all = Buffer.alloc(BYTES);
    expect(await last.read(all)).toBe(BYTES - (READERS - 1));
    expect(all.subarray(0, BYTES - (READERS - 1)).equals(bytes.subarray(READERS - 1))).toBe(true);
  });
});
