/**
 * How a fake store waits before it acts and before it answers: that is where other callers come in between. Seeded, so
 * that an interleaving is found again.
 */
import { Random } from '../oracle/random.ts';

export type Pause = () => Promise<void>;

/** Other work that is ready runs first, nothing more. */
export const briefly: Pause = async () => {};

/** Waits for a random number of turns of the event loop, from 0 to `turnsMax`. */
export function randomly(seed: number, turnsMax = 4): Pause {
  const random = new Random(seed);
  return async () => {
    for (let turns = random.integer(0, turnsMax); turns > 0; turns--) await new Promise((next) => setImmediate(next));
  };
}

/** Random bytes from a seed: ids of attempts that a failing test makes again. */
export function seededBytes(seed: number): (size: number) => Uint8Array {
  const random = new Random(seed);
  return (size) => Uint8Array.from({ length: size }, () => random.integer(0, 255));
}
