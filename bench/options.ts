/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly lines: number;
  readonly seed: number;
  /** A file of the caller's instead of a made one. */
  readonly file: string | undefined;
  readonly threads: number;
  readonly runs: number;
  /** Names of groups, cases, or cases with their threads (`records/2`). */
  readonly only: readonly string[];
  /** `-` is standard output, which then holds nothing else. */
  readonly json: string | undefined;
  readonly plot: string | undefined;
  readonly record: boolean;
  readonly help: boolean;
}

/** The command line cannot be used; the message says why. */
export class WrongUsage extends Error {}

export const HELP = `npm run bench -- [options]

Measures each stage, the whole, and other tools at the same work, each run in a process of its own, runs interleaved.
Outputs are checked first: one whole ingest against the truth of the file, then every run against its sums.

  --lines N      records of the made file (default 1000000); made files are kept in .bench/
  --seed S       its seed (default 1)
  --file F       measure this file instead; it has no truth, so its answers are checked against each other
  --threads N    threads of the cases that use several (default 2)
  --runs N       runs of each case (default 5)
  --only A,B     only these: groups (stages, peers, scaling), cases (records) or one of their sizes (records/2);
                 by default stages and peers
  --json FILE    every run as JSON; - for standard output
  --plot FILE    a picture of the medians, as SVG
  --record       add the medians to docs/bench-history.md
  --help

stages   scan (the picker's scan, CRC and fold), records (parse, check, pack; pages thrown away), staging (the whole
         intermediate stage), ingest (the whole program; picking, processing, registering and finishing are its states)
peers    csv-parser and plain JavaScript checks, DuckDB with the checks in SQL, wc -l, sqlite3 .import; on a file without
         what one of them loses its place on, the program's cases measured on that file too
scaling  records and ingest on a tenth, three tenths and the whole of --lines, with one thread and with --threads

lines/s and MB/s (10^6 bytes) are of wall time; CPU seconds are of all threads; memory is the process's peak.
npm run bench:gate compares with bench/budgets.json; docs/BENCHMARKS.md tells more.
`;

export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args);
  return {
    lines: wholeNumber('lines', values.lines, 1_000_000, 100),
    seed: wholeNumber('seed', values.seed, 1, 0),
    file: values.file,
    threads: wholeNumber('threads', values.threads, 2, 2),
    runs: wholeNumber('runs', values.runs, 5, 1),
    only: (values.only ?? []).flatMap((names) => names.split(',')).filter((name) => name !== ''),
    json: values.json,
    plot: values.plot,
    record: values.record === true,
    help: values.help === true,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        lines: { type: 'string' },
        seed: { type: 'string' },
        file: { type: 'string' },
        threads: { type: 'string' },
        runs: { type: 'string' },
        only: { type: 'string', multiple: true },
        json: { type: 'string' },
        plot: { type: 'string' },
        record: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string | undefined, byDefault: number, min: number): number {
  if (text === undefined) return byDefault;
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
  if (value < min) throw new WrongUsage(`--${name} must be a whole number from ${min}`);
  return value;
}
