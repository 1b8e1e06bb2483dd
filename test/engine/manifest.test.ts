/** The manifest: what is written is read again, and a plan that leaves a byte without an owner is no plan. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/core/faults.ts';
import { decodeManifest, encodeManifest, type Manifest, type ManifestRange } from '../../src/engine/manifest.ts';

function manifest(ranges: readonly ManifestRange[], change: Partial<Manifest> = {}): Manifest {
  return {
    version: 1,
    batch: 'b-1',
    source: { key: 'raw/acme/f', etag: 'e-1', bytes: ranges.at(-1)?.end ?? 50 },
    header: { start: 3, end: 47, line: 1 },
    plan: {
      dialect: { delimiter: 0x2c, quote: 0x22 },
      fields: [0, 1, 2, 3, 4],
      recordBytesMax: 1024,
      shards: 7,
      hashSeed: 0xffff_ffff,
    },
    rules: { version: 1, businessDate: '2026-08-01', amountCentsMin: 1, amountCentsMax: 999_999_999_999_999 },
    pageBytes: 4096,
    records: ranges.reduce((sum, range) => sum + range.records, 0),
    lines: 12,
    ranges,
    ...change,
  };
}

function tiled(...sizes: readonly number[]): ManifestRange[] {
  let at = 47;
  return sizes.map((size, index) => {
    at += size;
    return { start: at - size, end: at, records: index + 1, firstLine: index + 2, crc: 0xffff_fff0 + index };
  });
}

function faultOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return isFault(error) ? `${error.code} ${error.detail}` : 'no fault';
  }
  return 'nothing';
}

describe('a manifest', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 2 ** 40 }), { maxLength: 20 }), (sizes) => {
        const written = manifest(tiled(...sizes));
        expect(decodeManifest(encodeManifest(written), 'b-1')).toEqual(written);
      }),
    );
  });

  const two = tiled(10, 20);
  const [first, second] = two as [ManifestRange, ManifestRange];
  it.each<[string, Manifest]>([
    ['a gap between ranges', manifest([first, { ...second, start: 58 }])],
    ['ranges that overlap', manifest([first, { ...second, start: 56 }])],
    ['ranges in the wrong order', manifest([second, first])],
    ['a first range that is not at the end of the header', manifest([{ ...first, start: 48 }, second])],
    ['an empty range', manifest([first, { ...second, end: 57 }])],
    ['a tail that no range has', manifest(two, { source: { key: 'k', etag: 'e', bytes: 78 } })],
    ['a range beyond the object', manifest(two, { source: { key: 'k', etag: 'e', bytes: 76 } })],
    ['another sum of records', manifest(two, { records: 4 })],
    ['records without ranges', manifest([], { records: 1 })],
  ])('with %s is neither written nor read', (_, wrong) => {
    expect(() => encodeManifest(wrong)).toThrow(/^bug: /);
    expect(() => decodeManifest(JSON.stringify(wrong), 'b-1')).toThrow(/^bug: /);
  });

  it('is read without a sum, as earlier builds wrote it', () => {
    const written = manifest(tiled(10, 20));
    expect(decodeManifest(JSON.stringify(written), 'b-1')).toEqual(written);
  });

  it('is refused with any bit of it turned, but for the name of its sum', () => {
    const written = manifest(tiled(10, 20));
    const bytes = Buffer.from(encodeManifest(written));
    const nameStart = bytes.indexOf(',"sum"');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const spoilt = Buffer.from(bytes);
      spoilt[bit >> 3] = (spoilt[bit >> 3] as number) ^ (1 << (bit & 7));
      const read = faultOf(() => expect(decodeManifest(spoilt.toString('utf8'), 'b-1')).toMatchObject(written));
      if (bit >> 3 < nameStart || read !== 'nothing') expect(read, `bit ${bit}`).toMatch(/^STORE_CORRUPT /);
    }
  });

  it.each([
    ['of another batch', JSON.stringify(manifest(two, { batch: 'b-2' })), 'another batch or version'],
    ['of another version', JSON.stringify({ ...manifest(two), version: 99 }), 'another batch or version'],
    ['that is cut', encodeManifest(manifest(two)).slice(0, -1), 'not JSON'],
    ['that is null', 'null', 'another batch or version'],
    ['that is a text', '"b-1"', 'another batch or version'],
    ['that is empty', '', 'not JSON'],
    ['whose sum is another’s', encodeManifest(manifest(two)).replace('"lines":12', '"lines":13'), 'its sum'],
  ])('%s is refused as damaged', (_, text, says) => {
    expect(faultOf(() => decodeManifest(text, 'b-1'))).toMatch(new RegExp(`^STORE_CORRUPT .*${says}`));
  });
});
