/**
 * `npm run bench:gate`: whether the program became slower. Each gated figure is processor time, divided by that of a
 * yardstick measured beside it, and may be at most its budget in bench/budgets.json. Writes nothing but its made file in
 * `.bench/`, least of all its budgets.
 *
 * Exit 0 all within budget, 1 a budget is exceeded or an output is wrong, 2 wrong usage.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { FIGURES, type Figure, type Plants, RatioSource } from './gate/ratios.ts';
import { type Budgets, budgetsOn, plantedShare, type Verdict, verdictOf, verdictText } from './gate/verdict.ts';
import { isBusy, machineText, thisMachine } from './machine.ts';
import { WrongUsage } from './options.ts';

const BUDGETS = join(import.meta.dirname, 'budgets.json');
/** Named here and nowhere else: `records:0.2` makes that figure 20 % slower; several are parted by commas. */
const PLANT_KEY = 'BENCH_PLANT';

const HELP = `npm run bench:gate -- [--only FIGURE,…] [--self-test]

Fails where a gated figure (${FIGURES.join(', ')}) exceeds its budget in bench/budgets.json.
--only       these figures alone
--self-test  run as it is (must pass), then with each figure made 20 % slower, or by more than a promise allows (each must
             fail)
${PLANT_KEY}=records:0.2 plants such a slowdown by hand.
`;

/** Measuring ends here at the latest; what is not clear by then is decided by medians. */
const GATE_MS_MAX = 270_000;
const RATIOS_MAX = 25;

type Verdicts = ReadonlyMap<Figure, Verdict>;

function readBudgets(): Budgets<Figure> {
  return JSON.parse(readFileSync(BUDGETS, 'utf8')) as Budgets<Figure>;
}

/** Measures the figures in turns. */
async function gate(figures: readonly Figure[], plants: Plants, say: (text: string) => void): Promise<Verdicts> {
  const { figures: budgets } = budgetsOn(readBudgets(), thisMachine().processor);
  const source = await RatioSource.open(plants);
  const endMs = Date.now() + GATE_MS_MAX;
  const open = new Set(figures);
  const ratios = new Map<Figure, number[]>(figures.map((figure) => [figure, []]));
  const verdicts = new Map<Figure, Verdict>();
  try {
    while (open.size > 0) {
      for (const [figure, ratio] of await source.take(open)) ratios.get(figure)?.push(ratio);
      for (const figure of open) {
        const taken = ratios.get(figure) ?? [];
        const verdict = verdictOf(taken, budgets[figure], taken.length < RATIOS_MAX && Date.now() < endMs);
        if (verdict === undefined) continue;
        open.delete(figure);
        verdicts.set(figure, verdict);
        say(verdictText(figure, verdict, budgets[figure]));
      }
    }
  } finally {
    source.close();
  }
  return verdicts;
}

function allPass(verdicts: Verdicts): boolean {
  return [...verdicts.values()].every(({ passes }) => passes);
}

/** Whether the gate passes the program as it is and fails each planted slowdown. */
async function selfTest(figures: readonly Figure[], say: (text: string) => void): Promise<boolean> {
  say('as it is:\n');
  const { figures: budgets } = budgetsOn(readBudgets(), thisMachine().processor);
  const verdicts = await gate(figures, {}, say);
  let holds = allPass(verdicts);
  for (const [figure, { median }] of verdicts) {
    const share = plantedShare(median, budgets[figure]);
    say(`${figure} made ${(share * 100).toFixed(0)} % slower:\n`);
    if (allPass(await gate([figure], { [figure]: share }, say))) {
      say(`the gate did not see it\n`);
      holds = false;
    }
  }
  say(holds ? 'the gate works\n' : 'THE GATE DOES NOT WORK\n');
  return holds;
}

function figuresNamed(names: string): Figure[] {
  return names.split(',').map((name) => {
    const figure = FIGURES.find((one) => one === name);
    if (figure === undefined) throw new WrongUsage(`there is no figure ${name}; there are ${FIGURES.join(', ')}`);
    return figure;
  });
}

function plantsOf(text: string | undefined): Plants {
  if (text === undefined || text === '') return {};
  const plants: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [name = '', share = ''] = part.split(':');
    if (!/^[0-9]+(\.[0-9]+)?$/.test(share)) throw new WrongUsage(`${PLANT_KEY}: «${part}» is not figure:share`);
    for (const figure of figuresNamed(name)) plants[figure] = Number(share);
  }
  return plants;
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parsed(args);
  const say = (text: string): void => void process.stdout.write(text);
  if (values.help === true) {
    say(HELP);
    return 0;
  }
  const figures = values.only === undefined ? [...FIGURES] : figuresNamed(values.only);
  const plants = plantsOf(process.env[PLANT_KEY]);
  const machine = thisMachine();
  say(`${machineText(machine)}${isBusy(machine) ? '; busy: it will take longer' : ''}\n`);
  say(budgetsOn(readBudgets(), machine.processor).note);
  const holds = values['self-test'] === true ? await selfTest(figures, say) : allPass(await gate(figures, plants, say));
  return holds ? 0 : 1;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { only: { type: 'string' }, 'self-test': { type: 'boolean' }, help: { type: 'boolean' } },
    });
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench:gate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof WrongUsage ? 2 : 1;
}
