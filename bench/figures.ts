/** From runs to figures: rates, ratios and the scaling series, each a median with its least and greatest. */
import type { Measured } from './harness.ts';
import { type BenchPlan, type Comparison, labelOf, type Measurement } from './plan.ts';
import type { Sample } from './runCase.ts';
import { medianOf, type Spread, spreadOf } from './statistics.ts';

export interface Figures {
  readonly label: string;
  readonly group: string;
  readonly lines: number;
  readonly bytes: number;
  readonly runs: number;
  readonly linesPerSecond: Spread;
  readonly megabytesPerSecond: Spread;
  readonly wallSeconds: Spread;
  /** Of one pass, all threads. NaN where it cannot be seen. */
  readonly cpuSeconds: Spread;
  readonly userSeconds: Spread;
  readonly peakBytes: Spread;
}

export interface StateFigures {
  readonly label: string;
  readonly state: string;
  readonly seconds: Spread;
  readonly linesPerSecond: Spread;
}

export interface RatioFigures {
  readonly ours: string;
  readonly peer: string;
  /** How many times faster ours is, by wall time; per round. */
  readonly speed: Spread;
  /** How many times the processor time of ours the peer takes. */
  readonly cpu: Spread;
}

export interface ScalingFigures {
  readonly name: string;
  readonly threads: number;
  readonly lines: number;
  readonly linesPerSecond: Spread;
  /** User time of a line, in microseconds. */
  readonly userMicrosPerLine: number;
  /** The same, to that of the smallest file with as many threads. */
  readonly userRatio: number;
  /** Speed to that with one thread on the same file. */
  readonly speedUp: number;
}

export function figuresOf({ measurement, bytes, records, samples }: Measured): Figures {
  const spread = (value: (sample: Sample) => number): Spread => spreadOf(samples.map(value));
  return {
    label: labelOf(measurement),
    group: measurement.group,
    lines: records,
    bytes,
    runs: samples.length,
    linesPerSecond: spread(({ wallMs }) => (records / wallMs) * 1000),
    megabytesPerSecond: spread(({ wallMs }) => bytes / 1e6 / (wallMs / 1000)),
    wallSeconds: spread(({ wallMs }) => wallMs / 1000),
    cpuSeconds: spread((sample) => cpuMs(sample) / 1000),
    userSeconds: spread(({ userMs }) => userMs / 1000),
    peakBytes: spread((sample) => sample.peakBytes),
  };
}

function cpuMs({ userMs, systemMs }: Sample): number {
  return userMs + systemMs;
}

/** How long the batch of a whole ingest was in each state. */
export function statesOf({ measurement, records, samples }: Measured): StateFigures[] {
  return Object.keys(samples[0]?.stateSeconds ?? {}).map((state) => {
    const seconds = samples.map((sample) => sample.stateSeconds[state] ?? 0);
    return {
      label: labelOf(measurement),
      state,
      seconds: spreadOf(seconds),
      linesPerSecond: spreadOf(seconds.map((one) => records / Math.max(one, 0.001))),
    };
  });
}

export function ratiosOf(comparisons: readonly Comparison[], measured: readonly Measured[]): RatioFigures[] {
  return comparisons.flatMap(({ ours, peer }) => {
    const mine = find(measured, ours);
    const theirs = find(measured, peer);
    if (mine === undefined || theirs === undefined) return [];
    // Runs of one round stand beside each other in time.
    const ratio = (value: (sample: Sample) => number): Spread =>
      spreadOf(theirs.samples.map((sample, round) => value(sample) / value(mine.samples[round] as Sample)));
    return [{ ours: labelOf(ours), peer: labelOf(peer), speed: ratio(({ wallMs }) => wallMs), cpu: ratio(cpuMs) }];
  });
}

function find(measured: readonly Measured[], wanted: Measurement): Measured | undefined {
  return measured.find(
    ({ measurement, samples }) =>
      samples.length > 0 && measurement.group === wanted.group && labelOf(measurement) === labelOf(wanted),
  );
}

export function scalingOf(measured: readonly Measured[]): ScalingFigures[] {
  const series = measured.filter(({ measurement }) => measurement.group === 'scaling');
  return series.map((one) => {
    const { name, threads } = one.measurement;
    const alike = series.filter(({ measurement }) => measurement.name === name);
    const sameThreads = alike.filter(({ measurement }) => measurement.threads === threads);
    const smallest = sameThreads.reduce((least, other) => (other.records < least.records ? other : least));
    const alone = alike.find(({ measurement, records }) => measurement.threads === 1 && records === one.records) ?? one;
    const { linesPerSecond } = figuresOf(one);
    return {
      name,
      threads,
      lines: one.records,
      linesPerSecond,
      userMicrosPerLine: userMicros(one),
      userRatio: userMicros(one) / userMicros(smallest),
      speedUp: linesPerSecond.median / figuresOf(alone).linesPerSecond.median,
    };
  });
}

function userMicros({ samples, records }: Measured): number {
  return medianOf(samples.map(({ userMs }) => (userMs * 1000) / records));
}

export interface AllFigures {
  readonly figures: readonly Figures[];
  readonly states: readonly StateFigures[];
  readonly ratios: readonly RatioFigures[];
  readonly scaling: readonly ScalingFigures[];
}

export function allFigures(plan: BenchPlan, measured: readonly Measured[]): AllFigures {
  const done = measured.filter(({ samples }) => samples.length > 0);
  return {
    figures: done.filter(({ measurement }) => measurement.group !== 'scaling').map(figuresOf),
    states: done.filter(({ measurement }) => measurement.group === 'stages').flatMap(statesOf),
    ratios: ratiosOf(plan.comparisons, done),
    scaling: scalingOf(done),
  };
}
