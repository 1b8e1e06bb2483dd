/** `node bench/scale/print.ts`: what 10^6, 10^8 and 10^10 lines a day ask for, where it binds, and what a million costs. */
import { costsOfMillion, monthlyOfMillion, sumOf } from './costs.ts';
import { simulateDay } from './day.ts';
import {
  cellsOf,
  DAILY,
  demandOf,
  FIRST_LOAD,
  type Line,
  lineOf,
  type Mix,
  pressures,
  type Rates,
  readRates,
} from './model.ts';
import { debtUnits, madeRange, type StagedUnits, stagedUnits } from './units.ts';

/** Lines of a range of 8 MiB. */
const RANGE_LINES = 77_000;
const SHARDS = [1, 8, 77, 382, 1024] as const;
/** Shards of a batch of a million lines, the usual large file. */
const USUAL_SHARDS = 8;
const DAYS = [1e6, 1e8, 1e10] as const;
const PEAK = 4;
const SPARE = 0.3;

function say(text = ''): void {
  console.log(text);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function sayUnits(measured: ReadonlyMap<number, StagedUnits>): void {
  say('Staged pages: records a write unit, by the shards of the batch');
  for (const [shards, units] of measured) {
    const lines = `${String(shards).padStart(5)} shards (batches of ${whole(shards * 131_072)} lines):`;
    say(
      `  ${lines.padEnd(52)} ${units.recordsPerUnit.toFixed(1)} records, ${units.bytesPerRecord.toFixed(1)} bytes each`,
    );
  }
}

function sayDay(rates: Rates, line: Line, linesPerDay: number): void {
  const demand = demandOf(rates, line, { linesPerDay, peak: PEAK });
  const found = pressures(rates, demand);
  const cells = cellsOf(found, SPARE);
  const tasks = Object.entries(demand.tasks).map(([name, count]) => `${name} ${whole(count)}`);
  say(
    `  ${linesPerDay.toExponential(0)} lines a day, ${whole(demand.linesPerSecond)} a second at the peak (${PEAK} × the mean)`,
  );
  say(`    tasks: ${tasks.join(', ')} (${whole(demand.virtualProcessors)} virtual processors)`);
  say(
    `    units a second: staging ${whole(demand.staging)} (over at least ${demand.shardsAtOnce} shards at once), ` +
      `debts ${whole(demand.debts)}, index ${whole(demand.index)}, reads ${whole(demand.debtReads)}`,
  );
  say(
    `    first to bind: ${found
      .slice(0, 3)
      .map(({ what, ratio }) => `${what} ${(ratio * 100).toFixed(1)} %`)
      .join('; ')}`,
  );
  say(`    installations side by side, ${SPARE * 100} % spare: ${cells}`);
  for (const count of new Set([1, cells])) {
    const end = simulateDay(rates, line, { linesPerDay, cells: count });
    const most = Object.entries(end.tasks).map(([name, tasksMost]) => `${name} ${tasksMost}`);
    const left = end.waiting > 0.5 ? `, ${whole(end.waiting)} lines left at midnight` : '';
    say(
      `    a business day with ${count}: registered within ${end.delayMinutes + 1} min; tasks at most ${most.join(', ')}; ` +
        `held up by tables for ${end.minutesBound.intermediate} + ${end.minutesBound.registering} min${left}`,
    );
  }
}

function sayMix(rates: Rates, title: string, line: Line): void {
  say();
  say(title);
  for (const linesPerDay of DAYS) sayDay(rates, line, linesPerDay);
  say('  a million lines cost');
  const costs = costsOfMillion(rates, line);
  for (const { what, amount, unit, dollars } of costs) {
    const much = amount < 10 ? amount.toFixed(2) : whole(amount);
    say(`    ${what.padEnd(46)} ${`${much} ${unit}`.padStart(22)}   $ ${dollars.toFixed(4)}`);
  }
  say(`    ${'together'.padEnd(46)} ${''.padStart(22)}   $ ${sumOf(costs).toFixed(4)}`);
}

function main(): void {
  const rates = readRates();
  const file = madeRange(RANGE_LINES);
  const staged = new Map(SHARDS.map((shards) => [shards, stagedUnits(file, shards)] as const));
  const debts = debtUnits(file);
  sayUnits(staged);
  say(
    `Debts: ${debts.unitsPerDebt.toFixed(3)} write units, ${debts.bytesPerDebt.toFixed(0)} bytes each; ` +
      `an index entry has ${debts.indexBytesMax} bytes at most`,
  );
  const usual = staged.get(USUAL_SHARDS) as StagedUnits;
  const units = { ...usual, unitsPerDebt: debts.unitsPerDebt };
  const mixes: readonly (readonly [string, Mix])[] = [
    ['First load: every line a new debt', FIRST_LOAD],
    ['Daily portfolio: 3 % new, 7 % changed, the rest as it was', DAILY],
  ];
  for (const [title, mix] of mixes) sayMix(rates, title, lineOf(rates, units, mix));
  say();
  say(
    `Keeping a million debts: $ ${monthlyOfMillion(rates, debts.bytesPerDebt, debts.indexBytesMax).toFixed(2)} a month`,
  );
  say(`Prices: ${rates.prices.region}`);
}

if (import.meta.main) main();
