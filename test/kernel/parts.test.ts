import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_HEADER_BYTES, EntryReader, EntryWriter } from '../../src/kernel/parts.ts';

interface Entry {
  line: number;
  outcome: number;
  code: number;
  column: number;
  cents: number;
  ref: Uint8Array;
  winnerLine: number;
  sourceOffset: number;
  sourceBytes: number;
  raw: Uint8Array | null;
}

const big = fc.maxSafeNat();
const entry = fc.record({
  step: fc.oneof(fc.nat(3), fc.nat(1e12)),
  outcome: fc.nat(4),
  code: fc.nat(255),
  column: fc.nat(255),
  cents: fc.oneof(fc.constant(-1), fc.nat(1e15)),
  ref: fc.uint8Array({ maxLength: 256 }),
  winnerLine: fc.oneof(fc.constant(0), big),
  source: fc.oneof(fc.constant([0, 0] as const), fc.tuple(big, fc.integer({ min: 1, max: 2 ** 20 }))),
  raw: fc.option(fc.uint8Array({ minLength: 1, maxLength: 3000 })),
});
const entries = fc.array(entry, { maxLength: 60 }).map((drafts) => {
  let line = 0;
  return drafts.map(({ step, source, ...draft }): Entry => {
    line += step;
    return draft.raw === null
      ? { ...draft, line, sourceOffset: source[0], sourceBytes: source[1] }
      : { ...draft, line, winnerLine: 0, sourceOffset: 0, sourceBytes: 0 };
  });
});

function add(writer: EntryWriter, { line, outcome, code, column, cents, ref, raw, ...rest }: Entry): void {
  // Texts come as slices of larger buffers.
  const around = Uint8Array.from([1, 2, 3, ...ref, 4, 5]);
  const refEnd = 3 + ref.length;
  if (raw === null) {
    const { winnerLine, sourceOffset, sourceBytes } = rest;
    writer.add(line, outcome, code, column, cents, around, 3, refEnd, winnerLine, sourceOffset, sourceBytes);
  } else {
    const rawAround = Uint8Array.from([9, ...raw, 9]);
    writer.addRaw(line, outcome, code, column, cents, around, 3, refEnd, rawAround, 1, 1 + raw.length);
  }
}

function write(all: readonly Entry[], blockBytes: number): Uint8Array[] {
  const writer = new EntryWriter(blockBytes);
  const blocks: Uint8Array[] = [];
  const take = () => {
    for (let block = writer.takeBlock(); block !== undefined; block = writer.takeBlock()) blocks.push(block.slice());
  };
  for (const one of all) {
    add(writer, one);
    if (writer.full) take();
    expect(writer.full).toBe(false);
  }
  expect(writer.takeBlock()).toBeUndefined();
  writer.flush();
  take();
  return blocks;
}

function read(part: Uint8Array): Entry[] {
  const reader = new EntryReader();
  const found: Entry[] = [];
  for (let at = 0; at < part.length; ) {
    const bytes = EntryReader.blockBytes(part.subarray(at, at + BLOCK_HEADER_BYTES));
    reader.load(part.subarray(at, at + bytes));
    at += bytes;
    while (reader.next()) {
      const { line, outcome, code, column, cents, winnerLine, sourceOffset, sourceBytes } = reader;
      const ref = reader.bytes.slice(reader.refStart, reader.refEnd);
      const raw = reader.rawStart < 0 ? null : reader.bytes.slice(reader.rawStart, reader.rawEnd);
      found.push({ line, outcome, code, column, cents, ref, winnerLine, sourceOffset, sourceBytes, raw });
    }
  }
  return found;
}

const plain = (one: Entry) => ({ ...one, ref: [...one.ref], raw: one.raw === null ? null : [...one.raw] });

describe('parts', () => {
  it('give back every entry, in whatever blocks they were written', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 9, max: 4000 }), (all, blockBytes) => {
        const blocks = write(all, blockBytes);
        if (all.length > 0) expect(blocks.length).toBeGreaterThan(0);
        expect(read(Buffer.concat(blocks)).map(plain)).toEqual(all.map(plain));
      }),
    );
  });

  it('write no block for no entries', () => {
    expect(write([], 100)).toEqual([]);
  });

  it('close a block once it has reached its size', () => {
    const one = { line: 1, outcome: 4, code: 5, column: 2, cents: 7, winnerLine: 0, sourceOffset: 0, sourceBytes: 0 };
    const all = Array.from({ length: 100 }, (_, i) => ({ ...one, line: i + 2, ref: new Uint8Array(20), raw: null }));
    const blocks = write(all, 200);
    expect(blocks.length).toBeGreaterThan(5);
    for (const block of blocks.slice(0, -1)) {
      expect(block.length).toBeGreaterThanOrEqual(200);
      expect(block.length).toBeLessThan(200 + 60);
    }
  });

  it('hold one record of any length', () => {
    const raw = new Uint8Array(300_000).fill(120);
    const ref = new Uint8Array(0);
    const one = {
      line: 9,
      outcome: 4,
      code: 2,
      column: 255,
      cents: -1,
      ref,
      winnerLine: 0,
      sourceOffset: 0,
      sourceBytes: 0,
      raw,
    };
    const [found] = read(Buffer.concat(write([one], 1000)));
    expect(found?.line).toBe(9);
    expect(Buffer.compare(found?.raw ?? ref, raw)).toBe(0);
  });

  it('refuse lines that go back', () => {
    const writer = new EntryWriter(1000);
    const ref = new Uint8Array(0);
    writer.add(5, 0, 0, 255, 1, ref, 0, 0);
    expect(() => writer.add(4, 0, 0, 255, 1, ref, 0, 0)).toThrow(/line order/);
  });

  it('are recognised as damaged whichever bit flips, and when cut', () => {
    const ref = new TextEncoder().encode('R-1');
    const one = {
      line: 3,
      outcome: 4,
      code: 5,
      column: 2,
      cents: 7,
      ref,
      winnerLine: 0,
      sourceOffset: 0,
      sourceBytes: 0,
      raw: null,
    };
    const block = write([one], 1000)[0]!;
    for (let bit = 0; bit < block.length * 8; bit++) {
      const bad = block.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => new EntryReader().load(bad)).toThrow(/STORE_CORRUPT/);
    }
    for (let bytes = 0; bytes < block.length; bytes++) {
      expect(() => new EntryReader().load(block.subarray(0, bytes))).toThrow(/STORE_CORRUPT/);
    }
    const endless = block.slice();
    endless.fill(0xff, 0, 4);
    expect(() => EntryReader.blockBytes(endless)).toThrow(/STORE_CORRUPT/);
  });
});
