/** Sums of cents: exact at any size. Small sums stay plain numbers, so adding costs nothing in the hot path. */

const FLUSH_AT = 2 ** 52;

export class CentsSum {
  #low = 0;
  #high = 0n;

  /** Adds an integer from 0 to 2^52. */
  add(cents: number): void {
    this.#low += cents;
    if (this.#low >= FLUSH_AT) {
      this.#high += BigInt(this.#low);
      this.#low = 0;
    }
  }

  total(): bigint {
    return this.#high + BigInt(this.#low);
  }
}
