/**
 * From events to metrics: one table says which points an event is worth, and every driver gets the same points.
 *
 * Promises
 * - Metrics tell work done, not the books: a range that was staged twice counts twice. The receipt is the account.
 * - Dimensions are names of stages, states, queues, outcomes, codes and routes, and the client for lines. At most `clientsMax`
 *   clients are told apart; the lines of further ones count under `other`. Digits that may be a CPF are masked in all.
 * - Whatever a driver does, the engine goes on: what it throws is told once and goes no further.
 */
import type { Clock } from '../core/clock.ts';
import { RECORD_CODES } from '../core/codes.ts';
import { maskDigits, type Telemetry, type TelemetryEvent } from '../core/telemetry.ts';
import type { MetricKind, MetricPoint, Metrics, MetricUnit } from '../io/ports/metrics.ts';

/** What an event is worth; the time and the bounds on dimensions come later. */
type Measure = Omit<MetricPoint, 'timeMs'>;
type Dimensions = Readonly<Record<string, string>>;
type Measured = (event: TelemetryEvent) => Measure[];

/** Under this name go clients beyond the bound. No client can have it: ids hold no parentheses. */
export const OTHER_CLIENTS = '(other)';
/** Under this name go the codes of modules, which are no short table of ours. */
const OTHER_CODES = '(module)';
const OUTCOMES_TOLD = ['created', 'updated', 'unchanged', 'duplicate', 'rejected'] as const;

/** Event → points. Whatever is not here is for the log alone. */
const MEASURES: Readonly<Record<string, Measured>> = {
  'range.staged': (event) => [
    sum('lines', 'count', numberOf(event, 'records'), { client: textOf(event, 'client') }),
    sum('read', 'bytes', numberOf(event, 'bytes'), { stage: 'intermediate' }),
    ...rejections(event),
    ...pace(event, 'intermediate'),
  ],
  'shard.registered': (event) => [...outcomes(event), ...rejections(event), ...pace(event, 'registering')],
  'shard.previewed': (event) => pace(event, 'preview'),
  'small.registered': (event) => [
    sum('lines', 'count', numberOf(event, 'records'), { client: textOf(event, 'client') }),
    sum('read', 'bytes', numberOf(event, 'bytes'), { stage: 'small' }),
    ...outcomes(event),
    ...rejections(event),
    ...pace(event, 'small'),
  ],
  'batch.accepted': (event) => [
    sum('batches', 'count', 1, { state: 'accepted' }),
    spread('batch_size', 'bytes', numberOf(event, 'bytes'), {}),
  ],
  // It reached no state: it is told again as long as it lasts.
  'batch.overdue': (event) => [sum('batches_overdue', 'count', 1, { state: textOf(event, 'state') })],
  'work.failed': (event) => [
    sum('failures', 'count', 1, { stage: stageOf(textOf(event, 'work')), code: textOf(event, 'code') }),
  ],
  'batch.warned': (event) => [sum('batches_warned', 'count', 1, { code: textOf(event, 'code') })],
  'rules.asked': (event) => [
    sum('rules_asked', 'count', 1, { answer: textOf(event, 'answer') }),
    spread('rules_time', 'ms', numberOf(event, 'ms'), {}),
  ],
  'module.failed': (event) => [sum('module_failures', 'count', numberOf(event, 'records'), {})],
  'arrival.refused': () => [sum('failures', 'count', 1, { stage: 'accept', code: 'ARRIVAL_REFUSED' })],
  'arrival.failed': () => [sum('failures', 'count', 1, { stage: 'accept', code: 'ARRIVAL_FAILED' })],
  'consumer.lease_lost': (event) => [sum('leases_lost', 'count', 1, { queue: textOf(event, 'queue') })],
  'dynamodb.slower': (event) => [sum('throttles', 'count', 1, { operation: textOf(event, 'operation') })],
  'queue.depth': (event) => {
    const queue = textOf(event, 'queue');
    const depths = ['waiting', 'leased', 'dead'].map((state) =>
      level('queue_messages', 'count', numberOf(event, state), { queue, state }),
    );
    if (event.fields['oldestMs'] === undefined) return depths;
    return [...depths, level('queue_oldest', 'ms', numberOf(event, 'oldestMs'), { queue })];
  },
  'http.served': (event) => {
    const route = { route: textOf(event, 'route'), method: textOf(event, 'method') };
    const answered = { ...route, status: textOf(event, 'status') };
    return [
      sum('http_requests', 'count', numberOf(event, 'requests'), answered),
      ...(event.took ?? []).map(({ ms, times }) => ({ ...spread('http_time', 'ms', ms, answered), times })),
    ];
  },
  'http.use': (event) => {
    const route = { route: textOf(event, 'route'), method: textOf(event, 'method') };
    return [
      level('http_in_flight', 'count', numberOf(event, 'inFlight'), route),
      sum('http_received', 'bytes', numberOf(event, 'bytes'), route),
    ];
  },
  'pool.use': (event) => [
    level('pool_threads', 'count', numberOf(event, 'threads'), { state: 'all' }),
    level('pool_threads', 'count', numberOf(event, 'running'), { state: 'running' }),
    level('pool_queued', 'count', numberOf(event, 'queued'), {}),
  ],
};

export interface MetricsOptions {
  readonly clientsMax: number;
}

/** A sink of events that hands every driver what they are worth. `log` gets what goes wrong with that. */
export function measureInto(
  drivers: readonly Metrics[],
  options: MetricsOptions,
  deps: { readonly clock: Clock; readonly log: Telemetry },
): Telemetry {
  const bounded = boundClients(options.clientsMax);
  const told = new Set<Metrics>();
  return {
    emit(event) {
      const measures = measuresOf(event);
      if (measures.length === 0) return;
      const timeMs = deps.clock.nowMs();
      const points = measures.filter(isWorthy).map((measure) => ({
        ...measure,
        dimensions: cleaned(bounded(measure.dimensions)),
        timeMs,
      }));
      for (const driver of drivers) {
        try {
          driver.add(points);
        } catch (error) {
          if (told.has(driver)) continue;
          told.add(driver);
          const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
          deps.log.emit({ name: 'metrics.failed', level: 'error', fields: { error: text } });
        }
      }
    },
  };
}

function measuresOf(event: TelemetryEvent): Measure[] {
  const measured = Object.hasOwn(MEASURES, event.name) ? MEASURES[event.name] : undefined;
  if (measured !== undefined) return measured(event);
  return event.name.startsWith('batch.') ? batchMoved(event) : [];
}

/** Every transition of a batch: how many reach each state, and how long after acceptance. */
function batchMoved(event: TelemetryEvent): Measure[] {
  const state = textOf(event, 'state');
  const measures = [
    sum('batches', 'count', 1, { state }),
    spread('batch_age', 'ms', numberOf(event, 'ageMs'), { state }),
  ];
  if (event.fields['code'] !== undefined && (state === 'failed' || state === 'stalled')) {
    measures.push(sum('batches_ended', 'count', 1, { state, code: textOf(event, 'code') }));
  }
  return measures;
}

/** The debts of one run of registering (a shard, a small batch), by what became of them. A preview registers none. */
function outcomes(event: TelemetryEvent): Measure[] {
  if (event.fields['mode'] === 'preview') return [];
  return OUTCOMES_TOLD.map((outcome) => spread('debts', 'count', numberOf(event, outcome), { outcome }));
}

function rejections(event: TelemetryEvent): Measure[] {
  return Object.entries(event.rejectedBy ?? {}).map(([code, records]) =>
    sum('rejections', 'count', records, { code: Object.hasOwn(RECORD_CODES, code) ? code : OTHER_CODES }),
  );
}

/** How long one piece of work of a stage took, and its lines a second. */
function pace(event: TelemetryEvent, stage: string): Measure[] {
  const ms = numberOf(event, 'ms');
  const lines = numberOf(event, 'records');
  const took = spread('stage_time', 'ms', ms, { stage });
  // Below a millisecond the clock says nothing about the pace.
  return ms > 0 ? [took, spread('stage_lines', 'per_second', (lines * 1000) / ms, { stage })] : [took];
}

/** `batch/range/7` is work of the intermediate stage; the other works bear their stage's name. */
function stageOf(work: string): string {
  const kind = work.split('/')[1] ?? '';
  if (kind === 'range') return 'intermediate';
  if (kind === 'shard') return 'registering';
  return kind;
}

function boundClients(clientsMax: number): (dimensions: Dimensions) => Dimensions {
  const known = new Set<string>();
  return (dimensions) => {
    const { client } = dimensions;
    if (client === undefined || known.has(client)) return dimensions;
    if (known.size >= clientsMax) return { ...dimensions, client: OTHER_CLIENTS };
    known.add(client);
    return dimensions;
  };
}

/** What every driver can take: no digits of a CPF, printable ASCII, neither empty nor long. */
function cleaned(dimensions: Dimensions): Dimensions {
  const clean = (value: string): string =>
    maskDigits(value)
      .replace(/[^\x20-\x7e]/g, '?')
      .slice(0, 200) || 'none';
  return Object.fromEntries(Object.entries(dimensions).map(([name, value]) => [name, clean(value)]));
}

function isWorthy(measure: Measure): boolean {
  return Number.isFinite(measure.value);
}

function measure(kind: MetricKind) {
  return (name: string, unit: MetricUnit, value: number, dimensions: Dimensions): Measure => ({
    name,
    kind,
    unit,
    value,
    dimensions,
  });
}

const sum = measure('sum');
const level = measure('level');
const spread = measure('spread');

/** `NaN`, which makes no point, where the event does not have the number. */
function numberOf(event: TelemetryEvent, field: string): number {
  const value = event.fields[field];
  return typeof value === 'number' ? value : Number.NaN;
}

function textOf(event: TelemetryEvent, field: string): string {
  const value = event.fields[field];
  return typeof value === 'string' ? value : '';
}
