/**
 * Which of the records with one reference is registered, where a file has several: the profile's policy, applied to the
 * records that passed every check.
 *
 * - `first`: the first one; later ones are duplicates of it.
 * - `last`: the last one; earlier ones are duplicates of it.
 * - `reject`: the first one; later ones are rejected.
 * - `reject-all`: none.
 *
 * Where a record's fate depends on later ones, all of a shard are noted once before any is judged (`isLookingAhead`). What
 * comes out is a function of the records and the policy, so a replay judges alike.
 *
 * Memory: that of the table of references.
 */
import { assert } from '../../core/assert.ts';
import type { DuplicatesPolicy } from '../../kernel/plan.ts';
import type { RefTable } from '../../kernel/refTable.ts';

/** What `judge` answers, beside the place of the record that wins. */
export const WINS = 0;
export const REFUSED = -1;

/** Above every `sub`. */
const SUBS = 256;

/** Where a record stands among all of its file, as one number: a module may have made several of one line. */
export function placeOf(line: number, sub: number): number {
  return line * SUBS + sub;
}

export function lineOf(place: number): number {
  return Math.floor(place / SUBS);
}

/** In the table, instead of a place: several records have the reference. */
const REPEATED = -1;

export class Repeats {
  /** Whether all records must be noted before the first is judged. */
  readonly isLookingAhead: boolean;
  readonly #policy: DuplicatesPolicy;
  readonly #refs: RefTable;

  /** `refs` is empty, and nobody else's. */
  constructor(policy: DuplicatesPolicy, refs: RefTable) {
    this.#policy = policy;
    this.#refs = refs;
    this.isLookingAhead = policy === 'last' || policy === 'reject-all';
  }

  /** Takes note of a record; the reference is `[start, end)` of `bytes`. In the order of places. */
  note(hash: number, bytes: Uint8Array, start: number, end: number, place: number): void {
    const known = this.#refs.claim(hash, bytes, start, end, place);
    if (known !== 0) this.#refs.replace(hash, bytes, start, end, this.#policy === 'last' ? place : REPEATED);
  }

  /** WINS, REFUSED, or the place of the record that is registered instead of it. In the order of places. */
  judge(hash: number, bytes: Uint8Array, start: number, end: number, place: number): number {
    const known = this.#refs.claim(hash, bytes, start, end, place);
    if (!this.isLookingAhead) return known === 0 || this.#policy === 'first' ? known : REFUSED;
    assert(known !== 0, 'every record that is judged was noted');
    return known === place ? WINS : known === REPEATED ? REFUSED : known;
  }
}
