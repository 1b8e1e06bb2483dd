/**
 * The tables of codes in docs/CODES.md, from the catalogue: what each says, in each language. Prints them; `--write` puts them
 * between the markers.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { faultText, recordText } from '../src/core/catalogue.ts';
import { RECORD_CODES, type RecordCodeName } from '../src/core/codes.ts';
import { FAULTS, type FaultCode, type Stage } from '../src/core/faults.ts';
import { LANGUAGES } from '../src/core/language.ts';

/** What tables there are, each between `<!-- NAME -->` and `<!-- /NAME -->`. */
export const TABLES = { records: recordsTable, batches: batchesTable, operators: operatorsTable } as const;
type TableName = keyof typeof TABLES;

const DOCUMENT = new URL('../docs/CODES.md', import.meta.url);

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  return `${line(head)}|${'---|'.repeat(head.length)}\n${rows.map(line).join('')}`;
}

function recordsTable(): string {
  const rows = (Object.keys(RECORD_CODES) as RecordCodeName[]).map((name) => [
    `\`${name}\``,
    RECORD_CODES[name].kind,
    ...LANGUAGES.map((language) => recordText(name, language)),
  ]);
  return markdown(['code', 'kind', ...LANGUAGES], rows);
}

/** Whether a fault of the stage can end a batch. */
function endsBatches(stage: Stage): boolean {
  return stage !== 'api' && stage !== 'usage' && stage !== 'notify';
}

function faultsOf(ending: boolean): FaultCode[] {
  return (Object.keys(FAULTS) as FaultCode[]).filter((code) => endsBatches(FAULTS[code].stage) === ending);
}

function batchesTable(): string {
  const rows = faultsOf(true).map((code) => [
    `\`${code}\``,
    FAULTS[code].disposition === 'retry' ? 'tried again first' : 'at once',
    ...LANGUAGES.map((language) => faultText(code, language)),
  ]);
  return markdown(['code', 'ends the batch', ...LANGUAGES], rows);
}

function operatorsTable(): string {
  return markdown(
    ['code', 'of', 'says'],
    faultsOf(false).map((code) => [`\`${code}\``, FAULTS[code].stage, faultText(code)]),
  );
}

function marked(name: TableName): RegExp {
  return new RegExp(`(<!-- ${name} -->\\n)([\\s\\S]*?)(<!-- /${name} -->)`);
}

/** What stands between the markers of a text; `undefined` where it has none. */
export function tableIn(text: string, name: TableName): string | undefined {
  return marked(name).exec(text)?.[2];
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
  let text = await readFile(DOCUMENT, 'utf8');
  for (const [name, table] of Object.entries(TABLES) as [TableName, () => string][]) {
    if (tableIn(text, name) === undefined) throw new Error(`docs/CODES.md has no <!-- ${name} --> markers`);
    if (values.write) text = text.replace(marked(name), (_all, before, _old, after) => `${before}${table()}${after}`);
    else console.log(table());
  }
  if (values.write) await writeFile(DOCUMENT, text);
}
