import { describe, expect, it } from 'vitest';
import { HELP, parseOptions, WrongUsage } from '../../bench/options.ts';
import { labelOf, planOf } from '../../bench/plan.ts';

const labels = (only: readonly string[], threads = 2): string[] =>
  planOf(only, threads).measurements.map((one) => `${one.group} ${labelOf(one)}`);

describe('the command line of the bench', () => {
  it('has defaults for everything', () => {
    expect(parseOptions([])).toEqual({
      lines: 1_000_000,
      seed: 1,
      file: undefined,
      threads: 2,
      runs: 5,
      only: [],
      json: undefined,
      plot: undefined,
      record: false,
      help: false,
    });
  });

  it('takes names apart and together', () => {
    expect(parseOptions(['--only', 'scan,wc', '--only', 'peers']).only).toEqual(['scan', 'wc', 'peers']);
  });

  it('explains every option', () => {
    for (const name of ['lines', 'seed', 'file', 'threads', 'runs', 'only', 'json', 'plot', 'record', 'help']) {
      expect(HELP).toContain(`--${name}`);
    }
  });

  it.each([
    ['--lines', '10'],
    ['--lines', '1e6'],
    ['--runs', '0'],
    ['--threads', '1'],
    ['--unknown'],
    ['file.csv'],
  ])('refuses %s %s', (...args) => {
    expect(() => parseOptions(args)).toThrow(WrongUsage);
  });
});

describe('the plan', () => {
  it('measures stages and peers by default, each once', () => {
    expect(labels([])).toEqual([
      'stages scan/1',
      'stages scan/2',
      'stages records/1',
      'stages records/2',
      'stages staging/2',
      'stages ingest/2',
      'peers records/1',
      'peers csv-parser/1',
      'peers records/2',
      'peers duckdb/2',
      'peers scan/2',
      'peers wc/1',
      'peers ingest/2',
      'peers sqlite-import/1',
    ]);
  });

  it('brings with a peer what it is compared with, on the same file', () => {
    const plan = planOf(['duckdb'], 4);
    expect(plan.measurements.map(labelOf).sort()).toEqual(['duckdb/4', 'records/4']);
    expect(plan.measurements.every((one) => one.file === 'peers')).toBe(true);
    expect(plan.comparisons).toHaveLength(1);
  });

  it('finds a case by its name, or by its name and threads', () => {
    expect(labels(['staging'])).toEqual(['stages staging/2']);
    expect(labels(['scan/1'])).toEqual(['stages scan/1']);
    expect(labels(['records'])).toEqual(['stages records/1', 'stages records/2']);
  });

  it('measures the scaling series at ×1, ×3 and ×10, with one thread and with several', () => {
    const { measurements } = planOf(['scaling'], 2);
    expect(measurements).toHaveLength(12);
    expect(new Set(measurements.map((one) => one.share))).toEqual(new Set([0.1, 0.3, 1]));
    expect(new Set(measurements.map((one) => one.threads))).toEqual(new Set([1, 2]));
  });

  it('refuses a name it does not know, and tells those it does', () => {
    expect(() => planOf(['sacn'], 2)).toThrow(/sacn: there are the groups stages, peers, scaling and the cases scan,/);
  });
});
