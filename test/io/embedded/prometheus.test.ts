/** Metrics for Prometheus: the contract of metrics, and the text as Prometheus reads it. */
import { describe, expect, it } from 'vitest';
import type { TelemetryEvent } from '../../../src/core/telemetry.ts';
import { openPrometheusMetrics } from '../../../src/io/embedded/prometheus.ts';
import { describeMetrics, point } from '../../contract/metrics.contract.ts';

function opened(processMetrics = false) {
  const events: TelemetryEvent[] = [];
  const telemetry = { emit: (event: TelemetryEvent) => void events.push(event) };
  return { events, metrics: openPrometheusMetrics({ seriesMax: 50, processMetrics }, { telemetry }) };
}

/** Value by `name{labels}` of each sample. */
function samplesOf(text: string): Map<string, number> {
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

describeMetrics('Prometheus', async () => {
  const { metrics, events } = opened();
  return {
    metrics,
    events,
    async pass() {},
    async stored(name, dimensions) {
      const samples = samplesOf(await metrics.render());
      const labels = Object.entries(dimensions).map(([key, value]) => `${key}="${value}"`);
      const kinds = { lines: '_total', failures: '_total', depth: '', debts: '_count' } as const;
      const suffix = kinds[name as keyof typeof kinds];
      const orders = [labels, labels.toReversed()].map((some) => (some.length === 0 ? '' : `{${some.join(',')}}`));
      return orders
        .map((order) => samples.get(`remessa_${name}${suffix}${order}`))
        .find((value) => value !== undefined);
    },
    dispose: () => metrics.close(),
  };
});

describe('metrics for Prometheus', () => {
  it('are named with their units, milliseconds as seconds', async () => {
    const { metrics } = opened();
    metrics.add([
      point('read', 2048, { unit: 'bytes', dimensions: { stage: 'pick' } }),
      point('queue_oldest', 1500, { kind: 'level', unit: 'ms', dimensions: { queue: 'picker' } }),
      point('stage_time', 70, { kind: 'spread', unit: 'ms', dimensions: { stage: 'pick' } }),
      point('stage_lines', 900, { kind: 'spread', unit: 'per_second', dimensions: { stage: 'pick' } }),
    ]);
    const text = await metrics.render();
    const samples = samplesOf(text);
    expect(samples.get('remessa_read_bytes_total{stage="pick"}')).toBe(2048);
    expect(samples.get('remessa_queue_oldest_seconds{queue="picker"}')).toBe(1.5);
    expect(samples.get('remessa_stage_time_seconds_sum{stage="pick"}')).toBeCloseTo(0.07, 10);
    expect(samples.get('remessa_stage_time_seconds_bucket{le="0.05",stage="pick"}')).toBe(0);
    expect(samples.get('remessa_stage_time_seconds_bucket{le="0.1",stage="pick"}')).toBe(1);
    expect(samples.get('remessa_stage_lines_per_second_count{stage="pick"}')).toBe(1);
    expect(text).toContain('# TYPE remessa_stage_time_seconds histogram');
    expect(text).toContain('# TYPE remessa_queue_oldest_seconds gauge');
    expect(text).toContain('# TYPE remessa_read_bytes_total counter');
    expect(metrics.contentType).toMatch(/^text\/plain/);
  });

  it('are histograms as Prometheus reads them, each bucket with all below it', async () => {
    const { metrics } = opened();
    const dimensions = { route: '/v1/"x"', method: 'GET' };
    const spread = { kind: 'spread', unit: 'ms', dimensions } as const;
    metrics.add([
      point('http_time', 1, { ...spread, times: 100_000 }),
      point('http_time', 1.25, { ...spread, times: 3 }),
      point('http_time', 86_400_000, spread),
    ]);
    const samples = samplesOf(await metrics.render());
    const labels = 'method="GET",route="/v1/\\"x\\""';
    const bucket = (le: string) => samples.get(`remessa_http_time_seconds_bucket{le="${le}",${labels}}`);
    expect([bucket('0.001'), bucket('0.0025'), bucket('14400'), bucket('+Inf')]).toEqual([
      100_000, 100_003, 100_003, 100_004,
    ]);
    expect(samples.get(`remessa_http_time_seconds_count{${labels}}`)).toBe(100_004);
    expect(samples.get(`remessa_http_time_seconds_sum{${labels}}`)).toBeCloseTo(86_500.00375, 6);
  });

  it('of two engines are apart', async () => {
    const [one, other] = [opened().metrics, opened().metrics];
    one.add([point('lines', 1)]);
    other.add([point('lines', 5)]);
    expect(samplesOf(await one.render()).get('remessa_lines_total')).toBe(1);
    expect(samplesOf(await other.render()).get('remessa_lines_total')).toBe(5);
  });

  it('tell of the process where that is asked for', async () => {
    expect(await opened(true).metrics.render()).toContain('process_resident_memory_bytes');
    expect(await opened(false).metrics.render()).not.toContain('process_');
  });
});
