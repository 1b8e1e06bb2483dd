/**
 * Port: metrics, as points.
 *
 * Contract
 * - `add` returns at once and never throws: no store that is slow, refuses or is away delays or fails the engine.
 * - What is held is bounded. Points beyond the bound, and points that the store refuses, are dropped, counted in `dropped`,
 *   and told by an event `metrics.dropped` (how many, why): once a sending, or once for good where nothing is sent.
 * - `close` sends what waits, within a time of its own, and never rejects. Points added afterwards are dropped and counted.
 * - A point that was taken is reported once. A lost answer may repeat a sending, which changes nothing in the store.
 *
 * Points hold no value of a record and no file name. The values of a dimension are few: names of tables in this code, or
 * clients, of which whoever makes the points lets only so many through.
 */

/** `per_second` is a rate of whatever the name says. */
export type MetricUnit = 'count' | 'bytes' | 'ms' | 'per_second';

/** A `sum` adds up, of a `level` the last value holds, of a `spread` one wants to know smallest, largest and middle. */
export type MetricKind = 'sum' | 'level' | 'spread';

export interface MetricPoint {
  /** Lower case with underscores, without the unit: `queue_messages`. The same name always has the same unit, kind and dimension names. */
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: MetricUnit;
  /** Finite. */
  readonly value: number;
  /** Of a spread: how many values, all like this one, the point stands for; one where it is absent. */
  readonly times?: number;
  /** Values are 1 to 200 printable ASCII characters. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** Wall time, milliseconds. */
  readonly timeMs: number;
}

export interface Metrics {
  /** Points dropped since it was opened. */
  readonly dropped: number;
  add(points: readonly MetricPoint[]): void;
  close(): Promise<void>;
}
