/**
 * The process of one run of one case: opens it, checks its output, then measures passes until they last long enough.
 *
 * Takes a `CaseTask` as JSON in its one argument, prints a `Sample` as JSON; exit 1 with the reason on stderr where the
 * output is wrong or the case cannot be run.
 */
import process from 'node:process';
import type { CaseInput } from './cases/case.ts';
import { type CaseName, loadCase } from './cases/index.ts';
import { differences, type Facts } from './facts.ts';
import { addSpent, burn, NOTHING_SPENT, peakBytes, type Spent, startMeter } from './meter.ts';

export interface CaseTask extends CaseInput {
  readonly name: CaseName;
  readonly facts: Partial<Facts>;
  /** Passes are repeated until they took so long together. */
  readonly measureMs: number;
}

/** One run. All times are of one pass. */
export interface Sample extends Spent {
  readonly peakBytes: number;
  readonly passes: number;
  readonly stateSeconds: Readonly<Record<string, number>>;
}

async function runCase(task: CaseTask): Promise<Sample> {
  const chosen = await loadCase(task.name);
  const open = await chosen.open(task);
  try {
    const check = async (found: Partial<Facts>): Promise<void> => {
      const wrong = differences({ ...found, ...(await open.after?.()) }, task.facts);
      if (wrong.length > 0) throw new Error(`the output is wrong: ${wrong.join('; ')}`);
    };
    // The first pass is checked and not measured: it also warms the process up.
    if (!chosen.apart) await check((await open.pass()).found);
    let sum = NOTHING_SPENT;
    let passes = 0;
    let peak = 0;
    let stateSeconds: Readonly<Record<string, number>> = {};
    while (passes === 0 || sum.wallMs < task.measureMs) {
      const stop = startMeter();
      const pass = await open.pass();
      if (!chosen.apart && task.burn > 0) plant(stop(), task.burn);
      sum = addSpent(sum, pass.spent ?? stop());
      passes++;
      peak = Math.max(peak, pass.peakBytes ?? 0);
      stateSeconds = pass.stateSeconds ?? {};
      await check(pass.found);
    }
    return {
      wallMs: sum.wallMs / passes,
      userMs: sum.userMs / passes,
      systemMs: sum.systemMs / passes,
      peakBytes: peak > 0 ? peak : peakBytes(),
      passes,
      stateSeconds,
    };
  } finally {
    await open.close();
  }
}

function plant({ userMs, systemMs }: Spent, share: number): void {
  burn((userMs + systemMs) * share);
}

try {
  const sample = await runCase(JSON.parse(process.argv[2] ?? '') as CaseTask);
  process.stdout.write(JSON.stringify(sample));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
