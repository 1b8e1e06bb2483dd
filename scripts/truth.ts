/**
 * Makes a file in the notation of a profile, takes it in, and compares every row of its retorno with what must have become of
 * that record, and the cents of the receipt with their sum; then takes in the resubmit file, of which every record must be
 * refused again: `npm run truth -- --profile cnab-240 --lines 1000000`. The profile is one that comes with the program, or a
 * document's file. With `--wrong-count` the last digit of the file's trailer (of CNAB
 * 240: of its count of lines) is another one, and the batch must fail.
 *
 * Exit 0: all is equal. Everything is done by the program's own commands, in a folder of its own that is removed afterwards.
 */
import { spawnSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PROGRAM = fileURLToPath(new URL('../bin/remessa.js', import.meta.url));
const AS_OF = '2026-08-01';
const MEBIBYTE = 1024 * 1024;

const { values } = parseArgs({
  options: {
    profile: { type: 'string' },
    lines: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    bad: { type: 'string', default: '0.02' },
    'wrong-count': { type: 'boolean', default: false },
  },
});
if (values.profile === undefined) throw new Error('say which --profile');

const folder = mkdtempSync(join(tmpdir(), 'remessa-truth-'));
try {
  process.exitCode = await prove(values.profile);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Of one of the program's commands; the retorno of a large file is no text that one would hold. */
function run(args: readonly string[], out: 'pipe' | number = 'pipe') {
  const env = { ...process.env, REMESSA_DATA_DIR: join(folder, 'data') };
  return spawnSync(process.execPath, [PROGRAM, ...args], { env, stdio: ['ignore', out, 'pipe'], encoding: 'utf8' });
}

async function prove(profile: string): Promise<number> {
  const document = join(folder, 'profile.json');
  writeFileSync(document, existsSync(profile) ? readFileSync(profile) : run(['profile', 'shipped', profile]).stdout);
  const file = join(folder, 'made');
  const truth = join(folder, 'truth.csv');
  const { lines, seed, bad } = values;
  const made = ['--lines', lines, '--seed', seed, '--bad', bad, '--as-of', AS_OF, '--profile', document];
  must(run(['fixture', ...made, '--crlf', '--truth', truth, '--out', file]));
  if (values['wrong-count']) spoil(file);
  must(run(['profile', 'add', 'p', document]));
  const began = performance.now();
  const ingest = ['ingest', file, '--client', 'c', '--profile', 'p', '--as-of', AS_OF, '--json'];
  const ended = run(ingest);
  const seconds = (performance.now() - began) / 1000;
  const receipt = JSON.parse(ended.stdout) as Receipt;
  if (values['wrong-count']) {
    process.stdout.write(`${receipt.status}: ${receipt.reason}\n`);
    return receipt.status === 'failed' && ended.status === 1 ? 0 : 1;
  }
  const retorno = join(folder, 'retorno.csv');
  must(run(['retorno', receipt.batch], openSync(retorno, 'w')));
  const found = await compare(truth, retorno);
  const megabytes = statSync(file).size / MEBIBYTE;
  // Sums may be beyond what a number holds exactly.
  const cents = /"cents":\{"total":(\d+)/.exec(ended.stdout)?.[1];
  const same = found.differing === 0 && cents === found.cents;
  process.stdout.write(
    `${found.rows} rows of the retorno, ${found.differing} differ; cents ${cents}, truth ${found.cents}\n` +
      `${JSON.stringify(receipt.lines)}, ${receipt.ranges} ranges, ${receipt.shards} shards\n` +
      `${megabytes.toFixed(0)} MiB in ${seconds.toFixed(1)} s of the whole command: ${(megabytes / seconds).toFixed(1)} MiB/s, ` +
      `${Math.round(found.rows / seconds)} records/s\n`,
  );
  const refused = await sentAgain(receipt);
  return same && refused && found.rows === Number(lines) ? 0 : 1;
}

/** The resubmit file, with nothing mended: each of its records is refused again, and nothing else becomes of it. */
async function sentAgain({ batch, lines }: Receipt): Promise<boolean> {
  const file = join(folder, 'resubmit');
  must(run(['resubmit', batch, '--out', file]));
  const ended = run(['ingest', file, '--client', 'c', '--profile', 'p', '--as-of', AS_OF, '--json']);
  const again = JSON.parse(ended.stdout) as Receipt;
  process.stdout.write(`sent again: ${again.status}, ${JSON.stringify(again.lines)}\n`);
  const { total, rejected } = again.lines;
  return again.status === 'completed' && total === lines['rejected'] && rejected === total;
}

interface Receipt {
  readonly batch: string;
  readonly status: string;
  readonly reason: string | null;
  readonly ranges: number;
  readonly shards: number;
  readonly lines: Readonly<Record<string, number>>;
}

function must(ran: { readonly status: number | null; readonly stderr: string }): void {
  if (ran.status !== 0) throw new Error(ran.stderr);
}

/** Another last digit of the trailer's number: of CNAB 400 that of the line, of CNAB 240 that of the lines it counts. */
function spoil(file: string): void {
  const { size } = statSync(file);
  const tail = readFileSync(file)
    .subarray(size - 402)
    .toString('latin1');
  const is400 = tail.startsWith('9');
  const at = is400 ? size - 3 : size - 242 + 28;
  const digit = Number(tail[at - size + 402]);
  writeSync(openSync(file, 'r+'), String((digit + 1) % 10), at);
}

async function compare(truth: string, retorno: string) {
  const rowsOf = (path: string): AsyncIterator<string> =>
    createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  const wanted = rowsOf(truth);
  const said = rowsOf(retorno);
  let rows = 0;
  let differing = 0;
  let cents = 0n;
  await wanted.next();
  await said.next();
  for (;;) {
    const [one, other] = [await wanted.next(), await said.next()];
    if (one.done === true || other.done === true) {
      if (one.done !== other.done) differing++;
      return { rows, differing, cents: String(cents) };
    }
    rows++;
    const expected = cellsOf(one.value);
    const found = cellsOf(other.value);
    if ([0, 1, 2, 3].some((cell) => expected[cell] !== found[cell])) {
      if (differing++ < 5) process.stderr.write(`- ${one.value}\n+ ${other.value}\n`);
    }
    cents += BigInt(expected[4] || '0');
  }
}

/** Cells of a row of a made file's truth or answer: neither has a line break in a cell. */
function cellsOf(row: string): string[] {
  return [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}
