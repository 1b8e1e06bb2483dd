/** Files of other kinds than CSV: the kernel reads them, and the scan splits them, as the oracle does, cut anywhere. */
import { describe, expect, it } from 'vitest';
import { madeCnabFile } from '../oracle/cnabFiles.ts';
import {
  type FormatFile,
  judgeFormatFile,
  judgeFormatSplit,
  madeFixedFile,
  madeJsonFile,
} from '../oracle/formatFiles.ts';
import { oracleRecordsOf } from '../oracle/formats.ts';
import { show } from '../oracle/judge.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';

const FILES = 80;
const RECORDS = 12;

function randomCuts(random: Random, bytes: number): number[] {
  const cuts = new Set<number>([bytes]);
  for (let k = random.integer(0, 6); k > 0; k--) cuts.add(random.integer(1, Math.max(1, bytes)));
  return [...cuts].filter((cut) => cut > 0).sort((a, b) => a - b);
}

function fuzz(name: string, committed: number, make: (random: Random) => FormatFile, codes: readonly string[]): void {
  it(`${name}: ${FILES} files, cut anywhere`, () => {
    const seed = fuzzSeed(committed);
    const random = new Random(seed);
    const seen = new Map<string, number>();
    for (let i = 0; i < FILES; i++) {
      const file = make(random);
      const { plan, bytes } = file;
      const how = {
        cuts: randomCuts(random, bytes.length),
        rangeBytes: random.pick([1, 100, 1000, 1 << 20]),
        chunkBytes: random.pick([1, 3, 17, 100, 1 << 20]),
      };
      const records = oracleRecordsOf(bytes, plan);
      const split = { ...plan, ...how, bytes, start: 0, firstLine: 1, recordBytesMax: random.pick([50, 300, 1 << 14]) };
      // What frames CNAB files has a test of its own.
      const framed = plan.format.kind.startsWith('cnab');
      const says = (framed ? undefined : judgeFormatSplit(split)) ?? judgeFormatFile(file, how, records);
      if (says !== undefined) {
        expect.fail(`REMESSA_FUZZ_SEED=${seed}, file ${i}: ${says}\n${JSON.stringify({ plan, how })}\n${show(bytes)}`);
      }
      for (const record of records) {
        const code = record.outcome === 'rejected' ? record.code : 'staged';
        seen.set(code, (seen.get(code) ?? 0) + 1);
      }
    }
    // The files are worth something only where what they are to show comes up often.
    for (const code of ['staged', ...codes]) expect(seen.get(code) ?? 0, code).toBeGreaterThan(5);
  });
}

describe('made files', () => {
  fuzz('JSON Lines', 21, (random) => madeJsonFile(random, RECORDS), [
    'JSON_INVALID',
    'JSON_TOO_LARGE',
    'JSON_KEY_UNKNOWN',
    'JSON_KEY_REPEATED',
    'JSON_VALUE',
    'UTF8_INVALID',
    'CHARACTER_INVALID',
    'AMOUNT_FORMAT',
  ]);
  fuzz('fixed width', 22, (random) => madeFixedFile(random, RECORDS), [
    'LINE_LENGTH',
    'REQUIRED',
    'UTF8_INVALID',
    'AMOUNT_FORMAT',
    'AMOUNT_NOT_POSITIVE',
    'DATE_FORMAT',
  ]);
  fuzz('CNAB', 23, (random) => madeCnabFile(random, RECORDS), [
    'LINE_LENGTH',
    'LINE_UNKNOWN',
    'CNAB_LINE_ALONE',
    'CNAB_MATE_MISSING',
    'CNAB_MOVEMENT',
    'DOCUMENT_KIND_UNKNOWN',
    'CPF_FORMAT',
    'CNPJ_FORMAT',
    'DATE_NOT_REAL',
    'AMOUNT_NOT_POSITIVE',
  ]);
});
