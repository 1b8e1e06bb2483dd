/**
 * `npm run soak`: runs the daemon for a given time under mixed load, with random kills and faults where they are asked for,
 * and ends with the oracle's verdict and the curves of what the daemon used.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { WrongUsage } from '../bench/options.ts';
import { openAwsWorld } from '../bench/soak/awsWorld.ts';
import { JUDGED_CURVES } from '../bench/soak/curves.ts';
import { flatText, soakSvg } from '../bench/soak/curvesSvg.ts';
import { openEmbeddedWorld } from '../bench/soak/embeddedWorld.ts';
import { HELP, parseSoakOptions, type SoakOptions } from '../bench/soak/options.ts';
import { runSoak, type SoakResult } from '../bench/soak/run.ts';

/** As a shell tells of an interrupt. */
const ENDED_EARLY = 130;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(options: SoakOptions): Promise<number> {
  const stopping = new AbortController();
  const ending = new AbortController();
  const world =
    options.driver === 'embedded'
      ? await openEmbeddedWorld()
      : await openAwsWorld({ ...options, kills: options.killEverySeconds > 0 });
  process.on('SIGINT', () => {
    if (stopping.signal.aborted) ending.abort();
    else say('no more files are sent; once more to end at once');
    stopping.abort();
  });
  process.on('SIGTERM', () => ending.abort());
  try {
    say(titleOf(options));
    const result = await runSoak(options, { world, say, stopping: stopping.signal, ending: ending.signal });
    if (result === undefined) return ENDED_EARLY;
    report(options, result);
    const flat = JUDGED_CURVES.every((curve) => result.flat[curve].flat !== false);
    return result.verdict.problems.length === 0 && flat ? 0 : 1;
  } finally {
    await world.close();
  }
}

function titleOf({ driver, servers, seconds, clients, seed, killEverySeconds, faults }: SoakOptions): string {
  const where = driver === 'aws' ? `aws (${servers === 'npm' ? 'fauxqs, dynalite' : 'moto, DynamoDB Local'})` : driver;
  const kills = killEverySeconds === 0 ? 'no kills' : `a kill every ${killEverySeconds} s`;
  return `soak on ${where}, ${seconds} s, ${clients} clients, ${kills}, ${faults ? 'faults' : 'no faults'}, seed ${seed}`;
}

function report(options: SoakOptions, result: SoakResult): void {
  const { verdict, flat, samples, kills, faults, errors, asked } = result;
  const lines = Object.entries(verdict.lines);
  const total = lines.reduce((sum, [, count]) => sum + count, 0);
  say(`files ${verdict.batches}, lines ${total}: ${lines.map(([name, count]) => `${count} ${name}`).join(', ')}`);
  say(`debts ${verdict.debts}; ${Math.round(result.linesPerSecond)} lines/s over ${Math.round(result.doneSeconds)} s`);
  say(
    `over the API: ${Object.entries(asked)
      .map(([kind, count]) => `${count} × ${kind}`)
      .join(', ')}`,
  );
  say(`kills ${kills}${faults === undefined ? '' : `; faults ${JSON.stringify(faults)}`}`);
  if (Object.keys(errors).length > 0) say(`errors logged ${JSON.stringify(errors)}`);
  const mib = (value: number): string => `${(value / 1_048_576).toFixed(1)} MiB`;
  for (const curve of JUDGED_CURVES) {
    const show = curve === 'rssBytes' ? mib : (value: number): string => value.toFixed(1);
    say(`${curve}: ${flatText(flat[curve], show)}`);
  }
  for (const problem of verdict.problems) say(`PROBLEM ${problem}`);
  if (verdict.problemsUntold > 0) say(`and ${verdict.problemsUntold} more`);
  say(verdict.problems.length === 0 ? 'verdict: clean' : 'verdict: NOT CLEAN');
  if (options.svg !== undefined) {
    const svg = soakSvg({ title: titleOf(options), samples, loadSeconds: result.loadSeconds, flat });
    write(options.svg, svg);
  }
  if (options.json !== undefined) write(options.json, `${JSON.stringify({ options, ...result }, null, 1)}\n`);
}

function write(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

try {
  const options = parseSoakOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(HELP);
  else process.exitCode = await main(options);
  // Where it ended at once, something may still be waited for.
  if (process.exitCode === ENDED_EARLY) process.exit();
} catch (error) {
  if (!(error instanceof WrongUsage)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
