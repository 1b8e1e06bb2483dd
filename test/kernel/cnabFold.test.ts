/** The frame of CNAB files: its faults are those of a reader from the first line to the last, however the file is cut. */
import { describe, expect, it } from 'vitest';
import { detailText } from '../../src/core/catalogue.ts';
import { CnabFold } from '../../src/kernel/formats/cnabFold.ts';
import type { PieceFrames } from '../../src/kernel/formats/cnabFrames.ts';
import type { PieceSummary } from '../../src/kernel/scan.ts';
import { madeCnabLines } from '../oracle/cnabFiles.ts';
import { oracleFrame } from '../oracle/cnabFrame.ts';
import { judgeFormatSplit, splitFormat } from '../oracle/formatFiles.ts';
import { bytesOf } from '../oracle/grammar.ts';
import { show } from '../oracle/judge.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';

const FILES = 1500;
const CNAB = { lineEnds: true, main: 'P', mate: 'Q', slices: [], movement: { at: 15, bytes: 2 }, entries: ['01'] };

describe.each(['cnab-240', 'cnab-400'] as const)('%s', (kind) => {
  it(`splits ${FILES} files and finds what is wrong with their frames, cut anywhere`, () => {
    const seed = fuzzSeed(kind === 'cnab-240' ? 31 : 32);
    const random = new Random(seed);
    const codes = new Map<string, number>();
    for (let i = 0; i < FILES; i++) {
      const { format, text } = madeCnabLines(random, kind);
      const bytes = bytesOf(text);
      const cuts = [
        ...new Set([
          ...Array.from({ length: random.integer(0, 8) }, () => random.integer(1, bytes.length)),
          bytes.length,
        ]),
      ];
      const input = {
        bytes,
        start: 0,
        firstLine: 2,
        recordBytesMax: random.pick([40, 450, 1000, 1 << 14]),
        rangeBytes: random.pick([1, 100, 1000, 1 << 14]),
        cuts: cuts.filter((cut) => cut > 0 && cut <= bytes.length).sort((a, b) => a - b),
        format,
      };
      const frame = oracleFrame(text, format, 0, 2);
      const { fault } = frame;
      const says = judgeFormatSplit(input, fault);
      if (says !== undefined) {
        const { cuts, recordBytesMax, rangeBytes } = input;
        const how = JSON.stringify({ cuts, recordBytesMax, rangeBytes, format });
        expect.fail(`REMESSA_FUZZ_SEED=${seed}, file ${i}: ${says}\n${how}\n${show(bytes)}`);
      }
      codes.set(fault?.code ?? 'none', (codes.get(fault?.code ?? 'none') ?? 0) + 1);
      const answer = splitFormat(input);
      if ('code' in answer) continue;
      const lots = answer.lots?.map(({ start }) => start) ?? [];
      expect(lots).toEqual(frame.lots);
      for (const { start, end } of answer.lots ?? []) {
        expect(text.slice(start, end).replace(/\r?\n$/, '')).toHaveLength(format.lineBytes);
      }
    }
    const common = kind === 'cnab-240' ? ['CNAB_COUNT'] : ['CNAB_SEQUENCE'];
    for (const code of ['none', 'CNAB_HEADER', 'CNAB_ORDER', 'CNAB_TRUNCATED', ...common]) {
      expect(codes.get(code) ?? 0, code).toBeGreaterThan(5);
    }
  });
});

describe('numbers of six digits', () => {
  const options = { start: 0, firstLine: 2, rangeBytes: 1 << 20, recordBytesMax: 1 << 14 };
  const lane = (end: number, records: number) => ({
    end,
    records,
    firstStart: records === 0 ? -1 : 0,
    firstLfs: 0,
    firstCrc: 0,
    lastStart: records === 0 ? -1 : 0,
    lastLfs: 0,
    openEnd: -1,
    longStart: -1,
    longLfs: 0,
  });
  const piece = (offset: number, lfs: number, frames: PieceFrames): PieceSummary => {
    return { offset, bytes: lfs, lfs, crc: 0, lanes: [0, 1, 2, 3].map(() => lane(0, 0)), frames };
  };
  const none = { first: null, broken: null };
  const stretch = (lines: number) => ({ lines, at: 0, lfs: 0, named: null, stray: null });
  const frame = (type: number, lot: number, counts: [number, number]) => {
    return { type, bytes: 240, wholeBytes: 241, lot, counts, at: 0, lfs: 0 };
  };

  it.each([
    [1_234_567, 234_569, undefined],
    [1_234_567, 234_570, 'the trailer counts 234570 lines, 1234569 (…234569) stand'],
    [999_998, 0, undefined],
  ])('of CNAB 240 count %i lines in a lot as %i', (lines, count, says) => {
    const fold = new CnabFold(options, { ...CNAB, kind: 'cnab-240', lineBytes: 240 });
    fold.add(piece(0, 1, { lines: 1, stretches: [stretch(0), stretch(0)], frames: [frame(1, 1, [-1, -1])], ...none }));
    fold.add(piece(1, 5, { lines, stretches: [stretch(lines)], frames: [], ...none }));
    const end = { lines: 1, stretches: [stretch(0), stretch(0)], frames: [frame(5, 1, [count, -1])], ...none };
    const fault = fold.add(piece(6, 1, end));
    expect(fault?.code).toBe(says === undefined ? undefined : 'CNAB_COUNT');
    if (fault?.detail !== undefined) expect(detailText(fault.detail)).toContain(says);
  });

  it('of CNAB 400 begin again', () => {
    const fold = new CnabFold(options, { ...CNAB, kind: 'cnab-400', lineBytes: 400 });
    const numbered = (number: number): PieceFrames['first'] => ({ index: 0, number, at: 0, lfs: 0 });
    const lines = (count: number, first: number) => {
      return { lines: count, stretches: [stretch(count)], frames: [], first: numbered(first), broken: null };
    };
    expect(fold.add(piece(0, 5, lines(999_998, 2)))).toBeUndefined();
    // Line 1,000,000 is the next.
    expect(fold.add(piece(5, 5, lines(3, 0)))).toBeUndefined();
    expect(fold.add(piece(10, 5, lines(3, 4)))).toMatchObject({ code: 'CNAB_SEQUENCE' });
  });
});
