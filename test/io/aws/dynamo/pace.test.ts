import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/core/clock.ts';
import { Pace } from '../../../../src/io/aws/dynamo/pace.ts';

/** Sleeping moves time on to the end of the sleep: what waits is seen in `nowMs`, and nothing takes real time. */
class SteppingClock implements Clock {
  ms = 5000;
  sleeps = 0;
  nowMs(): number {
    return this.ms;
  }
  monotonicMs(): number {
    return this.ms;
  }
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    this.sleeps++;
    this.ms += ms;
  }
}

function makePace() {
  const clock = new SteppingClock();
  return { clock, pace: new Pace({ unitsPerSecondMin: 10, doubleMs: 4000 }, clock) };
}

/** Takes `units` a request for `ms` at whatever pace is given, or at most at `perMs`; answers the units taken. */
async function run(pace: Pace, clock: SteppingClock, ms: number, units: number, perMs: number): Promise<number> {
  const endMs = clock.ms + ms;
  let taken = 0;
  let nextMs = clock.ms;
  while (clock.ms < endMs) {
    await pace.turn(units);
    pace.taken(units);
    taken += units;
    nextMs += units / perMs;
    clock.ms = Math.max(clock.ms, Math.floor(nextMs));
  }
  return taken;
}

describe('the pace', () => {
  it('is unbounded until it is refused', async () => {
    const { clock, pace } = makePace();
    for (let i = 0; i < 100; i++) await pace.turn(1e6);
    expect(clock.sleeps).toBe(0);
  });

  it('is halved by a refusal, from what had been taken', async () => {
    const { clock, pace } = makePace();
    await run(pace, clock, 3000, 10, 2);
    expect(pace.refused(clock.ms)).toBe(true);
    expect(pace.unitsPerSecond).toBeGreaterThan(900);
    expect(pace.unitsPerSecond).toBeLessThan(1100);
  });

  it('is cut once for requests that were under way together', async () => {
    const { clock, pace } = makePace();
    await run(pace, clock, 3000, 10, 2);
    const beganMs = clock.ms - 10;
    expect(pace.refused(beganMs)).toBe(true);
    const once = pace.unitsPerSecond;
    for (let i = 0; i < 7; i++) expect(pace.refused(beganMs)).toBe(false);
    expect(pace.unitsPerSecond).toBe(once);
    clock.ms += 100;
    expect(pace.refused(clock.ms - 50)).toBe(true);
    expect(pace.unitsPerSecond).toBeLessThan(once);
  });

  it('makes senders wait their turn: so many units a second and no more', async () => {
    const { clock, pace } = makePace();
    await run(pace, clock, 3000, 10, 2);
    pace.refused(clock.ms);
    const taken = await run(pace, clock, 1000, 10, 1000);
    expect(taken).toBeGreaterThan(900);
    expect(taken).toBeLessThan(1300);
    expect(clock.sleeps).toBeGreaterThan(50);
  });

  it('is where it was after the time of doubling, and goes on', async () => {
    const { clock, pace } = makePace();
    await run(pace, clock, 3000, 10, 2);
    pace.refused(clock.ms);
    const cut = pace.unitsPerSecond;
    clock.ms += 4000;
    expect(pace.unitsPerSecond).toBeCloseTo(cut * 2);
    clock.ms += 4000;
    expect(pace.unitsPerSecond).toBeCloseTo(cut * 4);
  });

  it('never falls below its least, however often it is refused', async () => {
    const { clock, pace } = makePace();
    for (let i = 0; i < 100; i++) {
      clock.ms += 5;
      pace.refused(clock.ms);
    }
    expect(pace.unitsPerSecond).toBe(10);
    await pace.turn(10);
    const beforeMs = clock.ms;
    await pace.turn(10);
    expect(clock.ms - beforeMs).toBeLessThanOrEqual(1000);
  });

  it('settles near what the service can take', async () => {
    const { clock, pace } = makePace();
    // A service of 400 units a second, counted over each tenth of a second.
    let windowMs = 0;
    let inWindow = 0;
    let taken = 0;
    const endMs = clock.ms + 60_000;
    while (clock.ms < endMs) {
      const beganMs = await pace.turn(5);
      if (Math.floor(clock.ms / 100) !== windowMs) {
        windowMs = Math.floor(clock.ms / 100);
        inWindow = 0;
      }
      clock.ms += 1;
      if (inWindow + 5 > 40) pace.refused(beganMs);
      else {
        inWindow += 5;
        taken += 5;
        pace.taken(5);
      }
    }
    expect(taken).toBeGreaterThan(60 * 400 * 0.6);
  });
});
