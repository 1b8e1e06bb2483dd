/**
 * Port: answers to requests that carry an Idempotency-Key.
 *
 * Contract
 * - A request is named by (scope, key). `begin` claims it for `leaseMs`: of any number of callers exactly one is answered
 *   `begun` until that one finishes, abandons it or lets its lease run out.
 * - `begun` after another's lease ran out gives what that one noted, so that its effect is taken up and not made twice.
 * - `extend`, `note`, `finish` and `abandon` count only for the present owner; they answer whether they did.
 * - `finish` keeps the answer; from then on `begin` answers `done` with it, until it is older than `keepAfterMs` tells.
 * - The fingerprint is of the request; it may become known only later (`note`), when the body has been read.
 * - `remove` takes away all records of a scope; it answers how many.
 * - `sweep` removes at most `max` records created before then; it answers how many: none where the store lets
 *   them expire by itself.
 */

export interface IdempotencyName {
  /** Whose keys they are: one client's never meet another's. */
  readonly scope: string;
  readonly key: string;
}

export interface IdempotencyClaim extends IdempotencyName {
  /** Names the one that claims. */
  readonly owner: string;
}

export interface IdempotencyNote {
  readonly fingerprint: string;
  /** What is to be taken up, as the caller writes it. */
  readonly effect: string;
}

export type BeginAnswer =
  | { readonly kind: 'begun'; readonly noted: IdempotencyNote | null }
  | { readonly kind: 'running'; readonly fingerprint: string | null; readonly leaseEndsMs: number }
  | { readonly kind: 'done'; readonly fingerprint: string; readonly answer: string };

export interface IdempotencyStore {
  begin(
    claim: IdempotencyClaim & {
      readonly fingerprint: string | null;
      readonly nowMs: number;
      readonly leaseMs: number;
      /** Records created before then count no more. */
      readonly keepAfterMs: number;
    },
  ): Promise<BeginAnswer>;
  extend(claim: IdempotencyClaim, leaseEndsMs: number): Promise<boolean>;
  note(claim: IdempotencyClaim, note: IdempotencyNote): Promise<boolean>;
  finish(claim: IdempotencyClaim, fingerprint: string, answer: string): Promise<boolean>;
  abandon(claim: IdempotencyClaim): Promise<boolean>;
  remove(scope: string): Promise<number>;
  sweep(createdBeforeMs: number, max: number): Promise<number>;
}
