/**
 * Where the gate's ratios come from. One ratio of a kernel's figure is the median of many short turns in one process; a
 * new process each time, for compiled code differs from one to the next. One ratio of a whole ingest is that of two
 * sets of processes, run one right after the other.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { CLIENT } from '../engine.ts';
import { differences, type Facts } from '../facts.ts';
import { AS_OF, FOLDER, type InputFile, madeInput } from '../input.ts';
import { runEntry, runProgram } from '../program.ts';
import { factsOfReceipt, parseReceipt } from '../receipt.ts';
import { medianOf } from '../statistics.ts';
import { verifiedFacts, WrongOutput } from '../verify.ts';
import { madeInProfile, PROFILE } from './otherNotation.ts';
import type { MeasuredFile, PairsTask } from './pairs.ts';

/**
 * `scan` and `records` the kernel's, one thread; `profile` its records of another notation to those of the default format;
 * `ingest` the whole program; `again` the same file once more.
 */
export const FIGURES = ['scan', 'records', 'profile', 'ingest', 'again'] as const;
export type Figure = (typeof FIGURES)[number];
const KERNEL_FIGURES = ['scan', 'records', 'profile'] as const;
type KernelFigure = (typeof KERNEL_FIGURES)[number];

/** Slowdowns that are planted, as shares of a figure. */
export type Plants = Partial<Record<Figure, number>>;

const LINES = 200_000;
const SEED = 1;
const THREADS = 2;
const PAIRS = 24;
const PAIRS_ENTRY = join(import.meta.dirname, 'pairs.ts');
const LOAD_ENTRY = join(import.meta.dirname, 'plainLoad.ts');
const execute = promisify(execFile);

export class RatioSource {
  readonly #file: InputFile;
  readonly #facts: Partial<Facts>;
  readonly #plants: Plants;
  readonly #folder: string;
  /** Made where it is first asked for. */
  #inProfile: MeasuredFile | undefined;
  #turn = 0;

  constructor(file: InputFile, facts: Partial<Facts>, plants: Plants) {
    this.#file = file;
    this.#facts = facts;
    this.#plants = plants;
    this.#folder = mkdtempSync(join(FOLDER, 'gate-'));
  }

  /** Makes the file and checks a whole ingest of it. Throws `WrongOutput`. */
  static async open(plants: Plants): Promise<RatioSource> {
    mkdirSync(FOLDER, { recursive: true });
    const { main } = await madeInput(LINES, SEED);
    return new RatioSource(main, await verifiedFacts(main, THREADS), plants);
  }

  /** One ratio of each figure that is wanted. */
  async take(wanted: ReadonlySet<Figure>): Promise<Map<Figure, number>> {
    const ratios = new Map<Figure, number>();
    for (const figure of KERNEL_FIGURES) {
      if (wanted.has(figure)) ratios.set(figure, await this.#kernel(figure));
    }
    if (wanted.has('ingest') || wanted.has('again')) {
      for (const [figure, ratio] of await this.#whole()) if (wanted.has(figure)) ratios.set(figure, ratio);
    }
    return ratios;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #kernel(figure: KernelFigure): Promise<number> {
    const file = { path: this.#file.path, facts: this.#facts };
    const how = { pairs: PAIRS, burn: this.#plants[figure] ?? 0 };
    const task: PairsTask =
      figure === 'profile' ? { figure, file, other: await this.#other(), ...how } : { figure, file, ...how };
    const { stdout } = await execute(process.execPath, [PAIRS_ENTRY, JSON.stringify(task)]);
    return medianOf(JSON.parse(stdout) as number[]);
  }

  /** The file of another notation, whose whole ingest was right. Throws `WrongOutput`. */
  async #other(): Promise<MeasuredFile> {
    if (this.#inProfile === undefined) {
      const made = await madeInProfile(this.#folder, LINES, SEED);
      this.#inProfile = { path: made.path, facts: await verifiedFacts(made, THREADS, PROFILE) };
    }
    return this.#inProfile;
  }

  async #whole(): Promise<(readonly [Figure, number])[]> {
    const dataDir = join(this.#folder, `data-${this.#turn++}`);
    const before = await this.#plainLoad();
    const ingest = await this.#ingest(dataDir, 'ingest');
    const between = await this.#plainLoad();
    const again = await this.#ingest(dataDir, 'again');
    rmSync(dataDir, { recursive: true, force: true });
    return [
      ['ingest', ingest / ((before + between) / 2)],
      ['again', again / between],
    ];
  }

  /** User time: that of the system is mostly the disk's, and depends on what else is being written. */
  async #ingest(dataDir: string, figure: 'ingest' | 'again'): Promise<number> {
    const args = ['ingest', this.#file.path, '--client', CLIENT, '--as-of', AS_OF, '--json'];
    const { stdout, spent } = await runProgram(args, { dataDir, threads: THREADS, burn: this.#plants[figure] ?? 0 });
    const told = factsOfReceipt(parseReceipt(stdout));
    const { records = 0, duplicate = 0, rejected = 0, centsTotal = '' } = told;
    const expected = figure === 'ingest' ? told : { records, duplicate, rejected, centsTotal, created: 0 };
    const wrong = differences(expected, figure === 'ingest' ? this.#facts : { ...this.#facts, created: 0 });
    if (wrong.length > 0) throw new WrongOutput(`${figure}: ${wrong.join('; ')}`);
    return spent.userMs;
  }

  /**
   * As many at once as the program has threads: two hyperthreads of one core slow each other, so an ingest would be
   * compared with something that ran undisturbed on an idle machine and disturbed on a busy one.
   */
  async #plainLoad(): Promise<number> {
    const loads = await Promise.all(Array.from({ length: THREADS }, (_, which) => this.#oneLoad(which)));
    return loads.reduce((sum, userMs) => sum + userMs, 0);
  }

  async #oneLoad(which: number): Promise<number> {
    const database = join(this.#folder, `plain-${which}.db`);
    const { path } = this.#file;
    const { stdout, spent } = await runEntry(LOAD_ENTRY, [path, database], { usageFile: `${database}.usage` });
    if (Number(stdout) !== this.#facts.lfs) throw new WrongOutput(`the yardstick loaded ${stdout} lines`);
    for (const end of ['', '-wal', '-shm']) rmSync(database + end, { force: true });
    return spent.userMs;
  }
}
