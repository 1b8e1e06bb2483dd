/** `remessa fixture`: writes a made file, the same for the same arguments, and where asked the truth about each record. */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { businessDay } from '../core/clock.ts';
import { Fault } from '../core/faults.ts';
import { readProfile } from '../engine/profiles.ts';
import type { CliContext } from './context.ts';
import { type FixtureBlock, fixtureBlocks } from './fixture/blocks.ts';
import { FIXTURE_DEFAULTS, type FixtureOptions } from './fixture/plan.ts';
import { profileBlocks } from './fixture/profileBlocks.ts';

export { type BlockOptions, type FixtureBlock, fixtureBlocks, TRUTH_HEADER } from './fixture/blocks.ts';
export { FIXTURE_DEFAULTS, type FixtureOptions } from './fixture/plan.ts';
export { profileBlocks } from './fixture/profileBlocks.ts';

interface Arguments {
  readonly lines: number;
  readonly seed: number;
  readonly bad: number;
  readonly quoted: number;
  readonly duplicates: number;
  readonly revise?: number;
  readonly asOf?: string;
  readonly prefix: string;
  readonly amountMin?: number;
  readonly amountMax?: number;
  readonly truth?: string;
  readonly out?: string;
  readonly profile?: string;
  readonly quoteAll?: true;
  readonly crlf?: true;
}

const HELP = `
The same arguments give the same bytes on every machine; all days in the file are relative to --as-of, so give it
wherever the file must be the same tomorrow.

--truth writes CSV line,external_ref,outcome,code,cents: one row per record, in file order, of what a first ingest into
an empty store must answer when --as-of is its business date. code is the reject or warning code; cents and
external_ref are empty where the record does not let them be read.

--profile writes the file as a profile's document has it, with flaws that are flaws there.

--revise makes the corrected edition of the same file: that share of the good records has another amount, and bad ones
are mended. Its truth is what an ingest answers after the unrevised file (same arguments but --revise) was ingested.`;

/** Registers the command. `exit` is given 0 when all is written, 1 when a file could not be. Fault: USAGE. */
export function addFixtureCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  const { badShare, quotedShare, duplicateShare, refPrefix } = FIXTURE_DEFAULTS;
  program
    .command('fixture')
    .summary('write a made file of debts, for trials and tests')
    .description(
      'Writes a made file of debts, in the default format or that of a profile: invented people, valid and invalid records.',
    )
    .requiredOption('--lines <n>', 'records, the header not counted', wholeNumber)
    .requiredOption('--seed <s>', 'whole number from 0 to 4294967295', wholeNumber)
    .option('--bad <share>', 'share of records with a fault, of every kind', share, badShare)
    .option('--quoted <share>', 'share of records with quotes, line breaks, blanks', share, quotedShare)
    .option('--duplicates <share>', 'share of records that repeat an earlier reference', share, duplicateShare)
    .option('--as-of <day>', "business date the file is made for, YYYY-MM-DD (default: today's)")
    .option('--prefix <text>', 'beginning of every external_ref', refPrefix)
    .option('--amount-min <amount>', 'keep amounts at or above it; some bad records fall below', centsOf)
    .option('--amount-max <amount>', 'keep amounts at or below it; some bad records rise above', centsOf)
    .option('--revise <share>', 'make the corrected edition: share of good records with another amount', share)
    .option('--profile <file>', "write it in the notation of a profile: the document's JSON file")
    .option('--quote-all', 'with --profile: quote every field')
    .option('--crlf', 'with --profile: end every line with CR LF')
    .option('--truth <file>', 'write what must become of each record')
    .option('--out <file>', 'write the file here instead of to standard output')
    .addHelpText('after', HELP)
    .action(async (given: Arguments) => exit(await writeFixture(given, context)));
}

async function writeFixture(given: Arguments, context: CliContext): Promise<number> {
  if (given.out !== undefined && given.truth !== undefined && resolve(given.out) === resolve(given.truth)) {
    throw new Fault('USAGE', '--out and --truth name the same file');
  }
  const options: FixtureOptions = {
    lines: given.lines,
    seed: given.seed,
    badShare: given.bad,
    quotedShare: given.quoted,
    duplicateShare: given.duplicates,
    asOf: given.asOf ?? businessDay(context.clock.nowMs()),
    refPrefix: given.prefix,
    reviseShare: given.revise,
    amountCentsMin: given.amountMin,
    amountCentsMax: given.amountMax,
  };
  const blocks = await blocksOf(given, options);
  // The first block is made before any file is opened: wrong options must not empty an existing file.
  let block = blocks.next();
  const out = new Destination(given.out, context);
  const truth = new Destination(given.truth, context);
  const progress = new Progress(given.lines, given.out !== undefined, context);
  try {
    while (block.done !== true) {
      if (context.signal.aborted) {
        await progress.clear();
        await context.stderr.write('remessa: stopped; the file is incomplete\n');
        return 1;
      }
      await out.write(block.value.file);
      if (block.value.truth !== undefined) await truth.write(block.value.truth);
      await progress.show(block.value.records);
      block = blocks.next();
    }
    await truth.close();
    await out.close();
    return 0;
  } catch (error) {
    if (!(error instanceof FileFailure)) throw error;
    await progress.clear();
    await context.stderr.write(`remessa: ${error.message}\n`);
    return 1;
  } finally {
    await progress.clear();
    await truth.abandon();
    await out.abandon();
  }
}

/** Faults: `USAGE`, `PROFILE_INVALID`. */
async function blocksOf(given: Arguments, options: FixtureOptions): Promise<Generator<FixtureBlock, void, void>> {
  const truth = given.truth !== undefined;
  if (given.profile === undefined) {
    if (given.quoteAll === true || given.crlf === true)
      throw new Fault('USAGE', '--quote-all and --crlf need --profile');
    return fixtureBlocks(options, { truth });
  }
  let json: string;
  try {
    json = await readFile(given.profile, 'utf8');
  } catch (error) {
    throw new Fault('USAGE', '--profile names no file that can be read', {}, error);
  }
  const form = { quoteAll: given.quoteAll === true, crlf: given.crlf === true };
  const { compiled } = await readProfile(json);
  if (compiled.code !== undefined) throw new Fault('USAGE', 'what a file for a module holds, only the module knows');
  return profileBlocks(options, compiled, form, { truth });
}

const PROGRESS_MS = 250;

/** How far the file is, on a line of a terminal that the next one overwrites; nothing elsewhere. */
class Progress {
  readonly #lines: number;
  readonly #context: CliContext;
  readonly #shows: boolean;
  #nextMs: number;
  #shown = false;

  /** `aside`: the file itself does not go to the terminal. */
  constructor(lines: number, aside: boolean, context: CliContext) {
    this.#lines = lines;
    this.#context = context;
    this.#shows = context.stderr.isTerminal && (aside || !context.stdout.isTerminal);
    this.#nextMs = context.clock.monotonicMs() + PROGRESS_MS;
  }

  async show(records: number): Promise<void> {
    const nowMs = this.#context.clock.monotonicMs();
    if (!this.#shows || nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + PROGRESS_MS;
    this.#shown = true;
    const percent = Math.floor((records / this.#lines) * 100);
    await this.#context.stderr.write(`\r\x1b[K${records} of ${this.#lines} records (${percent} %)`);
  }

  async clear(): Promise<void> {
    if (this.#shown) await this.#context.stderr.write('\r\x1b[K');
    this.#shown = false;
  }
}

class FileFailure extends Error {}

/** A file, opened at the first write, or standard output where no path is given. */
class Destination {
  readonly #path: string | undefined;
  readonly #context: CliContext;
  #handle: FileHandle | undefined;

  constructor(path: string | undefined, context: CliContext) {
    this.#path = path;
    this.#context = context;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const path = this.#path;
    if (path === undefined) return this.#context.stdout.write(bytes);
    await this.#failing(path, async () => {
      this.#handle ??= await open(path, 'w');
      // On a handle, writeFile goes on where the last write ended, and repeats short writes.
      await this.#handle.writeFile(bytes);
    });
  }

  async close(): Promise<void> {
    if (this.#path !== undefined) await this.#failing(this.#path, () => this.abandon());
  }

  async abandon(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #failing(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      throw new FileFailure(`cannot write ${path}: ${reason}; the file is incomplete`);
    }
  }
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,10}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function share(text: string): number {
  if (!/^(0|1|[01]?\.[0-9]+)$/.test(text) || Number(text) > 1) {
    throw new InvalidArgumentError('It must be a share from 0 to 1, such as 0.02.');
  }
  return Number(text);
}

/** An amount such as `1234`, `1234.5` or `1234.56`, in cents. */
function centsOf(text: string): number {
  const match = /^([0-9]{1,13})(?:\.([0-9]{1,2}))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be an amount such as 1234.56.');
  return Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
}
