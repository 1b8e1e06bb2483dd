/**
 * The index of documents: for each client, runs of entries sorted by (document, hash of the reference).
 *
 * Every write of debts appends one run, which costs next to nothing; looking up walks one block of each run; when idle,
 * runs are merged. Entries are never taken away by a write, so an entry may be out of date or stand in two runs: whoever
 * looks up checks the debt's row.
 *
 * A document is a number there: a CPF its own digits, a CNPJ a remainder above all of them, which other CNPJs may share.
 * What is found under a number is therefore only ever a place to look.
 *
 * An entry is 9 bytes, so ordered that comparing bytes orders entries: u40 the document as a number, u32 the hash, both
 * big-endian. A block holds up to `BLOCK_ENTRIES`, so that it stays inside a page of the B-tree.
 */
import { assert } from '../../../core/assert.ts';
import type { Sqlite } from '../sqlite.ts';

export const ENTRY_BYTES = 9;
/** 1,980 bytes: beyond 2,030 SQLite would move a part of the row to another page (page size 8,192). */
export const BLOCK_ENTRIES = 220;

/** The most runs merged at once, and the most entries: 9 MB read and written in one transaction. */
const MERGE_RUNS_MAX = 32;
const MERGE_ENTRIES_MAX = 1_000_000;

/** Numbers below it are CPFs. */
const CNPJS_FROM = 1e11;
/** The largest prime that keeps all numbers below 2^37, as `POSITIONS` asks for. */
const CNPJ_MODULUS = 37_438_953_463;
/** Characters of a CNPJ, less `0`: up to `Z`. */
const CNPJ_RADIX = 43;
const CNPJ_CHARACTERS = 14;

/** The number of a document of up to 11 digits or of a CNPJ, or -1 for none (the empty document of a tombstone). */
export function documentNumber(document: string): number {
  if (document === '') return -1;
  if (document.length === CNPJ_CHARACTERS) return cnpjNumber(Buffer.from(document, 'latin1'), 0);
  assert(/^[0-9]{1,11}$/.test(document), 'a document is digits');
  return Number(document);
}

/** Of the 14 characters at `at`. */
export function cnpjNumber(bytes: Uint8Array, at: number): number {
  let rest = 0;
  for (let i = at; i < at + CNPJ_CHARACTERS; i += 2) {
    const pair = (bytes[i] - 0x30) * CNPJ_RADIX + bytes[i + 1] - 0x30;
    rest = (rest * CNPJ_RADIX * CNPJ_RADIX + pair) % CNPJ_MODULUS;
  }
  return CNPJS_FROM + rest;
}

/** The most entries of one write: so many times the largest document is still exact in a double. */
export const POSITIONS = 65_536;

/** Sorted, encoded entries, each once, from pairs (document, hash). */
export function encodeRun(documents: ArrayLike<number>, hashes: ArrayLike<number>): Buffer {
  // The position rides in the low digits of the key: a typed sort of numbers is many times faster than one by callback.
  // It leaves pairs of equal documents in the order of writing, so these are put in the order of their hashes below.
  const count = documents.length;
  assert(count <= POSITIONS, 'a run of one write is bounded');
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = documents[i] * POSITIONS + i;
  keys.sort();
  const run = Buffer.allocUnsafe(count * ENTRY_BYTES);
  let at = 0;
  for (let from = 0; from < count; ) {
    const document = Math.floor(keys[from] / POSITIONS);
    const first = document * POSITIONS;
    let to = from + 1;
    while (to < count && keys[to] < first + POSITIONS) to++;
    if (to === from + 1) at = putEntry(run, at, document, hashes[keys[from] - first]);
    else {
      const alike = Float64Array.from(keys.subarray(from, to), (key) => hashes[key - first]).sort();
      for (let i = 0; i < alike.length; i++) {
        if (i === 0 || alike[i] !== alike[i - 1]) at = putEntry(run, at, document, alike[i]);
      }
    }
    from = to;
  }
  return run.subarray(0, at);
}

/** By single bytes: `writeUIntBE` cost more than sorting the entry. */
function putEntry(run: Uint8Array, at: number, document: number, hash: number): number {
  const low = document >>> 0;
  run[at] = Math.floor(document / 0x1_0000_0000);
  run[at + 1] = low >>> 24;
  run[at + 2] = low >>> 16;
  run[at + 3] = low >>> 8;
  run[at + 4] = low;
  run[at + 5] = hash >>> 24;
  run[at + 6] = hash >>> 16;
  run[at + 7] = hash >>> 8;
  run[at + 8] = hash;
  return at + ENTRY_BYTES;
}

/** Adds a run to the client's index; inside the caller's transaction. `run` is what `encodeRun` made. */
export function appendRun(db: Sqlite, client: string, run: Buffer): void {
  if (run.length === 0) return;
  const writer = new RunWriter(db, client);
  for (let at = 0; at < run.length; at += ENTRY_BYTES * BLOCK_ENTRIES) {
    writer.block(run.subarray(at, Math.min(run.length, at + ENTRY_BYTES * BLOCK_ENTRIES)));
  }
  writer.end();
}

/** In each run: the block that begins at or before the document's first possible entry, and those that begin inside. */
const BLOCKS_OF_DOCUMENT = `FROM document_runs r JOIN document_blocks b ON b.client = r.client AND b.run = r.run
      WHERE r.client = ?1 AND b.first_entry <= ?3 AND b.first_entry >= coalesce(
        (SELECT max(m.first_entry) FROM document_blocks m
          WHERE m.client = r.client AND m.run = r.run AND m.first_entry <= ?2), x'')`;

/** Hashes of the references that the document may have, ascending, each once. */
export function hashesOf(db: Sqlite, client: string, document: number): Float64Array {
  const low = Buffer.alloc(ENTRY_BYTES);
  low.writeUIntBE(document, 0, 5);
  const high = Buffer.from(low).fill(0xff, 5);
  const found: number[] = [];
  const blocks = db.rows<{ entries: Uint8Array }>(`SELECT b.entries ${BLOCKS_OF_DOCUMENT}`, client, low, high);
  for (const { entries } of blocks) {
    const block = Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength);
    for (let at = 0; at < block.length; at += ENTRY_BYTES) {
      if (block.compare(low, 0, 5, at, at + 5) === 0) found.push(block.readUInt32BE(at + 5));
    }
  }
  return Float64Array.from(new Set(found)).sort();
}

/**
 * Merges the smallest runs of a client that has more than `runsMax`; inside the caller's transaction. Whether anything
 * was merged. Memory: one block a run.
 */
export function mergeSmallestRuns(db: Sqlite, runsMax: number): boolean {
  for (const { client } of db.rows<{ client: string }>(
    'SELECT client FROM document_runs GROUP BY client HAVING count(*) > ? ORDER BY count(*) DESC',
    runsMax,
  )) {
    const runs = smallestRuns(db, client);
    // Two that are together too large stay as they are: the number of runs is then bounded by the entries.
    if (runs.length < 2) continue;
    const writer = new RunWriter(db, client);
    writer.merge(runs.map((run) => new RunCursor(db, client, run)));
    writer.end();
    for (const run of runs) {
      db.change('DELETE FROM document_blocks WHERE client = ? AND run = ?', client, run);
      db.change('DELETE FROM document_runs WHERE client = ? AND run = ?', client, run);
    }
    return true;
  }
  return false;
}

function smallestRuns(db: Sqlite, client: string): number[] {
  const runs: number[] = [];
  let entries = 0;
  for (const row of db.rows<{ run: number; entries: number }>(
    'SELECT run, entries FROM document_runs WHERE client = ? ORDER BY entries, run LIMIT ?',
    client,
    MERGE_RUNS_MAX,
  )) {
    entries += row.entries;
    if (entries > MERGE_ENTRIES_MAX) break;
    runs.push(row.run);
  }
  return runs;
}

/**
 * Takes a document's entries out of all runs of the client, or all its runs (-1); inside the caller's transaction. An
 * entry under which a debt still stands stays: it is of another document with the same number.
 */
export function forgetDocument(db: Sqlite, client: string, document: number): void {
  if (document < 0) {
    db.change('DELETE FROM document_blocks WHERE client = ?', client);
    db.change('DELETE FROM document_runs WHERE client = ?', client);
    return;
  }
  const low = Buffer.alloc(ENTRY_BYTES);
  low.writeUIntBE(document, 0, 5);
  const high = Buffer.from(low).fill(0xff, 5);
  const blocks = db.rows<{ run: number; first_entry: Uint8Array; entries: Uint8Array }>(
    `SELECT b.run, b.first_entry, b.entries ${BLOCKS_OF_DOCUMENT}`,
    client,
    low,
    high,
  );
  for (const { run, first_entry: first, entries } of blocks) {
    const kept: Uint8Array[] = [];
    for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
      const entry = entries.subarray(at, at + ENTRY_BYTES);
      if (high.compare(entry, 0, 5, 0, 5) !== 0 || isNeeded(db, client, document, entry)) kept.push(entry);
    }
    const gone = entries.length / ENTRY_BYTES - kept.length;
    if (gone === 0) continue;
    db.change('DELETE FROM document_blocks WHERE client = ? AND run = ? AND first_entry = ?', client, run, first);
    if (kept[0] !== undefined) {
      db.change(
        'INSERT INTO document_blocks (client, run, first_entry, entries) VALUES (?, ?, ?, ?)',
        client,
        run,
        kept[0],
        Buffer.concat(kept),
      );
    }
    db.change('UPDATE document_runs SET entries = entries - ? WHERE client = ? AND run = ?', gone, client, run);
    db.change('DELETE FROM document_runs WHERE client = ? AND run = ? AND entries = 0', client, run);
  }
}

/** Whether a debt with a document of that number, and with the hash of the entry, stands. */
function isNeeded(db: Sqlite, client: string, document: number, entry: Uint8Array): boolean {
  if (document < CNPJS_FROM) return false;
  const hash = Buffer.from(entry.buffer, entry.byteOffset, ENTRY_BYTES).readUInt32BE(5);
  const standing = db.rows<{ document: string }>(
    'SELECT document FROM debts WHERE client = ? AND ref_hash = ? AND erased = 0',
    client,
    hash,
  );
  return standing.some((debt) => documentNumber(debt.document) === document);
}

class RunWriter {
  readonly #db: Sqlite;
  readonly #client: string;
  readonly #run: number;
  #entries = 0;

  constructor(db: Sqlite, client: string) {
    this.#db = db;
    this.#client = client;
    const last = db.row<{ run: number | null }>('SELECT max(run) AS run FROM document_runs WHERE client = ?', client);
    this.#run = (last?.run ?? 0) + 1;
  }

  block(entries: Buffer): void {
    this.#db.change(
      'INSERT INTO document_blocks (client, run, first_entry, entries) VALUES (?, ?, ?, ?)',
      this.#client,
      this.#run,
      entries.subarray(0, ENTRY_BYTES),
      entries,
    );
    this.#entries += entries.length / ENTRY_BYTES;
  }

  /** Writes the entries of all cursors in order, each once. */
  merge(cursors: readonly RunCursor[]): void {
    const block = Buffer.alloc(ENTRY_BYTES * BLOCK_ENTRIES);
    let filled = 0;
    let lastDocument = -1;
    let lastHash = -1;
    for (let least = leastOf(cursors); least !== undefined; least = leastOf(cursors)) {
      if (least.document !== lastDocument || least.hash !== lastHash) {
        lastDocument = least.document;
        lastHash = least.hash;
        if (filled === block.length) {
          this.block(block);
          filled = 0;
        }
        filled = block.writeUIntBE(lastDocument, filled, 5);
        filled = block.writeUInt32BE(lastHash, filled);
      }
      least.next();
    }
    if (filled > 0) this.block(block.subarray(0, filled));
  }

  end(): void {
    this.#db.change(
      'INSERT INTO document_runs (client, run, entries) VALUES (?, ?, ?)',
      this.#client,
      this.#run,
      this.#entries,
    );
  }
}

function leastOf(cursors: readonly RunCursor[]): RunCursor | undefined {
  let least: RunCursor | undefined;
  for (const cursor of cursors) {
    if (cursor.document < 0) continue;
    if (
      least === undefined ||
      cursor.document < least.document ||
      (cursor.document === least.document && cursor.hash < least.hash)
    ) {
      least = cursor;
    }
  }
  return least;
}

/** Walks the entries of a run, holding one block. */
class RunCursor {
  /** The present entry; -1 after the last. */
  document = -1;
  hash = -1;
  readonly #db: Sqlite;
  readonly #client: string;
  readonly #run: number;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;
  #first: Uint8Array = new Uint8Array(0);

  constructor(db: Sqlite, client: string, run: number) {
    this.#db = db;
    this.#client = client;
    this.#run = run;
    this.next();
  }

  next(): void {
    if (this.#at >= this.#block.length) this.#nextBlock();
    if (this.#at >= this.#block.length) {
      this.document = -1;
      return;
    }
    this.document = this.#block.readUIntBE(this.#at, 5);
    this.hash = this.#block.readUInt32BE(this.#at + 5);
    this.#at += ENTRY_BYTES;
  }

  #nextBlock(): void {
    const row = this.#db.row<{ first_entry: Uint8Array; entries: Uint8Array }>(
      `SELECT first_entry, entries FROM document_blocks
        WHERE client = ? AND run = ? AND first_entry > ? ORDER BY first_entry LIMIT 1`,
      this.#client,
      this.#run,
      this.#first,
    );
    if (row === undefined) return;
    this.#first = row.first_entry;
    this.#block = Buffer.from(row.entries.buffer, row.entries.byteOffset, row.entries.byteLength);
    this.#at = 0;
  }
}
