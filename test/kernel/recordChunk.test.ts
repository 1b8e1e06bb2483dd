/** The chunk of unpacked records: what goes in comes out, it is full when it says so, and sorts by hash. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashRef } from '../../src/kernel/hash.ts';
import { PageReader } from '../../src/kernel/pages.ts';
import { CHUNK_RECORDS_MAX, RecordChunk } from '../../src/kernel/recordChunk.ts';
import { packDate } from '../../src/kernel/rules.ts';
import type { LineValues } from '../support/files.ts';
import { ALL_FIELDS, HASH_SEED, pagesOf } from '../support/records.ts';

function valuesOf(chunk: RecordChunk, i: number) {
  return {
    line: chunk.lines[i],
    ref: chunk.ref(i),
    name: chunk.name(i),
    document: chunk.document(i),
    cents: chunk.cents[i],
    day: chunk.days[i],
    optional: [0, 1, 2, 3, 4].map((k) => chunk.optional(i, k)),
  };
}

function expected(values: LineValues, line: number) {
  const { ref, name = 'Ana Lima', cpf = '52998224725', amount = '150.00', due = '2026-01-10', optional = [] } = values;
  return {
    line,
    ref,
    name,
    document: cpf,
    cents: Math.round(Number(amount) * 100),
    day: packDate(due),
    optional: [0, 1, 2, 3, 4].map((k) => optional[k] || null),
  };
}

const none = ['', '', '', '', ''];
const line = fc.record({
  ref: fc.stringMatching(/^[A-Zé中]{1,20}$/),
  name: fc.constantFrom('Ana', 'Zé da Silva', 'x'.repeat(120)),
  cpf: fc.constantFrom('52998224725', '00000000191', '99999999808', '12ABC34501DE35', '00000000000191'),
  amount: fc.constantFrom('0.01', '150.00', '9999999999999.99'),
  due: fc.constantFrom('2026-01-10', '0001-01-01', '9999-12-31'),
  optional: fc.constantFrom(
    none,
    ['a@b.co', '', '', '', ''],
    ['', '', '', '', '3/12'],
    ['a@b.co', '+551133334444', 'Banco Ç', 'conta', '1'],
    ['', '551133334444', '', 'x', ''],
  ),
});

describe('a chunk of records', () => {
  it('gives back what the pages hold, whatever its size, and takes nothing when it is full', () => {
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 700, max: 3000 }),
        fc.integer({ min: 1, max: 9 }),
        (lines, capacity, arenaBytes, recordsAPage) => {
          const chunk = new RecordChunk(capacity, arenaBytes);
          const reader = new PageReader();
          const read: unknown[] = [];
          const empty = (): void => {
            for (let i = 0; i < chunk.count; i++) read.push(valuesOf(chunk, i));
            chunk.clear();
          };
          for (const page of pagesOf(lines, ALL_FIELDS, recordsAPage)) {
            reader.load(page);
            while (reader.next()) {
              if (chunk.add(reader)) continue;
              const before = chunk.count;
              expect(chunk.add(reader)).toBe(false);
              expect(chunk.count).toBe(before);
              expect(before).toBeGreaterThan(0);
              empty();
              expect(chunk.add(reader)).toBe(true);
            }
            // The chunk keeps copies: the page may go.
            page.fill(0xdb);
          }
          empty();
          expect(read).toEqual(lines.map((values, index) => expected(values, index + 2)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has no room for a record whose texts are larger than its arena', () => {
    const chunk = new RecordChunk(10, 60);
    const reader = new PageReader();
    reader.load(pagesOf([{ ref: 'R-1', name: 'x'.repeat(100) }])[0] as Uint8Array);
    reader.next();
    expect([chunk.add(reader), chunk.count]).toEqual([false, 0]);
  });

  it('orders the chosen by hash, equal hashes by place', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F'), { minLength: 1, maxLength: 60 }),
        fc.nat(),
        (refs, mask) => {
          const chunk = new RecordChunk(60, 4096);
          const reader = new PageReader();
          for (const page of pagesOf(refs.map((ref) => ({ ref })))) {
            reader.load(page);
            while (reader.next()) expect(chunk.add(reader)).toBe(true);
          }
          const chosen = (i: number): boolean => ((mask >> (i % 31)) & 1) === 0;
          const hash = (i: number): number => {
            const bytes = Buffer.from(refs[i] as string);
            return hashRef(bytes, 0, bytes.length, HASH_SEED);
          };
          const plain = refs.map((_, i) => i).filter(chosen);
          plain.sort((a, b) => hash(a) - hash(b) || a - b);
          expect([...chunk.byHash(chosen)]).toEqual(plain);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('orders the greatest hashes of the fullest chunk exactly', () => {
    const chunk = new RecordChunk(3, 64);
    chunk.count = 3;
    chunk.hashes.set([0xffff_ffff, 0, 0xffff_ffff]);
    expect([...chunk.byHash(() => true)]).toEqual([1, 0, 2]);
    // A hash and a place side by side stay exact in one double.
    expect(Number.isSafeInteger(0xffff_ffff * CHUNK_RECORDS_MAX + CHUNK_RECORDS_MAX - 1)).toBe(true);
  });
});
