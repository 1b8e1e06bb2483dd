/** The kernel's reading of the header against the oracle, at every length of the first read. */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { detailText } from '../../src/core/catalogue.ts';
import { readHeader } from '../../src/kernel/header.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { bytesOf } from '../oracle/grammar.ts';
import { show } from '../oracle/judge.ts';
import { oracleHeader } from '../oracle/oracle.ts';
import { fuzzSeed, Random } from '../oracle/random.ts';
import { HEADER, u } from '../oracle/shape.ts';
import { CASES } from './cases.ts';

/** Bytes that stand behind what was read must not matter: quotes and line ends stand there. */
function readPrefix(bytes: Uint8Array, length: number, complete: boolean) {
  const buffer = new Uint8Array(length + 8).fill(0x22);
  buffer.set(bytes.subarray(0, length));
  buffer[length] = 0x0a;
  return readHeader(buffer, length, complete, DEFAULT_DIALECT);
}

const nextLine = (bytes: Uint8Array, at: number) => 1 + bytes.subarray(0, at).filter((byte) => byte === 0x0a).length;

function judgeHeader(bytes: Uint8Array): string | undefined {
  const oracle = oracleHeader(bytes);
  const whole = readPrefix(bytes, bytes.length, true);
  if (oracle.fault !== undefined) {
    const place = oracle.line === undefined ? {} : { line: oracle.line, byte: oracle.byte };
    const wanted = { kind: 'fault', code: oracle.fault, ...place };
    const seen = whole.kind !== 'fault' || oracle.line !== undefined ? whole : { kind: whole.kind, code: whole.code };
    const { detail: _detail, ...says } = { detail: '', ...seen };
    if (!isDeepStrictEqual(says, wanted)) return `${JSON.stringify(whole)} instead of ${JSON.stringify(wanted)}`;
  } else {
    const { header, fields } = oracle;
    const wanted = { kind: 'header', fields, ...header, nextLine: nextLine(bytes, header.end) };
    if (!isDeepStrictEqual(whole, wanted)) return `${JSON.stringify(whole)} instead of ${JSON.stringify(wanted)}`;
  }
  for (let length = 0; length <= bytes.length; length++) {
    const part = readPrefix(bytes, length, false);
    if (part.kind === 'more') {
      const enough = whole.kind === 'header' && length >= whole.end && bytes[whole.end - 1] === 0x0a;
      if (enough) return `more is asked for though ${length} bytes hold the header`;
    } else if (JSON.stringify(part) !== JSON.stringify(whole)) {
      return `${length} bytes give ${JSON.stringify(part)} instead of ${JSON.stringify(whole)}`;
    }
  }
  return undefined;
}

describe('the header', () => {
  // A header over the limit is for whoever reads to say: this function knows no limit.
  it.each(
    CASES.filter(({ expect: e }) => !('fault' in e && e.fault === 'HEADER_TOO_LONG')),
  )('equals the oracle at every length: $name', (shape) => {
    expect(judgeHeader(bytesOf(shape.file))).toBeUndefined();
  });

  it('equals the oracle for made headers', () => {
    const seed = fuzzSeed(20_250_131);
    const random = new Random(seed);
    const names = [...HEADER.trimEnd().split(','), 'debtor_email', 'installment'];
    for (let i = 0; i < 3000; i++) {
      const picked = random.shuffled(names).slice(0, random.chance(0.8) ? names.length : random.integer(0, 6));
      const written = picked.map((name) => {
        const odd = random.chance(0.05)
          ? name + random.pick(['x', '"', '\0', '\xff', '\xc3\xa9', '\r', ' ', '\t', '\u007f'])
          : name;
        return random.chance(0.2) ? `"${odd}"` : random.chance(0.1) ? ` ${odd}\t` : odd;
      });
      if (random.chance(0.05)) written.push(random.pick(['cpf', 'amount', '', '"', 'a\nb']));
      const text =
        random.pick(['', '', '\xef\xbb\xbf', '\n', '\r\n', '\xef\xbb\xbf\r\n\n']) +
        written.join(',') +
        random.pick(['\n', '\r\n', '', '\r', '\r\r\n', '\n\nA,B\n', '\n"A\n']);
      const says = judgeHeader(bytesOf(text));
      if (says !== undefined) expect.fail(`REMESSA_FUZZ_SEED=${seed}, input ${i}, ${show(bytesOf(text))}: ${says}`);
    }
  });
});

describe('the detail of a header fault', () => {
  const detailOf = (text: string) => {
    const answer = readHeader(bytesOf(text), bytesOf(text).length, true, DEFAULT_DIALECT);
    if (answer.kind !== 'fault') throw new Error(`${answer.kind} is no fault`);
    return { ...answer, detail: detailText(answer.detail) };
  };

  it('names the unknown, repeated or missing columns', () => {
    const unknown = detailOf(u(`${HEADER.trimEnd()},situação\n`));
    expect(unknown.code).toBe('COLUMN_UNKNOWN');
    expect(unknown.detail).toContain('situação');
    expect(unknown.detail).not.toContain('debtor_name');
    expect(detailOf(`${HEADER.trimEnd()},"a ""b"""\n`).detail).toContain('a "b"');
    const repeated = detailOf(`${HEADER.trimEnd()},amount\n`);
    expect(repeated.detail).toContain('amount');
    expect(repeated.detail).not.toContain('cpf');
    const missing = detailOf('external_ref,amount,due_date\n');
    expect(missing.detail).toContain('debtor_name');
    expect(missing.detail).toContain('cpf');
    expect(missing.detail).not.toContain('amount');
  });

  it('says which field cannot be read', () => {
    expect(detailOf(HEADER.replace('cpf', '"cpf"x')).detail).toMatch(/\b3\b/);
    expect(detailOf(HEADER.replace('due_date', 'due\0date')).detail).toMatch(/\b5\b/);
  });

  it('lists five names at most, each of 64 characters at most', () => {
    const names = Array.from({ length: 9 }, (_, i) => `unknown_${'abcdefghi'[i]}`);
    const { detail } = detailOf(`${names.join(',')}\n`);
    expect(names.filter((name) => detail.includes(name))).toEqual(names.slice(0, 5));
    const long = detailOf(`${HEADER.trimEnd()},${'x'.repeat(1000)}\n`).detail;
    expect(long).toContain('x'.repeat(20));
    expect(long).not.toContain('x'.repeat(65));
  });

  it('holds no CPF and no control character', () => {
    const { detail } = detailOf(`A1,Ana,529.982.247-25,52998224725,2025-01-31\n`);
    expect(detail).not.toMatch(/529|247-25/);
    const padded = detailOf(`${HEADER.trimEnd()},${'y'.repeat(55)}52998224725\n`).detail;
    expect(padded).not.toMatch(/52998224/);
    for (const text of ['"a\nb"', 'a\0b', u('a\u0085b'), u('a\u2028b')]) {
      expect(detailOf(`${HEADER.trimEnd()},${text}\n`).detail).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }
  });
});
