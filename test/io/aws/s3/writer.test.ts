/** The parts of an upload: ten thousand hold the largest object, none is below what S3 takes, and memory is told truly. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { s3ObjectsBytes } from '../../../../src/io/aws/s3/objects.ts';
import {
  checksumOf,
  PARTS_MAX,
  partBytesAt,
  type S3WriterOptions,
  writerBytes,
} from '../../../../src/io/aws/s3/writer.ts';
import { S3_TEST_OPTIONS } from './support.ts';

const MiB = 1024 * 1024;
const PART_BYTES_MAX = 5 * 1024 * MiB;

const options = fc
  .record({
    partBytes: fc.integer({ min: 5, max: 256 }).map((count) => count * MiB),
    partsAtOnce: fc.integer({ min: 1, max: 8 }),
    objectBytesMax: fc.oneof(
      fc.integer({ min: 1, max: 100 * MiB }),
      fc.maxSafeInteger().map((n) => 1 + (Math.abs(n) % 5e12)),
    ),
  })
  .map((made): S3WriterOptions => ({ bucket: 'b', ...made }));

describe('parts', () => {
  it('suffice for the largest object, within what S3 allows', () => {
    fc.assert(
      fc.property(options, (made) => {
        let sum = 0;
        let largest = 0;
        let parts = 0;
        for (; parts < PARTS_MAX && sum < made.objectBytesMax; parts++) {
          const bytes = partBytesAt(parts, made);
          expect(bytes).toBeGreaterThanOrEqual(made.partBytes);
          expect(bytes).toBeLessThanOrEqual(PART_BYTES_MAX);
          largest = Math.max(largest, bytes);
          sum += bytes;
        }
        expect(sum).toBeGreaterThanOrEqual(made.objectBytesMax);
        expect(writerBytes(made)).toBe((made.partsAtOnce + 1) * largest);
      }),
      {
        numRuns: 60,
        seed: 4,
        examples: [[{ bucket: 'b', partBytes: 8 * MiB, partsAtOnce: 2, objectBytesMax: 2 ** 40 }]],
      },
    );
  });

  it('have the configured size as long as the object may be small', () => {
    const made = { bucket: 'b', partBytes: 8 * MiB, partsAtOnce: 2, objectBytesMax: 640 * 1024 * MiB };
    expect([0, 4999, 5000, 9999].map((part) => partBytesAt(part, made) / MiB)).toEqual([8, 8, 124, 124]);
    expect(s3ObjectsBytes({ ...S3_TEST_OPTIONS, ...made }, 0, 2)).toBe(2 * 3 * 124 * MiB);
  });

  it('carry their CRC-32 as S3 writes it', () => {
    // The check value of CRC-32: 0xCBF43926.
    expect(checksumOf(Buffer.from('123456789'))).toBe(Buffer.from('cbf43926', 'hex').toString('base64'));
  });
});
