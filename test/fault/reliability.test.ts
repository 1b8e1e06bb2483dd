import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import {
  FAULT_ROWS,
  PAGE_OF,
  ROWS_OF,
  reliabilityTable,
  tableIn,
  taggedTests,
  tagsOf,
} from '../../scripts/reliability-table.ts';

describe('the tables of faults and threats', () => {
  it.each([
    'fault',
    'threat',
  ] as const)('are those the tests give (%s); if not, run `node scripts/reliability-table.ts --write`', async (kind) => {
    const page = await readFile(PAGE_OF[kind], 'utf8');
    expect(tableIn(page, kind)?.trim()).toBe(reliabilityTable(kind).trim());
  });

  it.each(['fault', 'threat'] as const)('leave no %s open', (kind) => {
    const tests = taggedTests(kind);
    expect(ROWS_OF[kind].filter((_, index) => !tests.has(index + 1)).map(({ fault }) => fault)).toEqual([]);
  });

  it('shows a row a fault, and says which are open', () => {
    const tests = taggedTests();
    tests.set(1, [{ file: 'f.ts', title: 'a | b' }]);
    tests.delete(2);
    const rows = reliabilityTable('fault', tests).trim().split('\n').slice(2);
    expect(rows).toHaveLength(FAULT_ROWS.length);
    expect(rows[0]).toMatch(/^\| 1 \| .*`f\.ts`: a \\\| b \|$/);
    expect(rows[1]).toMatch(/\| \*\*open\*\* \|$/);
  });

  it('reads tags on tests and groups, of any form', () => {
    const tag = `${'/'.repeat(2)} fault`;
    const text = [
      `  ${tag} 3`,
      "  it('does it', async () => {",
      `${tag}s 1, 24`,
      "describe.each([['a', 1]])('a group: %s', (name) => {",
      `${tag} 9`,
      "it.each([true, false])('of two (%s)', { timeout: 5 }, async () => {",
      '',
    ].join('\n');
    expect(tagsOf(text, 'f.ts')).toEqual([
      { rows: [3], title: 'does it' },
      { rows: [1, 24], title: 'a group: %s' },
      { rows: [9], title: 'of two (%s)' },
    ]);
    expect(() => tagsOf(`${tag} 1\nconst a = 1;\n`, 'f.ts')).toThrow('f.ts: «// fault 1» stands before no test');
    expect(() => tagsOf(`${tag} 99\nit('x', () => {\n`, 'f.ts')).toThrow('there is no fault 99');
  });
});
