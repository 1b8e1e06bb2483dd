/**
 * Faults for any driver of any port: of each call it is decided whether it fails before it acts, acts and loses its
 * answer, comes late, or is made twice. By number (the Nth call of a method) or by seed.
 *
 * - `fail`: the call never reaches the store.
 * - `lose`: it acts, and its caller is told that it failed.
 * - `delay`: it is held back, and later calls overtake it: that is how calls come to be reordered.
 * - `twice`: it is made once more after it was answered, as by a network that repeats. What it answers then is lost.
 *
 * Closing and aborting are left alone: they free what is held here and answer nothing that anybody waits for.
 */
import { Fault } from '../../src/core/faults.ts';
import type { Random } from '../oracle/random.ts';
import { type Between, interposed, type PortCall } from './interpose.ts';

export type Fate = 'pass' | 'fail' | 'lose' | 'delay' | 'twice';

export type FateOf = (call: PortCall) => Fate;

export interface FaultMeans {
  /** Holds a call back for a while. */
  readonly wait: () => Promise<void>;
  /** What a call that failed throws. */
  readonly fault?: () => Error;
}

export const UNTOUCHED: ReadonlySet<string> = new Set(['close', 'abort', 'return']);

/**
 * What a repeated call may not do twice and still be the same call: conditional writes tell a repetition as somebody
 * else's write, and their drivers see to that themselves; a receive takes other messages; what was opened is read once; an
 * object that is put again is another state of it (S3 tells equal bytes by an equal ETag, or keeps the version).
 */
const ONCE: ReadonlySet<string> = new Set([
  'put',
  'replace',
  'requeue',
  'takeTurns',
  'receive',
  'ack',
  'extend',
  'release',
  'redrive',
  'read',
  'next',
  'write',
  'commit',
  'open',
  'openRange',
  'create',
  'add',
  'register',
]);

export function mayRepeat(call: PortCall): boolean {
  return !ONCE.has(call.method);
}

export function injected(): Error {
  return new Fault('SERVICE_IO', 'injected');
}

export function faulty(fateOf: FateOf, means: FaultMeans): Between {
  const fault = means.fault ?? injected;
  return async (call, act) => {
    const fate = UNTOUCHED.has(call.method) ? 'pass' : fateOf(call);
    if (fate === 'fail') throw fault();
    if (fate === 'delay') await means.wait();
    const answer = await act();
    if (fate === 'twice' && mayRepeat(call)) {
      await means.wait();
      await act().catch(() => {});
    }
    if (fate === 'lose') throw fault();
    return answer;
  };
}

/** The Nth call (from 1) of `port.method` has this fate, all others pass. */
export function nth(port: string, method: string, n: number, fate: Fate): FateOf {
  let calls = 0;
  return (call) => {
    if (call.port !== port || call.method !== method) return 'pass';
    calls += 1;
    return calls === n ? fate : 'pass';
  };
}

/** Every call has one of these fates with the given chance. */
export function bySeed(random: Random, chance: number, fates: readonly Fate[]): FateOf {
  return () => (random.chance(chance) ? random.pick(fates) : 'pass');
}

/** A driver whose calls have fates. */
export function faultyDriver<D extends object>(port: string, driver: D, fateOf: FateOf, means: FaultMeans): D {
  return interposed(port, driver, faulty(fateOf, means));
}
