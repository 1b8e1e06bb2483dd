/**
 * The kernel on WebAssembly beside the plain one, byte for byte: pages, blocks of rejects, totals, and every lane of a
 * scan, on inputs longer than its vectors and windows. (`wasmSuites.test.ts` holds it to the oracle.)
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { COLUMNS } from '../../src/kernel/columns.ts';
import { RangeKernel } from '../../src/kernel/kernel.ts';
import { DEFAULT_DIALECT, type Dialect, type RecordPlan } from '../../src/kernel/plan.ts';
import { scanPiece } from '../../src/kernel/scan.ts';
import { type KernelEngine, plainEngine, wasmEngine } from '../../src/kernel/wasm/engine.ts';
import { type KernelMemory, kernelMemoryBytes, numberOf } from '../../src/kernel/wasm/memory.ts';
import { WasmRangeKernel } from '../../src/kernel/wasm/rangeKernel.ts';
import { madeFile, soup } from '../oracle/generate.ts';
import { bytesOf } from '../oracle/grammar.ts';
import { show } from '../oracle/judge.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';
import { compareKernels, type KernelInput } from './wasmCompare.ts';
import { openTestMemory, TEST_BOUNDS } from './wasmWorld.ts';

const RECORD_BYTES_MAX = 1 << 16;
let memory: KernelMemory;
let engine: KernelEngine;

beforeAll(async () => {
  memory = await openTestMemory();
  engine = wasmEngine(memory);
});

const compare = (plan: RecordPlan, given: KernelInput): string | undefined => compareKernels(engine, plan, given);

function planOf(fields: readonly number[], shards: number, dialect: Dialect = DEFAULT_DIALECT): RecordPlan {
  return { dialect, fields, recordBytesMax: RECORD_BYTES_MAX, shards, hashSeed: 0xdeadbeef };
}

const ALL = COLUMNS.map((_, column) => column);
const GOOD =
  'C-1,José da Silva,529.982.247-25,1234.56,2025-01-31,jose.silva@mail.example.com,(11) 98765-4321,Banco Ipê,cartão,3/12';

describe('a range', () => {
  it('gives the same bytes for made files of every kind', () => {
    const seed = fuzzSeed(11);
    const random = new Random(seed);
    for (let i = 0; i < 150; i++) {
      const { columns, records } = madeFile(random, random.pick([3, 40, 300]));
      const fields = columns.map((column) => COLUMNS.indexOf(column));
      const reading = {
        bytes: bytesOf(records.map((text) => text + random.pick(['', '', '', '\n', '\r\n'])).join('')),
        chunkBytes: random.pick([50, 700, 5000, 1 << 20]),
        pageBytes: random.pick([4096, 5000, 65536]),
        firstLine: random.pick([2, 2 ** 32 + 5]),
        startOffset: random.pick([100, 2 ** 40]),
      };
      const says = compare(planOf(fields, random.pick([1, 2, 7, 64])), reading);
      if (says !== undefined) expect.fail(`REMESSA_FUZZ_SEED=${seed}, file ${i}: ${says}`);
    }
  });

  it('gives the same bytes for good lines with some byte changed, whatever it becomes', () => {
    const reading = { chunkBytes: 1 << 20, pageBytes: 65536, firstLine: 2, startOffset: 0 };
    const good = bytesOf(Buffer.from(`${GOOD}\n`, 'utf8').toString('latin1'));
    // A quote at a field's start swallows what follows: the line behind each closes it, or is malformed by itself.
    const guard = bytesOf('x"\n');
    for (let at = 0; at < good.length; at++) {
      const lines: Uint8Array[] = [];
      for (let byte = 0; byte < 256; byte++) {
        const line = good.slice();
        line[at] = byte;
        lines.push(line, guard);
      }
      const says = compare(planOf(ALL, 3), { ...reading, bytes: Buffer.concat(lines) });
      if (says !== undefined) expect.fail(`byte ${at}: ${says}`);
    }
  });

  it('gives the same bytes for texts of every length around its vectors, whatever stands at their ends', () => {
    const ends = ['a', ' ', '\xc3', '\xa3', '\xc3\xa3', '\xc2\x85', '\xf0\x9f\x98\x80', '\x7f', '\t', '.'];
    const good = Buffer.from(GOOD, 'utf8').toString('latin1').split(',');
    const lines: string[] = [];
    for (let length = 0; length <= 70; length++) {
      for (const first of ends) {
        for (const last of ends) {
          const text = first + 'x'.repeat(Math.max(0, length - first.length - last.length)) + last;
          for (const column of [0, 1, 7, 8]) lines.push(good.with(column, text).join(','));
        }
      }
    }
    const reading = { chunkBytes: 1 << 19, pageBytes: 65536, firstLine: 2, startOffset: 0 };
    expect(compare(planOf(ALL, 3), { ...reading, bytes: bytesOf(`${lines.join('\n')}\n`) })).toBeUndefined();
  });

  it('gives the same bytes for hostile soups, in the default dialect and in others', () => {
    const seed = fuzzSeed(12);
    const random = new Random(seed);
    const dialects = [DEFAULT_DIALECT, { delimiter: 0x3b, quote: 0x27 }, { delimiter: 0x7c, quote: 0x22 }];
    for (let i = 0; i < 1500; i++) {
      const dialect = random.pick(dialects);
      const text = soup(random, 800) + (random.chance(0.5) ? GOOD.repeat(2) : '');
      const own = text
        .replaceAll('"', String.fromCharCode(dialect.quote))
        .replaceAll(',', String.fromCharCode(dialect.delimiter));
      const reading = {
        bytes: bytesOf(own),
        chunkBytes: random.pick([1, 30, 100_000]),
        pageBytes: 4096,
        firstLine: 1,
        startOffset: 0,
      };
      const says = compare(planOf(random.shuffled(ALL), 2, dialect), reading);
      if (says !== undefined) expect.fail(`REMESSA_FUZZ_SEED=${seed}, input ${i}, ${show(reading.bytes)}: ${says}`);
    }
  });

  it('gives the same bytes where records cross the windows it searches, and where they are longer', () => {
    const quoted = GOOD.split(',').map((field) => `"${field}"`);
    const lines: string[] = [];
    for (let i = 0; i < 900; i++) {
      const long = `"${'x\n'.repeat(i * 20)}"`;
      const kinds = [
        GOOD,
        quoted.join(','),
        quoted.with(1, `"A ""B"" ${i}"`).join(','),
        quoted.with(1, long).join(','),
      ];
      lines.push((kinds[i % 50 === 0 ? 3 : i % 3] as string).replace('C-1', `C-${i}`) + (i % 2 === 0 ? '\n' : '\r\n'));
    }
    const bytes = Buffer.from(lines.join(''), 'utf8');
    for (const chunkBytes of [60_000, 100_003, 1 << 20]) {
      const reading = { bytes, chunkBytes, pageBytes: 16_384, firstLine: 2, startOffset: 109 };
      expect(compare(planOf(ALL, 5), reading)).toBeUndefined();
    }
  });

  it('takes ordinary records the quick way, quoted or not', () => {
    const plain = engine.range(planOf(ALL, 4), 2, 0, 65536);
    const before = memory.exports.exactTaken();
    const lines = [
      GOOD,
      `"${GOOD.replaceAll(',', '","')}"`,
      GOOD.replace('(11) 98765-4321', ''),
      GOOD.replace('.56', ''),
    ];
    const bytes = Buffer.from(lines.map((line) => `${line}\n${line}\r\n`).join(''), 'utf8');
    expect(plain.feed(bytes, 0, bytes.length, true)).toBe(bytes.length);
    expect(plain.totals().staged).toBe(lines.length * 2);
    expect(memory.exports.exactTaken() - before).toBe(0);
  });

  it('adds cents beyond 64 bits', () => {
    const line = Buffer.from(`${GOOD.replace('1234.56', '9999999999999.99')}\n`, 'utf8');
    const bytes = Buffer.concat(new Array<Buffer>(20_000).fill(line));
    const kernel = engine.range(planOf(ALL, 1), 2, 0, 65536);
    for (let at = 0; at < bytes.length; ) {
      at = kernel.feed(bytes, at, bytes.length, true);
      while (kernel.takePage() !== undefined);
    }
    expect(kernel.totals().centsStaged).toBe(20_000n * 999_999_999_999_999n);
    expect(kernel.totals().centsStaged).toBeGreaterThan(2n ** 64n);
  });
});

describe('a piece', () => {
  it('has the same lanes as the plain scan finds, whatever it holds', () => {
    const seed = fuzzSeed(13);
    const random = new Random(seed);
    for (let i = 0; i < 6000; i++) {
      // Stretches of plain lines, of quoted ones and of soup, so that all ways of leaping meet at every place of a block.
      let text = '';
      for (let part = random.integer(1, 6); part > 0; part--) {
        const dice = random.next();
        if (dice < 0.3) text += soup(random, 200);
        else if (dice < 0.6) text += `${'a,b'.repeat(random.integer(0, 30))}${random.pick(['\n', '\r\n'])}`;
        else
          text += `${'"a","",""",""",b,"c\n"'.repeat(random.integer(0, 6))}${random.pick(['\n', '\r\n', '"\n', ''])}`;
      }
      const bytes = bytesOf(text);
      const next = random.pick([-1, 0x0a, 0x22, 0x61]);
      const offset = random.pick([0, 7, 2 ** 40]);
      const limit = random.pick([1, 50, 1000, 2 ** 40]);
      const wanted = scanPiece(bytes, bytes.length, next, offset, DEFAULT_DIALECT, limit);
      const given = engine.scanPiece(bytes, bytes.length, next, offset, DEFAULT_DIALECT, limit);
      if (JSON.stringify(given) !== JSON.stringify(wanted)) {
        expect(given, `REMESSA_FUZZ_SEED=${seed}, piece ${i}, ${show(bytes)}`).toEqual(wanted);
      }
    }
  });

  it('is read in place in the memory, and by the plain scan where it has no room', () => {
    const text = Buffer.from(`a,"b\n",c\n${'x,y\n'.repeat(1_200_000)}`);
    const wanted = scanPiece(text, text.length, -1, 5, DEFAULT_DIALECT, 100);
    expect(text.length).toBeGreaterThan(TEST_BOUNDS.inputBytes);
    expect(engine.scanPiece(text, text.length, -1, 5, DEFAULT_DIALECT, 100)).toEqual(wanted);
    const buffer = engine.buffer(1000);
    buffer.set(text.subarray(0, 1000));
    expect(engine.scanPiece(buffer.subarray(3), 900, 0x78, 9, DEFAULT_DIALECT, 4)).toEqual(
      scanPiece(text.subarray(3), 900, 0x78, 9, DEFAULT_DIALECT, 4),
    );
  });
});

describe('the engine', () => {
  it('reads with the plain kernel what its memory has no room for', () => {
    const fits = planOf(ALL, 64);
    expect(engine.range(fits, 1, 0, 65536)).toBeInstanceOf(WasmRangeKernel);
    expect(engine.range({ ...fits, shards: 65 }, 1, 0, 4096)).toBeInstanceOf(RangeKernel);
    expect(engine.range(fits, 1, 0, TEST_BOUNDS.pagesBytes / 64 + 1)).toBeInstanceOf(RangeKernel);
    expect(engine.range({ ...fits, recordBytesMax: TEST_BOUNDS.recordBytes + 1 }, 1, 0, 4096)).toBeInstanceOf(
      RangeKernel,
    );
    expect(engine.range(planOf([0, 1, 2, 3], 1), 1, 0, 4096)).toBeInstanceOf(RangeKernel);
    expect(plainEngine().range(fits, 1, 0, 4096)).toBeInstanceOf(RangeKernel);
  });

  it('gives one buffer, in its memory as long as there is room', () => {
    const buffer = engine.buffer(10);
    expect(engine.buffer(TEST_BOUNDS.inputBytes).buffer).toBe(buffer.buffer);
    const larger = engine.buffer(TEST_BOUNDS.inputBytes + 1);
    expect(larger.length).toBeGreaterThan(TEST_BOUNDS.inputBytes);
    expect(larger.buffer).not.toBe(buffer.buffer);
    expect(engine.buffer(TEST_BOUNDS.inputBytes + 1)).toBe(larger);
  });

  it('refuses the kernel of a range that another has taken over from', () => {
    const one = engine.range(planOf(ALL, 1), 1, 0, 4096);
    const bytes = Buffer.from(`${GOOD}\n`);
    engine.range(planOf(ALL, 1), 1, 0, 4096);
    expect(() => one.feed(bytes, 0, bytes.length, true)).toThrow('one range at a time');
    expect(() => one.totals()).toThrow('one range at a time');
  });

  it('stops at a record that is longer than any scan lets through, and writes nothing outside its regions', () => {
    const kernel = engine.range(planOf(ALL, 1), 1, 0, 4096);
    const long = new Uint8Array(TEST_BOUNDS.recordBytes + 2).fill(0x22);
    expect(() => kernel.feed(long, 0, long.length, true)).toThrow('no record is longer');
  });

  it('holds what it says it holds, and its tables stand before its regions', () => {
    expect(memory.bytes.length).toBeGreaterThanOrEqual(kernelMemoryBytes(TEST_BOUNDS));
    expect(memory.bytes.length - kernelMemoryBytes(TEST_BOUNDS)).toBeLessThan(65536);
    const tables = numberOf(memory.exports.SHARDS) + TEST_BOUNDS.shards * numberOf(memory.exports.SHARD_BYTES);
    const regions = [tables, memory.rejectsAt, memory.slabAt, memory.inputAt, memory.bytes.length];
    expect(regions).toEqual([...regions].sort((a, b) => a - b));
    expect(memory.inputAt + TEST_BOUNDS.inputBytes + 64).toBeLessThanOrEqual(memory.bytes.length);
  });
});
