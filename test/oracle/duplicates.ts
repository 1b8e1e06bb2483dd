/** Oracle of duplicates: all records with one reference side by side, and what the policy says of each. */
import type { DuplicatesPolicy } from '../../src/kernel/plan.ts';

export type Repeated =
  | { readonly outcome: 'duplicate'; readonly code: 'DUPLICATE_REF' | 'REF_REPLACED'; readonly winner: number }
  | { readonly outcome: 'rejected'; readonly code: 'REF_REPEATED'; readonly winner: 0 };

/** By line, what becomes of the records that are not registered; all given ones passed every check. */
export function repeatedLines(
  records: readonly { readonly ref: string; readonly line: number }[],
  policy: DuplicatesPolicy,
): ReadonlyMap<number, Repeated> {
  const fates = new Map<number, Repeated>();
  for (const alike of Map.groupBy(records, ({ ref }) => ref).values()) {
    if (alike.length < 2) continue;
    const lines = alike.map(({ line }) => line);
    const [first, last] = [Math.min(...lines), Math.max(...lines)];
    for (const line of lines) {
      if (policy === 'first' && line !== first) {
        fates.set(line, { outcome: 'duplicate', code: 'DUPLICATE_REF', winner: first });
      } else if (policy === 'last' && line !== last) {
        fates.set(line, { outcome: 'duplicate', code: 'REF_REPLACED', winner: last });
      } else if (policy === 'reject-all' || (policy === 'reject' && line !== first)) {
        fates.set(line, { outcome: 'rejected', code: 'REF_REPEATED', winner: 0 });
      }
    }
  }
  return fates;
}
