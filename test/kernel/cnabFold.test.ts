/** The frame of CNAB files: its faults are those of a reader from the first line to the last, however the file is cut. */
import { describe, expect, it } from 'vitest';
import { madeCnabLines } from '../oracle/cnabFiles.ts';
import { oracleFrame } from '../oracle/cnabFrame.ts';
import { judgeFormatSplit, splitFormat } from '../oracle/formatFiles.ts';
import { bytesOf } from '../oracle/grammar.ts';
import { show } from '../oracle/judge.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';

const FILES = 1500;

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
