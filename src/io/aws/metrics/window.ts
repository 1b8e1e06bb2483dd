/**
 * The points of one window of time, folded by series (a name and the values of its dimensions), and the loop that sends
 * window after window. What the pushing drivers of metrics share.
 *
 * Invariants: at most `seriesMax` series and, of each spread, `samplesMax` points are held; what goes beyond is counted as
 * dropped. A sum or level is one number however many points it was made of. Times are milliseconds.
 */
import type { Clock } from '../../../core/clock.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { MetricPoint, Metrics } from '../../ports/metrics.ts';

/** A value of a spread, and how often it was seen. */
export interface Sample {
  readonly value: number;
  readonly times: number;
}

export interface Series extends Pick<MetricPoint, 'name' | 'kind' | 'unit' | 'dimensions'> {
  /** Points it was made of. */
  points: number;
  /** The sum of a sum, the last value of a level, the sum of a spread's values. */
  value: number;
  /** A spread's values in the order they came; empty for the others. */
  readonly samples: Sample[];
}

export interface WindowBounds {
  readonly seriesMax: number;
  readonly samplesMax: number;
}

export class MetricWindow {
  readonly #bounds: WindowBounds;
  #series = new Map<string, Series>();

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  /** Whether the point was taken. */
  add(point: MetricPoint): boolean {
    const { name, kind, unit, dimensions, value, times = 1 } = point;
    const key = JSON.stringify([name, ...Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= this.#bounds.seriesMax) return false;
      series = { name, kind, unit, dimensions, points: 0, value: 0, samples: [] };
      this.#series.set(key, series);
    }
    if (kind === 'spread') {
      if (series.samples.length >= this.#bounds.samplesMax) return false;
      series.samples.push({ value, times });
    }
    series.points += 1;
    series.value = kind === 'level' ? value : series.value + value * times;
    return true;
  }

  /** The series of this window; a new one begins. */
  take(): Series[] {
    const taken = [...this.#series.values()];
    this.#series = new Map();
    return taken;
  }
}

export interface PushOptions extends WindowBounds {
  readonly everyMs: number;
  /** What `close` may take. */
  readonly closeMs: number;
}

export interface Window {
  /** Empty where nothing was added: what an earlier window left may be sent. */
  readonly series: readonly Series[];
  /** Wall time, later than that of any window before. */
  readonly timeMs: number;
  /** No window follows: what cannot be sent now is given up. */
  readonly last: boolean;
  /** Aborts when the time for closing is over. */
  readonly signal: AbortSignal;
}

/** Sends one window; resolves with the points it gave up, and why. What it throws gives up the whole window. */
export type Send = (window: Window) => Promise<Dropped | undefined>;

export interface Dropped {
  readonly points: number;
  readonly reason: string;
}

/** The port over `send`: windows of `everyMs`, one sending at a time, what was dropped told once a sending. */
export function pushMetrics(
  options: PushOptions,
  deps: { readonly clock: Clock; readonly telemetry: Telemetry; readonly send: Send },
): Metrics {
  const { clock, telemetry } = deps;
  const window = new MetricWindow(options);
  const ending = new AbortController();
  const givingUp = new AbortController();
  let dropped = 0;
  let beyond = 0;
  let lastMs = 0;

  const tell = (points: number, reason: string): void => {
    if (points === 0) return;
    dropped += points;
    telemetry.emit({ name: 'metrics.dropped', level: 'warn', fields: { points, reason } });
  };
  const flush = async (last: boolean): Promise<void> => {
    const series = window.take();
    const refused = beyond;
    beyond = 0;
    const points = series.reduce((sum, one) => sum + one.points, 0);
    // Two windows never have the same time, even where the clock was set back.
    lastMs = Math.max(lastMs + 1, clock.nowMs());
    let lost: Dropped | undefined;
    try {
      lost = await deps.send({ series, timeMs: lastMs, last, signal: givingUp.signal });
    } catch (error) {
      lost = { points, reason: error instanceof Error ? error.message : String(error) };
    }
    const reasons = [...(refused > 0 ? ['more than is held of one window'] : []), ...(lost ? [lost.reason] : [])];
    tell(refused + (lost?.points ?? 0), reasons.join('; '));
  };
  const running = (async () => {
    while (!ending.signal.aborted) {
      await clock.sleep(options.everyMs, ending.signal);
      if (!ending.signal.aborted) await flush(false);
    }
    await flush(true);
  })();
  let closed: Promise<void> | undefined;
  return {
    get dropped() {
      return dropped + beyond;
    },
    add(points) {
      for (const point of points) if (ending.signal.aborted || !window.add(point)) beyond += 1;
    },
    close() {
      closed ??= (async () => {
        ending.abort();
        const over = new AbortController();
        const late = clock.sleep(options.closeMs, over.signal).then(() => givingUp.abort());
        await Promise.race([running, late]);
        over.abort();
      })();
      return closed;
    },
  };
}
