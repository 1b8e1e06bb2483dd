/** `node bench/dynamo/print.ts`: both measurements, for a person. */
import { measureLone, measurePacked } from './measure.ts';

for (const [name, measure] of [
  ['packed', measurePacked],
  ['lone', measureLone],
] as const) {
  const { ours, sdk, ratio } = await measure();
  console.log(`${name}: ours ${Math.round(ours)}, SDK ${Math.round(sdk)} records per CPU-second, ${ratio.toFixed(1)}×`);
}
