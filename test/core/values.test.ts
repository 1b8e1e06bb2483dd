/** Ids, days, masks and sums. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CentsSum } from '../../src/core/cents.ts';
import { businessDay, systemClock } from '../../src/core/clock.ts';
import { attemptId, batchIdOf, derivedId } from '../../src/core/ids.ts';
import { fanOut, maskDigits, type TelemetryEvent } from '../../src/core/telemetry.ts';
import { seededBytes } from '../support/pause.ts';

describe('ids', () => {
  it('are what they were in every build', () => {
    expect(batchIdOf('raw', 'raw/acme/f-1', '1')).toBe(`b-${derivedId('batch', 'raw', 'raw/acme/f-1', '1')}`);
    // SHA-256 of «1:a2:bc», first ten bytes, in Crockford's base 32 (checked with another implementation).
    expect(derivedId('a', 'bc')).toBe('ac8ab1w8f0db4qat');
    expect(derivedId()).toBe('werc8gmrzge196qv');
    expect(attemptId(() => Uint8Array.from({ length: 10 }, (_, i) => i * 25))).toBe('00ck4jv4fp');
  });

  it('differ where the same text is cut into other parts', () => {
    const cuts = [
      ['abc'],
      ['a', 'bc'],
      ['ab', 'c'],
      ['a', 'b', 'c'],
      ['abc', ''],
      ['', 'abc'],
      ['1:a', 'bc'],
      ['a2:bc'],
    ];
    expect(new Set(cuts.map((parts) => derivedId(...parts))).size).toBe(cuts.length);
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        expect(derivedId(...a) === derivedId(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  it('do not collide in a sample, and are 16 and 10 characters of the alphabet', () => {
    const random = seededBytes(7);
    const derived = new Set<string>();
    const attempts = new Set<string>();
    for (let i = 0; i < 20_000; i++) derived.add(derivedId('work', String(i)));
    for (let i = 0; i < 5000; i++) attempts.add(attemptId(random));
    expect([derived.size, attempts.size]).toEqual([20_000, 5000]);
    for (const id of derived) expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{16}$/);
    for (const id of attempts) expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{10}$/);
  });
});

describe('the business day', () => {
  it.each([
    ['2026-08-03T02:59:59.999Z', '2026-08-02'],
    ['2026-08-03T03:00:00.000Z', '2026-08-03'],
    ['2026-01-01T02:59:59.999Z', '2025-12-31'],
    ['2024-03-01T02:30:00.000Z', '2024-02-29'],
    // The last days of daylight saving (UTC-2), which ended on 2019-02-17.
    ['2019-02-10T02:00:00.000Z', '2019-02-10'],
    ['2019-02-10T01:59:59.999Z', '2019-02-09'],
    ['2019-02-18T02:30:00.000Z', '2019-02-17'],
  ])('at %s is %s in São Paulo', (at, day) => {
    expect(businessDay(Date.parse(at))).toBe(day);
  });
});

describe('the system clock', () => {
  it('sleeps no longer than its signal allows, and then without an error', async () => {
    await systemClock.sleep(600_000, AbortSignal.abort());
    const control = new AbortController();
    const slept = systemClock.sleep(600_000, control.signal);
    control.abort();
    await slept;
    await systemClock.sleep(0);
  });

  it('has a monotonic time that does not go back', () => {
    const times = Array.from({ length: 100 }, () => systemClock.monotonicMs());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

describe('masking', () => {
  it.each([
    ['cpf 52998224725 of', 'cpf *** of'],
    ['529.982.247-25', '***'],
    ['529982247-25', '***'],
    ['52998224725,52998224725', '***,***'],
    ['x52998224725x', 'x***x'],
    ['191000000', '***'],
    ['00552998224725', '***'],
    ['1234567890123456789012345', '***'],
    ['529982247255299822472500', '***'],
    ['12345678', '12345678'],
    ['cnpj 11222333000181 of', 'cnpj *** of'],
    ['cnpj_12ABC34501DE35.csv', 'cnpj_***.csv'],
    ['12abc34501de35', '***'],
    ['12.ABC.345/01DE-35', '***'],
    ['(12.ABC.345/01DE)', '(***)'],
    ['x11.222.333/0001-81x', 'x***x'],
    ['11222333/0001-81', '***'],
    ['12ABC345/01DE35', '***'],
    ['b-01234bcdefghjk12', 'b-01234bcdefghjk12'],
    ['raw/padaria/2026-08', 'raw/padaria/2026-08'],
    ['overdues/2026-08', 'overdues/2026-08'],
    ['10.123.145.1/2026', '10.123.145.1/2026'],
    ['range 12 of 8388608 bytes', 'range 12 of 8388608 bytes'],
    ['2026-08-03T15:00:00.000Z', '2026-08-03T15:00:00.000Z'],
    ['', ''],
  ])('%j becomes %j', (text, masked) => {
    expect(maskDigits(text)).toBe(masked);
  });

  it('leaves no run of nine digits, whatever stands around it', () => {
    const piece = fc.oneof(
      fc.stringMatching(/^\d{1,30}$/),
      fc.string({ maxLength: 3 }),
      fc.constantFrom('.', '-', '529.982.247-25', ';12.ABC.345/01DE-35;', ';12ABC34501DE35;'),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const masked = maskDigits(pieces.join(''));
        expect(masked).not.toMatch(/\d{9}/);
        expect(masked).not.toMatch(/\d{3}\.\d{3}\.\d{3}-\d{2}/);
        expect(masked).not.toMatch(/ABC[.]345|12ABC34501DE/);
      }),
    );
  });
});

describe('telemetry', () => {
  it('goes to every sink, in order', () => {
    const got: string[] = [];
    const sink = (name: string) => ({ emit: (event: TelemetryEvent) => void got.push(`${name} ${event.name}`) });
    fanOut(sink('a'), sink('b')).emit({ name: 'x', level: 'info', fields: {} });
    expect(got).toEqual(['a x', 'b x']);
  });
});

describe('a sum of cents', () => {
  it('is that of big integers, at any size and in any order', () => {
    const cents = fc.oneof(
      fc.integer({ min: 0, max: 1_000_000 }),
      fc.constantFrom(0, 1, 2 ** 52, 2 ** 52 - 1, 999_999_999_999_999),
      fc.bigInt({ min: 0n, max: 2n ** 52n }).map(Number),
    );
    fc.assert(
      fc.property(fc.array(cents, { maxLength: 200 }), (all) => {
        const sum = new CentsSum();
        let expected = 0n;
        for (const one of all) {
          sum.add(one);
          expected += BigInt(one);
          expect(sum.total()).toBe(expected);
        }
      }),
    );
  });
});
