/**
 * Metrics as lines of CloudWatch's embedded metric format, written where the log goes: CloudWatch Logs makes metrics of
 * them by itself. No call is made, so nothing can be refused.
 *
 * A line holds the series of one window that have the same dimensions, at most 100 metrics, and of a spread at most 100
 * values. A spread of very many values is told by 100 that stand at even distances in their order, the smallest and the
 * greatest among them: what CloudWatch makes of it is right but for the number, which a sum beside it tells. The format: Amazon CloudWatch User Guide, «Specification: Embedded metric format»; its bounds: 100 metrics and 30
 * dimensions a directive, 100 values a metric, names of metrics up to 1,024 characters, a namespace of letters, digits and
 * `.-_/#:`.
 */
import { assert } from '../../../core/assert.ts';
import type { Clock } from '../../../core/clock.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { Metrics, MetricUnit } from '../../ports/metrics.ts';
import { type PushOptions, pushMetrics, type Sample, type Series, type Window } from './window.ts';

export interface EmfOptions extends PushOptions {
  readonly namespace: string;
}

const METRICS_MAX = 100;
const VALUES_MAX = 100;
/** A spread of more values than this is told by some of them: each line costs. */
const VALUES_TOLD_MAX = 2000;
const DIMENSIONS_MAX = 30;
const NAMESPACE = /^[\w.\-/#:]{1,256}$/;
const UNITS: Readonly<Record<MetricUnit, string>> = {
  count: 'Count',
  bytes: 'Bytes',
  ms: 'Milliseconds',
  per_second: 'Count/Second',
};

/** `write` gets whole lines; it waits for nothing. */
export function openEmfMetrics(
  options: EmfOptions,
  deps: { readonly clock: Clock; readonly telemetry: Telemetry; readonly write: (line: string) => void },
): Metrics {
  assert(NAMESPACE.test(options.namespace), 'a namespace of CloudWatch');
  const { clock, telemetry } = deps;
  const send = async ({ series, timeMs }: Window): Promise<undefined> => {
    for (const line of emfLines(options.namespace, series, timeMs)) deps.write(`${line}\n`);
  };
  return pushMetrics(options, { clock, telemetry, send });
}

/** The lines of one window, without line ends. */
export function emfLines(namespace: string, series: readonly Series[], timeMs: number): string[] {
  const alike = new Map<string, Series[]>();
  for (const one of series) {
    const names = Object.keys(one.dimensions).sort();
    assert(names.length <= DIMENSIONS_MAX, 'few dimensions');
    const key = JSON.stringify(names.map((name) => [name, one.dimensions[name]]));
    alike.set(key, [...(alike.get(key) ?? []), one]);
  }
  return [...alike.values()].flatMap(roundsOf).map((metrics) => lineOf(namespace, metrics, timeMs));
}

interface EmfMetric {
  readonly series: Series;
  readonly values: number | readonly number[];
}

/** The metrics of each line. A name stands once in a line, so a spread's values beyond the first 100 go to later ones. */
function roundsOf(alike: readonly Series[]): EmfMetric[][] {
  const rounds: EmfMetric[][] = [];
  for (const series of alike) {
    const parts = series.kind === 'spread' ? inSlices(valuesOf(series.samples), VALUES_MAX) : [series.value];
    for (const [round, values] of parts.entries()) (rounds[round] ??= []).push({ series, values });
  }
  return rounds.flatMap((round) => inSlices(round, METRICS_MAX));
}

/** Each value as often as it was seen; of too many, `VALUES_MAX` in their order. */
function valuesOf(samples: readonly Sample[]): number[] {
  const seen = samples.reduce((sum, { times }) => sum + times, 0);
  if (seen <= VALUES_TOLD_MAX) return samples.flatMap(({ value, times }) => Array<number>(times).fill(value));
  const sorted = samples.toSorted((a, b) => a.value - b.value);
  const values: number[] = [];
  let passed = 0;
  for (const { value, times } of sorted) {
    passed += times;
    // The next one told is that of rank `values.length` of `VALUES_MAX - 1` equal steps from the first to the last.
    while (values.length < VALUES_MAX && (values.length * (seen - 1)) / (VALUES_MAX - 1) < passed) values.push(value);
  }
  return values;
}

function lineOf(namespace: string, metrics: readonly EmfMetric[], timeMs: number): string {
  const dimensions = metrics[0]?.series.dimensions ?? {};
  const directive = {
    Namespace: namespace,
    Dimensions: [Object.keys(dimensions).sort()],
    Metrics: metrics.map(({ series }) => ({ Name: series.name, Unit: UNITS[series.unit] })),
  };
  const values = Object.fromEntries(metrics.map(({ series, values }) => [series.name, values]));
  return JSON.stringify({ _aws: { Timestamp: timeMs, CloudWatchMetrics: [directive] }, ...dimensions, ...values });
}

function inSlices<T>(items: readonly T[], size: number): T[][] {
  const slices: T[][] = [];
  for (let at = 0; at < items.length; at += size) slices.push(items.slice(at, at + size));
  return slices;
}
