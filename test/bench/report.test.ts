import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allFigures } from '../../bench/figures.ts';
import type { BenchRun, Measured } from '../../bench/harness.ts';
import { appendHistory, historyRow } from '../../bench/history.ts';
import type { Machine } from '../../bench/machine.ts';
import { type Measurement, planOf } from '../../bench/plan.ts';
import { plotSvg } from '../../bench/plot.ts';
import { rate, reportJson, reportText } from '../../bench/report.ts';
import type { Sample } from '../../bench/runCase.ts';

const MACHINE: Machine = {
  processor: 'Abacus',
  processors: 2,
  memoryBytes: 2 ** 34,
  system: 'linux 6',
  node: '26.9.0',
  load: 0.1,
  commit: 'abc1234',
};

const sample = (wallMs: number, more: Partial<Sample> = {}): Sample => ({
  wallMs,
  userMs: wallMs * 0.9,
  systemMs: wallMs * 0.1,
  peakBytes: 100e6,
  passes: 1,
  stateSeconds: {},
  ...more,
});

const measured = (measurement: Measurement, samples: readonly Sample[], records = 1_000_000): Measured => ({
  measurement,
  bytes: records * 110,
  records,
  samples,
  failed: undefined,
});

const plan = planOf(['stages', 'csv-parser', 'scaling'], 2);
const find = (group: string, name: string, threads: number, share = 1): Measurement =>
  plan.measurements.find(
    (one) => one.group === group && one.name === name && one.threads === threads && one.share === share,
  ) as Measurement;

const states = { picking: 0.2, staged: 0.001, registering: 2 };
const RUN: BenchRun = {
  title: '1000000 lines, seed 1',
  measured: [
    measured(find('stages', 'ingest', 2), [
      sample(4000, { stateSeconds: states }),
      sample(5000, { stateSeconds: states }),
    ]),
    measured(find('peers', 'records', 1), [sample(500), sample(400), sample(1000)]),
    measured(find('peers', 'csv-parser', 1), [sample(5000), sample(4400), sample(9000)]),
    measured(find('scaling', 'records', 1, 0.1), [sample(50)], 100_000),
    measured(find('scaling', 'records', 1), [sample(600)]),
    measured(find('scaling', 'records', 2), [sample(400)]),
    { ...measured(find('stages', 'staging', 2), []), failed: 'there is no disk' },
  ],
};
const ALL = allFigures(plan, RUN.measured);

describe('figures', () => {
  it('are medians of rates, with the least and the greatest', () => {
    const records = ALL.figures.find((one) => one.label === 'records/1');
    expect(records?.linesPerSecond).toEqual({ median: 2e6, min: 1e6, max: 2.5e6 });
    expect(records?.megabytesPerSecond.median).toBeCloseTo(220);
    expect(records?.cpuSeconds.median).toBeCloseTo(0.5);
    expect(records?.userSeconds.median).toBeCloseTo(0.45);
  });

  it('compare with a peer run by run, not median by median', () => {
    expect(ALL.ratios).toHaveLength(1);
    expect(ALL.ratios[0]).toMatchObject({ ours: 'records/1', peer: 'csv-parser/1' });
    expect(ALL.ratios[0]?.speed.median).toBeCloseTo(10);
    expect(ALL.ratios[0]?.speed.max).toBeCloseTo(11);
  });

  it('tell the states of a whole ingest', () => {
    expect(ALL.states.find((one) => one.state === 'registering')?.linesPerSecond.median).toBe(500_000);
  });

  it('tell how user time a line grows with the file, and what a second thread brings', () => {
    const [small, large, two] = ALL.scaling;
    expect(small).toMatchObject({ lines: 100_000, userRatio: 1, speedUp: 1 });
    expect(large?.userRatio).toBeCloseTo(1.2);
    expect(two?.speedUp).toBeCloseTo(1.5);
  });
});

describe('the report', () => {
  const text = reportText(RUN, ALL, MACHINE);

  it('shows machine, cases, states, peers and scaling, and what was not measured', () => {
    expect(text).toContain('2 × Abacus, 16 GiB, linux 6, Node 26.9.0, commit abc1234, load 0.1');
    expect(text).toMatch(/^records\/1 +2\.00 M +\(1\.00 M–2\.50 M\) +220\.0 +0\.500 +100 +0\.500 +3$/m);
    expect(text).toMatch(/^ingest\/2 registering +500 k /m);
    expect(text).not.toContain('ingest/2 staged');
    expect(text).toMatch(/^records\/1 : csv-parser\/1 +10\.00× +\(9\.00×–11\.00×\)/m);
    expect(text).toMatch(/^records\/2 +1000000 +2\.50 M /m);
    expect(text).toContain('staging is not measured: there is no disk');
  });

  it('says when the machine was busy', () => {
    expect(text).not.toContain('busy');
    expect(reportText(RUN, ALL, { ...MACHINE, load: 3 })).toContain('busy');
  });

  it('writes rates shortly', () => {
    expect([950, 1_234, 123_456, 1_234_567, Number.NaN].map(rate)).toEqual(['950', '1.2 k', '123 k', '1.23 M', '–']);
  });

  it('is JSON with every run', () => {
    const json = JSON.parse(reportJson(RUN, ALL, MACHINE, 0)) as { at: string; runs: { samples: Sample[] }[] };
    expect(json.at).toBe('1970-01-01T00:00:00.000Z');
    expect(json.runs.map((run) => run.samples.length)).toEqual([2, 3, 3, 1, 1, 1, 0]);
  });
});

describe('the picture', () => {
  const svg = plotSvg('a <title> & more', ALL);

  it('is well-formed, of numbers only, and holds every figure', () => {
    expect(svg).toContain('a &lt;title&gt; &amp; more');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    for (const { label } of ALL.figures) expect(svg).toContain(`>${label}<`);
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    const tags = svg.replaceAll(/<\w[^>]*\/>/g, '');
    expect(tags.match(/<\w/g)?.length).toBe(tags.match(/<\//g)?.length);
  });

  it('draws a bar as long as its rate', () => {
    const widths = [...svg.matchAll(/<rect x="[\d.]+" y="\d+" width="([\d.]+)"/g)].map((match) => Number(match[1]));
    const [ingest = 0, records = 0, csvParser = 0] = widths;
    expect(ingest).toBeGreaterThan(0);
    expect(records / csvParser).toBeCloseTo(10, 1);
  });
});

describe('the history', () => {
  it('is appended to', () => {
    const folder = mkdtempSync(join(tmpdir(), 'remessa-bench-'));
    try {
      const path = join(folder, 'history.md');
      const row = historyRow(RUN.title, ALL, MACHINE, 0);
      appendHistory(path, row);
      appendHistory(path, row);
      const lines = readFileSync(path, 'utf8').split('\n');
      expect(lines.filter((line) => line.startsWith('| 1970-01-01 | 1000000 lines, seed 1 |'))).toHaveLength(2);
      expect(lines[0]).toBe('# Figures over time');
      expect(row).toContain('ingest/2 225 k');
      expect(row).toContain('records/1 : csv-parser/1 10.00×');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
