/** The contract of the metrics drivers (src/io/ports/metrics.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TelemetryEvent } from '../../src/core/telemetry.ts';
import type { MetricPoint, Metrics } from '../../src/io/ports/metrics.ts';
import { until } from './support.ts';

/** One driver, opened to hold 50 series, 200 values of a spread. */
export interface MetricsFixture {
  readonly metrics: Metrics;
  /** What was told. */
  readonly events: readonly TelemetryEvent[];
  /** Lets a window pass and waits for its sending; nothing where nothing is sent. */
  pass(): Promise<void>;
  /** The sum of a sum, the last value of a level, or how many values of a spread, that the store has of a series. */
  stored(name: string, dimensions: Readonly<Record<string, string>>): Promise<number | undefined>;
  /** From now on the store refuses everything; absent where there is no store. */
  readonly refuse?: () => void;
  /** From now on the store does not answer; absent where there is no store. */
  readonly hang?: () => void;
  /** Lets the time pass that closing may take; where there is `hang`. */
  readonly overtime?: () => void;
  dispose(): Promise<void>;
}

export const CONTRACT_BOUNDS = { seriesMax: 50, samplesMax: 200, everyMs: 60_000, closeMs: 2000 } as const;

export function point(name: string, value: number, change: Partial<MetricPoint> = {}): MetricPoint {
  return { name, kind: 'sum', unit: 'count', value, dimensions: {}, timeMs: 1_768_478_400_000, ...change };
}

export function describeMetrics(name: string, make: () => Promise<MetricsFixture>): void {
  describe(`metrics: ${name}`, () => {
    let fixture: MetricsFixture;
    let metrics: Metrics;

    beforeEach(async () => {
      fixture = await make();
      metrics = fixture.metrics;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    const told = (): TelemetryEvent[] => fixture.events.filter((event) => event.name === 'metrics.dropped');

    it('adds sums up, keeps a level’s last value and every value of a spread', async () => {
      const queue = { queue: 'picker' };
      metrics.add([point('lines', 3), point('lines', 4), point('debts', 5, { kind: 'spread' })]);
      metrics.add([point('depth', 9, { kind: 'level', dimensions: queue })]);
      metrics.add([point('depth', 2, { kind: 'level', dimensions: queue }), point('debts', 0, { kind: 'spread' })]);
      await fixture.pass();
      expect(await fixture.stored('lines', {})).toBe(7);
      expect(await fixture.stored('depth', queue)).toBe(2);
      expect(await fixture.stored('debts', {})).toBe(2);
      expect(metrics.dropped).toBe(0);
      expect(fixture.events).toEqual([]);
    });

    it('counts a value of a spread as often as its point says', async () => {
      const spread = { kind: 'spread' } as const;
      metrics.add([point('debts', 5, { ...spread, times: 40 }), point('debts', 7, spread)]);
      metrics.add([point('debts', 5, { ...spread, times: 2 })]);
      await fixture.pass();
      expect(await fixture.stored('debts', {})).toBe(43);
      expect(metrics.dropped).toBe(0);
    });

    it('tells series apart by the values of their dimensions', async () => {
      const failures = (stage: string, code: string) => point('failures', 1, { dimensions: { stage, code } });
      metrics.add([failures('pick', 'A'), failures('settle', 'A'), failures('pick', 'B'), failures('pick', 'A')]);
      await fixture.pass();
      expect(await fixture.stored('failures', { stage: 'pick', code: 'A' })).toBe(2);
      expect(await fixture.stored('failures', { stage: 'settle', code: 'A' })).toBe(1);
      expect(await fixture.stored('failures', { stage: 'pick', code: 'B' })).toBe(1);
    });

    it('sends each point once, window after window', async () => {
      metrics.add([point('lines', 1)]);
      await fixture.pass();
      await fixture.pass();
      metrics.add([point('lines', 10)]);
      await fixture.pass();
      expect(await fixture.stored('lines', {})).toBe(11);
    });

    it('holds no more series than it may, counts the rest and tells it', async () => {
      for (let client = 0; client < 60; client++) {
        metrics.add([point('lines', 1, { dimensions: { client: `c-${client}` } })]);
      }
      metrics.add([point('lines', 1, { dimensions: { client: 'c-0' } })]);
      await fixture.pass();
      expect(await fixture.stored('lines', { client: 'c-0' })).toBe(2);
      expect(await fixture.stored('lines', { client: 'c-49' })).toBe(1);
      expect(await fixture.stored('lines', { client: 'c-50' })).toBeUndefined();
      expect(metrics.dropped).toBe(10);
      expect(told().length).toBe(1);
    });

    it('sends what waits when it is closed, and then takes nothing more', async () => {
      metrics.add([point('lines', 5)]);
      await metrics.close();
      metrics.add([point('lines', 1)]);
      await metrics.close();
      expect(await fixture.stored('lines', {})).toBe(5);
      expect(metrics.dropped).toBe(1);
    });

    it('fails nobody when its store refuses, and tells what is lost at the latest when it is closed', async () => {
      if (fixture.refuse === undefined) return;
      fixture.refuse();
      for (let i = 0; i < 5; i++) {
        metrics.add([point('lines', 1), point('lines', 1)]);
        await fixture.pass();
      }
      await metrics.close();
      expect(metrics.dropped).toBe(10);
      expect(told().reduce((sum, event) => sum + Number(event.fields['points']), 0)).toBe(10);
    });

    it('delays nobody when its store does not answer, and closes in time', async () => {
      if (fixture.hang === undefined) return;
      fixture.hang();
      metrics.add([point('lines', 1)]);
      const closed = metrics.close();
      fixture.overtime?.();
      await closed;
      await until(() => metrics.dropped === 1);
    });
  });
}
