import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { markedTable, settingsTable, withTable } from '../../scripts/settings-table.ts';

describe("the README's table of settings", () => {
  it('is the one the schema gives; if not, run `node scripts/settings-table.ts --write`', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    expect(markedTable(readme), 'README.md must hold <!-- settings --> and <!-- /settings -->').toBeDefined();
    expect(markedTable(readme)?.trim()).toBe(settingsTable().trim());
  });

  it('is put between the markers and nowhere else', () => {
    const text = 'before\n<!-- settings -->\nstale\n<!-- /settings -->\nafter $&\n';
    const fresh = withTable(text, settingsTable());
    expect(markedTable(fresh)).toBe(settingsTable());
    expect(fresh.startsWith('before\n<!-- settings -->\n|')).toBe(true);
    expect(fresh.endsWith('|\n<!-- /settings -->\nafter $&\n')).toBe(true);
    expect(markedTable('no markers')).toBeUndefined();
  });
});
