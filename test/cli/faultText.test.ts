import { describe, expect, it } from 'vitest';
import { errorText, exitCodeOf, isClosedPipe, maskedMessage } from '../../src/cli/faultText.ts';
import { Fault } from '../../src/core/faults.ts';
import { LANGUAGES } from '../../src/core/language.ts';

const CPF = '52998224725';

function masked(fault: Fault): string {
  return maskedMessage(fault.code, fault.message);
}

describe('the message of a fault', () => {
  it('keeps its place, however long the numbers are', () => {
    const place = { line: 1234567890, byte: 98765432109876, range: 3, batch: 'b-0123456789abcdef' };
    const end = 'line 1234567890, byte 98765432109876, range 3, batch b-0123456789abcdef)';
    expect(masked(new Fault('QUOTE_UNCLOSED', '', place)).endsWith(`(${end}`)).toBe(true);
    expect(masked(new Fault('RANGE_CORRUPT', 'cut', place)).endsWith(`(cut; ${end}`)).toBe(true);
  });

  it.each<[string, Fault]>([
    ['detail', new Fault('COLUMN_UNKNOWN', `column ${CPF}`, { line: 1 })],
    ['detail that looks like a place', new Fault('COLUMN_UNKNOWN', `byte ${CPF}`, { line: 1 })],
    ['detail and no place', new Fault('HEADER_INVALID', `near 529.982.247-25`)],
    ['column', new Fault('COLUMN_UNKNOWN', '', { line: 1, column: CPF })],
    ['column between places', new Fault('COLUMN_UNKNOWN', 'x', { line: 1, column: CPF, byte: 7 })],
    ['batch that is none of ours', new Fault('BATCH_UNKNOWN', '', { batch: CPF })],
    ['detail with brackets', new Fault('COLUMN_UNKNOWN', `(${CPF}); (${CPF})`, { byte: 5 })],
  ])('shows no CPF: %s', (_what, fault) => {
    expect(fault.message.replace(/[^0-9]/g, '')).toContain(CPF);
    expect(masked(fault).replace(/[^0-9]/g, '')).not.toContain(CPF);
    expect(masked(fault)).toContain('***');
  });

  it.each(LANGUAGES)('keeps its place and nothing else in %s', (language) => {
    const place = { line: 1234567890, byte: 98765432109876, range: 3, shard: 1234567890, batch: 'b-0123456789abcdef' };
    const told = (detail: string) => {
      const fault = new Fault('RANGE_CORRUPT', detail, place);
      return maskedMessage(fault.code, fault.text(language));
    };
    expect(told('')).toBe(new Fault('RANGE_CORRUPT', '', place).text(language));
    expect(told(`byte ${CPF}`)).toContain('(byte ***; ');
    expect(told(`linha ${CPF}`)).toContain('(linha ***; ');
    const column = new Fault('COLUMN_UNKNOWN', '', { line: 1, column: CPF });
    expect(maskedMessage(column.code, column.text(language))).not.toContain(CPF);
  });

  it('keeps counts that are ours', () => {
    expect(masked(new Fault('FILE_TOO_LARGE', '68719476737 of at most 68719476736 bytes'))).toContain('68719476737');
  });

  it('is one line, whatever it quotes', () => {
    expect(errorText(new Fault('USAGE', 'a\nb\u{1b}[2J')).split('\n')).toHaveLength(2);
  });
});

describe('exit codes', () => {
  it.each([
    ['USAGE', 2],
    ['CONFIG_INVALID', 2],
    ['CLIENT_UNKNOWN', 2],
    ['BATCH_UNKNOWN', 1],
    ['OUTPUT_NOT_READY', 1],
    ['STORE_FULL', 1],
  ] as const)('%s is %i', (code, exit) => {
    expect(exitCodeOf(new Fault(code))).toBe(exit);
  });

  it('knows a closed pipe from anything else', () => {
    expect(isClosedPipe(Object.assign(new Error(), { code: 'EPIPE' }))).toBe(true);
    for (const other of [new Error('EPIPE'), undefined, null, 'EPIPE', new Fault('STORE_IO')]) {
      expect(isClosedPipe(other)).toBe(false);
    }
  });
});
