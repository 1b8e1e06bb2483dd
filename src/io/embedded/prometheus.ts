/**
 * Metrics for Prometheus to fetch, in its text format. They are sums since this process began; nothing is sent, so nothing
 * waits.
 *
 * Names: `remessa_`, the point's name, its unit in Prometheus's words (`bytes`, `seconds`, `per_second`; none for counts),
 * and `_total` for sums. Levels are gauges, spreads are histograms. Milliseconds become seconds.
 *
 * At most `seriesMax` sets of labels are held; points of further ones are dropped and told.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { assert } from '../../core/assert.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { MetricPoint, Metrics, MetricUnit } from '../ports/metrics.ts';
import { WeightedHistogram } from './histograms.ts';

export interface PrometheusOptions {
  readonly seriesMax: number;
  /** Adds what prom-client tells of any process of Node: memory, processor, collections, the event loop. */
  readonly processMetrics: boolean;
}

export interface PrometheusMetrics extends Metrics {
  /** Of the answer that carries `render()`. */
  readonly contentType: string;
  render(): Promise<string>;
}

const SUFFIXES: Readonly<Record<MetricUnit, string>> = {
  count: '',
  bytes: '_bytes',
  ms: '_seconds',
  per_second: '_per_second',
};

/** Upper bounds of histograms: a request of 1 ms to a batch of hours, seconds; sizes and rates by powers of four. */
const BUCKETS: Readonly<Record<MetricUnit, readonly number[]>> = {
  ms: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 300, 1200, 3600, 14_400],
  bytes: Array.from({ length: 14 }, (_, power) => 1024 * 4 ** power),
  count: [0, ...Array.from({ length: 12 }, (_, power) => 4 ** power)],
  per_second: Array.from({ length: 13 }, (_, power) => 4 ** power),
};

const HELP: Readonly<Record<MetricPoint['kind'], string>> = {
  sum: 'sum since this process began',
  level: 'as last seen by this process',
  spread: 'spread of single values since this process began',
};

type Told = (point: MetricPoint) => void;

export function openPrometheusMetrics(
  options: PrometheusOptions,
  deps: { readonly telemetry: Telemetry },
): PrometheusMetrics {
  const register = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register });
  const series = new Set<string>();
  const metrics = new Map<string, Told>();
  const histograms: WeightedHistogram[] = [];
  let dropped = 0;
  let told = false;
  let closed = false;

  const drop = (points: number, reason: string): void => {
    dropped += points;
    if (told || points === 0) return;
    told = true;
    deps.telemetry.emit({ name: 'metrics.dropped', level: 'warn', fields: { points, reason } });
  };
  const known = (point: MetricPoint): boolean => {
    const key = JSON.stringify([point.name, ...Object.entries(point.dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);
    if (series.has(key)) return true;
    if (series.size >= options.seriesMax) return false;
    series.add(key);
    return true;
  };
  return {
    contentType: register.contentType,
    get dropped() {
      return dropped;
    },
    add(points) {
      for (const point of points) {
        if (closed || !known(point)) {
          drop(1, closed ? 'closed' : `more than ${options.seriesMax} sets of labels`);
          continue;
        }
        let metric = metrics.get(point.name);
        if (metric === undefined) {
          metric = metricOf(point, register, histograms);
          metrics.set(point.name, metric);
        }
        metric(point);
      }
    },
    render: async () => [await register.metrics(), ...histograms.map((one) => one.render())].join('\n'),
    async close() {
      closed = true;
    },
  };
}

/** The metric of the first point with a name; later ones have the same unit, kind and dimensions. */
function metricOf(first: MetricPoint, register: Registry, histograms: WeightedHistogram[]): Told {
  const { kind, unit } = first;
  const name = `remessa_${first.name}${SUFFIXES[unit]}${kind === 'sum' ? '_total' : ''}`;
  const help = `${first.name}: ${HELP[kind]}`;
  const common = { name, help, labelNames: Object.keys(first.dimensions).sort(), registers: [register] };
  const scale = unit === 'ms' ? 0.001 : 1;
  const telling = (tell: Told): Told => {
    return (point) => {
      assert(point.kind === kind && point.unit === unit, 'points of a name are of one kind and unit');
      tell(point);
    };
  };
  switch (kind) {
    case 'sum': {
      const counter = new Counter(common);
      return telling(({ dimensions, value }) => counter.inc({ ...dimensions }, value * scale));
    }
    case 'level': {
      const gauge = new Gauge(common);
      return telling(({ dimensions, value }) => gauge.set({ ...dimensions }, value * scale));
    }
    case 'spread': {
      const histogram = new WeightedHistogram(name, help, BUCKETS[unit]);
      histograms.push(histogram);
      return telling(({ dimensions, value, times = 1 }) => histogram.observe(dimensions, value * scale, times));
    }
  }
}
