/** `npm run bench`: see options.ts for what it does; this file is its entry. Exit 0 measured, 1 an output was wrong, 2 wrong usage. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { allFigures } from './figures.ts';
import { runPlan } from './harness.ts';
import { appendHistory, historyRow } from './history.ts';
import { ROOT } from './input.ts';
import { thisMachine } from './machine.ts';
import { HELP, parseOptions, WrongUsage } from './options.ts';
import { planOf } from './plan.ts';
import { plotSvg } from './plot.ts';
import { reportJson, reportText } from './report.ts';

const HISTORY = join(ROOT, 'docs/bench-history.md');

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const plan = planOf(options.only, options.threads);
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  const machine = thisMachine();
  const run = await runPlan(plan, options, tell);
  const all = allFigures(plan, run.measured);
  const json = reportJson(run, all, machine, Date.now());
  process.stdout.write(options.json === '-' ? `${json}\n` : reportText(run, all, machine));
  if (options.json !== undefined && options.json !== '-') writeFileSync(options.json, `${json}\n`);
  if (options.plot !== undefined) writeFileSync(options.plot, plotSvg(run.title, all));
  if (options.record) appendHistory(HISTORY, historyRow(run.title, all, machine, Date.now()));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof WrongUsage;
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  if (isUsage) process.stderr.write('see npm run bench -- --help\n');
  process.exitCode = isUsage ? 2 : 1;
}
