import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32, crc32Concat, crc32Suffix } from '../../src/kernel/crc.ts';

const join = (...parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('crc32', () => {
  it('is the one of zlib, and continues from a seed', () => {
    const bytes = new TextEncoder().encode('123456789');
    expect(crc32(bytes)).toBe(0xcbf43926);
    expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array(0))).toBe(0);
  });

  it('of joined and of cut bytes follows from the parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
        const [crcA, crcB, crcAB] = [crc32(a), crc32(b), crc32(join(a, b))];
        expect(crc32Concat(crcA, crcB, b.length)).toBe(crcAB);
        expect(crc32Suffix(crcAB, crcA, b.length)).toBe(crcB);
      }),
      {
        examples: [
          [new Uint8Array(0), new Uint8Array(0)],
          [new Uint8Array(4), new Uint8Array(9)],
        ],
      },
    );
  });

  it('joins runs whose length needs more than 32 bits', () => {
    // Zeros, doubled: A of 2^k zeros joined with itself 13 times from 2^20 on gives 2^33 of them.
    let crc = crc32(new Uint8Array(2 ** 20));
    let bytes = 2 ** 20;
    for (let i = 0; i < 13; i++) {
      crc = crc32Concat(crc, crc, bytes);
      bytes *= 2;
    }
    const one = crc32(Uint8Array.of(1));
    const whole = crc32Concat(one, crc, bytes);
    expect(crc32Suffix(whole, one, bytes)).toBe(crc);
    expect(whole).toBe(
      crc32Concat(crc32Concat(one, crcOfZeros(bytes / 2), bytes / 2), crcOfZeros(bytes / 2), bytes / 2),
    );
  });
});

function crcOfZeros(bytes: number): number {
  let crc = crc32(new Uint8Array(1024));
  for (let done = 1024; done < bytes; done *= 2) crc = crc32Concat(crc, crc, done);
  return crc;
}
