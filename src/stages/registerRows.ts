/**
 * Registering over `fetch` and `write`: for stores that cannot compare and write records in one step, and the reference
 * that those which can are held against.
 *
 * Memory: one group of keys, stored debts and rows.
 */
import { DEBT_FATES, type DebtStore, type Registration, type StoredDebt, type WriteAnswer } from '../io/ports/debts.ts';
import type { RecordChunk } from '../kernel/recordChunk.ts';
import { decide } from './decide.ts';

/** Rows read and written together. */
const GROUP_RECORDS = 8192;

const ERASED = DEBT_FATES.indexOf('erased');

/** See `DebtStore.register`. */
export async function registerRows(
  store: Pick<DebtStore, 'fetch' | 'write'>,
  registration: Registration,
  chunk: RecordChunk,
  order: Int32Array,
  fates: Uint8Array,
): Promise<WriteAnswer> {
  const { client, turn, mode } = registration;
  for (let from = 0; from < order.length; from += GROUP_RECORDS) {
    const group = order.subarray(from, from + GROUP_RECORDS);
    const keys = Array.from(group, (i) => ({ refHash: chunk.hashes[i] as number, externalRef: chunk.ref(i) }));
    const existing = await store.fetch(client, keys);
    if (mode === 'apply' && existing.some((stored) => stored !== undefined && stored.turn > turn)) return 'superseded';
    const rows: StoredDebt[] = [];
    for (const [k, i] of group.entries()) {
      const stored = existing[k];
      if (stored?.erased === true) {
        fates[i] = ERASED;
        continue;
      }
      const decision = decide(registration, chunk, i, (keys[k] as { externalRef: string }).externalRef, stored);
      fates[i] = decision.fate;
      if (decision.row !== undefined) rows.push(decision.row);
    }
    if (mode === 'preview' || rows.length === 0) continue;
    if ((await store.write(client, turn, rows)) === 'superseded') return 'superseded';
  }
  return 'written';
}
