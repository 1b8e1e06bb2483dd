/** Samples of files of any size: what stands in them, and what a file that inflates must not do. */
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFault } from '../../../src/core/faults.ts';
import { sampleFile } from '../../../src/engine/infer/file.ts';
import { type FileSample, sampleOf, sampleOfStream, WHOLE_BYTES_MAX } from '../../../src/engine/infer/sample.ts';

/** Numbered lines of some 40 bytes. */
function numbered(lines: number): Buffer {
  return Buffer.from(
    Array.from({ length: lines }, (_, i) => `${String(i).padStart(8, '0')};${'x'.repeat(20 + (i % 23))}\n`).join(''),
  );
}

const placed = (bytes: Buffer) => ({
  bytes: bytes.length,
  read: async (start: number, end: number) => bytes.subarray(start, end),
});
async function* blocks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The numbers of the lines, run by run; each run is whole lines in the order of the file. */
function runsOf({ head, pieces }: FileSample): number[][] {
  return [head, ...pieces].map((bytes) => {
    const text = Buffer.from(bytes).toString();
    expect(text.endsWith('\n')).toBe(true);
    const found = text.trimEnd().split('\n');
    const numbers = found.map((line) => Number(line.slice(0, 8)));
    expect(found.filter((line) => !/^\d{8};x{20,42}$/.test(line))).toEqual([]);
    expect(numbers.filter((number, i) => number !== (numbers[0] as number) + i)).toEqual([]);
    return numbers;
  });
}

describe.each<[string, (bytes: Buffer) => Promise<FileSample>]>([
  ['at any place', (bytes) => sampleOf(placed(bytes))],
  ['in order, in small blocks', (bytes) => sampleOfStream(blocks(bytes, 5000))],
  ['in order, in large blocks', (bytes) => sampleOfStream(blocks(bytes, 3_000_000))],
])('a sample of a file read %s', (_, take) => {
  it('is the whole file where that is small', async () => {
    const bytes = numbered(1000);
    const sample = await take(bytes);
    expect([sample.complete, sample.fileBytes, sample.pieces]).toEqual([true, bytes.length, []]);
    expect(bytes.equals(sample.head)).toBe(true);
    expect((await take(Buffer.alloc(0))).fileBytes).toBe(0);
  });

  it('is the beginning, the end and pieces from all over it where it is large', async () => {
    const lines = 100_000;
    const bytes = numbered(lines);
    const sample = await take(bytes);
    expect([sample.complete, sample.fileBytes]).toEqual([false, bytes.length]);
    const runs = runsOf(sample);
    expect(runs[0]?.[0]).toBe(0);
    expect(runs.at(-1)?.at(-1)).toBe(lines - 1);
    expect(runs.length).toBeGreaterThan(10);
    // In order, none twice, and no fifth of the file without one.
    const numbers = runs.flat();
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    for (let part = 0; part < 5; part++) {
      const from = (lines * part) / 5;
      expect(
        numbers.some((number) => number >= from && number < from + lines / 5),
        `fifth ${part}`,
      ).toBe(true);
    }
    expect(await take(bytes)).toEqual(sample);
  });

  it('stays small whatever the lines are', async () => {
    const bytes = Buffer.alloc(6_000_000, 0x78);
    const sample = await take(bytes);
    const size = sample.head.length + sample.pieces.reduce((sum, piece) => sum + piece.length, 0);
    expect(size).toBeLessThanOrEqual(WHOLE_BYTES_MAX);
  });
});

describe('a file', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'remessa-sample-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const limits = { gzipInflatedBytesMax: 50_000_000, gzipRatioMax: 100 };
  async function codeOf(content: Buffer, given: Partial<typeof limits> = {}): Promise<string> {
    const path = join(folder, 'f');
    writeFileSync(path, content);
    try {
      await sampleFile(path, { ...limits, ...given }, new AbortController().signal);
      return 'none';
    } catch (error) {
      if (!isFault(error)) throw error;
      return error.code;
    }
  }

  it('gives the same sample plain and in gzip, be it of several members', async () => {
    const bytes = numbered(20_000);
    const path = join(folder, 'f');
    const signal = new AbortController().signal;
    writeFileSync(path, bytes);
    const plain = await sampleFile(path, limits, signal);
    writeFileSync(path, Buffer.concat([gzipSync(bytes.subarray(0, 300_000)), gzipSync(bytes.subarray(300_000))]));
    const inflated = await sampleFile(path, limits, signal);
    expect(Buffer.from(inflated.head).equals(plain.head)).toBe(true);
    expect({ ...inflated, head: 0 }).toEqual({ ...plain, head: 0 });
  });

  it.each<[string, Buffer, string, Partial<typeof limits>?]>([
    ['text', numbered(3), 'none'],
    ['nothing', Buffer.alloc(0), 'FILE_EMPTY'],
    ['gzip of nothing', gzipSync(''), 'FILE_EMPTY'],
    ['gzip of gzip', gzipSync(gzipSync('a;b\n')), 'GZIP_NESTED'],
    ['gzip of an archive', gzipSync('PK\x03\x04zip'), 'FILE_ARCHIVE'],
    ['gzip cut short', gzipSync(numbered(3000)).subarray(0, -20), 'GZIP_TRUNCATED'],
    [
      'gzip that is damaged',
      Buffer.concat([gzipSync('a').subarray(0, 10), Buffer.from('ffffffffffff', 'hex')]),
      'GZIP_CORRUPT',
    ],
    ['gzip that inflates without measure', gzipSync(Buffer.alloc(9_000_000)), 'GZIP_BOMB'],
    ['gzip that inflates past the limit', gzipSync(numbered(50_000)), 'GZIP_BOMB', { gzipInflatedBytesMax: 100_000 }],
    ['binary data', Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7) % 31)), 'FILE_BINARY'],
  ])('that is %s', async (_, content, code, given) => {
    expect(await codeOf(content, given)).toBe(code);
  });

  it('is none: a folder, and what is not there', async () => {
    const signal = new AbortController().signal;
    await expect(sampleFile(folder, limits, signal)).rejects.toThrow(/INPUT_IS_DIRECTORY/);
    await expect(sampleFile(join(folder, 'none'), limits, signal)).rejects.toThrow(/INPUT_MISSING/);
    await expect(sampleFile('/dev/null', limits, signal)).rejects.toThrow(/INPUT_NOT_A_FILE/);
  });

  it('is no longer inflated once the command is to end', async () => {
    const path = join(folder, 'f');
    writeFileSync(path, gzipSync(numbered(1000)));
    await expect(sampleFile(path, limits, AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
});
