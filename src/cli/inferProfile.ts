/**
 * `remessa profile infer FILE`: proposes a profile for a file, and says what it rests on, what is doubtful and what could not be
 * decided.
 *
 * Promises: standard output gets the document and nothing else (`--json`: all that was found, as one object); with `--out` it
 * is written to a file that appears whole. Nothing is stored. Exit 0 the document is a whole profile, 1 it is not: what lacks
 * is on stderr, and the rest of the document is there to be mended.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { assert } from '../core/assert.ts';
import { businessDay } from '../core/clock.ts';
import { Fault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import { sampleFile } from '../engine/infer/file.ts';
import { counted, type Finding, percent } from '../engine/infer/findings.ts';
import { infer, type Proposal, registeredReferences } from '../engine/infer/infer.ts';
import { hashRef } from '../kernel/hash.ts';
import type { CliContext } from './context.ts';
import { clientOf, day, withStores } from './reading.ts';

interface InferOptions {
  readonly client?: string;
  readonly out?: string;
  readonly asOf?: string;
  readonly json?: true;
}

export function addInferCommand(profiles: Command, context: CliContext, exit: (code: number) => void): void {
  profiles
    .command('infer')
    .summary('propose a profile for a file')
    .description('Looks at the beginning of a file and at pieces from all over it, and proposes how it is to be read.')
    .argument('<file>', 'the file, plain or gzip')
    .option('--client <id>', 'whose file it is: references of it that are registered tell which column has them')
    .option('--out <file>', 'write the document here instead of to standard output')
    .option('--as-of <day>', 'the day by which debts are judged, YYYY-MM-DD (default: today in São Paulo)', day)
    .option('--json', 'print the document and all that was found, as JSON')
    .action(async (file: string, options: InferOptions) => {
      exit(await inferProfile(context, file, options));
    });
}

async function inferProfile(context: CliContext, file: string, options: InferOptions): Promise<number> {
  const sample = await sampleFile(file, context.settings, context.signal);
  const today = options.asOf ?? businessDay(context.clock.nowMs());
  const proposal =
    options.client === undefined
      ? await infer(sample, { today })
      : await withStores(context, 'read', async (stores) => {
          const { id } = await clientOf(stores, options.client as string);
          const seed = await stores.registry.hashSeed();
          if (seed === undefined) return await infer(sample, { today });
          const hashOf = (reference: string): number => {
            const bytes = Buffer.from(reference, 'utf8');
            return hashRef(bytes, 0, bytes.length, seed);
          };
          return await infer(sample, { today, registered: registeredReferences(stores.debts, id, hashOf) });
        });
  const text = documentText({ ...proposal.document });
  if (options.out !== undefined) await writeWhole(context, options.out, text);
  if (options.json === true) await context.stdout.write(`${JSON.stringify(proposal, null, 2)}\n`);
  else {
    await context.stderr.write(reportText(proposal));
    if (options.out === undefined) await context.stdout.write(text);
  }
  return proposal.complete ? 0 : 1;
}

async function writeWhole(context: CliContext, path: string, text: string): Promise<void> {
  const unfinished = `${path}.${attemptId(context.random)}.part`;
  try {
    await writeFile(unfinished, text, { flag: 'wx', mode: 0o644 });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new Fault(
      'USAGE',
      `--out cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}`,
      {},
      error,
    );
  }
}

/** As people write documents of profiles: a line for each column. */
function documentText(document: Readonly<Record<string, unknown>>): string {
  const inline = (value: unknown): string => JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ');
  const entries = Object.entries(document).map(([key, value]) => {
    if (key !== 'columns') return `  ${JSON.stringify(key)}: ${inline(value)}`;
    const columns = Object.entries(value as object).map(
      ([name, source]) => `    ${JSON.stringify(name)}: ${inline(source)}`,
    );
    return `  "columns": {\n${columns.join(',\n')}\n  }`;
  });
  return `{\n${entries.join(',\n')}\n}\n`;
}

function reportText({ decided, doubts, undecided, sampled, trial, complete }: Proposal): string {
  const part = percent(sampled.bytes, sampled.ofBytes);
  const lines = [`looked at ${part} of ${sampled.ofBytes} bytes`, '', ...section('decided', decided)];
  lines.push(...section('doubtful, please look', doubts), ...section('not decided', undecided));
  if (trial !== undefined) lines.push(trialText(trial), '');
  if (!complete) lines.push('the document is no whole profile yet: mend what was not decided', '');
  return `${lines.join('\n')}`;
}

function trialText({ records, passed, rejectedBy }: NonNullable<Proposal['trial']>): string {
  const codes = Object.entries(rejectedBy)
    .sort(([, a], [, b]) => b - a)
    .map(([code, count]) => `${count} ${code}`);
  assert(records >= passed, 'what passes was read');
  const rest = codes.length === 0 ? '' : `; the others: ${codes.join(', ')}`;
  return `by this profile ${passed} of ${counted(records, 'sampled record')} pass${rest}`;
}

function section(title: string, findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  const width = Math.max(...findings.map(({ key }) => key.length));
  const lines = findings.map(({ key, value, evidence }) => {
    const says = [value, evidence].filter((one) => one !== '').join(': ');
    return `  ${key.padEnd(width)}  ${says}`;
  });
  return [`${title}:`, ...lines, ''];
}
