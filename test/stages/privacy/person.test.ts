/** A person's document is found in the bytes of a file at every cut, however it is written, and nowhere else. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskedDocument } from '../../../src/core/documents.ts';
import { holds, patternOf, personOf } from '../../../src/stages/privacy/person.ts';

const CPF = '52998224725';
const CNPJ = '12ABC34501DE35';

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 7);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const found = (text: string | Uint8Array, cpf = CPF, sizes: readonly number[] = [1000]): Promise<boolean> =>
  holds(cut(typeof text === 'string' ? new TextEncoder().encode(text) : text, sizes), patternOf(cpf));

describe('a CPF in a file', () => {
  it.each([
    'a,52998224725,b',
    '52998224725',
    'x\n529.982.247-25',
    '"529.982.247-25"',
    '529982247-25',
    '529 982 247 25',
    `${'9'.repeat(40)} 52998224725`,
    'CPF52998224725',
    'a,0052998224725,b',
    '0100052998224725ANA SOUZA',
    '01000529982247253M DO BRASIL',
  ])('is found: %s', async (text) => expect(await found(text)).toBe(true));

  it.each([
    '',
    '5299822472',
    '152998224725',
    '529982247250',
    '529.982.247-26',
    '52998224,725',
  ])('is not found: %s', async (text) => expect(await found(text)).toBe(false));

  it('is found among other digits in files of fixed places', async () => {
    const bytes = new TextEncoder().encode('0152998224725000000001050');
    expect(await holds(cut(bytes, [3]), patternOf(CPF, true))).toBe(true);
    expect(await holds(cut(bytes, [3]), patternOf('52998224806', true))).toBe(false);
  });

  it.each([
    CNPJ,
    'a;12.ABC.345/01DE-35;b',
    '12ABC345/01DE-35',
    '12abc34501de35',
    `CNPJ${CNPJ}`,
    `02${CNPJ}3M DO BRASIL`,
    `0${CNPJ}`,
  ])('is found as a CNPJ: %s', async (text) => expect(await found(text, CNPJ)).toBe(true));

  it.each(['12ABC34501DE36', '12ABC34501DE3', '52998224725'])('is not found as a CNPJ: %s', async (text) =>
    expect(await found(text, CNPJ)).toBe(false));

  it('is found as a CNPJ without its leading zeros as far as files may leave them out', async () => {
    expect(await found('a,360305000104,b', '00360305000104')).toBe(true);
    expect(await found('a,1360305000104,b', '00360305000104')).toBe(false);
    expect(await found('a,191,b', '00000000000191')).toBe(false);
  });

  it('is found without its leading zeros as far as files may leave them out', async () => {
    expect(await found('a,1998224725,b', '01998224725')).toBe(true);
    expect(await found('a,998224725,b', '00998224725')).toBe(true);
    expect(await found('a,191,b', '00000000191')).toBe(false);
  });

  it('is found in gzip, in Windows-1252 and in UTF-16, and a spoilt gzip is told', async () => {
    const text = `${'nome;é;'.repeat(5000)}\n529.982.247-25;`;
    expect(await found(gzipSync(text), CPF, [13, 400])).toBe(true);
    expect(await found(Buffer.from(text, 'latin1'))).toBe(true);
    expect(await found(Buffer.from(text, 'utf16le'), CPF, [31])).toBe(true);
    await expect(found(gzipSync(text).subarray(0, 30))).rejects.toThrow();
  });

  it('is found at every cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', ',', '\n', '529', '52998224725'.slice(0, 10), ';'), { maxLength: 30 }),
        fc.boolean(),
        fc.constantFrom('52998224725', '529.982.247-25'),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
        async (noise, there, form, sizes) => {
          const text = `${noise.join('')};${there ? form : ''};${noise.join('')}`;
          expect(await found(text, CPF, sizes)).toBe(patternOf(CPF).test(text));
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });

  it('is not told by what names the person in records', () => {
    expect(maskedDocument(CPF)).toBe('***.982.247-**');
    expect(maskedDocument(CNPJ)).toBe('**.ABC.345/****-**');
    expect(personOf('acme', CPF)).not.toBe(personOf('beta', CPF));
    expect(personOf('acme', CPF)).not.toMatch(/\d{6}/);
  });
});
