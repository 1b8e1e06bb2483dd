import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  centsText,
  createLineWriter,
  exactJsonText,
  fileNameText,
  parseExactJson,
  printable,
  readCents,
  tableText,
} from '../../src/cli/format.ts';
import { MemoryOutput } from './world.ts';

describe('money', () => {
  it.each([
    [0, '0.00'],
    [1, '0.01'],
    [10, '0.10'],
    [123_456, '1234.56'],
    [999_999_999_999_999, '9999999999999.99'],
    [Number.MAX_SAFE_INTEGER, '90071992547409.91'],
    [-5, '-0.05'],
    [123_456_789_012_345_678_901n, '1234567890123456789.01'],
  ])('%s cents read %s', (cents, text) => {
    expect(centsText(cents)).toBe(text);
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (cents) => {
        expect(readCents(centsText(cents))).toBe(cents);
      }),
    );
  });

  it.each([
    ['1234', 123_400],
    ['1234.5', 123_450],
    ['0.07', 7],
    ['9999999999999.99', 999_999_999_999_999],
  ])('%s is %i cents', (text, cents) => {
    expect(readCents(text)).toBe(cents);
  });

  it.each([
    '',
    '.5',
    '1.',
    '1.234',
    '1,5',
    '-1',
    '+1',
    '1e3',
    ' 1',
    '10000000000000',
    '１',
  ])('%j is no amount', (text) => {
    expect(readCents(text)).toBeUndefined();
  });
});

describe('exact JSON', () => {
  const text = '{"total":123456789012345678901,"small":7,"share":0.5,"big":-9007199254740993,"words":["a",null,true]}';

  it('keeps every digit of every integer', () => {
    expect(exactJsonText(parseExactJson(text))).toBe(text);
    expect(parseExactJson(text)).toMatchObject({ total: 123456789012345678901n, small: 7, share: 0.5 });
  });

  it('keeps large fractions as numbers', () => {
    expect(parseExactJson('[1e300]')).toEqual([1e300]);
  });
});

describe('text from outside', () => {
  it('cannot move the cursor, break the line or turn its direction', () => {
    expect(printable('a\u{1b}[31mb\nc\u{9b}d\u{202e}e\u{2028}f')).toBe('a?[31mb?c?d?e?f');
    expect(printable('São João – 1ª')).toBe('São João – 1ª');
  });

  it('shows no run of digits that may be a CPF', () => {
    expect(fileNameText('52998224725.csv')).toBe('***.csv');
    expect(fileNameText('m-529.982.247-25\n.csv')).toBe('m-***?.csv');
    expect(fileNameText('2026-08.csv')).toBe('2026-08.csv');
  });
});

describe('tables', () => {
  it('align by characters, not by code units, and leave the last column as it is', () => {
    expect(
      tableText(
        ['id', 'name'],
        [
          ['a', 'Zé'],
          ['bcd🎉', 'x'],
        ],
      ),
    ).toBe('id    name\na     Zé\nbcd🎉  x\n');
  });

  it('print the header alone where there are no rows', () => {
    expect(tableText(['id', 'name'], [])).toBe('id  name\n');
  });
});

describe('the line writer', () => {
  it('gathers lines into few writes and loses none', async () => {
    const output = new MemoryOutput();
    const lines = createLineWriter(output);
    const expected: string[] = [];
    for (let i = 0; i < 5000; i++) {
      expected.push(`${'x'.repeat(50)}${i}\n`);
      await lines.line(`${'x'.repeat(50)}${i}`);
    }
    await lines.flush();
    await lines.flush();
    expect(output.text).toBe(expected.join(''));
    expect(output.writes).toBeLessThan(10);
  });
});
