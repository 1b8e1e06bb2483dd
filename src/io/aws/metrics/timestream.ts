/**
 * Metrics in Timestream for LiveAnalytics: once a window, one record a series, up to 100 records a call.
 *
 * A record is of kind MULTI. Its measure name is the metric's name; its values are `value` (sums, levels), or `count`,
 * `sum`, `min` and `max` (spreads), all doubles; its time is the window's end. Its dimensions are the metric's and `writer`,
 * which tells processes apart: two records with the same name, dimensions and time are one to Timestream.
 *
 * - A call that fails is tried again by the SDK; after that its records wait for the next window, at most `waitingMax` of
 *   them, the oldest dropped first. Sending a record twice changes nothing: name, dimensions, time and values are the same.
 * - Records that Timestream rejects (a time out of its retention, a type that does not fit) are dropped and told, with its
 *   reason; the others of that call are kept by it.
 */
import { type _Record, RejectedRecordsException, WriteRecordsCommand } from '@aws-sdk/client-timestream-write';
import type { Clock } from '../../../core/clock.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { Metrics } from '../../ports/metrics.ts';
import { type Dropped, type PushOptions, pushMetrics, type Series, type Window } from './window.ts';

export interface TimestreamOptions extends PushOptions {
  readonly database: string;
  readonly table: string;
  /** Of this process: few characters, the same as long as it lives. */
  readonly writer: string;
  /** Records that may wait for a Timestream that does not answer. */
  readonly waitingMax: number;
}

/** What is used of `TimestreamWriteClient`. */
export interface TimestreamWriter {
  send(command: WriteRecordsCommand, options: { readonly abortSignal: AbortSignal }): Promise<unknown>;
}

const RECORDS_MAX = 100;

interface Waiting {
  readonly record: _Record;
  readonly points: number;
}

export function openTimestreamMetrics(
  options: TimestreamOptions,
  deps: { readonly clock: Clock; readonly telemetry: Telemetry; readonly client: TimestreamWriter },
): Metrics {
  const { database, table, waitingMax } = options;
  let waiting: Waiting[] = [];

  const send = async ({ series, timeMs, last, signal }: Window): Promise<Dropped | undefined> => {
    waiting.push(...series.map((one) => ({ record: recordOf(one, timeMs, options.writer), points: one.points })));
    const dropped: Dropped[] = [];
    const left: Waiting[] = [];
    let failed = '';
    for (let at = 0; at < waiting.length; at += RECORDS_MAX) {
      const slice = waiting.slice(at, at + RECORDS_MAX);
      if (failed === '' && signal.aborted) failed = 'closed before it answered';
      // One failure speaks for the rest of this window: nobody waits for every call to fail by itself.
      if (failed !== '') {
        left.push(...slice);
        continue;
      }
      const Records = slice.map(({ record }) => record);
      const command = new WriteRecordsCommand({ DatabaseName: database, TableName: table, Records });
      try {
        await deps.client.send(command, { abortSignal: signal });
      } catch (error) {
        if (error instanceof RejectedRecordsException) dropped.push(...rejectedOf(error, slice));
        else {
          failed = nameOf(error);
          left.push(...slice);
        }
      }
    }
    const beyond = left.splice(0, Math.max(0, left.length - (last ? 0 : waitingMax)));
    waiting = left;
    if (beyond.length > 0) dropped.push({ points: pointsOf(beyond), reason: failed });
    if (dropped.length === 0) {
      if (failed !== '') deps.telemetry.emit({ name: 'metrics.late', level: 'warn', fields: { reason: failed } });
      return undefined;
    }
    const reasons = [...new Set(dropped.map(({ reason }) => reason))].slice(0, 3).join('; ');
    return { points: dropped.reduce((sum, one) => sum + one.points, 0), reason: reasons };
  };
  return pushMetrics(options, { clock: deps.clock, telemetry: deps.telemetry, send });
}

function recordOf(series: Series, timeMs: number, writer: string): _Record {
  const dimensions = { ...series.dimensions, unit: series.unit, writer };
  const double = (Name: string, value: number) => ({ Name, Value: String(value), Type: 'DOUBLE' as const });
  const { samples } = series;
  const values =
    series.kind === 'spread'
      ? [
          double(
            'count',
            samples.reduce((sum, { times }) => sum + times, 0),
          ),
          double('sum', series.value),
          double(
            'min',
            samples.reduce((least, { value }) => Math.min(least, value), Number.POSITIVE_INFINITY),
          ),
          double(
            'max',
            samples.reduce((most, { value }) => Math.max(most, value), Number.NEGATIVE_INFINITY),
          ),
        ]
      : [double('value', series.value)];
  return {
    MeasureName: series.name,
    MeasureValueType: 'MULTI',
    MeasureValues: values,
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    Time: String(timeMs),
    TimeUnit: 'MILLISECONDS',
  };
}

/** Reasons are Timestream's own sentences; they name no value of a dimension. */
function rejectedOf(error: RejectedRecordsException, slice: readonly Waiting[]): Dropped[] {
  return (error.RejectedRecords ?? []).map(({ RecordIndex, Reason }) => ({
    points: slice[RecordIndex ?? -1]?.points ?? 0,
    reason: `rejected: ${Reason ?? 'no reason given'}`,
  }));
}

function pointsOf(records: readonly Waiting[]): number {
  return records.reduce((sum, { points }) => sum + points, 0);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error);
}
