/** The frame of resubmit files: numbers, trailers and counts of their own, whatever blocks the stored answer comes in. */
import { describe, expect, it } from 'vitest';
import { framed, type ResubmitFrame } from '../../../src/stages/answers/resubmitFrame.ts';

async function sent(frame: ResubmitFrame, stored: string, blockBytes: number): Promise<string> {
  const bytes = Buffer.from(stored, 'latin1');
  const blocks = (async function* () {
    for (let at = 0; at < bytes.length; at += blockBytes) yield bytes.subarray(at, at + blockBytes);
  })();
  const out: Uint8Array[] = [];
  for await (const block of framed(frame, blocks)) out.push(block.slice());
  return Buffer.concat(out).toString('latin1');
}

const L240 = { kind: 'cnab-240', lineBytes: 240 } as const;
const L400 = { kind: 'cnab-400', lineBytes: 400 } as const;

const header = '34100000'.padEnd(142, 'H').concat('1').padEnd(240);
const lot = (number: number): string => `341${String(number).padStart(4, '0')}1R01`.padEnd(240, 'L');
const detail = (number: number, sequence: number, segment: string): string =>
  `341${String(number).padStart(4, '0')}3${String(sequence).padStart(5, '0')}${segment} 01`.padEnd(240, segment);
const lotTrailer = (number: number, lines: number): string =>
  `341${String(number).padStart(4, '0')}5${' '.repeat(9)}${String(lines).padStart(6, '0')}${'0'.repeat(92)}`.padEnd(
    240,
  );
const fileTrailer = (lots: number, lines: number): string =>
  `34199999${' '.repeat(9)}${String(lots).padStart(6, '0')}${String(lines).padStart(6, '0')}000000`.padEnd(240);

describe('the frame of CNAB 240', () => {
  const stored = [
    header,
    lot(1),
    detail(1, 7, 'P'),
    detail(1, 8, 'Q'),
    // The answer was rendered in pieces: the next begins in the same lot.
    lot(1),
    detail(1, 90_001, 'P'),
    'too short',
    lot(3),
    detail(3, 4, 'P'),
    detail(3, 5, 'Q'),
    detail(3, 6, 'R'),
  ];
  const expected = [
    header,
    lot(1),
    detail(1, 1, 'P'),
    detail(1, 2, 'Q'),
    detail(1, 3, 'P'),
    'too short',
    lotTrailer(1, 6),
    lot(3),
    detail(3, 1, 'P'),
    detail(3, 2, 'Q'),
    detail(3, 3, 'R'),
    lotTrailer(3, 5),
    fileTrailer(2, 13),
  ];
  const lined = (lines: readonly string[], end: string): string => lines.map((line) => line + end).join('');

  it.each([1, 7, 241, 1000, 1 << 20])('in blocks of %i bytes', async (blockBytes) => {
    expect(await sent(L240, lined(stored, '\n'), blockBytes)).toBe(lined(expected, '\n'));
    expect(await sent(L240, lined(stored, '\r\n'), blockBytes)).toBe(lined(expected, '\r\n'));
  });

  it('keeps apart what an empty line keeps apart, and counts none', async () => {
    const orphan = detail(1, 3, 'Q');
    const stored = [header, '', lot(1), '', orphan, detail(1, 1, 'P'), '', orphan, '', orphan, lot(1), '', orphan];
    const numbered = [
      detail(1, 1, 'Q'),
      detail(1, 2, 'P'),
      '',
      detail(1, 3, 'Q'),
      '',
      detail(1, 4, 'Q'),
      '',
      detail(1, 5, 'Q'),
    ];
    const expected = [header, lot(1), ...numbered, lotTrailer(1, 7), fileTrailer(1, 9)];
    expect(await sent(L240, lined(stored, '\r\n'), 300)).toBe(lined(expected, '\r\n'));
  });

  it('of no debts is a header and a trailer', async () => {
    expect(await sent(L240, `${header}\n`, 50)).toBe(`${header}\n${fileTrailer(0, 2)}\n`);
  });
});

describe('the frame of CNAB 400', () => {
  const line = (type: string, number: number): string => type.padEnd(394, 'x') + String(number).padStart(6, '0');

  it.each([1, 399, 1 << 20])('in blocks of %i bytes', async (blockBytes) => {
    const stored = [line('0', 1), line('1', 17), line('2', 18), '1 short', line('1', 999_999)];
    const trailer = `9${' '.repeat(393)}000006`;
    const expected = [line('0', 1), line('1', 2), line('2', 3), '1 short', line('1', 5), trailer];
    const ended = (lines: readonly string[]): string => lines.map((one) => `${one}\r\n`).join('');
    expect(await sent(L400, ended(stored), blockBytes)).toBe(ended(expected));
  });
});
