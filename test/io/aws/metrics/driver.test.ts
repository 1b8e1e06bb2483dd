/** From settings to what is sent, and where it goes; over moto where it is there. */
import { CreateDatabaseCommand, CreateTableCommand, TimestreamWriteClient } from '@aws-sdk/client-timestream-write';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { withDefaults } from '../../../../src/config/schema.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import type { TelemetryEvent } from '../../../../src/core/telemetry.ts';
import { METRICS_TABLE, type MetricsSettings, openMetrics } from '../../../../src/io/aws/metrics/driver.ts';
import { point } from '../../../contract/metrics.contract.ts';
import { serviceServers } from '../../../support/aws/servers.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

function opened(change: Partial<MetricsSettings>) {
  const lines: string[] = [];
  const events: TelemetryEvent[] = [];
  const metrics = openMetrics(withDefaults(change, 2), {
    clock: systemClock,
    telemetry: { emit: (event) => void events.push(event) },
    write: (line) => void lines.push(line),
    writer: 'w-1',
  });
  return { metrics, lines, events };
}

describe('metrics from settings', () => {
  it('are not sent by default', () => {
    expect(opened({}).metrics).toBeUndefined();
  });

  it('go to the log under the namespace that is set', async () => {
    const { metrics, lines } = opened({ metrics: 'emf', metricsNamespace: 'Cobranca' });
    metrics?.add([point('lines', 3)]);
    await metrics?.close();
    expect(lines.length).toBe(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      lines: 3,
      _aws: { CloudWatchMetrics: [{ Namespace: 'Cobranca' }] },
    });
  });

  it('need a region for Timestream', () => {
    expect(() => opened({ metrics: 'timestream' })).toThrow(/CONFIG_INVALID.*REMESSA_METRICS_REGION/);
  });
});

for (const kind of serviceServers()) {
  describe.skipIf(kind.lacks.has('timestream'))(`metrics from settings, ${kind.name}`, () => {
    it('go to the table of the database that is set, in the region of metrics', async () => {
      const server = await kind.start();
      const { endpoint, credentials } = server;
      const region = 'us-east-1';
      vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
      const client = new TimestreamWriteClient({ endpoint, region });
      try {
        await client.send(new CreateDatabaseCommand({ DatabaseName: 'cobranca' }));
        await client.send(new CreateTableCommand({ DatabaseName: 'cobranca', TableName: METRICS_TABLE }));
        const { metrics, events } = opened({
          metrics: 'timestream',
          metricsDatabase: 'cobranca',
          metricsRegion: region,
          awsRegion: 'sa-east-1',
          awsEndpoint: endpoint,
        });
        metrics?.add([point('lines', 3, { dimensions: { client: 'acme' } })]);
        await metrics?.close();
        expect([metrics?.dropped, events]).toEqual([0, []]);
        expect(await (await fetch(`${endpoint}/moto-api/data.json`)).text()).toContain('MeasureName');
      } finally {
        client.destroy();
        await server.close();
      }
    });
  });
}
