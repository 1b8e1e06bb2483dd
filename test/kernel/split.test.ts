/** The splitting scan against the oracle: for every case, every cut and every size of piece. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { scanPiece } from '../../src/kernel/scan.ts';
import { SplitFold } from '../../src/kernel/split.ts';
import { bytesOf, oracleRecords, regexRecords } from '../oracle/grammar.ts';
import { evenCuts, judgeSplit, kernelSplitter, show } from '../oracle/judge.ts';
import { oracleFile } from '../oracle/oracle.ts';
import type { KernelCase } from '../oracle/shape.ts';
import { CASES } from './cases.ts';

/** Where the records behind the header begin; a file without a readable header is scanned whole. */
function bodyOf(shape: KernelCase): { start: number; firstLine: number } {
  const bom = shape.file.startsWith('\xef\xbb\xbf') ? 3 : 0;
  const [header] = oracleRecords(shape.file, bom);
  const faulty = 'fault' in shape.expect;
  if (header === undefined || header.unclosed || (faulty && shape.expect.byte === header.start)) {
    return { start: bom, firstLine: 1 };
  }
  return { start: header.end, firstLine: shape.file.slice(0, header.end).split('\n').length };
}

describe('the oracle', () => {
  it.each(CASES)('says what the case says: $name', (shape) => {
    const read = oracleFile(bytesOf(shape.file), { recordBytesMax: shape.recordBytesMax });
    if ('fault' in shape.expect) {
      expect(read).toMatchObject(shape.expect);
      return;
    }
    if (read.fault !== undefined) expect.fail(`the oracle answers ${read.fault}`);
    const seen = read.records.map((record, index) => {
      const { line, start, end } = record;
      const raw = shape.file.slice(start, end);
      if (record.outcome === 'staged') {
        const wanted = 'records' in shape.expect ? shape.expect.records[index]?.values : undefined;
        const values = Object.fromEntries(Object.entries(record.values).filter(([name]) => wanted && name in wanted));
        return { line, raw, is: 'staged', values };
      }
      const { code, column, cents, ref } = record;
      return {
        line,
        raw,
        is: code,
        column,
        ...(cents === undefined ? {} : { cents }),
        ...(ref === '' ? {} : { ref }),
      };
    });
    expect(seen).toEqual(shape.expect.records);
  });

  it.each(CASES)('agrees with the regular expressions: $name', (shape) => {
    expect(regexRecords(shape.file)).toEqual(oracleRecords(shape.file));
  });
});

describe('the split', () => {
  it.each(CASES)('equals the oracle in pieces of every size: $name', (shape) => {
    const bytes = bytesOf(shape.file);
    const { start, firstLine } = bodyOf(shape);
    for (const recordBytesMax of [shape.recordBytesMax, 1 << 18]) {
      for (const rangeBytes of [1, 50, 1 << 20]) {
        for (let pieceBytes = 1; pieceBytes <= bytes.length - start; pieceBytes++) {
          const cuts = evenCuts(start, bytes.length, pieceBytes);
          const says = judgeSplit({ bytes, start, firstLine, recordBytesMax, rangeBytes, cuts });
          if (says !== undefined) expect.fail(`pieces of ${pieceBytes}, ranges of ${rangeBytes}: ${says}`);
        }
      }
    }
  });

  // fault 11
  it.each(CASES)('equals the oracle at every single cut: $name', (shape) => {
    const bytes = bytesOf(shape.file);
    const { start, firstLine } = bodyOf(shape);
    for (let cut = start + 1; cut < bytes.length; cut++) {
      for (const rangeBytes of [1, 50]) {
        const cuts = [cut, bytes.length];
        const says = judgeSplit({ bytes, start, firstLine, recordBytesMax: shape.recordBytesMax, rangeBytes, cuts });
        if (says !== undefined) expect.fail(`cut at ${cut}, ranges of ${rangeBytes}: ${says}`);
      }
    }
  });

  it('has no range where there is no byte', () => {
    const input = { bytes: new Uint8Array(0), start: 0, firstLine: 1, recordBytesMax: 100, rangeBytes: 10, cuts: [] };
    expect(judgeSplit(input)).toBeUndefined();
    expect(kernelSplitter(input)).toEqual({ ranges: [], records: 0, lines: 0 });
  });

  // fault 11
  it('equals the oracle for every text of up to five bytes of the grammar, cut in every way', () => {
    let judged = 0;
    for (let length = 1; length <= 5; length++) {
      for (const text of allTexts('",\r\na', length)) {
        const bytes = bytesOf(text);
        for (let mask = 0; mask < 1 << (length - 1); mask++) {
          const cuts: number[] = [];
          for (let at = 1; at < length; at++) if ((mask >> (at - 1)) & 1) cuts.push(at);
          cuts.push(length);
          const rangeBytes = 1 + (mask % 3);
          const says = judgeSplit({ bytes, start: 0, firstLine: 1, recordBytesMax: 4, rangeBytes, cuts });
          if (says !== undefined) expect.fail(`${show(bytes)} cut at ${cuts}: ${says}`);
          judged++;
        }
      }
    }
    expect(judged).toBe(5 + 25 * 2 + 125 * 4 + 625 * 8 + 3125 * 16);
  });

  it('equals the oracle for every text of six and seven bytes of the grammar, byte by byte and as one piece', () => {
    for (const length of [6, 7]) {
      for (const text of allTexts('",\r\na', length)) {
        const bytes = bytesOf(text);
        for (const cuts of [evenCuts(0, length, 1), [length]]) {
          const says = judgeSplit({ bytes, start: 0, firstLine: 1, recordBytesMax: 100, rangeBytes: 2, cuts });
          if (says !== undefined) expect.fail(`${show(bytes)} in ${cuts.length} pieces: ${says}`);
        }
      }
    }
  });

  it('splits a long file into ranges of about the size asked', () => {
    const text = Array.from(
      { length: 3000 },
      (_, i) => `R${i},"a\n${'x'.repeat(i % 50)}",1${i % 3 === 0 ? '\r' : ''}\n`,
    ).join('');
    const bytes = bytesOf(text);
    for (const pieceBytes of [64, 333, 4096, 1 << 16]) {
      const input = {
        bytes,
        start: 0,
        firstLine: 1,
        recordBytesMax: 200,
        rangeBytes: 8192,
        cuts: evenCuts(0, bytes.length, pieceBytes),
      };
      expect(judgeSplit(input)).toBeUndefined();
      const plan = kernelSplitter(input);
      if ('code' in plan) expect.fail(plan.code);
      const wanted = Math.floor(bytes.length / (8192 + 2 * pieceBytes));
      expect(plan.ranges.length).toBeGreaterThanOrEqual(Math.max(1, wanted));
    }
  });

  // fault 12
  it('counts lines and places beyond 32 bits', () => {
    const text = `${'x,"y\n"\n'.repeat(20)}z,"`;
    const bytes = bytesOf(text);
    // The same bytes, as they would stand behind five gibibytes: only places and lines move.
    const near = kernelSplitter({
      bytes,
      start: 0,
      firstLine: 1,
      recordBytesMax: 100,
      rangeBytes: 20,
      cuts: evenCuts(0, bytes.length, 9),
    });
    expect(near).toEqual({ code: 'QUOTE_UNCLOSED', line: 41, byte: 140 });
    const far = farSplit(bytes, 5 * 2 ** 30, 2 ** 32 + 1, 20, 9);
    expect(far).toEqual({ code: 'QUOTE_UNCLOSED', line: 2 ** 32 + 41, byte: 5 * 2 ** 30 + 140 });
    const closed = bytesOf(`${text}"`);
    const here = farSplit(closed, 0, 1, 20, 9);
    const there = farSplit(closed, 5 * 2 ** 30, 2 ** 32 + 1, 20, 9);
    if ('code' in here || 'code' in there) expect.fail('a fault');
    expect(there.ranges).toEqual(
      here.ranges.map((range) => ({
        ...range,
        start: range.start + 5 * 2 ** 30,
        end: range.end + 5 * 2 ** 30,
        firstLine: range.firstLine + 2 ** 32,
      })),
    );
  });
});

function farSplit(bytes: Uint8Array, start: number, firstLine: number, rangeBytes: number, pieceBytes: number) {
  const fold = new SplitFold({ start, firstLine, rangeBytes, recordBytesMax: 100 });
  let from = 0;
  for (const to of evenCuts(0, bytes.length, pieceBytes)) {
    const piece = bytes.slice(from, to);
    const fault = fold.add(scanPiece(piece, piece.length, bytes[to] ?? -1, start + from, DEFAULT_DIALECT, 100));
    if (fault !== undefined) return fault;
    from = to;
  }
  return fold.finish();
}

function* allTexts(alphabet: string, length: number): Generator<string> {
  if (length === 0) {
    yield '';
    return;
  }
  for (const rest of allTexts(alphabet, length - 1)) for (const letter of alphabet) yield rest + letter;
}
