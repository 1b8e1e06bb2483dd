/**
 * `npm run demo`: the main job on real-sized input, told step by step. Makes a file of 200,000 debts, takes it in, takes
 * it in again (nothing changes), takes in a corrected edition (some debts change), and says where everything lies.
 *
 * Everything is kept in `.demo/`, which is made anew each time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, '.demo');
const DATA = join(FOLDER, 'data');
const LINES = 200_000;
const CLIENT = 'loja-exemplo';
const FIRST_REJECTS = 8;

interface Run {
  readonly stdout: string;
  readonly code: number;
}

/** Runs the program as a person would; its progress goes straight to the terminal. */
async function remessa(args: readonly string[], quiet = false): Promise<Run> {
  if (!quiet) say(`$ npx remessa ${args.map((arg) => arg.replace(`${ROOT}/`, '')).join(' ')}`);
  const child = spawn(process.execPath, [join(ROOT, 'bin/remessa.js'), ...args], {
    env: { ...process.env, REMESSA_DATA_DIR: DATA },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const blocks: Buffer[] = [];
  child.stdout.on('data', (block: Buffer) => blocks.push(block));
  const [code] = (await once(child, 'close')) as [number | null];
  return { stdout: Buffer.concat(blocks).toString('utf8'), code: code ?? 1 };
}

async function ingest(file: string, asOf: string): Promise<void> {
  const run = await remessa(['ingest', file, '--client', CLIENT, '--as-of', asOf]);
  say(run.stdout);
  if (run.code !== 0) throw new Error(`ingest ended with exit code ${run.code}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  const first = join(FOLDER, 'debts.csv');
  const corrected = join(FOLDER, 'debts-corrected.csv');
  const asOf = '2026-08-03';
  const made = ['--lines', String(LINES), '--seed', '7', '--as-of', asOf];

  say(`1. A file of ${LINES.toLocaleString('en')} debts, some of its lines bad.\n`);
  await remessa(['fixture', ...made, '--out', first, '--truth', join(FOLDER, 'truth.csv')]);

  say('\n2. Taking it in. The receipt accounts for every line.\n');
  await ingest(first, asOf);
  const listed = await remessa(['batches', '--json'], true);
  const batches = JSON.parse(listed.stdout) as readonly { readonly id: string }[];
  const id = batches[0]?.id ?? '';
  const rejects = (await remessa(['rejects', id])).stdout.split('\n');
  say(`${rejects.slice(0, FIRST_REJECTS + 1).join('\n')}\n… ${rejects.length - 2 - FIRST_REJECTS} more\n`);

  say('3. The same file again: every debt is known and unchanged.\n');
  await ingest(first, asOf);

  say('4. A corrected edition: the bad lines mended, some amounts changed.\n');
  await remessa(['fixture', ...made, '--revise', '0.1', '--out', corrected]);
  await ingest(corrected, asOf);

  const debts = join(DATA, 'debts.db').replace(`${ROOT}/`, '');
  say('5. Where it all lies.\n');
  say(`   The debts are a table of ${debts}. With the sqlite3 shell:`);
  say(`     sqlite3 -readonly ${debts} "SELECT count(*), sum(amount_cents)/100.0 FROM debts"`);
  say('   or with the program:');
  say(`     REMESSA_DATA_DIR=${DATA.replace(`${ROOT}/`, '')} npx remessa debts --client ${CLIENT} | head -3`);
  say(`     REMESSA_DATA_DIR=${DATA.replace(`${ROOT}/`, '')} npx remessa batches`);
  const truth = await readFile(join(FOLDER, 'truth.csv'), 'utf8');
  say(`\n   The generator wrote what it expects of each line: .demo/truth.csv, ${truth.split('\n').length - 2} rows.`);
}

await main();
