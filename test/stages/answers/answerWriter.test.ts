/** The rows of the answers, byte for byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordText } from '../../../src/core/catalogue.ts';
import { RECORD_CODES, type RecordCodeName } from '../../../src/core/codes.ts';
import { LANGUAGES, type Language } from '../../../src/core/language.ts';
import { AMOUNT, DOCUMENT, REF } from '../../../src/kernel/columns.ts';
import {
  answerTexts,
  ByteBlock,
  formulaSafe,
  isRejected,
  writeRejectsRow,
  writeRetornoRow,
} from '../../../src/stages/answers/answerWriter.ts';
import { CREATED, DUPLICATE, REJECTED, UNCHANGED, UPDATED } from '../../../src/stages/debts/decide.ts';
import { type Entry, readerOf } from '../../support/entries.ts';
import { rowsOf } from '../../support/files.ts';

const taken = (block: ByteBlock): string => Buffer.from(block.take()).toString('utf8');

function retorno(entry: Entry, language?: Language): string {
  const block = new ByteBlock();
  writeRetornoRow(block, readerOf(entry), answerTexts(language));
  return taken(block);
}

function rejects(raw: Uint8Array | string, entry: Partial<Entry> = {}, language?: Language): string {
  const block = new ByteBlock();
  const bytes = typeof raw === 'string' ? Buffer.from(raw) : raw;
  const reader = readerOf({ line: 7, outcome: REJECTED, code: RECORD_CODES.LENGTH.id, ...entry });
  writeRejectsRow(block, reader, bytes, answerTexts(language));
  return taken(block);
}

/** The `raw` cell of a rejects row, as a CSV reader sees it. */
function rawCell(raw: Uint8Array | string): string | undefined {
  return rowsOf(`header\n${rejects(raw)}`)[0]?.[4];
}

describe('a block of bytes', () => {
  it('writes integers as text does', () => {
    const edges = [
      0,
      1,
      9,
      10,
      11,
      99,
      100,
      999_999_999,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32 + 1,
      2 ** 53 - 1,
    ];
    const powers = Array.from({ length: 16 }, (_, k) => [10 ** k - 1, 10 ** k, 10 ** k + 1]).flat();
    for (const value of [...edges, ...powers]) {
      const block = new ByteBlock();
      block.integer(value);
      expect(taken(block)).toBe(String(value));
    }
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(0xffff_ffff), (large, small) => {
        const block = new ByteBlock();
        block.integer(large);
        block.ascii(' ');
        block.integer(small);
        expect(taken(block)).toBe(`${large} ${small}`);
      }),
    );
  });

  it('keeps what was written when it grows, and is empty once taken', () => {
    const step = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 50 }).map((text) => ({ text, times: 1 })),
      fc.record({ text: fc.constantFrom('ab', 'é', '中', '😀'), times: fc.constantFrom(1000, 33_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const block = new ByteBlock();
        const whole = steps.map(({ text, times }) => text.repeat(times));
        for (const [index, text] of whole.entries()) {
          const bytes = Buffer.from(`--${text}--`);
          if (index % 2 === 0) block.text(text);
          else block.bytes(bytes, 2, bytes.length - 2);
        }
        const expected = Buffer.from(whole.join(''));
        expect(block.length).toBe(expected.length);
        expect(Buffer.compare(block.take(), expected)).toBe(0);
        expect([block.length, block.take().length]).toEqual([0, 0]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a row of the retorno', () => {
  it.each<[Entry, string]>([
    [{ line: 2, outcome: CREATED, ref: 'R-1' }, '2,R-1,created,,\n'],
    [{ line: 3, outcome: UPDATED, ref: 'R-2' }, '3,R-2,updated,,\n'],
    [{ line: 2 ** 33, outcome: UNCHANGED, ref: 'R-3' }, '8589934592,R-3,unchanged,,\n'],
    [
      { line: 4, outcome: CREATED, ref: 'R-4', code: RECORD_CODES.CPF_PADDED.id },
      '4,R-4,created,CPF_PADDED,leading zeros were added to the CPF\n',
    ],
    [
      { line: 5, outcome: DUPLICATE, ref: 'R-4', code: RECORD_CODES.DUPLICATE_REF.id, winner: 4 },
      '5,R-4,duplicate,DUPLICATE_REF,"the external_ref already stands in this file, on line 4"\n',
    ],
    [
      { line: 6, outcome: REJECTED, ref: '', code: RECORD_CODES.AMOUNT_FORMAT.id, column: AMOUNT },
      '6,,rejected,AMOUNT_FORMAT,"an amount is written 1234, 1234.5 or 1234.56, or as the profile has it"\n',
    ],
  ])('%j is %j', (entry, row) => {
    expect(retorno(entry)).toBe(row);
  });

  it('has the reference as it was sent: a program joins on it', () => {
    for (const ref of [
      '=1+1',
      '@x',
      '-5',
      '+55',
      "'x",
      '\t=1',
      ' R-1 ',
      '＝1',
      'a\u0000b',
      'é中😀',
      '007',
      '\ufeffR',
    ]) {
      expect(retorno({ line: 2, outcome: CREATED, ref })).toBe(`2,${ref},created,,\n`);
    }
  });

  it('is read back by any CSV reader, whatever the reference', () => {
    const character = fc.constantFrom('"', ',', '\n', '\r', 'a', 'é', '中', '😀', ' ', "'", '=');
    fc.assert(
      fc.property(fc.array(character, { maxLength: 20 }), (characters) => {
        const ref = characters.join('');
        expect(rowsOf(`header\n${retorno({ line: 9, outcome: UPDATED, ref })}`)).toEqual([
          ['9', ref, 'updated', '', ''],
        ]);
      }),
    );
  });

  it.each(LANGUAGES)('has the same columns for every code there is, and its message in %s', (language) => {
    for (const name of Object.keys(RECORD_CODES) as RecordCodeName[]) {
      const code = RECORD_CODES[name].id;
      const says = recordText(name, language);
      const row = retorno({ line: 2, outcome: REJECTED, ref: 'R', code }, language);
      expect(rowsOf(`header\n${row}`)).toEqual([['2', 'R', 'rejected', name, says]]);
      expect(rowsOf(`header\n${rejects('x\n', { code, column: DOCUMENT }, language)}`)).toEqual([
        ['7', 'cpf', name, says, 'x'],
      ]);
    }
  });

  it('speaks Portuguese in UTF-8, and no word of a reference changes', () => {
    const duplicate = { line: 5, outcome: DUPLICATE, ref: 'Nº 4', code: RECORD_CODES.DUPLICATE_REF.id, winner: 4 };
    expect(retorno(duplicate, 'pt-BR')).toBe(
      '5,Nº 4,duplicate,DUPLICATE_REF,"o external_ref já consta deste arquivo, na linha 4"\n',
    );
    expect(retorno({ line: 6, outcome: REJECTED, ref: '', code: RECORD_CODES.DATE_NOT_REAL.id }, 'pt-BR')).toBe(
      '6,,rejected,DATE_NOT_REAL,o dia não existe\n',
    );
    expect(retorno({ line: 7, outcome: UPDATED, ref: 'R' }, 'pt-BR')).toBe('7,R,updated,,\n');
  });
});

describe('a row of the rejects', () => {
  it('names line, column, code and message', () => {
    const entry = { line: 12, code: RECORD_CODES.CPF_FORMAT.id, column: DOCUMENT };
    expect(rejects('a,"b ""c""",d\r\n', entry)).toBe(
      '12,cpf,CPF_FORMAT,"a CPF has 11 digits, bare or as 000.000.000-00","a,""b """"c"""""",d"\n',
    );
    expect(rejects('x\n', { column: REF })).toMatch(/^7,external_ref,LENGTH,/);
    expect(rejects('x\n', { column: 255 })).toMatch(/^7,,LENGTH,/);
  });

  it.each([
    ['LF', 'a,b\n', 'a,b'],
    ['CRLF', 'a,b\r\n', 'a,b'],
    ['nothing, at the end of the file', 'a,b', 'a,b'],
    ['a CR that belongs to the record', 'a,b\r', 'a,b\r'],
    ['two CRs', 'a\r\r\n', 'a\r'],
    ['only a line end', '\n', ''],
    ['nothing at all', '', ''],
  ])('leaves out the line end: %s', (_, raw, cell) => {
    expect(rawCell(raw)).toBe(cell);
  });

  // threat 1
  it.each([
    '=',
    '+',
    '-',
    '@',
    '\t',
    '\r',
    '\n',
    '＝',
    '＋',
    '－',
    '＠',
  ])('does not act where it begins with %j', (trigger) => {
    expect(formulaSafe(`${trigger}1`)).toBe(`'${trigger}1`);
    expect(rawCell(`${trigger}cmd|' /C calc'!A0,x\n`)).toBe(`'${trigger}cmd|' /C calc'!A0,x`);
    expect(formulaSafe(`a${trigger}1`)).toBe(`a${trigger}1`);
  });

  it('shows NULs and what is not UTF-8 as U+FFFD, and keeps a byte order mark', () => {
    expect(rawCell(Uint8Array.of(0x61, 0, 0x62, 0xff, 0x63, 0xc3, 0x0a))).toBe('a\ufffdb\ufffdc\ufffd');
    expect(rawCell(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0x0a))).toBe('\ufeffa');
    expect(rawCell(Uint8Array.of(0xed, 0xa0, 0x80, 0x0a))).toBe('\ufffd\ufffd\ufffd');
  });

  // threat 1
  it('is one row of five cells for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (raw) => {
        const rows = rowsOf(`header\n${rejects(raw)}`);
        expect(rows.map((row) => row.length)).toEqual([5]);
        expect(rows[0]?.[4]).not.toMatch(/^[=+\-@\t\r\n]/);
        expect(rows[0]?.[4]).not.toContain('\0');
      }),
      { numRuns: 500 },
    );
  });

  it('is for rejected records alone', () => {
    expect(
      [CREATED, UPDATED, UNCHANGED, DUPLICATE, REJECTED].map((outcome) => isRejected(readerOf({ line: 1, outcome }))),
    ).toEqual([false, false, false, false, true]);
  });
});
