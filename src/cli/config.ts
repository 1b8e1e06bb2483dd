/** `remessa config`: every setting with its value, where that came from, its range, default and meaning. */
import type { Command } from 'commander';
import type { SettingSources } from '../config/load.ts';
import { SETTING_NAMES, specOf, unitOf } from '../config/schema.ts';
import { defaultText, rangeText, valueText } from '../config/text.ts';
import type { CliContext } from './context.ts';
import { exactJsonText, tableText } from './format.ts';

export function addConfigCommand(
  program: Command,
  context: CliContext,
  exit: (code: number) => void,
  sources: () => SettingSources,
): void {
  program
    .command('config')
    .description('print every setting: value, source, unit, range, default and meaning')
    .option('--json', 'print a JSON array')
    .action(async (options: { readonly json?: true }) => {
      const { settings } = context;
      const from = sources();
      const rows = SETTING_NAMES.map((name) => {
        const spec = specOf(name);
        return {
          key: spec.key,
          property: name,
          value: spec.type === 'secret' ? valueText(spec, settings[name]) : settings[name],
          source: from[name],
          unit: unitOf(spec),
          range: rangeText(spec),
          default: defaultText(spec),
          meaning: spec.means,
        };
      });
      const text =
        options.json === true
          ? `${exactJsonText(rows, 2)}\n`
          : tableText(
              ['setting', 'value', 'source', 'unit', 'range', 'default', 'meaning'],
              rows.map((row) => [
                row.key,
                valueText(specOf(row.property), row.value),
                row.source,
                row.unit,
                row.range,
                row.default,
                row.meaning,
              ]),
            );
      await context.stdout.write(text);
      exit(0);
    });
}
