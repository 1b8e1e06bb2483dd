/**
 * Registers the records of a chunk with a store, also where some of them do not have columns that others have (JSON Lines: a
 * key that a record lacks keeps what is stored).
 *
 * A store that decides row by row (`registerRows`) looks at each record. One that compares many in one step is given groups of
 * records that have the same columns. Of a debt that is not stored nothing can be kept, so those are all alike: a first
 * load is one group, in the order of the table, whatever its records lack. Asking first is safe, for nobody else writes a
 * client's debts under its turn.
 *
 * Memory: the keys of one group of questions, and the record numbers once more.
 */
import type { DebtStore, Registration, WriteAnswer } from '../../io/ports/debts.ts';
import type { RecordChunk } from '../../kernel/recordChunk.ts';
import { registerRows } from './registerRows.ts';

/** Debts asked for at once. */
const ASKED_RECORDS = 2048;

/** As `DebtStore.register`, which says what the arguments are; fates are set in `chunk.outcomes`. */
export async function registerChunk(
  debts: Pick<DebtStore, 'fetch' | 'write' | 'register'>,
  registration: Registration,
  chunk: RecordChunk,
  order: Int32Array,
): Promise<WriteAnswer> {
  if (order.length === 0) return 'written';
  if (debts.register === undefined) return await registerRows(debts, registration, chunk, order, chunk.outcomes);
  if (!isAlike(chunk, order)) await keepOnlyWhatIsStored(debts, registration.client, chunk, order);
  for (const [kept, records] of groupsOf(chunk, order)) {
    const answer = await debts.register(withoutKept(registration, kept), chunk, records, chunk.outcomes);
    if (answer === 'superseded') return answer;
  }
  return 'written';
}

function isAlike(chunk: RecordChunk, order: Int32Array): boolean {
  const first = chunk.kept[order[0] as number];
  return order.every((i) => chunk.kept[i] === first);
}

async function keepOnlyWhatIsStored(
  debts: Pick<DebtStore, 'fetch'>,
  client: string,
  chunk: RecordChunk,
  order: Int32Array,
): Promise<void> {
  const keeping = order.filter((i) => chunk.kept[i] !== 0);
  for (let from = 0; from < keeping.length; from += ASKED_RECORDS) {
    const asked = keeping.subarray(from, from + ASKED_RECORDS);
    const keys = Array.from(asked, (i) => ({ refHash: chunk.hashes[i] as number, externalRef: chunk.ref(i) }));
    const stored = await debts.fetch(client, keys);
    for (const [k, i] of asked.entries()) if (stored[k] === undefined) chunk.kept[i] = 0;
  }
}

/** The records by the columns that they keep, each group in the order they came in. */
function groupsOf(chunk: RecordChunk, order: Int32Array): Iterable<readonly [kept: number, records: Int32Array]> {
  if (isAlike(chunk, order)) return [[chunk.kept[order[0] as number] as number, order]];
  const groups = Map.groupBy(order, (i) => chunk.kept[i] as number);
  return [...groups].map(([kept, records]) => [kept, Int32Array.from(records)] as const);
}

function withoutKept(registration: Registration, kept: number): Registration {
  if (kept === 0) return registration;
  const hasOptional = registration.hasOptional.map((has, k) => has && ((kept >> k) & 1) === 0);
  return { ...registration, hasOptional };
}
