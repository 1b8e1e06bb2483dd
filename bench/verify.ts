/**
 * The check before anything is timed: one whole ingest of the file into an empty data folder, its answers compared with
 * the truth row by row, its receipt with the sums over the truth, the stored debts with what was created. Without a truth
 * (a file of the caller's) the answers are checked against each other, and the receipt becomes what is held to be true.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { csvRows } from './csvRows.ts';
import { CLIENT } from './engine.ts';
import { differences, type Facts } from './facts.ts';
import { AS_OF, FOLDER, type InputFile } from './input.ts';
import { runProgram } from './program.ts';
import { factsOfReceipt, parseReceipt } from './receipt.ts';

/** The output is not what it must be; nothing is timed then. */
export class WrongOutput extends Error {}

/** A profile under which a file is taken in: its name, and the JSON file of its document. */
export interface NamedProfile {
  readonly name: string;
  readonly document: string;
}

/**
 * Answers what is true of the file. Throws `WrongOutput` with the first difference. `profile`: of a file that is not one of
 * the default format.
 */
export async function verifiedFacts(file: InputFile, threads: number, profile?: NamedProfile): Promise<Partial<Facts>> {
  mkdirSync(FOLDER, { recursive: true });
  const folder = mkdtempSync(join(FOLDER, 'check-'));
  const dataDir = join(folder, 'data');
  const retorno = join(folder, 'retorno.csv');
  try {
    const args = ['ingest', file.path, '--client', CLIENT, '--as-of', AS_OF, '--json'];
    if (profile !== undefined) {
      await runProgram(['profile', 'add', profile.name, profile.document], { dataDir, threads });
      args.push('--profile', profile.name);
    }
    const { stdout } = await runProgram(args, { dataDir, threads });
    const receipt = parseReceipt(stdout);
    const told = factsOfReceipt(receipt);
    refuse(differences(told, file.facts), 'the receipt');
    await runProgram(['retorno', receipt.batch], { dataDir, threads, outFile: retorno });
    if (file.truth === undefined) await checkAlone(retorno, told);
    else await checkAgainst(file.truth, retorno);
    checkStored(join(dataDir, 'debts.db'), told);
    return { ...told, ...file.facts };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function refuse(wrong: readonly string[], what: string): void {
  if (wrong.length > 0) throw new WrongOutput(`${what}: ${wrong.join('; ')}`);
}

/** Line, reference, outcome and code of every row; answers how many rows there are. */
export async function checkAgainst(truthPath: string, retornoPath: string): Promise<number> {
  let compared = 0;
  const truth = csvRows(truthPath);
  const retorno = csvRows(retornoPath);
  await Promise.all([truth.next(), retorno.next()]);
  for (;;) {
    const [expected, row] = await Promise.all([truth.next(), retorno.next()]);
    if (expected.done === true && row.done === true) return compared;
    const [want, got] = [expected.value ?? [], row.value ?? []].map((fields) => fields.slice(0, 4).join(' | '));
    // What is told is of a made file: no one's data.
    if (want !== got) throw new WrongOutput(`the retorno: «${got}» stands where «${want}» must`);
    compared++;
  }
}

/** Rows in line order, as many of each outcome as the receipt says. */
async function checkAlone(retornoPath: string, told: Partial<Facts>): Promise<void> {
  const rows = csvRows(retornoPath);
  await rows.next();
  const counts: Record<string, number> = { created: 0, duplicate: 0, rejected: 0 };
  let records = 0;
  let before = 0;
  for await (const [line, , outcome = ''] of rows) {
    if (Number(line) <= before) throw new WrongOutput(`the retorno: line ${line} stands after line ${before}`);
    before = Number(line);
    records++;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  const { created = 0, duplicate = 0, rejected = 0 } = counts;
  refuse(differences({ records, created, duplicate, rejected }, told), 'the retorno');
}

function checkStored(path: string, told: Partial<Facts>): void {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const row = database
      .prepare('SELECT count(*) AS created, CAST(coalesce(sum(amount_cents), 0) AS TEXT) AS centsCreated FROM debts')
      .get() as { created: number; centsCreated: string };
    refuse(differences({ ...row }, told), 'the stored debts');
  } finally {
    database.close();
  }
}
