/**
 * How far a file is, on stderr: one line with a bar on a terminal; elsewhere a plain line when the stage changes and at
 * most every few seconds.
 *
 * Promises: it never throws and never holds the work up, whatever the totals are and whoever closes the output; it shows
 * no name and no value. Rates are taken over the last seconds of the present stage. MB is 10^6 bytes.
 */
import { Writable } from 'node:stream';
import cliProgress from 'cli-progress';
import type { Clock } from '../core/clock.ts';
import type { Output } from './context.ts';

export type ProgressStage = 'copying' | 'picking' | 'processing' | 'previewing' | 'registering' | 'finishing';

/** Totals are 0 while they are not known. */
export interface ProgressPoint {
  readonly stage: ProgressStage;
  readonly bytes: number;
  readonly bytesTotal: number;
  readonly records: number;
  readonly recordsTotal: number;
}

export interface Progress {
  /** Cheap enough to be called for every event; what is shown is thinned out here. */
  update(point: ProgressPoint): void;
  /** Shows where it ended and leaves the terminal as it was; safe to call twice. */
  end(): void;
}

const PLAIN_LINE_MS = 5000;
const WINDOW_MS = 5000;
const SAMPLE_MS = 200;

/** `totals.bytes` stands in for a point's total while that is 0. */
export function createProgress(output: Output, clock: Clock, totals: { readonly bytes: number }): Progress {
  const window = createWindow(clock);
  const view = output.isTerminal ? createBar(output) : createPlainLines(output, clock);
  let last: ProgressPoint | undefined;
  let ended = false;
  return {
    update(point) {
      if (ended) return;
      const isNewStage = point.stage !== last?.stage;
      last = point.bytesTotal > 0 ? point : { ...point, bytesTotal: totals.bytes };
      if (isNewStage) window.clear();
      window.add(last);
      view.show(describe(last, window.rates()), isNewStage);
    },
    end() {
      if (ended) return;
      ended = true;
      view.end();
    },
  };
}

interface Rates {
  readonly bytesPerSecond: number;
  readonly recordsPerSecond: number;
}

interface Shown {
  readonly stage: ProgressStage;
  /** What the bar counts: records where their number is known, bytes otherwise. */
  readonly done: number;
  readonly total: number;
  /** `12,345 lines  67,890 lines/s  12.3 MB/s`, as far as known. */
  readonly rates: string;
  /** `0:42`, or empty where nothing can be foretold. */
  readonly left: string;
}

function describe(point: ProgressPoint, rates: Rates): Shown {
  const byRecords = point.recordsTotal > 0;
  const total = byRecords ? point.recordsTotal : point.bytesTotal;
  const done = Math.min(byRecords ? point.records : point.bytes, total);
  const perSecond = byRecords ? rates.recordsPerSecond : rates.bytesPerSecond;
  const parts = [
    rates.recordsPerSecond > 0 ? `${grouped(rates.recordsPerSecond)} lines/s` : '',
    rates.bytesPerSecond > 0 ? `${(rates.bytesPerSecond / 1e6).toFixed(1)} MB/s` : '',
  ];
  return {
    stage: point.stage,
    done,
    total,
    rates: parts.filter((part) => part !== '').join('  '),
    left: perSecond > 0 && total > done ? durationText((total - done) / perSecond) : '',
  };
}

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
  readonly records: number;
}

/** The last seconds of one stage, in at most `WINDOW_MS / SAMPLE_MS` samples besides the newest. */
function createWindow(clock: Clock) {
  let samples: Sample[] = [];
  let newest: Sample | undefined;
  return {
    clear() {
      samples = [];
      newest = undefined;
    },
    add(point: ProgressPoint) {
      const atMs = clock.monotonicMs();
      newest = { atMs, bytes: point.bytes, records: point.records };
      const before = samples.at(-1);
      if (before === undefined || atMs - before.atMs >= SAMPLE_MS) samples.push(newest);
      // The oldest one kept is the last that is a whole window away, so that slow updates still have a rate.
      while (samples.length > 1 && atMs - (samples[1]?.atMs ?? atMs) >= WINDOW_MS) samples.shift();
    },
    rates(): Rates {
      const oldest = samples[0];
      if (oldest === undefined || newest === undefined || newest.atMs <= oldest.atMs) {
        return { bytesPerSecond: 0, recordsPerSecond: 0 };
      }
      const seconds = (newest.atMs - oldest.atMs) / 1000;
      return {
        bytesPerSecond: Math.max(0, (newest.bytes - oldest.bytes) / seconds),
        recordsPerSecond: Math.max(0, (newest.records - oldest.records) / seconds),
      };
    },
  };
}

interface View {
  show(shown: Shown, isNewStage: boolean): void;
  end(): void;
}

function createPlainLines(output: Output, clock: Clock): View {
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let waiting: Shown | undefined;
  const print = (shown: Shown): void => {
    shownAtMs = clock.monotonicMs();
    waiting = undefined;
    const percent = shown.total > 0 ? `${percentOf(shown)}%` : '';
    const left = shown.left === '' ? '' : `${shown.left} left`;
    const parts = [shown.stage, percent, shown.rates, left].filter((part) => part !== '');
    writeQuietly(output, `${parts.join('  ')}\n`);
  };
  return {
    show(shown, isNewStage) {
      if (isNewStage && waiting !== undefined) print(waiting);
      if (isNewStage || clock.monotonicMs() - shownAtMs >= PLAIN_LINE_MS) print(shown);
      else waiting = shown;
    },
    end() {
      if (waiting !== undefined) print(waiting);
    },
  };
}

/** Characters of a line besides the bar: stage, brackets, percent, both rates and the time left. */
const BESIDES_BAR = 62;

function createBar(output: Output): View {
  const stream = Object.assign(
    new Writable({
      decodeStrings: false,
      write(chunk: string | Uint8Array, _encoding, done) {
        output.write(chunk).then(
          () => done(),
          () => done(),
        );
      },
    }),
    { isTTY: true, columns: output.columns },
  );
  const bar = new cliProgress.SingleBar(
    {
      stream,
      format: '{stage} [{bar}] {percentage}%  {rates}{left}',
      barsize: Math.min(40, Math.max(8, output.columns - BESIDES_BAR)),
      barCompleteChar: '=',
      barIncompleteChar: '-',
      emptyOnZero: true,
      hideCursor: true,
      fps: 10,
    },
    cliProgress.Presets.legacy,
  );
  let isStarted = false;
  const payloadOf = (shown: Shown): object => ({
    stage: shown.stage.padEnd('registering'.length),
    rates: shown.rates,
    left: shown.left === '' ? '' : `  ETA ${shown.left}`,
  });
  return {
    show(shown) {
      if (!isStarted) {
        bar.start(shown.total, shown.done, payloadOf(shown));
        isStarted = true;
        return;
      }
      bar.setTotal(shown.total);
      bar.update(shown.done, payloadOf(shown));
    },
    end() {
      if (isStarted) bar.stop();
    },
  };
}

function writeQuietly(output: Output, text: string): void {
  output.write(text).catch(() => {
    // Progress is a courtesy: an output that nobody reads must not end the work.
  });
}

function percentOf(shown: Shown): number {
  return shown.total > 0 ? Math.floor((100 * shown.done) / shown.total) : 0;
}

function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `0:42`, `12:05`, `3:00:59`. */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
