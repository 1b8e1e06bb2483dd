/**
 * Seeded randomness for tests: the same seed gives the same inputs on every machine. `REMESSA_FUZZ_SEED` sets the seed;
 * every failure prints the one it ran with.
 */

/** Tommy Ettinger's mulberry32: 32 bits of state, good enough to make inputs. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer in [min, max]. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(0, from.length - 1)]!;
  }

  shuffled<T>(from: readonly T[]): T[] {
    const out = [...from];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}

/** The seed of this run: the variable's, or a committed one, so that an ordinary run always tries the same inputs. */
export function fuzzSeed(committed: number): number {
  const set = process.env['REMESSA_FUZZ_SEED'];
  return set === undefined || set === '' ? committed : Number(set) >>> 0;
}
