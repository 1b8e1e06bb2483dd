/**
 * Registers records by SQL: an image of them (image.ts) is compared with the stored debts and written in one
 * statement each, a group at a time.
 *
 * Promises
 * - The same fates and rows as asking, deciding (stages/debts/decide.ts) and writing row by row; a property test holds the two
 *   against each other.
 * - A group is one transaction, durable by itself. It is made ready before the turn to write is taken.
 *
 * Memory: the image twice (SQLite keeps a copy), and 12 bytes a row of it.
 */
import { assert } from '../../../core/assert.ts';
import type { DebtRecords, Registration, WriteAnswer } from '../../ports/debts.ts';
import type { WriteTurn } from '../writeTurn.ts';
import { DEBT_COLUMNS, type DebtsDb, INCOMING } from './db.ts';
import { appendRun, encodeRun, POSITIONS } from './documentRuns.ts';
import { DebtImage } from './image.ts';

/** About 25,000 rows: long enough that a sync costs little, short enough that other writers need not wait long. */
export const IMAGE_BYTES = 4 * 1024 * 1024;

const OPTIONAL_COLUMNS = ['debtor_email', 'debtor_phone', 'creditor_name', 'account_type', 'installment'] as const;

/** Indices of DEBT_FATES. */
const CREATED = 0;
const UPDATED = 1;
const UNCHANGED = 2;
const ERASED = 3;

/** What the comparison answers for a row: one letter, so that a whole group is one string. */
const FATE_OF_LETTER: Readonly<Record<string, number>> = {
  c: CREATED,
  C: CREATED, // a replay: this very batch created it, and it stands
  u: UPDATED,
  d: UPDATED, // and its document is another one now
  U: UPDATED, // a replay
  n: UNCHANGED,
  e: ERASED,
};
const SUPERSEDED = 's';

const SAME_KEY = 'd.client = ?1 AND d.ref_hash = r.ref_hash AND d.external_ref = r.external_ref';

/** The order of these cases is the order of stages/debts/decide.ts. ?1 client, ?2 batch, ?3 turn (NULL: any). */
function compareText(hasOptional: readonly boolean[]): string {
  const same = comparedColumns(hasOptional).map((column) => `d.${column} IS r.${column}`);
  return `SELECT group_concat(fate, '' ORDER BY n) AS fates FROM (SELECT r.n, CASE
      WHEN d.client IS NULL THEN 'c'
      WHEN d.turn > ?3 THEN '${SUPERSEDED}'
      WHEN d.erased = 1 THEN 'e'
      WHEN d.changed_batch = ?2 THEN CASE WHEN d.created_batch = ?2 THEN 'C' ELSE 'U' END
      WHEN ${same.join(' AND ')} THEN 'n'
      WHEN d.document = r.document THEN 'u'
      ELSE 'd' END AS fate
    FROM ${INCOMING}.rows r LEFT JOIN main.debts d ON ${SAME_KEY})`;
}

/** Values of a new row, by column; ?1 client, ?2 batch, ?3 turn, ?4 when the turn was taken. */
const NEW_VALUES: Readonly<Record<string, string>> = {
  client: '?1',
  created_batch: '?2',
  created_line: 'line',
  changed_batch: '?2',
  changed_line: 'line',
  turn: '?3',
  created_at_ms: '?4',
  changed_at_ms: '?4',
  erased: '0',
};

const INSERT = `INSERT INTO main.debts (${DEBT_COLUMNS.join(', ')})
  SELECT ${DEBT_COLUMNS.map((column) => NEW_VALUES[column] ?? column).join(', ')} FROM ${INCOMING}.rows WHERE true`;

/** Writes what is new or differs, and leaves the rest as it is: the cases `c`, `u` and `d` of the comparison. */
function upsertText(hasOptional: readonly boolean[]): string {
  const compared = comparedColumns(hasOptional);
  const set = [...compared, 'changed_batch', 'changed_line', 'turn', 'changed_at_ms'];
  return `${INSERT}
    ON CONFLICT DO UPDATE SET ${set.map((column) => `${column} = excluded.${column}`).join(', ')}
      WHERE debts.erased = 0 AND debts.turn <= excluded.turn AND debts.changed_batch <> excluded.changed_batch
        AND NOT (${compared.map((column) => `debts.${column} IS excluded.${column}`).join(' AND ')})`;
}

/** A column absent from the file keeps the stored value: it is neither compared nor set. */
function comparedColumns(hasOptional: readonly boolean[]): string[] {
  const optional = OPTIONAL_COLUMNS.filter((_, k) => hasOptional[k] === true);
  return ['amount_cents', 'debtor_name', 'document', 'due_date', ...optional];
}

export class DebtRegister {
  readonly #db: DebtsDb;
  readonly #writeTurn: WriteTurn;
  readonly #image = new DebtImage(IMAGE_BYTES, POSITIONS);

  constructor(db: DebtsDb, writeTurn: WriteTurn) {
    this.#db = db;
    this.#writeTurn = writeTurn;
  }

  /** See the port. */
  register(registration: Registration, records: DebtRecords, order: Int32Array, fates: Uint8Array): WriteAnswer {
    for (let from = 0; from < order.length; ) {
      const to = this.#image.fill(records, order, from);
      assert(to > from, 'an image takes at least one record');
      const group = order.subarray(from, to);
      this.#db.replaceAttached(INCOMING, this.#image.bytes());
      const answer =
        registration.mode === 'preview'
          ? this.#db.transaction('read', () => this.#compare(registration, records, group, fates))
          : this.#apply(registration, records, group, fates);
      if (answer === undefined) return 'superseded';
      from = to;
    }
    return 'written';
  }

  /** One group under the turn to write; its letters, `undefined` where a debt carries a later turn. */
  #apply(registration: Registration, records: DebtRecords, group: Int32Array, fates: Uint8Array): string | undefined {
    const { client, batch, turn, turnAtMs, hasOptional } = registration;
    // Made ready outside of the transaction for the common case, a group of which nothing is stored yet.
    const allNew = encodeRun(this.#image.documents.subarray(0, group.length), this.#image.hashes);
    return this.#writeTurn.hold(() =>
      this.#db.transaction('write', () => {
        const letters = this.#compare(registration, records, group, fates);
        if (letters === undefined) return undefined;
        const changes = letters === '' ? group.length : countOf(letters, 'cud');
        if (changes === 0) return letters;
        const text = letters === '' ? INSERT : upsertText(hasOptional);
        const changed = this.#db.change(text, client, batch, turn, turnAtMs);
        assert(changed === changes, 'what is written is what the comparison said');
        appendRun(this.#db, client, letters === '' ? allNew : this.#changedRun(letters));
        return letters;
      }),
    );
  }

  /** Sets the group's fates; its letters, empty where nothing is stored near it, `undefined` where it is superseded. */
  #compare(registration: Registration, records: DebtRecords, group: Int32Array, fates: Uint8Array): string | undefined {
    const { client, batch, turn, hasOptional, mode } = registration;
    if (!this.#anyStored(client, records, group)) {
      for (const i of group) fates[i] = CREATED;
      return '';
    }
    const row = this.#db.row<{ fates: string }>(
      compareText(hasOptional),
      client,
      batch,
      mode === 'apply' ? turn : null,
    );
    const letters = row?.fates ?? '';
    assert(letters.length === group.length, 'every row of the group is compared');
    if (letters.includes(SUPERSEDED)) return undefined;
    for (let k = 0; k < group.length; k++) fates[group[k]] = FATE_OF_LETTER[letters[k]];
    return letters;
  }

  /** Whether the client has any debt between the hashes of the group: a first load asks for millions and has none. */
  #anyStored(client: string, records: DebtRecords, group: Int32Array): boolean {
    const any = this.#db.row<{ found: number }>(
      'SELECT 1 AS found FROM debts WHERE client = ? AND ref_hash BETWEEN ? AND ? LIMIT 1',
      client,
      records.hashes[group[0]],
      records.hashes[group[group.length - 1]],
    );
    return any !== undefined;
  }

  /** The index entries of those debts of the group that are new or have another document than before. */
  #changedRun(letters: string): Buffer {
    const { documents, hashes } = this.#image;
    let count = 0;
    for (let row = 0; row < letters.length; row++) {
      if (letters[row] !== 'c' && letters[row] !== 'd') continue;
      documents[count] = documents[row];
      hashes[count++] = hashes[row];
    }
    return encodeRun(documents.subarray(0, count), hashes);
  }
}

function countOf(letters: string, wanted: string): number {
  let count = 0;
  for (const letter of letters) if (wanted.includes(letter)) count++;
  return count;
}
