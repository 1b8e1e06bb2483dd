/**
 * A file of another notation than the default format's, of the same made debts: semicolons, Windows-1252, decimal comma,
 * dd/mm/yyyy, every field quoted, CRLF. With its truth, which says what must become of each record.
 */
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FIXTURE_DEFAULTS, profileBlocks } from '../../src/cli/fixture.ts';
import { readProfile } from '../../src/engine/profiles.ts';
import type { CompiledProfile } from '../../src/kernel/profile.ts';
import { FactsSum } from '../facts.ts';
import { AS_OF, type InputFile, ROOT, truthRows } from '../input.ts';
import type { NamedProfile } from '../verify.ts';

const NAME = 'erp-brasil';
export const PROFILE: NamedProfile = { name: NAME, document: join(ROOT, 'fixtures/profiles', `${NAME}.json`) };
const FORM = { quoteAll: true, crlf: true };
const LF = 0x0a;

export async function compiledProfile(): Promise<CompiledProfile> {
  return (await readProfile(readFileSync(PROFILE.document, 'utf8'))).compiled;
}

/** Makes the file and its truth in the folder. */
export async function madeInProfile(folder: string, lines: number, seed: number): Promise<InputFile> {
  const path = join(folder, `${NAME}.csv`);
  const truth = join(folder, `${NAME}.truth.csv`);
  const options = { ...FIXTURE_DEFAULTS, lines, seed, asOf: AS_OF };
  const [file, rows] = [await open(path, 'w'), await open(truth, 'w')];
  const sum = new FactsSum();
  let [bytes, lfs] = [0, 0];
  try {
    for (const block of profileBlocks(options, await compiledProfile(), FORM, { truth: true })) {
      const told = Buffer.from(block.truth ?? []).toString('utf8');
      for (const [, , , outcome = '', code = '', cents = ''] of truthRows(told)) sum.add(outcome, code, cents);
      for (let at = block.file.indexOf(LF); at >= 0; at = block.file.indexOf(LF, at + 1)) lfs++;
      bytes += block.file.length;
      await file.writeFile(block.file);
      await rows.writeFile(told);
    }
  } finally {
    await file.close();
    await rows.close();
  }
  return { path, bytes, truth, facts: sum.total(lfs) };
}
