/**
 * Port: asking whoever runs this process not to end it to save capacity while it holds work.
 *
 * Contract
 * - Protection is a courtesy, never a promise: work is safe without it (leases run out, messages come again). It spares the
 *   work that would be done twice.
 * - `protect` asks for `forMs` from now, held or not; asking again begins the time anew. `release` gives it up.
 * - Neither throws, and both answer within a bounded time. An answer that was lost is `failed`: it may have taken effect.
 */

export type ProtectionAnswer =
  /** It is as was asked. */
  | { readonly kind: 'done' }
  /** Protected work keeps a deployment from ending: it is to be given up as soon as there is no work. */
  | { readonly kind: 'blocked' }
  /** This process can never be protected (it belongs to no service). */
  | { readonly kind: 'never'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface ScaleInProtection {
  protect(forMs: number): Promise<ProtectionAnswer>;
  release(): Promise<ProtectionAnswer>;
  close(): Promise<void>;
}
