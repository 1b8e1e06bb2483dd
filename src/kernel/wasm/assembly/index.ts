/** What the host calls. Addresses and sizes are bytes; lines, offsets and sums of cents cross as 64-bit integers. */
import { fillDocumentShapes } from './documents.ts';
import { fillEmailClasses } from './exact.ts';
import { exactRecords, feed as feedRecords, tooLong } from './feed.ts';
import {
  ABSENT,
  CODE_COUNTS,
  COLUMN_COUNT,
  CONSTANTS,
  CONSTANTS_BYTES_MAX,
  IGNORED_COLUMN,
  KIND_COLUMN,
  place,
  PLAN_COLUMNS,
  PLAN_SLOTS,
  RECODED,
  SCAN_LANES,
  setDocumentKind,
  setDocuments as setDocumentReading,
  setKindSlot,
  setNotation,
  setPlan,
  setRegions,
  SHARD_BYTES,
  SHARDS,
  VALUE_AT,
  VALUE_BYTES,
  WORD_BYTES_MAX,
  WORD_ENTRY_BYTES,
  WORDS,
  WORDS_MAX,
} from './layout.ts';
import {
  beginOutput,
  fullShard,
  rejected,
  rejectedHigh,
  rejectedLow,
  rejectsFull as blockFull,
  staged,
  stagedHigh,
  stagedLow,
  takePage,
  takeRejects,
} from './pack.ts';
import { fillShapes } from './quick.ts';
import { scan } from './scan.ts';
import { fillClasses } from './split.ts';

// Not `export … from`: there the compiler takes the extension for part of the name and loads the file a second time.
export { CODE_COUNTS, CONSTANTS, CONSTANTS_BYTES_MAX, RECODED, SCAN_LANES, scan, SHARD_BYTES, SHARDS };
export { WORD_BYTES_MAX, WORD_ENTRY_BYTES, WORDS, WORDS_MAX };
export { rejected, rejectedHigh, rejectedLow, staged, stagedHigh, stagedLow, takePage, takeRejects };

/** Once a memory: where the host placed the large regions. */
export function open(scratch: usize, rejects: usize, slab: usize, recordBytes: usize): void {
  setRegions(scratch, rejects, slab, recordBytes);
  fillDocumentShapes();
  fillEmailClasses();
  fillShapes();
}

/** Before the first column of a plan: `setColumn` then names the column of each field. */
export function begin(
  delimiter: u32,
  quote: u32,
  fields: u32,
  shards: u32,
  pageBytes: u32,
  hashSeed: u32,
  line: i64,
  offset: i64,
): void {
  setPlan(<u8>delimiter, <u8>quote, fields, shards, pageBytes, hashSeed, line, offset);
  memory.fill(VALUE_AT, 0, COLUMN_COUNT << 2);
  memory.fill(VALUE_BYTES, 0, COLUMN_COUNT << 2);
  memory.fill(PLAN_SLOTS, 0xff, COLUMN_COUNT << 2);
  setKindSlot(ABSENT);
  fillClasses();
  beginOutput();
}

export function setColumn(field: u32, column: u32): void {
  store<u8>(PLAN_COLUMNS + field, column);
  if (column == KIND_COLUMN) setKindSlot(field << 2);
  else if (column != IGNORED_COLUMN) store<u32>(PLAN_SLOTS + (column << 2), field << 2);
}

/** After `begin`: how values are written. `RECODED` then stands filled where the encoding has one byte a character. */
export function setReading(
  oneByte: bool,
  decimal: u32,
  thousands: u32,
  dateForm: u32,
  pivot: u32,
  required: u32,
  constantBytes: u32,
): void {
  setNotation(oneByte, <u8>decimal, <u8>thousands, dateForm, pivot, required, constantBytes);
}

/**
 * After `begin`: of which kind all documents are, or, where a field says it, how many words stand in `WORDS`; `any` where they
 * are others than bare CPFs.
 */
export function setDocuments(any: bool, kind: i32, zeroPadded: bool, words: u32, pageVersion: u32): void {
  setDocumentReading(any, zeroPadded, words, pageVersion);
  setDocumentKind(kind);
}

/** After `begin`: the text of a column that no field has, in `CONSTANTS`. */
export function fixColumn(column: u32, at: u32, bytes: u32): void {
  place(column, CONSTANTS + at, bytes);
}

/** Position up to which whole records of `[from, to)` were consumed; 0 where a record is longer than there is room for. */
export function feed(from: usize, to: usize, last: bool): usize {
  const at = feedRecords(from, to, last);
  return tooLong ? 0 : at;
}

/** The shard whose page must be taken; -1 for none. */
export function pageFull(): i32 {
  return fullShard;
}

export function rejectsFull(): bool {
  return blockFull();
}

/** Of everything fed to this instance: how many records the quick way left. */
export function exactTaken(): u32 {
  return exactRecords;
}
