/**
 * `npm run repeat`: runs test suites again and again, in another order each time, and says how often each was clean. What
 * failed is kept with everything it said. It finds what no single run shows: tests that depend on time, order or load.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
/** Suites that start processes or threads, open sockets, or wait. */
const BY_DEFAULT = ['api', 'bench', 'cli', 'contract', 'e2e', 'engine', 'fault', 'io', 'model', 'roles', 'stages'];
const TIMES = 50;

const HELP = `npm run repeat -- [--times N] [--seed S] [--keep FOLDER] [SUITE…]

Runs the suites (files or folders, as vitest takes them; by default those that use time or processes) N times (${TIMES}), the
files in an order drawn from the seed plus the number of the round, and prints for each file how many runs were clean. Exit 0 all were, 1 any failed. What failed is kept in FOLDER (.repeat/): one file a failure.

REMESSA_TEST_AWS=1 adds what needs DynamoDB Local and moto (npm run aws-servers). \`nice -n 10\` lets others work beside it.
`;

/** Of vitest's JSON report, what is read here. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

export interface FileRecord {
  runs: number;
  clean: number;
  /** Names of tests that failed, each with how often. */
  readonly failed: Map<string, number>;
}

/** Adds one round to what is known of each file; the failures of this round, each with what it said. */
export function addRound(files: Map<string, FileRecord>, report: Report, root: string): string[] {
  const failures: string[] = [];
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = relative(root, name);
    const record = files.get(file) ?? { runs: 0, clean: 0, failed: new Map<string, number>() };
    files.set(file, record);
    record.runs += 1;
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0 && status === 'passed') record.clean += 1;
    // A file that could not be loaded, or whose hooks failed, may name no test.
    const told = failed.map((test) => ({ test: test.fullName, says: (test.failureMessages ?? []).join('\n') }));
    if (told.length === 0 && status !== 'passed') told.push({ test: '(the file itself)', says: message ?? '' });
    for (const { test, says } of told) {
      record.failed.set(test, (record.failed.get(test) ?? 0) + 1);
      failures.push(`${file} > ${test}\n${says}`);
    }
  }
  return failures;
}

/** One line a file, those that failed first; and the sum. */
export function summaryOf(files: ReadonlyMap<string, FileRecord>): string {
  const unclean = ([, record]: [string, FileRecord]): number => record.runs - record.clean;
  const rows = [...files].sort((a, b) => unclean(b) - unclean(a) || a[0].localeCompare(b[0]));
  const lines = rows.flatMap(([file, { runs, clean, failed }]) => [
    `${clean === runs ? 'clean ' : 'FAILED'} ${clean} of ${runs}  ${file}`,
    ...[...failed].map(([test, times]) => `         ${times} × ${test}`),
  ]);
  const bad = rows.filter(([, record]) => record.clean < record.runs).length;
  return `${lines.join('\n')}\n${files.size} files, ${bad === 0 ? 'all clean' : `${bad} not clean`}\n`;
}

interface Options {
  readonly times: number;
  readonly seed: number;
  readonly keep: string;
  readonly suites: readonly string[];
}

function optionsOf(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      times: { type: 'string', default: String(TIMES) },
      seed: { type: 'string', default: '1' },
      keep: { type: 'string', default: join(ROOT, '.repeat') },
      help: { type: 'boolean', default: false },
    },
  });
  const [times, seed] = [values.times, values.seed].map(Number);
  const usable = [times, seed].every((value) => Number.isSafeInteger(value) && (value as number) >= 0);
  if (values.help || !usable) return undefined;
  const suites = positionals.length > 0 ? positionals : BY_DEFAULT.map((folder) => `test/${folder}`);
  return { times: times as number, seed: seed as number, keep: values.keep, suites };
}

/** One run of all suites; its report, and all it printed. */
async function runOnce({ suites, keep }: Options, seed: number): Promise<{ report?: Report; says: string }> {
  const file = join(keep, 'round.json');
  writeFileSync(file, '');
  const args = ['run', ...suites, '--sequence.shuffle.files', `--sequence.seed=${seed}`, '--reporter=default'];
  const child = spawn(
    join(ROOT, 'node_modules/.bin/vitest'),
    [...args, '--reporter=json', `--outputFile.json=${file}`],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const blocks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (block: Buffer) => blocks.push(block));
  await once(child, 'close');
  const says = Buffer.concat(blocks).toString('utf8');
  const text = readFileSync(file, 'utf8');
  return text === '' ? { says } : { report: JSON.parse(text) as Report, says };
}

async function main(options: Options): Promise<number> {
  mkdirSync(options.keep, { recursive: true });
  const files = new Map<string, FileRecord>();
  let stopped = false;
  process.on('SIGINT', () => {
    stopped = true;
  });
  let broken = 0;
  for (let round = 1; round <= options.times && !stopped; round++) {
    const seed = options.seed + round - 1;
    const startedMs = Date.now();
    const { report, says } = await runOnce(options, seed);
    // Vitest without a report has ended before its tests; what is interrupted has failed nothing.
    if (stopped) break;
    const failures = report === undefined ? [`vitest gave no report\n${says}`] : addRound(files, report, ROOT);
    if (report === undefined) broken += 1;
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    process.stdout.write(
      `round ${round} of ${options.times}, seed ${seed}, ${seconds} s: ${failures.length} failures\n`,
    );
    if (failures.length === 0) continue;
    const kept = join(options.keep, `seed-${seed}.log`);
    writeFileSync(kept, `${failures.join('\n\n')}\n\n==== all it printed\n${says}`);
    for (const failure of failures) process.stdout.write(`  ${failure.split('\n', 2).join(': ')}\n`);
    process.stdout.write(`  kept in ${kept}\n`);
  }
  process.stdout.write(summaryOf(files));
  return broken === 0 && [...files.values()].every((record) => record.clean === record.runs) ? 0 : 1;
}

if (import.meta.main) {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) process.stdout.write(HELP);
  process.exitCode = options === undefined ? 2 : await main(options);
}
