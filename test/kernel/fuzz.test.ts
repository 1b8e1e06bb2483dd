/**
 * Made inputs, kernel against oracle. The seed is committed; `REMESSA_FUZZ_SEED` sets another, and every failure prints
 * the one that made it.
 */
import { describe, expect, it } from 'vitest';
import { judgeRecords } from '../oracle/drive.ts';
import { fileInput, type MadeDrive, randomCuts, splitInput } from '../oracle/generate.ts';
import { byteString, oracleRecords, regexRecords } from '../oracle/grammar.ts';
import { judgeSplit, kernelSplitter, show } from '../oracle/judge.ts';
import { type OracleRead, oracleFile } from '../oracle/oracle.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';

const SPLITS = 100_000;
const FILES = 600;
const RECORDS_PER_FILE = 30;

describe('fuzz', () => {
  it(`splits ${SPLITS} hostile inputs as the oracle reads them`, () => {
    const seed = fuzzSeed(1);
    const random = new Random(seed);
    let faults = 0;
    for (let i = 0; i < SPLITS; i++) {
      const input = splitInput(random);
      const says = judgeSplit(input);
      if (says !== undefined) {
        const { cuts, recordBytesMax, rangeBytes } = input;
        const how = JSON.stringify({ cuts, recordBytesMax, rangeBytes });
        expect.fail(`REMESSA_FUZZ_SEED=${seed}, input ${i}, ${show(input.bytes)} ${how}: ${says}`);
      }
      if (oracleRecords(byteString(input.bytes)).at(-1)?.unclosed) {
        faults++;
      }
    }
    // The inputs are worth something only where both kinds of ends are frequent.
    expect(faults).toBeGreaterThan(SPLITS / 10);
    expect(faults).toBeLessThan((SPLITS * 9) / 10);
  });

  it('splits by another delimiter and another quote', () => {
    const seed = fuzzSeed(4);
    const random = new Random(seed);
    const dialect = { delimiter: 0x3b, quote: 0x27 };
    // The four characters change places, so that those of the default are data.
    const places = new Map([...',;"\''].map((character, i) => [character.charCodeAt(0), ';,\'"'.charCodeAt(i)]));
    for (let i = 0; i < 5000; i++) {
      const input = splitInput(random);
      const bytes = input.bytes.map((byte) => places.get(byte) ?? byte);
      const says = judgeSplit({ ...input, bytes, dialect });
      if (says !== undefined) expect.fail(`REMESSA_FUZZ_SEED=${seed}, input ${i}, ${show(bytes)}: ${says}`);
    }
  });

  it('both readings of the oracle agree', () => {
    const seed = fuzzSeed(2);
    const random = new Random(seed);
    for (let i = 0; i < 20_000; i++) {
      const { bytes } = splitInput(random);
      const text = byteString(bytes);
      if (JSON.stringify(oracleRecords(text)) !== JSON.stringify(regexRecords(text))) {
        expect.fail(`REMESSA_FUZZ_SEED=${seed}, input ${i}, ${show(bytes)}`);
      }
    }
  });

  it(`checks the fields of ${FILES * RECORDS_PER_FILE} made records as the oracle does`, () => {
    const seed = fuzzSeed(3);
    const random = new Random(seed);
    const codes = new Map<string, number>();
    for (let i = 0; i < FILES; i++) {
      const { bytes, drive } = fileInput(random, RECORDS_PER_FILE);
      const read = oracleFile(bytes, { recordBytesMax: drive.recordBytesMax });
      if (read.fault !== undefined) throw new Error(`bug of the generator: ${read.fault} in ${show(bytes)}`);
      const says = judgeFile(random, bytes, drive, read);
      if (says !== undefined) {
        const how = JSON.stringify({ shards: drive.shards, chunkBytes: drive.chunkBytes });
        expect.fail(`REMESSA_FUZZ_SEED=${seed}, file ${i}, ${how}: ${says}\n${show(bytes)}`);
      }
      for (const record of read.records) {
        const code = record.outcome === 'rejected' ? record.code : record.warning;
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
    // Every code of a single record comes up, and good records are frequent.
    expect(codes.size).toBe(19);
    expect(codes.get('')).toBeGreaterThan(FILES * 5);
  });
});

/** Splits the body as the picker does, then reads each range of the split as a worker does. */
function judgeFile(random: Random, bytes: Uint8Array, made: MadeDrive, read: OracleRead): string | undefined {
  const whole = made.of(read);
  const { start, end, firstLine } = whole;
  const { recordBytesMax } = made;
  const rangeBytes = random.pick([1, 100, 500, 1 << 20]);
  const split = { bytes, start, firstLine, recordBytesMax, rangeBytes, cuts: randomCuts(random, start, end) };
  const wrong = judgeSplit(split);
  if (wrong !== undefined) return wrong;
  const plan = kernelSplitter(split);
  if ('code' in plan) return plan.code;
  for (const range of plan.ranges) {
    const inside = read.records.filter((record) => record.start >= range.start && record.start < range.end);
    const says = judgeRecords({ ...whole, ...range }, inside);
    if (says !== undefined) return `range at ${range.start}: ${says}`;
  }
  return undefined;
}
