/**
 * Metrics in Timestream, over a double that keeps the service's rules (100 records a call, the rejection of records one by
 * one) and, with REMESSA_TEST_AWS=1, over moto, which is laxer: it checks no record, rejects none and answers at once.
 */
import {
  type _Record,
  CreateDatabaseCommand,
  CreateTableCommand,
  RejectedRecordsException,
  TimestreamWriteClient,
  type WriteRecordsCommand,
} from '@aws-sdk/client-timestream-write';
import { describe, expect, it } from 'vitest';
import type { TelemetryEvent } from '../../../../src/core/telemetry.ts';
import {
  openTimestreamMetrics,
  type TimestreamOptions,
  type TimestreamWriter,
} from '../../../../src/io/aws/metrics/timestream.ts';
import type { MetricPoint } from '../../../../src/io/ports/metrics.ts';
import { CONTRACT_BOUNDS, describeMetrics, point } from '../../../contract/metrics.contract.ts';
import { FakeClock, until } from '../../../contract/support.ts';
import { serviceServers } from '../../../support/aws/servers.ts';

const OPTIONS = { ...CONTRACT_BOUNDS, database: 'remessa', table: 'metrics', writer: 'w-1', waitingMax: 120 };

/** Timestream as far as the driver sees it: records by their key, refusals as they are asked for. */
class FakeTimestream implements TimestreamWriter {
  readonly records = new Map<string, _Record>();
  readonly calls: number[] = [];
  mode: 'good' | 'refuse' | 'hang' | 'lose the answer' = 'good';
  rejects: (record: _Record) => boolean = () => false;

  async send(command: WriteRecordsCommand, { abortSignal }: { readonly abortSignal: AbortSignal }): Promise<unknown> {
    const { DatabaseName, TableName, Records = [] } = command.input;
    expect([DatabaseName, TableName]).toEqual(['remessa', 'metrics']);
    expect(Records.length).toBeGreaterThan(0);
    expect(Records.length).toBeLessThanOrEqual(100);
    this.calls.push(Records.length);
    if (this.mode === 'refuse') throw Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
    if (this.mode === 'hang') {
      return new Promise((_, fail) => abortSignal.addEventListener('abort', () => fail(new Error('aborted'))));
    }
    const rejected = Records.flatMap((record, RecordIndex) => {
      if (this.rejects(record)) return [{ RecordIndex, Reason: 'The record timestamp is outside the time range' }];
      this.records.set(JSON.stringify([record.MeasureName, record.Dimensions, record.Time]), record);
      return [];
    });
    if (this.mode === 'lose the answer') throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
    if (rejected.length === 0) return {};
    throw new RejectedRecordsException({ message: 'some', RejectedRecords: rejected, $metadata: {} });
  }
}

function opened(change: Partial<TimestreamOptions> = {}) {
  const clock = new FakeClock();
  const client = new FakeTimestream();
  const events: TelemetryEvent[] = [];
  const telemetry = { emit: (event: TelemetryEvent) => void events.push(event) };
  const metrics = openTimestreamMetrics({ ...OPTIONS, ...change }, { clock, telemetry, client });
  const pass = async (): Promise<void> => {
    clock.advance(OPTIONS.everyMs);
    await until(() => clock.sleeping === 1);
  };
  return { clock, client, events, metrics, pass };
}

function valuesOf(records: Iterable<_Record>, name: string, dimensions: Readonly<Record<string, string>>): string[] {
  const wanted = JSON.stringify(Object.entries(dimensions).sort());
  return [...records].flatMap((record) => {
    const own = record.Dimensions?.filter(({ Name }) => Name !== 'writer' && Name !== 'unit') ?? [];
    const found = JSON.stringify(own.map(({ Name, Value }) => [Name, Value]).sort());
    return record.MeasureName === name && found === wanted ? [record.MeasureValues?.[0]?.Value ?? ''] : [];
  });
}

function stored(records: Iterable<_Record>, name: string, dimensions: Readonly<Record<string, string>>) {
  const values = valuesOf(records, name, dimensions);
  if (values.length === 0) return undefined;
  return name === 'depth' ? Number(values.at(-1)) : values.reduce((sum, value) => sum + Number(value), 0);
}

describeMetrics('Timestream', async () => {
  const { clock, client, events, metrics, pass } = opened();
  return {
    metrics,
    events,
    pass,
    stored: async (name, dimensions) => stored(client.records.values(), name, dimensions),
    refuse: () => {
      client.mode = 'refuse';
    },
    hang: () => {
      client.mode = 'hang';
    },
    overtime: () => clock.advance(CONTRACT_BOUNDS.closeMs),
    dispose: () => metrics.close(),
  };
});

function lines(count: number): MetricPoint[] {
  return Array.from({ length: count }, (_, i) => point('lines', 1, { dimensions: { client: `c-${i}` } }));
}

describe('metrics in Timestream', () => {
  it('are one MULTI record a series and window', async () => {
    const { client, metrics, pass, clock } = opened();
    const dimensions = { stage: 'pick' };
    metrics.add([
      point('stage_time', 8, { kind: 'spread', unit: 'ms', dimensions }),
      point('stage_time', 12, { kind: 'spread', unit: 'ms', dimensions }),
    ]);
    await pass();
    const double = (Name: string, Value: string) => ({ Name, Value, Type: 'DOUBLE' });
    expect([...client.records.values()]).toEqual([
      {
        MeasureName: 'stage_time',
        MeasureValueType: 'MULTI',
        MeasureValues: [double('count', '2'), double('sum', '20'), double('min', '8'), double('max', '12')],
        Dimensions: [
          { Name: 'stage', Value: 'pick' },
          { Name: 'unit', Value: 'ms' },
          { Name: 'writer', Value: 'w-1' },
        ],
        Time: String(clock.nowMs()),
        TimeUnit: 'MILLISECONDS',
      },
    ]);
    await metrics.close();
  });

  it('go in calls of at most 100', async () => {
    const { client, metrics, pass } = opened({ seriesMax: 1000 });
    metrics.add(lines(250));
    await pass();
    expect(client.calls).toEqual([100, 100, 50]);
    expect(client.records.size).toBe(250);
    await metrics.close();
  });

  it('tell what was rejected, and keep the rest', async () => {
    const { client, events, metrics, pass } = opened();
    client.rejects = (record) => JSON.stringify(record).includes('"c-3"');
    metrics.add(lines(5));
    metrics.add(lines(5));
    await pass();
    expect(client.records.size).toBe(4);
    expect(metrics.dropped).toBe(2);
    expect(events).toEqual([
      {
        name: 'metrics.dropped',
        level: 'warn',
        fields: { points: 2, reason: 'rejected: The record timestamp is outside the time range' },
      },
    ]);
    await metrics.close();
    expect(metrics.dropped).toBe(2);
  });

  // fault 34
  it('wait where Timestream refuses, and are all there once it takes them', async () => {
    const { client, events, metrics, pass } = opened();
    client.mode = 'refuse';
    metrics.add(lines(40));
    await pass();
    await pass();
    expect(client.records.size).toBe(0);
    expect(events.map(({ name }) => name)).toEqual(['metrics.late', 'metrics.late']);
    client.mode = 'good';
    await pass();
    expect(client.records.size).toBe(40);
    expect(metrics.dropped).toBe(0);
    await metrics.close();
  });

  it('wait in a bounded number, the newest of them', async () => {
    const { client, metrics, pass } = opened();
    client.mode = 'refuse';
    for (let window = 0; window < 4; window++) {
      metrics.add([...lines(49), point('window', window)]);
      await pass();
    }
    expect(metrics.dropped).toBe(200 - OPTIONS.waitingMax);
    client.mode = 'good';
    await pass();
    expect(client.records.size).toBe(OPTIONS.waitingMax);
    expect(valuesOf(client.records.values(), 'window', {})).toEqual(['1', '2', '3']);
    await metrics.close();
  });

  it('are the same records when an answer was lost', async () => {
    const { client, metrics, pass } = opened();
    client.mode = 'lose the answer';
    metrics.add(lines(3));
    await pass();
    client.mode = 'good';
    await pass();
    expect(client.calls).toEqual([3, 3]);
    expect(client.records.size).toBe(3);
    await metrics.close();
  });

  // fault 34
  it('take points while Timestream does not answer, and are given up when closing takes too long', async () => {
    const { client, clock, metrics } = opened();
    client.mode = 'hang';
    metrics.add(lines(2));
    clock.advance(OPTIONS.everyMs);
    await until(() => client.calls.length === 1);
    metrics.add(lines(3));
    const closed = metrics.close();
    clock.advance(OPTIONS.closeMs);
    await closed;
    await until(() => metrics.dropped === 5);
  });

  // fault 35
  it('never have the time of an earlier window, even when the clock is set back', async () => {
    const { client, metrics, pass, clock } = opened();
    for (let window = 0; window < 3; window++) {
      metrics.add(lines(1));
      await pass();
      clock.setWall(clock.nowMs() - 10 * OPTIONS.everyMs);
    }
    expect(client.records.size).toBe(3);
    await metrics.close();
  });
});

for (const kind of serviceServers()) {
  describe.skipIf(kind.lacks.has('timestream'))(`metrics in Timestream, ${kind.name}`, () => {
    it('arrive by the SDK', async () => {
      const server = await kind.start();
      const { endpoint, credentials } = server;
      // AWS has Timestream in some regions only, and moto knows which; São Paulo is none of them.
      const client = new TimestreamWriteClient({ endpoint, region: 'us-east-1', credentials });
      try {
        await client.send(new CreateDatabaseCommand({ DatabaseName: OPTIONS.database }));
        await client.send(new CreateTableCommand({ DatabaseName: OPTIONS.database, TableName: OPTIONS.table }));
        const clock = new FakeClock();
        const events: TelemetryEvent[] = [];
        const telemetry = { emit: (event: TelemetryEvent) => void events.push(event) };
        const metrics = openTimestreamMetrics({ ...OPTIONS, seriesMax: 1000 }, { clock, telemetry, client });
        metrics.add(lines(130));
        metrics.add([point('debts', 7, { kind: 'spread', dimensions: { outcome: 'created' } })]);
        await metrics.close();
        expect([metrics.dropped, events]).toEqual([0, []]);
        // What it keeps, moto tells in its own interface.
        const data = await (await fetch(`${endpoint}/moto-api/data.json`)).text();
        expect(data.split('MeasureName').length - 1).toBe(131);
        expect(data).toContain('c-129');
      } finally {
        client.destroy();
        await server.close();
      }
    });
  });
}
