/** The settings of metrics: a part of the table in schema.ts, which is where they are used from. */
import type { SettingSpec } from './specs.ts';

export const METRICS_SETTINGS = {
  metrics: {
    key: 'REMESSA_METRICS',
    type: 'choice',
    choices: ['none', 'emf', 'timestream'],
    default: 'none',
    means:
      'where metrics are sent, beside what Prometheus may fetch: `emf` writes them into the log for CloudWatch, `timestream` into a table',
  },
  metricsMs: {
    key: 'REMESSA_METRICS_MS',
    type: 'ms',
    min: 1000,
    max: 3_600_000,
    default: 60_000,
    means: 'how often metrics are sent',
  },
  metricsClientsMax: {
    key: 'REMESSA_METRICS_CLIENTS_MAX',
    type: 'count',
    min: 0,
    max: 10_000,
    default: 200,
    means: 'the clients whose lines are counted by themselves; those of further ones are counted together',
  },
  metricsNamespace: {
    key: 'REMESSA_METRICS_NAMESPACE',
    type: 'text',
    pattern: /^[\w.\-/#:]{1,256}$/,
    says: '1 to 256 of letters, digits and . _ - / # :',
    default: 'Remessa',
    means: "the namespace of CloudWatch's metrics",
  },
  metricsRegion: {
    key: 'REMESSA_METRICS_REGION',
    type: 'text',
    pattern: /^[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}$/,
    says: 'a region, such as us-east-1',
    default: '',
    means: 'the region of Timestream, which few regions have and São Paulo has not; without it the one of everything',
  },
  metricsDatabase: {
    key: 'REMESSA_METRICS_DATABASE',
    type: 'text',
    pattern: /^[A-Za-z0-9_.-]{3,256}$/,
    says: '3 to 256 of letters, digits and _ . -',
    default: 'remessa',
    means: "Timestream's database; its table is called `metrics`",
  },
} as const satisfies Record<string, SettingSpec>;
