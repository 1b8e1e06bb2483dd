/**
 * Time as it is given to the engine. `nowMs` is wall time (what people read); `monotonicMs` never goes back and is the
 * only one that leases and deadlines use.
 */
import { hrtime } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start; the same start for every process of one boot of the machine. */
  monotonicMs(): number;
  /** Waits; ends early, without an error, when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => Number(hrtime.bigint() / 1_000_000n),
  async sleep(ms, signal) {
    try {
      await delay(ms, undefined, signal === undefined ? undefined : { signal });
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  },
};

/** The day in São Paulo (`YYYY-MM-DD`) at an instant: the zone has had no daylight saving since 2019; Intl knows the rest. */
export function businessDay(atMs: number): string {
  return new Intl.DateTimeFormat('en-CA', {
    timeZone: 'America/Sao_Paulo',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).format(atMs);
}
