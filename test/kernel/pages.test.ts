import { describe, expect, it } from 'vitest';
import { COLUMNS } from '../../src/kernel/columns.ts';
import { PAGE_BYTES_MIN, PageReader, PageWriter, STAGED_RECORD_BYTES_MAX } from '../../src/kernel/pages.ts';
import { DEFAULT_DIALECT } from '../../src/kernel/plan.ts';
import { RecordSplitter } from '../../src/kernel/records.ts';
import { RecordValues } from '../../src/kernel/values.ts';

const ALL = COLUMNS.map((_, column) => column);

/** Packs one line as the record at (line, offset); answers what `append` did. */
function packer(writer: PageWriter, fields: readonly number[] = ALL) {
  const splitter = new RecordSplitter(DEFAULT_DIALECT, fields.length);
  const values = new RecordValues(DEFAULT_DIALECT.quote, fields);
  return (text: string, line: number, offset: number, shard = 0, refHash = 0xfedcba98): boolean => {
    const bytes = new TextEncoder().encode(text);
    expect(splitter.split(bytes, 0, bytes.length, true)).toBe(bytes.length);
    expect(values.check(bytes, splitter, bytes.length)).toBe(0);
    return writer.append(shard, line, offset, bytes.length, refHash, bytes, values);
  };
}

function rows(page: Uint8Array) {
  const reader = new PageReader();
  reader.load(page);
  const text = (start: number, end: number) => new TextDecoder().decode(reader.bytes.subarray(start, end));
  const found = [];
  while (reader.next()) {
    const { line, offset, rawBytes, refHash, cents, packedDate, warning, cpf, present } = reader;
    const optional = [...reader.optionalStart].map((start, i) => text(start, reader.optionalEnd[i]!));
    const ref = text(reader.refStart, reader.refEnd);
    const name = text(reader.nameStart, reader.nameEnd);
    found.push({ line, offset, rawBytes, refHash, cents, packedDate, warning, cpf, present, ref, name, optional });
  }
  expect(found.length).toBe(reader.records);
  return found;
}

const FULL =
  'R-1,"Ana  ""A"" \nLima",00000000191,9999999999999.99,9999-12-31,a@b.co,+55 (11) 3333-4444,Banco Ç, x ,3/12\r\n';
const BARE = 'é,Zé,99999999808,0.01,0001-01-01,,,,,\n';

describe('pages', () => {
  it('give back what was packed, transformed', () => {
    const writer = new PageWriter(3, PAGE_BYTES_MIN);
    const pack = packer(writer);
    expect(pack(FULL, 2, 107, 1)).toBe(true);
    expect(pack(BARE, 4, 2 ** 45, 1, 0)).toBe(true);
    expect(pack(BARE, 2 ** 40, 2 ** 52, 2)).toBe(true);
    expect(writer.full).toBe(false);
    expect(writer.take()).toBeUndefined();
    writer.flush();

    const one = writer.take()!;
    expect([one.shard, one.records]).toEqual([1, 2]);
    expect(rows(one.bytes)).toEqual([
      {
        line: 2,
        offset: 107,
        rawBytes: new TextEncoder().encode(FULL).length,
        refHash: 0xfedcba98,
        cents: 999_999_999_999_999,
        packedDate: 9999 * 512 + 12 * 32 + 31,
        warning: 0,
        cpf: 191,
        present: 0b11111,
        ref: 'R-1',
        name: 'Ana "A" Lima',
        optional: ['a@b.co', '+551133334444', 'Banco Ç', 'x', '3/12'],
      },
      {
        line: 4,
        offset: 2 ** 45,
        rawBytes: new TextEncoder().encode(BARE).length,
        refHash: 0,
        cents: 1,
        packedDate: 512 + 32 + 1,
        warning: 0,
        cpf: 99_999_999_808,
        present: 0,
        ref: 'é',
        name: 'Zé',
        optional: ['', '', '', '', ''],
      },
    ]);
    const two = writer.take()!;
    expect([two.shard, two.records]).toEqual([2, 1]);
    expect(rows(two.bytes)[0]).toMatchObject({ line: 2 ** 40, offset: 2 ** 52 });
    expect(writer.take()).toBeUndefined();
  });

  it('are full before a record that has no room, which goes to the next page', () => {
    const writer = new PageWriter(2, PAGE_BYTES_MIN);
    const pack = packer(writer);
    expect(pack(BARE, 2, 0, 0)).toBe(true);
    let line = 3;
    while (pack(FULL, line, line * 100, 1)) line++;
    expect(writer.full).toBe(true);
    expect(pack(FULL, line, line * 100, 1)).toBe(false);
    const page = writer.take()!;
    expect([page.shard, page.records]).toEqual([1, line - 3]);
    expect(page.bytes.length).toBeGreaterThan(PAGE_BYTES_MIN - STAGED_RECORD_BYTES_MAX);
    expect(page.bytes.length).toBeLessThanOrEqual(PAGE_BYTES_MIN);
    expect(rows(page.bytes).map((row) => row.line)).toEqual(Array.from({ length: line - 3 }, (_, i) => i + 3));
    expect(writer.full).toBe(false);
    expect(pack(FULL, line, line * 100, 1)).toBe(true);
    writer.flush();
    expect(rows(writer.take()!.bytes)).toHaveLength(1);
    expect(rows(writer.take()!.bytes)).toMatchObject([{ line, offset: line * 100 }]);
  });

  it('hold the longest record that the checks let through, within the stated bound', () => {
    const wide = (characters: number) => '\u{1f600}'.repeat(characters);
    const domain = `${`${'d'.repeat(63)}.`.repeat(2)}${'d'.repeat(61)}`;
    const email = `${'l'.repeat(64)}@${domain}`;
    expect(email.length).toBe(254);
    const longest = [
      wide(64),
      wide(120),
      '99999999808',
      '9999999999999.99',
      '9999-12-31',
      email,
      '+123456789012345',
      wide(120),
      wide(40),
      '999/999',
    ];
    const writer = new PageWriter(1, PAGE_BYTES_MIN);
    expect(packer(writer)(longest.join(','), 2 ** 50, 2 ** 52)).toBe(true);
    writer.flush();
    const page = writer.take()!;
    expect(page.bytes.length).toBeLessThanOrEqual(36 + STAGED_RECORD_BYTES_MAX);
    expect(rows(page.bytes)[0]).toMatchObject({ ref: longest[0], name: longest[1], optional: longest.slice(5) });
  });

  it('leave out columns that the file does not have', () => {
    const writer = new PageWriter(1, PAGE_BYTES_MIN);
    expect(packer(writer, [4, 3, 2, 1, 0, 6])('2025-01-31,10,529.982.247-25,Ana,R,\n', 2, 0)).toBe(true);
    writer.flush();
    expect(rows(writer.take()!.bytes)).toMatchObject([
      { ref: 'R', name: 'Ana', cents: 1000, cpf: 52_998_224_725, present: 0, optional: ['', '', '', '', ''] },
    ]);
  });

  it('are recognised as damaged whichever bit flips, and when cut', () => {
    const writer = new PageWriter(1, PAGE_BYTES_MIN);
    packer(writer)(FULL, 2, 0);
    writer.flush();
    const page = writer.take()!.bytes;
    for (let bit = 0; bit < page.length * 8; bit++) {
      const bad = page.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => new PageReader().load(bad)).toThrow(/STORE_CORRUPT/);
    }
    for (let bytes = 0; bytes < page.length; bytes++) {
      expect(() => new PageReader().load(page.subarray(0, bytes))).toThrow(/STORE_CORRUPT/);
    }
  });

  it('refuse pages too small for any record', () => {
    expect(() => new PageWriter(1, PAGE_BYTES_MIN - 1)).toThrow(/bug/);
    expect(() => new PageWriter(0, PAGE_BYTES_MIN)).toThrow(/bug/);
  });
});
