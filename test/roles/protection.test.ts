/** The guard against scale-in, over a scripted protection, on a clock that only the test moves. */
import { describe, expect, it } from 'vitest';
import type { TelemetryEvent } from '../../src/core/telemetry.ts';
import type { ProtectionAnswer, ScaleInProtection } from '../../src/io/ports/protection.ts';
import { type GuardTiming, type ScaleInGuard, startScaleInGuard } from '../../src/roles/protection.ts';
import { FakeClock } from '../support/clock.ts';

const TIMING: GuardTiming = { lookMs: 100, forMs: 60_000, idleMs: 5000, retryMsMin: 1000, retryMsMax: 8000 };
const DONE: ProtectionAnswer = { kind: 'done' };

/** A service that remembers until when the task is protected. */
class Service implements ScaleInProtection {
  readonly asked: { readonly what: string; readonly atMs: number }[] = [];
  readonly #clock: FakeClock;
  answer: (what: string) => ProtectionAnswer = () => DONE;
  /** Takes effect even where the answer says that it failed. */
  appliesAnyway = false;
  untilMs = 0;
  closed = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get protected(): boolean {
    return this.#clock.monotonicMs() < this.untilMs;
  }

  async protect(forMs: number): Promise<ProtectionAnswer> {
    return this.#take('protect', this.#clock.monotonicMs() + forMs);
  }

  async release(): Promise<ProtectionAnswer> {
    return this.#take('release', 0);
  }

  async close(): Promise<void> {
    this.closed++;
  }

  #take(what: string, untilMs: number): ProtectionAnswer {
    this.asked.push({ what, atMs: this.#clock.monotonicMs() });
    const answer = this.answer(what);
    if (answer.kind === 'done' || this.appliesAnyway) this.untilMs = untilMs;
    return answer;
  }
}

class Scene {
  readonly clock = new FakeClock();
  readonly service = new Service(this.clock);
  readonly events: TelemetryEvent[] = [];
  busy = 0;
  readonly guard: ScaleInGuard = startScaleInGuard(TIMING, {
    protection: this.service,
    busy: () => this.busy,
    clock: this.clock,
    telemetry: { emit: (event) => void this.events.push(event) },
    randomUnit: () => 0.5,
  });

  get asked(): string[] {
    return this.service.asked.map(({ what }) => what);
  }

  refusals(): unknown[] {
    return this.events.filter((event) => event.level === 'warn').map((event) => event.fields['reason']);
  }
}

describe('the guard', () => {
  it('asks for nothing while there is no work, and leaves nothing behind', async () => {
    const scene = new Scene();
    await scene.clock.advance(10 * TIMING.forMs);
    await scene.guard.stop();
    expect(scene.asked).toEqual([]);
    expect(scene.service.closed).toBe(1);
    expect(scene.clock.sleeping).toBe(0);
  });

  it('takes protection within one look of the first work and keeps it without a gap', async () => {
    const scene = new Scene();
    scene.busy = 1;
    await scene.clock.advance(TIMING.lookMs);
    for (let steps = 0; steps < 3000; steps++) {
      expect(scene.service.protected).toBe(true);
      await scene.clock.advance(TIMING.lookMs);
    }
    // Five minutes at half of sixty seconds each, and the first.
    expect(scene.asked).toEqual(new Array(11).fill('protect'));
    await scene.guard.stop();
    expect(scene.service.protected).toBe(false);
  });

  it('does not flap with work that comes in bursts', async () => {
    const scene = new Scene();
    for (let burst = 0; burst < 20; burst++) {
      scene.busy = burst % 2;
      await scene.clock.advance(TIMING.idleMs - 2 * TIMING.lookMs);
    }
    expect(scene.asked.filter((what) => what === 'release')).toEqual([]);
    scene.busy = 0;
    await scene.clock.advance(TIMING.idleMs + TIMING.lookMs);
    expect(scene.asked.at(-1)).toBe('release');
    expect(scene.service.protected).toBe(false);
    const asked = scene.asked.length;
    await scene.clock.advance(TIMING.forMs);
    expect(scene.asked.length).toBe(asked);
    await scene.guard.stop();
  });

  it('reports a refusal, asks again after growing pauses, and is held once the service answers', async () => {
    const scene = new Scene();
    scene.service.answer = () => ({ kind: 'failed', reason: 'ThrottlingException' });
    scene.busy = 3;
    await scene.clock.advance(40_000);
    const gaps = scene.service.asked.slice(1).map(({ atMs }, i) => atMs - (scene.service.asked[i]?.atMs ?? 0));
    expect(gaps.length).toBeGreaterThan(4);
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(TIMING.retryMsMax + TIMING.lookMs);
    expect(new Set(scene.refusals())).toEqual(new Set(['ThrottlingException']));
    scene.service.answer = () => DONE;
    await scene.clock.advance(TIMING.retryMsMax);
    expect(scene.service.protected).toBe(true);
    await scene.guard.stop();
  });

  it('releases what a lost answer may have taken', async () => {
    const scene = new Scene();
    scene.service.appliesAnyway = true;
    scene.service.answer = () => ({ kind: 'failed', reason: 'UND_ERR_ABORTED' });
    scene.busy = 1;
    await scene.clock.advance(TIMING.lookMs);
    scene.busy = 0;
    scene.service.answer = () => DONE;
    await scene.clock.advance(TIMING.idleMs + TIMING.lookMs);
    expect(scene.asked).toEqual(['protect', 'release']);
    expect(scene.service.protected).toBe(false);
    await scene.guard.stop();
  });

  it('asks for the release again where that failed, but not past the expiry', async () => {
    const scene = new Scene();
    scene.service.answer = (what) => (what === 'protect' ? DONE : { kind: 'failed', reason: 'ServerException' });
    scene.busy = 1;
    await scene.clock.advance(TIMING.lookMs);
    scene.busy = 0;
    await scene.clock.advance(TIMING.forMs + TIMING.retryMsMax);
    const releases = scene.asked.length - 1;
    expect(releases).toBeGreaterThan(2);
    await scene.clock.advance(TIMING.forMs);
    expect(scene.asked.length - 1).toBe(releases);
    await scene.guard.stop();
  });

  it('lets a blocked deployment go on: no renewal counts on, released at the first quiet look', async () => {
    const scene = new Scene();
    scene.busy = 1;
    await scene.clock.advance(TIMING.lookMs);
    scene.service.answer = (what) => (what === 'protect' ? { kind: 'blocked' } : DONE);
    await scene.clock.advance(TIMING.forMs / 2 + TIMING.lookMs);
    expect(scene.refusals()).toEqual(['DEPLOYMENT_BLOCKED']);
    expect(scene.service.protected).toBe(true);
    scene.busy = 0;
    await scene.clock.advance(TIMING.lookMs);
    expect(scene.asked.at(-1)).toBe('release');
    expect(scene.service.protected).toBe(false);
    await scene.guard.stop();
  });

  it('gives up for good where the task can never be protected', async () => {
    const scene = new Scene();
    scene.service.answer = () => ({ kind: 'never', reason: 'TASK_NOT_VALID' });
    scene.busy = 1;
    await scene.clock.advance(10 * TIMING.forMs);
    await scene.guard.stop();
    expect(scene.asked).toEqual(['protect']);
    expect(scene.refusals()).toEqual(['TASK_NOT_VALID']);
  });
});
