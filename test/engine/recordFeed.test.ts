/** The feed against a naive split: the same records for every chunk size, buffer and pace of draining. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FeedTarget, feedRange } from '../../src/engine/recordFeed.ts';
import type { RangeReader } from '../../src/io/ports/objects.ts';
import { crc32 } from '../../src/kernel/crc.ts';

/** Takes records that end with LF; full after so many of them, until it is drained. */
class Lines implements FeedTarget {
  readonly taken: string[] = [];
  readonly #fullEvery: number;
  /** Refuses the record at hand when it becomes full, as pages do; otherwise takes it first, as rejects do. */
  readonly #refuses: boolean;
  #held = 0;
  full = false;
  drains = 0;

  constructor(fullEvery: number, refuses: boolean) {
    this.#fullEvery = fullEvery;
    this.#refuses = refuses;
  }

  feed(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    if (this.full) throw new Error('fed while full');
    let at = from;
    while (at < to) {
      const lf = bytes.indexOf(0x0a, at);
      const end = lf >= 0 && lf < to ? lf + 1 : last ? to : -1;
      if (end < 0) break;
      if (this.#refuses && this.#held === this.#fullEvery) {
        this.full = true;
        break;
      }
      this.taken.push(Buffer.from(bytes.subarray(at, end)).toString('latin1'));
      this.#held += 1;
      at = end;
      if (!this.#refuses && this.#held === this.#fullEvery) {
        this.full = true;
        break;
      }
    }
    return at;
  }

  readonly drain = async (): Promise<void> => {
    if (!this.full) throw new Error('drained while not full');
    await null;
    this.drains += 1;
    this.#held = 0;
    this.full = false;
  };
}

/** Short only at its end, as the port promises. */
function readerOf(bytes: Uint8Array, log: number[] = []): RangeReader {
  let at = 0;
  return {
    async read(target) {
      const got = Math.min(target.length, bytes.length - at);
      target.set(bytes.subarray(at, at + got));
      at += got;
      log.push(target.length);
      return got;
    },
    async close() {},
  };
}

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const naive = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? [];

describe('feeding a range', () => {
  it('gives the records of a sequential split for every buffer and every pace of draining', async () => {
    const text = 'a\n\nbcd\nefghij\nk\nlmnopqr\ns\ntu';
    for (let bufferBytes = 8; bufferBytes <= text.length + 3; bufferBytes++) {
      for (const fullEvery of [1, 2, 3, 100]) {
        for (const refuses of [true, false]) {
          const target = new Lines(fullEvery, refuses);
          const bytes = ascii(text);
          const read = await feedRange(
            readerOf(bytes),
            target,
            new Uint8Array(bufferBytes),
            bytes.length,
            target.drain,
          );
          expect(target.taken).toEqual(naive(text));
          expect(read).toEqual({ bytes: bytes.length, crc: crc32(bytes) });
        }
      }
    }
  });

  it('does so for any text', async () => {
    const record = fc.stringMatching(/^[a-c]{0,9}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 40 }),
        fc.boolean(),
        fc.integer({ min: 10, max: 64 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (records, ends, bufferBytes, fullEvery, refuses) => {
          const text = records.join('\n') + (ends ? '\n' : '');
          const bytes = ascii(text);
          const target = new Lines(fullEvery, refuses);
          const read = await feedRange(
            readerOf(bytes),
            target,
            new Uint8Array(bufferBytes),
            bytes.length,
            target.drain,
          );
          expect(target.taken).toEqual(naive(text));
          expect(read).toEqual({ bytes: bytes.length, crc: crc32(bytes) });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('reads no more than the range has, whatever stands behind it', async () => {
    const target = new Lines(100, true);
    const asked: number[] = [];
    const read = await feedRange(readerOf(ascii('ab\ncd\nef\n'), asked), target, new Uint8Array(4), 6, target.drain);
    expect(target.taken).toEqual(['ab\n', 'cd\n']);
    expect(read.bytes).toBe(6);
    expect(asked.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(6 + 1);
  });

  it('tells how little there was where the object is shorter than its range', async () => {
    const target = new Lines(100, true);
    const read = await feedRange(readerOf(ascii('ab\ncd')), target, new Uint8Array(64), 9, target.drain);
    expect(read).toEqual({ bytes: 5, crc: crc32(ascii('ab\ncd')) });
  });

  it('takes an empty range', async () => {
    const target = new Lines(1, true);
    expect(await feedRange(readerOf(ascii('')), target, new Uint8Array(4), 0, target.drain)).toEqual({
      bytes: 0,
      crc: 0,
    });
  });

  it('holds a record that is as long as the buffer, and calls a longer one a bug', async () => {
    const target = new Lines(100, true);
    await feedRange(readerOf(ascii('abc\nefg\n')), target, new Uint8Array(4), 8, target.drain);
    expect(target.taken).toEqual(['abc\n', 'efg\n']);
    const long = new Lines(100, true);
    await expect(feedRange(readerOf(ascii('abcd\ne\n')), long, new Uint8Array(4), 7, long.drain)).rejects.toThrow(
      /^bug: /,
    );
  });

  it('passes on what the drain throws', async () => {
    const target = new Lines(1, true);
    const failing = feedRange(readerOf(ascii('a\nb\n')), target, new Uint8Array(8), 4, async () => {
      throw new Error('no room');
    });
    await expect(failing).rejects.toThrow('no room');
  });
});
