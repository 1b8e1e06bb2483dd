/**
 * The README's table of settings, from the schema. Prints it; `--write` puts it between the markers of README.md.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { SETTING_NAMES, specOf } from '../src/config/schema.ts';
import { defaultText, rangeText } from '../src/config/text.ts';

const MARKED = /(<!-- settings -->\n)([\s\S]*?)(<!-- \/?settings -->)/;

/** A Markdown table, one row a setting, ending in a newline. */
export function settingsTable(): string {
  const rows = SETTING_NAMES.map((name) => {
    const spec = specOf(name);
    const unit = spec.type === 'ms' ? ' ms' : '';
    const byDefault = defaultText(spec) + (typeof spec.default === 'number' ? unit : '');
    return `| \`${spec.key}\` | ${rangeText(spec)}${unit} | ${byDefault} | ${spec.means} |\n`;
  });
  return `| setting | range | default | meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

/** What stands between the markers of a text; `undefined` where it has none. */
export function markedTable(text: string): string | undefined {
  return MARKED.exec(text)?.[2];
}

/** The text with the table between its markers. */
export function withTable(text: string, table: string): string {
  return text.replace(MARKED, (_all, before: string, _old: string, after: string) => `${before}${table}${after}`);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
  if (values.write) {
    const readme = new URL('../README.md', import.meta.url);
    const text = await readFile(readme, 'utf8');
    if (markedTable(text) === undefined) throw new Error('README.md has no <!-- settings --> markers');
    await writeFile(readme, withTable(text, settingsTable()));
  } else {
    console.log(settingsTable().trimEnd());
  }
}
