/** Lines of the embedded metric format: the contract of metrics, and every bound of the format's specification. */
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../src/core/clock.ts';
import type { TelemetryEvent } from '../../../../src/core/telemetry.ts';
import { emfLines, openEmfMetrics } from '../../../../src/io/aws/metrics/emf.ts';
import { MetricWindow, type Series } from '../../../../src/io/aws/metrics/window.ts';
import { CONTRACT_BOUNDS, describeMetrics, point } from '../../../contract/metrics.contract.ts';
import { FakeClock, until } from '../../../contract/support.ts';

interface Line {
  readonly _aws: {
    readonly Timestamp: number;
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [member: string]: unknown;
}

function parse(text: string): Line {
  return JSON.parse(text) as Line;
}

/** What the specification asks of a line that CloudWatch Logs shall make metrics of. */
function checkLine(text: string): Line {
  const line = parse(text);
  expect(Buffer.byteLength(text)).toBeLessThan(256 * 1024);
  expect(Number.isInteger(line._aws.Timestamp)).toBe(true);
  expect(line._aws.CloudWatchMetrics.length).toBeGreaterThan(0);
  for (const { Namespace, Dimensions, Metrics } of line._aws.CloudWatchMetrics) {
    expect(Namespace).toMatch(/^[\w.\-/#:]{1,1024}$/);
    expect(Metrics.length).toBeGreaterThan(0);
    expect(Metrics.length).toBeLessThanOrEqual(100);
    expect(Dimensions.length).toBeGreaterThan(0);
    for (const set of Dimensions) {
      expect(set.length).toBeLessThanOrEqual(30);
      for (const name of set) expect(line[name]).toMatch(/^[\x20-\x7e]{1,1024}$/);
    }
    expect(new Set(Metrics.map(({ Name }) => Name)).size).toBe(Metrics.length);
    for (const { Name, Unit } of Metrics) {
      expect(['Count', 'Bytes', 'Milliseconds', 'Count/Second']).toContain(Unit);
      const values = [line[Name]].flat();
      expect(values.length).toBeGreaterThan(0);
      expect(values.length).toBeLessThanOrEqual(100);
      for (const value of values) expect(Number.isFinite(value)).toBe(true);
    }
  }
  return line;
}

function opened(clock: Clock = systemClock) {
  const lines: string[] = [];
  const events: TelemetryEvent[] = [];
  const telemetry = { emit: (event: TelemetryEvent) => void events.push(event) };
  const metrics = openEmfMetrics(
    { ...CONTRACT_BOUNDS, namespace: 'Remessa' },
    { clock, telemetry, write: (line) => void lines.push(line) },
  );
  return { metrics, lines, events };
}

describeMetrics('embedded metric format', async () => {
  const clock = new FakeClock();
  const { metrics, lines, events } = opened(clock);
  return {
    metrics,
    events,
    async pass() {
      clock.advance(CONTRACT_BOUNDS.everyMs);
      await until(() => clock.sleeping === 1);
    },
    async stored(name, dimensions) {
      const said = lines.map(checkLine).filter((line) => {
        const { Metrics, Dimensions } = line._aws.CloudWatchMetrics[0]!;
        const alike = Object.entries(dimensions).every(([key, value]) => line[key] === value);
        return (
          alike && Dimensions[0]!.length === Object.keys(dimensions).length && Metrics.some((m) => m.Name === name)
        );
      });
      if (said.length === 0) return undefined;
      const last = said.at(-1)?.[name];
      if (name === 'debts') return said.flatMap((line) => line[name]).length;
      return name === 'depth' ? Number(last) : said.reduce((sum, line) => sum + Number(line[name]), 0);
    },
    dispose: () => metrics.close(),
  };
});

function seriesOf(points: Parameters<MetricWindow['add']>[0][]): Series[] {
  const window = new MetricWindow({ seriesMax: 10_000, samplesMax: 10_000 });
  for (const one of points) window.add(one);
  return window.take();
}

describe('the embedded metric format', () => {
  it('puts what has the same dimensions in one line, named as the specification does', () => {
    const dimensions = { stage: 'pick' };
    const series = seriesOf([
      point('stage_time', 12, { kind: 'spread', unit: 'ms', dimensions }),
      point('stage_time', 8, { kind: 'spread', unit: 'ms', dimensions }),
      point('read', 100, { unit: 'bytes', dimensions }),
    ]);
    expect(emfLines('Remessa', series, 1_700_000_000_000).map(parse)).toEqual([
      {
        _aws: {
          Timestamp: 1_700_000_000_000,
          CloudWatchMetrics: [
            {
              Namespace: 'Remessa',
              Dimensions: [['stage']],
              Metrics: [
                { Name: 'stage_time', Unit: 'Milliseconds' },
                { Name: 'read', Unit: 'Bytes' },
              ],
            },
          ],
        },
        stage: 'pick',
        stage_time: [12, 8],
        read: 100,
      },
    ]);
  });

  it('keeps within 100 metrics a line and 100 values a metric', () => {
    const many = Array.from({ length: 250 }, (_, i) => point(`metric_${i}`, i));
    const values = Array.from({ length: 330 }, (_, i) => point('debts', i, { kind: 'spread' }));
    const lines = emfLines('Remessa', seriesOf([...many, ...values]), 1).map(checkLine);
    const names = lines.flatMap((line) => line._aws.CloudWatchMetrics[0]!.Metrics.map(({ Name }) => Name));
    expect(names.filter((name) => name !== 'debts').length).toBe(250);
    const debts = lines.flatMap((line) => line['debts'] ?? []);
    expect(debts).toEqual(Array.from({ length: 330 }, (_, i) => i));
  });

  it('tells a spread of very many values by a hundred of their order', () => {
    const spread = (value: number, times: number) => point('http_time', value, { kind: 'spread', unit: 'ms', times });
    const [line, ...more] = emfLines('Remessa', seriesOf([spread(900, 1), spread(2, 9000), spread(7, 999)]), 1);
    expect(more).toEqual([]);
    const told = checkLine(line!)['http_time'] as number[];
    expect(told).toHaveLength(100);
    expect([told.filter((value) => value === 2).length, told.at(0), told.at(-1)]).toEqual([90, 2, 900]);
    const few = emfLines('Remessa', seriesOf([spread(2, 150), spread(3, 1)]), 1).map(checkLine);
    expect(few.flatMap((one) => one['http_time'])).toEqual([...Array(150).fill(2), 3]);
  });

  it('says nothing of a window in which nothing happened', async () => {
    const { metrics, lines } = opened();
    await metrics.close();
    expect(lines).toEqual([]);
  });

  it('writes whole lines', async () => {
    const { metrics, lines } = opened();
    metrics.add([point('lines', 1)]);
    await metrics.close();
    expect(lines.length).toBe(1);
    expect(lines[0]?.endsWith('\n')).toBe(true);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
  });
});
