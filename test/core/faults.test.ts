/** The table of faults, and faults as they cross threads and stores. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detail } from '../../src/core/catalogue.ts';
import { FAULTS, Fault, type FaultCode, isFault, type Place } from '../../src/core/faults.ts';

const CODES = Object.keys(FAULTS) as FaultCode[];

describe('the table of faults', () => {
  it.each(CODES)('%s has a name and a disposition', (code) => {
    expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
    expect(['retry', 'fail', 'warn']).toContain(FAULTS[code].disposition);
  });
});

describe('a fault', () => {
  it.each<[string, string, Place, string]>([
    ['bare', '', {}, 'FILE_EMPTY: the file has no bytes; send it again with its header'],
    ['with a detail', 'why', {}, 'FILE_EMPTY: the file has no bytes; send it again with its header (why)'],
  ])('reads «CODE: says» %s', (_, detail, place, message) => {
    expect(new Fault('FILE_EMPTY', detail, place).message).toBe(message);
  });

  it('names its place, the batch apart', () => {
    const { message } = new Fault('QUOTE_UNCLOSED', 'in the header', { batch: 'b-1', line: 3, byte: 57 });
    expect(message).toMatch(/^QUOTE_UNCLOSED: a quoted field is never closed \(in the header; .*line 3.*byte 57.*\)$/);
  });

  it('names line 0, byte 0, range 0 and shard 0, which are places like any other', () => {
    const { message } = new Fault('RANGE_CORRUPT', '', { range: 0, shard: 0, byte: 0 });
    expect(message).toMatch(/range 0/);
    expect(message).toMatch(/shard 0/);
    expect(message).toMatch(/byte 0/);
  });

  it('speaks the language of whoever is told', () => {
    const place = { batch: 'b-0123456789abcdef', line: 3, byte: 57 };
    const fault = Fault.from(
      JSON.parse(JSON.stringify(new Fault('FILE_TOO_LARGE', detail('BYTES_OF_AT_MOST', 9, 8), place))),
    );
    expect(fault.message).toBe(fault.text('en'));
    expect(fault.text('en')).toBe(
      'FILE_TOO_LARGE: the file is larger than the configured limit (9 of at most 8 bytes; line 3, byte 57, batch b-0123456789abcdef)',
    );
    expect(fault.text('pt-BR')).toBe(
      'FILE_TOO_LARGE: o arquivo é maior que o limite configurado (9 bytes, de no máximo 8; linha 3, byte 57, lote b-0123456789abcdef)',
    );
    expect(new Fault('USAGE', 'why').text('pt-BR')).toBe(new Fault('USAGE', 'why').message);
  });

  it('takes its disposition from the table', () => {
    expect(new Fault('RANGE_CORRUPT').disposition).toBe('retry');
    expect(new Fault('FILE_EMPTY').disposition).toBe('fail');
  });

  it('is told from other errors', () => {
    expect(isFault(new Fault('FILE_EMPTY'))).toBe(true);
    expect(isFault(Object.assign(new Error('no'), { code: 'FILE_EMPTY' }))).toBe(false);
    expect(isFault(undefined)).toBe(false);
  });

  it('comes back from plain data as it was, with the cause that is given', () => {
    const place = fc.record(
      {
        batch: fc.string(),
        range: fc.nat(),
        shard: fc.nat(),
        line: fc.nat(),
        byte: fc.nat(),
        column: fc.string(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.constantFrom(...CODES), fc.string(), place, (code, detail, at) => {
        const fault = new Fault(code, detail, at, new Error('cause'));
        const back = Fault.from(JSON.parse(JSON.stringify(fault)));
        expect(back).toBeInstanceOf(Fault);
        expect([back.code, back.detail, back.place, back.message]).toEqual([code, detail, at, fault.message]);
        expect(back.cause).toBeUndefined();
        expect(Fault.from(fault.toJSON(), 'why').cause).toBe('why');
        expect(back.text('pt-BR')).toBe(fault.text('pt-BR'));
      }),
    );
  });
});
