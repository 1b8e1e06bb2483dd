/**
 * `npm run bench:profile`: the same made debts as a file of the default format and as a semicolon, Windows-1252, decimal
 * comma, dd/mm/yyyy, all-quoted CRLF file; both taken in by the whole program, in turns; every row of every retorno is
 * compared with the file's truth. Exit 1 where a row differs, or where the profile's file runs at less than the budgeted
 * share of the default's MB/s (10^6 bytes a second of wall time, of the median run; of processor time it is told too).
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { CLIENT } from './engine.ts';
import { AS_OF, FOLDER, ROOT } from './input.ts';
import { runProgram } from './program.ts';
import { factsOfReceipt, parseReceipt } from './receipt.ts';
import { medianOf } from './statistics.ts';
import { checkAgainst } from './verify.ts';

const PROFILE = 'erp-brasil';
const DOCUMENT = join(ROOT, 'fixtures/profiles', `${PROFILE}.json`);
/** Of the default format's MB/s. */
const SHARE_MIN = 0.7;

interface Side {
  readonly name: string;
  readonly make: readonly string[];
  readonly take: readonly string[];
  readonly wallMbPerS: number[];
  readonly cpuMbPerS: number[];
}

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '5000000' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
  },
});
const [lines, rounds, threads] = [values.lines, values.rounds, values.threads].map(Number) as [number, number, number];
if (![lines, rounds, threads].every((number) => Number.isInteger(number) && number > 0)) {
  process.stderr.write('bench:profile: --lines, --rounds and --threads take whole numbers above zero\n');
  process.exit(2);
}

mkdirSync(FOLDER, { recursive: true });
const folder = mkdtempSync(join(FOLDER, 'profile-'));
try {
  process.exitCode = await measure();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(): Promise<number> {
  const local = ['--profile', DOCUMENT, '--quote-all', '--crlf'];
  const side = (name: string, make: readonly string[], take: readonly string[]): Side => {
    return { name, make, take, wallMbPerS: [], cpuMbPerS: [] };
  };
  const own = side('default', [], []);
  const other = side(PROFILE, local, ['--profile', PROFILE]);
  for (const { name, make } of [own, other]) {
    const files = ['--out', join(folder, `${name}.csv`), '--truth', join(folder, `${name}.truth`)];
    const args = ['fixture', '--lines', String(lines), '--seed', '7', '--as-of', AS_OF, ...files, ...make];
    await runProgram(args, { dataDir: join(folder, 'none'), threads });
    tell(`${name}: ${statSync(join(folder, `${name}.csv`)).size} bytes`);
  }
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 === 0 ? [own, other] : [other, own]) await takeIn(one, round);
  }
  const share = medianOf(other.wallMbPerS) / medianOf(own.wallMbPerS);
  const cpuShare = medianOf(other.cpuMbPerS) / medianOf(own.cpuMbPerS);
  process.stdout.write(
    `${lines} lines, ${rounds} rounds, all rows equal their truth: ${PROFILE} at ${percent(share)} of the default ` +
      `format's MB/s, by processor time ${percent(cpuShare)}; ${percent(SHARE_MIN)} is asked\n`,
  );
  return share >= SHARE_MIN ? 0 : 1;
}

async function takeIn(side: Side, round: number): Promise<void> {
  const { name, take } = side;
  const dataDir = join(folder, `${name}-${round}`);
  const file = join(folder, `${name}.csv`);
  const retorno = join(folder, 'retorno.csv');
  if (take.length > 0) await runProgram(['profile', 'add', PROFILE, DOCUMENT], { dataDir, threads });
  const args = ['ingest', file, '--client', CLIENT, '--as-of', AS_OF, '--json', ...take];
  const { stdout, spent } = await runProgram(args, { dataDir, threads });
  const receipt = parseReceipt(stdout);
  const { records } = factsOfReceipt(receipt);
  await runProgram(['retorno', receipt.batch], { dataDir, threads, outFile: retorno });
  const compared = await checkAgainst(join(folder, `${name}.truth`), retorno);
  if (compared !== lines || records !== lines) throw new Error(`${name}: ${compared} of ${lines} rows were compared`);
  const bytes = statSync(file).size;
  side.wallMbPerS.push(bytes / 1e3 / spent.wallMs);
  side.cpuMbPerS.push(bytes / 1e3 / (spent.userMs + spent.systemMs));
  tell(
    `round ${round + 1}, ${name}: ${(bytes / 1e3 / spent.wallMs).toFixed(1)} MB/s, ${compared} rows equal the truth`,
  );
  rmSync(dataDir, { recursive: true, force: true });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
