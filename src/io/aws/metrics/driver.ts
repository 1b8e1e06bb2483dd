/**
 * The metrics that are sent to AWS, from the settings: lines for CloudWatch in the log, or records in Timestream. Both can
 * go with any driver of the stores: a machine with a data folder may report to either.
 */
import { TimestreamWriteClient } from '@aws-sdk/client-timestream-write';
import type { Settings } from '../../../config/schema.ts';
import type { Clock } from '../../../core/clock.ts';
import { Fault } from '../../../core/faults.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { Metrics } from '../../ports/metrics.ts';
import { openEmfMetrics } from './emf.ts';
import { openTimestreamMetrics } from './timestream.ts';

export type MetricsSettings = Pick<
  Settings,
  | 'metrics'
  | 'metricsMs'
  | 'metricsClientsMax'
  | 'metricsNamespace'
  | 'metricsRegion'
  | 'metricsDatabase'
  | 'awsRegion'
  | 'awsEndpoint'
>;

export interface MetricsDeps {
  readonly clock: Clock;
  /** Of what goes wrong; must not lead back into metrics. */
  readonly telemetry: Telemetry;
  /** Where the log goes. */
  readonly write: (line: string) => void;
  /** Of this process: few characters. */
  readonly writer: string;
}

export const METRICS_TABLE = 'metrics';
/** Beside clients, series are products of short tables: stages, states, queues, outcomes, codes. */
const OTHER_SERIES_MAX = 2000;
/** Values of a spread in a window: pieces of work of all threads in a minute are below it. */
const SAMPLES_MAX = 2000;
const CLOSE_MS = 5000;
const CONNECT_MS = 3000;
const ANSWER_MS = 10_000;

/** `undefined` where nothing is to be sent. */
export function openMetrics(settings: MetricsSettings, deps: MetricsDeps): Metrics | undefined {
  const { clock, telemetry, write, writer } = deps;
  const seriesMax = settings.metricsClientsMax + OTHER_SERIES_MAX;
  const push = { everyMs: settings.metricsMs, closeMs: CLOSE_MS, seriesMax, samplesMax: SAMPLES_MAX };
  switch (settings.metrics) {
    case 'none':
      return undefined;
    case 'emf':
      return openEmfMetrics({ ...push, namespace: settings.metricsNamespace }, { clock, telemetry, write });
    case 'timestream': {
      const region = settings.metricsRegion || settings.awsRegion;
      if (region === '') {
        throw new Fault(
          'CONFIG_INVALID',
          'REMESSA_METRICS=timestream needs REMESSA_METRICS_REGION or REMESSA_AWS_REGION',
        );
      }
      const client = new TimestreamWriteClient({
        region,
        ...(settings.awsEndpoint === '' ? {} : { endpoint: settings.awsEndpoint }),
        requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS },
      });
      const options = {
        ...push,
        database: settings.metricsDatabase,
        table: METRICS_TABLE,
        writer,
        waitingMax: 2 * seriesMax,
      };
      const metrics = openTimestreamMetrics(options, { clock, telemetry, client });
      return {
        get dropped() {
          return metrics.dropped;
        },
        add: (points) => metrics.add(points),
        async close() {
          await metrics.close();
          client.destroy();
        },
      };
    }
  }
}
