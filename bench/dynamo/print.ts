/** `node bench/dynamo/print.ts`: all measurements, for a person. */
import { measureLone, measurePacked } from './measure.ts';
import { measureDebts } from './measureDebts.ts';

for (const [name, measure] of [
  ['packed', measurePacked],
  ['lone', measureLone],
] as const) {
  const { ours, sdk, ratio } = await measure();
  console.log(`${name}: ours ${Math.round(ours)}, SDK ${Math.round(sdk)} records per CPU-second, ${ratio.toFixed(1)}×`);
}
const { statements, puts, sdkStatements, sdkPuts, ratio, reads, sdkReads } = await measureDebts();
console.log(
  `debts, each on its condition, per CPU-second: 25 statements a request ${Math.round(statements)}, ` +
    `one put a request ${Math.round(puts)}; SDK ${Math.round(sdkStatements)} and ${Math.round(sdkPuts)}; ` +
    `${ratio.toFixed(1)}× the better of these`,
);
console.log(`debts read, 100 a request, per CPU-second: ${Math.round(reads)}; SDK ${Math.round(sdkReads)}`);
