/**
 * `npm run fuzz`: the fuzz targets for as long as one likes. What fails is printed with its seed and added to
 * `test/fuzz/corpus/`, where every later run, and `npm test`, tries it first.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');

const HELP = `npm run fuzz -- [--seconds N] [--target T] [--seed S] [--inputs N]

Tries made inputs on each target for N seconds (60): split, records, profiles, gzip, notifications, api, messages, stored,
addresses. Without a seed it is another one each time. Exit 0 nothing was found, 1 something was.
`;

function options() {
  try {
    return parseArgs({
      options: {
        seconds: { type: 'string', default: '60' },
        target: { type: 'string', default: '' },
        seed: { type: 'string', default: '' },
        inputs: { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const given = options();
  const usable =
    given !== undefined && [given.seconds, given.seed, given.inputs].every((text) => /^[0-9]*$/.test(text));
  if (!usable || given.help) {
    process.stdout.write(HELP);
    return usable ? 0 : 2;
  }
  const { seconds, target, seed, inputs } = given;
  const child = spawn(
    join(ROOT, 'node_modules/.bin/vitest'),
    ['run', 'test/fuzz/fuzz.test.ts', '--disable-console-intercept'],
    {
      cwd: ROOT,
      stdio: 'inherit',
      env: {
        ...process.env,
        REMESSA_FUZZ_SECONDS: seconds,
        REMESSA_FUZZ_TARGET: target,
        REMESSA_FUZZ_SEED: seed,
        REMESSA_FUZZ_KEEP: '1',
        ...(inputs === '' ? {} : { REMESSA_FUZZ_INPUTS: inputs }),
      },
    },
  );
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

process.exitCode = await main();
