/** Inflating: zlib's own answer on good input, and the right fault for every way in which gzip data can be bad. */
import { constants, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../../src/core/faults.ts';
import { crc32 } from '../../../src/kernel/crc.ts';
import { type InflateLimits, inflate } from '../../../src/stages/picking/inflate.task.ts';
import type { TaskContext } from '../../../src/stages/taskContext.ts';
import { Random } from '../../oracle/random.ts';
import { MemoryObjects } from '../../support/memoryStores.ts';

const LIMITS: InflateLimits = { gzipInflatedBytesMax: 2 ** 40, gzipRatioMax: 200, gzipMembersMax: 100_000 };
const MiB = 2 ** 20;

/** Inflates an object; the bytes, or the code of the fault. Nothing may be left under the key after a fault. */
async function inflated(gzip: Uint8Array, limits: Partial<InflateLimits> = {}): Promise<Uint8Array | string> {
  const objects = new MemoryObjects();
  const source = objects.set('raw/acme/f', gzip);
  const context = { objects, settings: { ...LIMITS, ...limits } } as unknown as TaskContext;
  try {
    const info = await inflate({ source, key: 'work/b-1/a' }, context);
    const bytes = objects.bytesOf('work/b-1/a');
    expect(info).toEqual({ key: 'work/b-1/a', etag: info.etag, bytes: bytes.length });
    return bytes;
  } catch (error) {
    if (!isFault(error)) throw error;
    expect(objects.keys('work/')).toEqual([]);
    return error.code;
  }
}

const text = (bytes: Uint8Array | string): string =>
  typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString();

/** A member with the header fields of RFC 1952 that zlib never writes itself. */
function member(
  data: Uint8Array,
  extra: {
    readonly extra?: Uint8Array;
    readonly name?: string;
    readonly comment?: string;
    readonly headerCrc?: boolean;
  } = {},
): Buffer {
  const flags =
    (extra.headerCrc === true ? 2 : 0) |
    (extra.extra === undefined ? 0 : 4) |
    (extra.name === undefined ? 0 : 8) |
    (extra.comment === undefined ? 0 : 16);
  const parts: Uint8Array[] = [Buffer.from([0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255])];
  if (extra.extra !== undefined) {
    const size = Buffer.alloc(2);
    size.writeUInt16LE(extra.extra.length);
    parts.push(size, extra.extra);
  }
  if (extra.name !== undefined) parts.push(Buffer.from(`${extra.name}\0`, 'latin1'));
  if (extra.comment !== undefined) parts.push(Buffer.from(`${extra.comment}\0`, 'latin1'));
  if (extra.headerCrc === true) {
    const crc = Buffer.alloc(2);
    crc.writeUInt16LE(crc32(Buffer.concat(parts)) & 0xffff);
    parts.push(crc);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data));
  trailer.writeUInt32LE(data.length, 4);
  return Buffer.concat([...parts, deflateRawSync(data), trailer]);
}

function noise(bytes: number, seed = 1): Buffer {
  const random = new Random(seed);
  return Buffer.from(Uint8Array.from({ length: bytes }, () => random.integer(0, 255)));
}

const LINES = Buffer.from('external_ref,debtor_name\nR-1,Ana\nR-2,Zé\n');

describe('good gzip data', () => {
  it.each<[string, Buffer]>([
    ['one member', gzipSync(LINES)],
    ['two members', Buffer.concat([gzipSync(LINES.subarray(0, 30)), gzipSync(LINES.subarray(30))])],
    ['members cut inside a character', Buffer.concat([gzipSync(LINES.subarray(0, 38)), gzipSync(LINES.subarray(38))])],
    ['an empty member first', Buffer.concat([gzipSync(''), gzipSync(LINES)])],
    ['an empty member last', Buffer.concat([gzipSync(LINES), gzipSync('')])],
    [
      'empty members in a row',
      Buffer.concat([gzipSync(''), gzipSync(''), gzipSync(LINES), gzipSync(''), gzipSync('')]),
    ],
    ['stored blocks', gzipSync(LINES, { level: 0 })],
    ['fixed codes', gzipSync(LINES, { strategy: constants.Z_FIXED })],
    ['no field but the first', member(LINES)],
    ['an extra field', member(LINES, { extra: Buffer.from('some extra bytes') })],
    ['an empty extra field', member(LINES, { extra: Buffer.alloc(0) })],
    ['an extra field larger than a block', member(LINES, { extra: noise(65_535) })],
    ['a name', member(LINES, { name: 'debts.csv' })],
    ['an empty name', member(LINES, { name: '' })],
    ['a comment', member(LINES, { comment: 'made by hand' })],
    ['a CRC of the header', member(LINES, { headerCrc: true })],
    ['every field', member(LINES, { extra: noise(9), name: 'a', comment: 'b', headerCrc: true })],
    [
      'every field, twice',
      Buffer.concat([1, 2].map(() => member(LINES, { extra: noise(9), name: 'a', headerCrc: true }))),
    ],
  ])('with %s gives what zlib gives', async (_, gzip) => {
    expect(text(await inflated(gzip))).toBe(gunzipSync(gzip).toString());
  });

  it('that inflates to nothing gives an empty object', async () => {
    expect(await inflated(gzipSync(''))).toEqual(new Uint8Array(0));
  });

  it('may be large, of any kind of content', async () => {
    const repeated = Buffer.from('R-1,Ana Lima,52998224725,150.00,2026-01-10\n'.repeat(100_000));
    for (const data of [noise(3 * MiB), repeated, Buffer.alloc(5 * MiB)]) {
      const got = await inflated(Buffer.concat([gzipSync(data, { level: 1 }), gzipSync('tail')]));
      expect(Buffer.compare(got as Uint8Array, Buffer.concat([data, Buffer.from('tail')]))).toBe(0);
    }
  });

  it('whose members end anywhere in an input block gives what zlib gives', async () => {
    // Stored blocks have a known size, so that ends of members fall on and around the end of a block of input.
    for (const bytes of [32_740, 32_741, 32_742, 32_743, 32_744, 32_745, 32_746, 32_750, 32_760, 65_500]) {
      const data = noise(bytes, bytes);
      const gzip = Buffer.concat([gzipSync(data, { level: 0 }), gzipSync('x'), gzipSync(data, { level: 0 })]);
      expect(Buffer.compare((await inflated(gzip)) as Uint8Array, gunzipSync(gzip))).toBe(0);
    }
  });

  it('gives what zlib gives, for any data in any members', async () => {
    const one = fc.record({
      data: fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc
          .record({ byte: fc.nat(255), times: fc.nat(70_000) })
          .map(({ byte, times }) => new Uint8Array(times).fill(byte)),
        fc.record({ seed: fc.nat(), bytes: fc.nat(70_000) }).map(({ seed, bytes }) => noise(bytes, seed)),
      ),
      level: fc.integer({ min: 0, max: 9 }),
      strategy: fc.constantFrom(0, 2, 3, 4),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 5 }), async (members) => {
        const gzip = Buffer.concat(members.map(({ data, level, strategy }) => gzipSync(data, { level, strategy })));
        expect(Buffer.compare((await inflated(gzip)) as Uint8Array, gunzipSync(gzip))).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('gzip data that is cut', () => {
  const whole = Buffer.concat([
    gzipSync(LINES),
    member(LINES, { extra: noise(3), name: 'n', comment: 'c', headerCrc: true }),
    gzipSync(''),
  ]);
  const ends = [gzipSync(LINES).length, whole.length - gzipSync('').length, whole.length];

  // fault 40
  it('at any byte is refused as truncated, but between members it is whole', async () => {
    for (let cut = 1; cut <= whole.length; cut++) {
      const got = text(await inflated(whole.subarray(0, cut)));
      const index = ends.indexOf(cut);
      expect([cut, got]).toEqual([cut, index < 0 ? 'GZIP_TRUNCATED' : LINES.toString().repeat(Math.min(index + 1, 2))]);
    }
  });

  // fault 40
  it('is refused where a long stream is cut, in its data and in its trailer', async () => {
    const long = gzipSync(noise(100_000));
    for (const cut of [long.length - 1, long.length - 7, long.length - 8, long.length - 9, 65_536, 32_768, 32_769]) {
      expect([cut, await inflated(long.subarray(0, cut))]).toEqual([cut, 'GZIP_TRUNCATED']);
    }
  });
});

describe('bytes after the last member', () => {
  const good = gzipSync(LINES);
  it.each<[string, Uint8Array]>([
    ['a NUL', Buffer.from([0])],
    ['padding', Buffer.alloc(512)],
    ['a line end', Buffer.from('\n')],
    ['text', Buffer.from('R-3,Bob\n')],
    ['text that begins like gzip', Buffer.from([0x1f, 0x41, 0x42])],
    ['another method', Buffer.from([0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0, 1])],
    ['reserved flags', Buffer.from([0x1f, 0x8b, 8, 0x20, 0, 0, 0, 0, 0, 0, 1])],
    ['a zlib stream', Buffer.from([0x78, 0x9c, 3, 0, 0, 0, 0, 1])],
  ])('%s: refused', async (_, tail) => {
    expect(await inflated(Buffer.concat([good, tail]))).toBe('GZIP_TRAILING');
  });

  // fault 40
  it('the beginning of another member: refused as truncated', async () => {
    for (const bytes of [1, 2, 3, 9, 10]) {
      expect(await inflated(Buffer.concat([good, good.subarray(0, bytes)]))).toBe('GZIP_TRUNCATED');
    }
  });
});

describe('damaged gzip data', () => {
  function damaged(at: number, by: number, gzip: Buffer = gzipSync(LINES)): Buffer {
    const copy = Buffer.from(gzip);
    const index = at < 0 ? copy.length + at : at;
    copy[index] = (copy[index] as number) ^ by;
    return copy;
  }

  it.each<[string, Buffer]>([
    ['the checksum', damaged(-8, 1)],
    ['the length', damaged(-4, 1)],
    ['the length, far off', damaged(-1, 0x80)],
    ['the method', damaged(2, 1)],
    ['reserved flags', damaged(3, 0x80)],
    ['the second byte of the signature', damaged(1, 1)],
    ['the kind of the first block', damaged(10, 0x06)],
    ['the CRC of the header', damaged(10, 1, member(LINES, { headerCrc: true }))],
    ['what the CRC of the header covers', damaged(4, 1, member(LINES, { headerCrc: true }))],
  ])('%s: refused as corrupt', async (_, gzip) => {
    expect(await inflated(gzip)).toBe('GZIP_CORRUPT');
  });

  it('in the checksum of a member in the middle is refused', async () => {
    expect(await inflated(Buffer.concat([gzipSync(LINES), damaged(-8, 1), gzipSync(LINES)]))).toBe('GZIP_CORRUPT');
  });

  it('is never taken for other data: any flipped bit is a fault, but for the few that mean nothing', async () => {
    const data = noise(300);
    const gzip = gzipSync(data);
    let faults = 0;
    for (let at = 10; at < gzip.length; at += 3) {
      for (const by of [1, 0x10, 0x80]) {
        const got = await inflated(damaged(at, by, gzip));
        if (typeof got !== 'string') expect(Buffer.compare(got, data)).toBe(0);
        else {
          expect(got).toMatch(/^GZIP_/);
          faults += 1;
        }
      }
    }
    expect(faults).toBeGreaterThan(gzip.length - 30);
  });

  it('is never taken for good: random bytes behind a good header', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (tail) => {
        const gzip = Buffer.concat([gzipSync('').subarray(0, 10), tail]);
        const got = await inflated(gzip);
        let expected: Buffer | undefined;
        try {
          expected = gunzipSync(gzip);
        } catch {
          // Then it must be a fault here as well.
        }
        if (expected === undefined) expect(String(got)).toMatch(/^GZIP_/);
      }),
      { numRuns: 200 },
    );
  });
});

describe('bombs', () => {
  const zeros = gzipSync(Buffer.alloc(40 * MiB), { level: 9 });

  // threat 2
  it('by ratio are refused', async () => {
    expect(await inflated(zeros)).toBe('GZIP_BOMB');
    expect(await inflated(zeros, { gzipRatioMax: 1100 })).toBeInstanceOf(Uint8Array);
  });

  // threat 2
  it('by ratio are refused however their members are cut', async () => {
    const part = gzipSync(Buffer.alloc(MiB), { level: 9 });
    expect(await inflated(Buffer.concat(Array(40).fill(part)))).toBe('GZIP_BOMB');
  });

  // threat 2
  it('by size are refused at the first byte beyond the limit', async () => {
    const data = noise(5000);
    expect(await inflated(gzipSync(data), { gzipInflatedBytesMax: 4999 })).toBe('GZIP_BOMB');
    expect(await inflated(gzipSync(data), { gzipInflatedBytesMax: 5000 })).toBeInstanceOf(Uint8Array);
    const halves = Buffer.concat([gzipSync(data.subarray(0, 2500)), gzipSync(data.subarray(2500))]);
    expect(await inflated(halves, { gzipInflatedBytesMax: 4999 })).toBe('GZIP_BOMB');
  });

  // threat 2
  it('by members are refused', async () => {
    const many = Buffer.concat(Array(6).fill(gzipSync('')));
    expect(await inflated(many, { gzipMembersMax: 5 })).toBe('GZIP_BOMB');
    expect(await inflated(many, { gzipMembersMax: 6 })).toBeInstanceOf(Uint8Array);
  });

  it('are not seen in small files of one repeated line', async () => {
    expect(await inflated(gzipSync(Buffer.alloc(15 * MiB), { level: 9 }))).toBeInstanceOf(Uint8Array);
  });
});

describe('the object', () => {
  it('that changes while it is read leaves nothing behind', async () => {
    const objects = new MemoryObjects();
    const source = objects.set('raw/acme/f', gzipSync(noise(100_000)));
    objects.set('raw/acme/f', gzipSync(LINES));
    const context = { objects, settings: LIMITS } as unknown as TaskContext;
    await expect(inflate({ source, key: 'work/b-1/a' }, context)).rejects.toThrow('OBJECT_CHANGED');
    expect(objects.keys('work/')).toEqual([]);
  });
});
