import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgress, durationText, type ProgressPoint } from '../../src/cli/progress.ts';
import { HandClock, MemoryOutput } from './world.ts';

const START: ProgressPoint = { stage: 'copying', bytes: 0, bytesTotal: 0, records: 0, recordsTotal: 0 };

function point(given: Partial<ProgressPoint>): ProgressPoint {
  return { ...START, ...given };
}

function linesOf(output: MemoryOutput): string[] {
  return output.text.split('\n').slice(0, -1);
}

describe('on no terminal', () => {
  it('prints a line when the stage changes and at most every five seconds', () => {
    const output = new MemoryOutput();
    const clock = new HandClock();
    const progress = createProgress(output, clock, { bytes: 1000 });
    for (let second = 0; second < 12; second++) {
      progress.update(point({ stage: 'processing', records: second * 10, recordsTotal: 1000 }));
      clock.atMs += 1000;
    }
    progress.update(point({ stage: 'registering', records: 0, recordsTotal: 1000 }));
    progress.end();
    expect(linesOf(output)).toEqual([
      'processing  0%',
      'processing  5%  10 lines/s  1:35 left',
      'processing  10%  10 lines/s  1:30 left',
      'processing  11%  10 lines/s  1:29 left',
      'registering  0%',
    ]);
  });

  it('shows the last point at the end, once', () => {
    const output = new MemoryOutput();
    const clock = new HandClock();
    const progress = createProgress(output, clock, { bytes: 2_000_000 });
    progress.update(START);
    clock.atMs += 1000;
    progress.update(point({ bytes: 2_000_000 }));
    progress.end();
    progress.end();
    progress.update(point({ stage: 'finishing' }));
    expect(linesOf(output)).toEqual(['copying  0%', 'copying  100%  2.0 MB/s']);
  });

  it('takes the rate of the last seconds, not of the whole stage', () => {
    const output = new MemoryOutput();
    const clock = new HandClock();
    const progress = createProgress(output, clock, { bytes: 0 });
    const total = 1_000_000_000;
    let bytes = 0;
    const advance = (seconds: number, bytesPerSecond: number): void => {
      for (let i = 0; i < seconds * 10; i++) {
        progress.update(point({ stage: 'picking', bytes, bytesTotal: total }));
        clock.atMs += 100;
        bytes += bytesPerSecond / 10;
      }
    };
    advance(20, 1_000_000);
    advance(11, 30_000_000);
    expect(linesOf(output).at(-1)).toMatch(/ 30\.0 MB\/s /);
  });

  it('does not carry a rate over from the stage before', () => {
    const output = new MemoryOutput();
    const clock = new HandClock();
    const progress = createProgress(output, clock, { bytes: 100 });
    progress.update(point({ stage: 'picking', bytes: 0, bytesTotal: 100 }));
    clock.atMs += 1000;
    progress.update(point({ stage: 'picking', bytes: 100, bytesTotal: 100 }));
    progress.update(point({ stage: 'processing', records: 50, recordsTotal: 100, bytes: 100, bytesTotal: 100 }));
    expect(linesOf(output).at(-1)).toBe('processing  50%');
  });

  it('bears zero totals, done beyond the total, and time that stands still', () => {
    const output = new MemoryOutput();
    const progress = createProgress(output, new HandClock(), { bytes: 0 });
    progress.update(START);
    progress.update(point({ stage: 'processing', records: 5, recordsTotal: 3 }));
    progress.update(point({ stage: 'finishing', bytes: 9, bytesTotal: 0 }));
    progress.end();
    expect(linesOf(output)).toEqual(['copying', 'processing  100%', 'finishing']);
  });

  it('prints nothing where nothing happened', () => {
    const output = new MemoryOutput();
    createProgress(output, new HandClock(), { bytes: 5 }).end();
    expect(output.text).toBe('');
  });

  it('does not mind that nobody reads', async () => {
    const output = new MemoryOutput({ writesMax: 0 });
    const progress = createProgress(output, new HandClock(), { bytes: 5 });
    progress.update(START);
    progress.update(point({ stage: 'picking' }));
    progress.end();
    // A refused write that nobody handles would fail the run here.
    await new Promise((resolve) => setImmediate(resolve));
    expect(output.tried).toBe(2);
  });
});

describe('on a terminal', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function drawn(points: readonly ProgressPoint[], output: MemoryOutput): Promise<string> {
    const clock = new HandClock();
    const progress = createProgress(output, clock, { bytes: 4_000_000 });
    for (const each of points) {
      progress.update(each);
      clock.atMs += 1000;
      await vi.advanceTimersByTimeAsync(1000);
    }
    progress.end();
    await vi.advanceTimersByTimeAsync(1000);
    return output.text;
  }

  it('draws one line with a bar, rates and the time left, no wider than the terminal', async () => {
    const output = new MemoryOutput({ isTerminal: true });
    const text = await drawn(
      [
        point({ stage: 'copying', bytes: 1_000_000 }),
        point({ stage: 'copying', bytes: 2_000_000 }),
        point({ stage: 'processing', records: 0, recordsTotal: 4000, bytesTotal: 4_000_000 }),
        point({ stage: 'processing', records: 1000, recordsTotal: 4000, bytes: 1_000_000, bytesTotal: 4_000_000 }),
      ],
      output,
    );
    // biome-ignore lint/complexity/useRegexLiterals: the escape character reads better as text
    const frames = text.replace(new RegExp('\u001b(?:\\[[0-9;?]*[A-Za-z]|[78])', 'g'), '\r').split(/[\r\n]+/);
    const shown = frames.filter((frame) => frame !== '');
    expect(shown.some((frame) => /^copying +\[=+-+\] 25%/.test(frame))).toBe(true);
    expect(shown.some((frame) => /^copying +\[=+-+\] 50% {2}1\.0 MB\/s {2}ETA 0:02$/.test(frame))).toBe(true);
    expect(shown.at(-1)).toMatch(/^processing +\[=+-+\] 25% {2}1,000 lines\/s {2}1\.0 MB\/s {2}ETA 0:03$/);
    for (const frame of shown) expect(frame.length).toBeLessThan(80);
    expect(text.endsWith('\n')).toBe(true);
    expect(text).toContain('\u001b[?25h');
  });

  it('leaves no timer behind', async () => {
    await drawn([START], new MemoryOutput({ isTerminal: true }));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('bears zero totals', async () => {
    const text = await drawn([point({ stage: 'finishing' })], new MemoryOutput({ isTerminal: true }));
    expect(text).toContain('finishing');
    expect(text).not.toMatch(/NaN|Infinity/);
  });

  it('does not mind that nobody reads', async () => {
    const text = await drawn(
      [START, point({ stage: 'picking' })],
      new MemoryOutput({ isTerminal: true, writesMax: 1 }),
    );
    expect(text.length).toBeGreaterThan(0);
  });
});

describe('durations', () => {
  it.each([
    [0, '0:00'],
    [0.2, '0:01'],
    [59.9, '1:00'],
    [61, '1:01'],
    [3599, '59:59'],
    [3661, '1:01:01'],
  ])('%d s reads %s', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});
