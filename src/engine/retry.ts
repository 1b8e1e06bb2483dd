/** Waiting between tries: exponential with full jitter, bounded at both ends. Times in milliseconds. */

export interface Backoff {
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

/** The delay before try `attempt` (1 for the first repetition), given a random number in [0, 1). */
export function retryDelayMs(backoff: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(backoff.retryMsMax, backoff.retryMsMin * 2 ** Math.min(attempt, 30));
  return Math.round(backoff.retryMsMin + random * Math.max(0, ceiling - backoff.retryMsMin));
}
