/**
 * Registering over `fetch` and `write`: for stores that cannot compare and write records in one step, and the reference
 * that those which can are held against.
 *
 * Such a store is far away: what is stored of a group is asked for while the group before it is written, and a group is
 * some dozens of its requests, so that few of them wait for the last of a group. Groups have no reference in common.
 *
 * Memory: two groups of keys and stored debts, and the rows of one: under 0.9 KB each, 5 MiB in all.
 */
import {
  DEBT_FATES,
  type DebtKey,
  type DebtStore,
  type Registration,
  type StoredDebt,
  type WriteAnswer,
} from '../../io/ports/debts.ts';
import type { RecordChunk } from '../../kernel/recordChunk.ts';
import { decide } from './decide.ts';

/** Rows read and written together. */
const GROUP_RECORDS = 2048;

const ERASED = DEBT_FATES.indexOf('erased');

/** See `DebtStore.register`. */
export async function registerRows(
  store: Pick<DebtStore, 'fetch' | 'write'>,
  registration: Registration,
  chunk: RecordChunk,
  order: Int32Array,
  fates: Uint8Array,
): Promise<WriteAnswer> {
  const ask = (from: number): Group | undefined => groupOf(store, registration.client, chunk, order, from);
  let group = ask(0);
  try {
    for (let from = GROUP_RECORDS; group !== undefined; from += GROUP_RECORDS) {
      const existing = await group.existing;
      const next = ask(from);
      const { records, keys } = group;
      group = next;
      if ((await settle(store, registration, chunk, { records, keys, existing }, fates)) === 'superseded') {
        return 'superseded';
      }
    }
    return 'written';
  } finally {
    // Nothing of this is under way once it has ended, whatever the end.
    await group?.existing.catch(() => {});
  }
}

interface Asked {
  readonly records: Int32Array;
  readonly keys: readonly DebtKey[];
}

interface Group extends Asked {
  readonly existing: Promise<readonly (StoredDebt | undefined)[]>;
}

function groupOf(
  store: Pick<DebtStore, 'fetch'>,
  client: string,
  chunk: RecordChunk,
  order: Int32Array,
  from: number,
): Group | undefined {
  if (from >= order.length) return undefined;
  const records = order.subarray(from, from + GROUP_RECORDS);
  const keys = Array.from(records, (i) => ({ refHash: chunk.hashes[i] as number, externalRef: chunk.ref(i) }));
  const existing = store.fetch(client, keys);
  // It is heard when its turn comes, which a failure of the group before may forestall.
  existing.catch(() => {});
  return { records, keys, existing };
}

async function settle(
  store: Pick<DebtStore, 'write'>,
  registration: Registration,
  chunk: RecordChunk,
  { records, keys, existing }: Asked & { readonly existing: readonly (StoredDebt | undefined)[] },
  fates: Uint8Array,
): Promise<WriteAnswer> {
  const { client, turn, mode } = registration;
  if (mode === 'apply' && existing.some((stored) => stored !== undefined && stored.turn > turn)) return 'superseded';
  const rows: StoredDebt[] = [];
  for (const [k, i] of records.entries()) {
    const stored = existing[k];
    if (stored?.erased === true) {
      fates[i] = ERASED;
      continue;
    }
    const decision = decide(registration, chunk, i, (keys[k] as DebtKey).externalRef, stored);
    fates[i] = decision.fate;
    if (decision.row !== undefined) rows.push(decision.row);
  }
  return mode === 'preview' || rows.length === 0 ? 'written' : store.write(client, turn, rows);
}
