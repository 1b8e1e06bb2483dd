/** What a peer gathers over its records, as facts: the same sums that the kernel keeps. */
import { countsText, type Facts } from '../facts.ts';

export class PeerSums {
  #records = 0;
  #staged = 0;
  #stagedCents = 0n;
  #rejectedCents = 0n;
  /** Doubles up to here are exact with one more amount added. */
  #low = 0;
  readonly #codes = new Map<string, number>();

  /** `code` is empty for a record that passed; `cents` is below 0 where the amount could not be read. */
  add(code: string, cents: number): void {
    this.#records++;
    if (code === '') {
      this.#staged++;
      this.#low += cents;
      if (this.#low < 2 ** 52) return;
      this.#stagedCents += BigInt(this.#low);
      this.#low = 0;
      return;
    }
    if (cents > 0) this.#rejectedCents += BigInt(cents);
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
  }

  facts(): Partial<Facts> {
    return {
      records: this.#records,
      staged: this.#staged,
      centsStaged: String(this.#stagedCents + BigInt(this.#low)),
      centsRejected: String(this.#rejectedCents),
      rejectedBy: countsText(Object.fromEntries(this.#codes)),
    };
  }
}
