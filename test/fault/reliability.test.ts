import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { FAULT_ROWS, reliabilityTable, tableIn, taggedTests, tagsOf } from '../../scripts/reliability-table.ts';

describe('the table of faults in docs/RELIABILITY.md', () => {
  it('is the one the tests give; if not, run `node scripts/reliability-table.ts --write`', async () => {
    const page = await readFile(new URL('../../docs/RELIABILITY.md', import.meta.url), 'utf8');
    expect(tableIn(page)?.trim()).toBe(reliabilityTable().trim());
  });

  it('shows a row a fault, and says which are open', () => {
    const tests = taggedTests();
    tests.set(1, [{ file: 'f.ts', title: 'a | b' }]);
    tests.delete(2);
    const rows = reliabilityTable(tests).trim().split('\n').slice(2);
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
      { faults: [3], title: 'does it' },
      { faults: [1, 24], title: 'a group: %s' },
      { faults: [9], title: 'of two (%s)' },
    ]);
    expect(() => tagsOf(`${tag} 1\nconst a = 1;\n`, 'f.ts')).toThrow('f.ts: «// fault 1» stands before no test');
    expect(() => tagsOf(`${tag} 99\nit('x', () => {\n`, 'f.ts')).toThrow('there is no fault 99');
  });
});
