/**
 * `remessa profile test NAME|FILE`: runs the tests of the module that a profile names. They stand beside it, in
 * `<module>.cases.json` (engine/moduleCases.ts).
 *
 * Exit 0 all cases pass, 1 one of them does not, or the module cannot be used.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { Fault } from '../core/faults.ts';
import { type CaseResult, readCases } from '../engine/moduleCases.ts';
import { readPin, readProfile, storedProfile } from '../engine/profiles.ts';
import { runCases } from '../engine/runCases.ts';
import type { CompiledProfile } from '../kernel/profile.ts';
import type { CliContext } from './context.ts';
import { exactJsonText, printable } from './format.ts';
import { withStores } from './reading.ts';

const EXIT_FAILED = 1;

export function addTestProfileCommand(profiles: Command, context: CliContext, exit: (code: number) => void): void {
  profiles
    .command('test')
    .description("run the tests of a profile's module: <module>.cases.json beside it")
    .argument('<profile>', 'the name, name@version, or the file of a document')
    .option('--json', 'print the result of each case')
    .action(async (profile: string, options: { readonly json?: true }) => {
      exit(await testProfile(context, profile, options.json === true));
    });
}

async function testProfile(context: CliContext, profile: string, json: boolean): Promise<number> {
  const { compiled, besides } = await documentOf(context, profile);
  const { code, reading } = compiled;
  if (code === undefined) throw new Fault('USAGE', 'the profile names no module, so there is nothing to test');
  const folder = context.settings.codeDir === '' ? besides : context.settings.codeDir;
  if (folder === '') throw new Fault('USAGE', 'say where modules lie: REMESSA_CODE_DIR');
  const file = join(folder, `${code.module}.cases.json`);
  const cases = readCases(await textOf(file));
  if (typeof cases === 'string') throw new Fault('USAGE', `${printable(file)}: ${cases}`);
  const options = { folder, module: code.module, cases, reading, recordMs: context.settings.codeRecordMs };
  const results = await runCases(options, context.clock);
  const failed = results.filter(({ problems }) => problems.length > 0);
  if (json) await context.stdout.write(`${exactJsonText(results, 2)}\n`);
  else await context.stdout.write(reportOf(code.module, results, cases.length));
  return failed.length > 0 || results.length < cases.length ? EXIT_FAILED : 0;
}

function reportOf(module: string, results: readonly CaseResult[], cases: number): string {
  const lines = results.flatMap(({ name, problems }) => [
    `${problems.length === 0 ? 'passed' : 'FAILED'}  ${printable(name)}`,
    ...problems.map((problem) => `        ${printable(problem)}`),
  ]);
  const passed = results.filter(({ problems }) => problems.length === 0).length;
  return `${[...lines, `module ${module}: ${passed} of ${cases} cases passed`].join('\n')}\n`;
}

/** The document, and the folder it lies in where it is a file. */
async function documentOf(
  context: CliContext,
  profile: string,
): Promise<{ readonly compiled: CompiledProfile; readonly besides: string }> {
  if (existsSync(profile)) {
    const { compiled } = await readProfile(await textOf(profile));
    return { compiled, besides: dirname(profile) };
  }
  const pin = readPin(profile);
  const stored = await withStores(context, 'read', (stores) =>
    stores.clients.getProfile(pin?.name ?? profile, pin?.version),
  );
  if (stored === undefined) throw new Fault('PROFILE_UNKNOWN', printable(profile));
  return { compiled: await storedProfile(stored.document, profile), besides: '' };
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Fault('INPUT_MISSING', printable(file), {}, error);
  }
}
