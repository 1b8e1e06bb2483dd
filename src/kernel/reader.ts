/**
 * Record readers: how the bytes of a range become records, and a record fields. One for each kind of file; everything
 * after it (checks, codes, pages, rejects, line numbers, offsets, raw bytes) is the same for all kinds.
 *
 * To add one:
 * 1. Say in `plan.ts` (`RecordFormat`) what it must know. It is frozen in the batch's manifest, so it is plain data.
 * 2. Write a `RecordReader` and have `readers.ts` make it. `next` finds where the record that begins at `from` ends, and
 *    presents its fields in the order of `plan.fields`: for each the bytes of its content, trimmed or not, and their flags.
 *    They may stand in the input itself or in a buffer of the reader's own (`source`): unescaped, put together from several
 *    lines, computed. No string is needed for a field that is only checked.
 * 3. Whoever scans the file (`scan.ts`, `formats/lineScan.ts`) must find the same records: the picker's count is held against it.
 * 4. A new way for a record to be wrong is a code of `core/codes.ts`, given as `fault`.
 *
 * Promises that every reader keeps, and that tests hold it to: nothing throws on data; no I/O; what it answers for a record
 * is a function of the record's bytes (and at most `LOOK_AHEAD_BYTES` behind them, less only where the range ends) and the
 * plan, however the input is cut, and however often a record was tried before it was whole.
 */
/** The fields of one record, of the plan's number and in its order. */
export interface RecordFields {
  /** Of each field its content: `[start, end)` in the bytes it was read from. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Flags of `records.ts`. */
  readonly flags: Uint8Array;
  /** Id of the code of a record that is refused for its shape, whatever its fields hold; 0 for none. */
  readonly fault: number;
  /** Which field that fault is about; -1 for none. */
  readonly faultField: number;
  /** Whether the fields of a record with such a fault are there all the same, so that amount and reference can be told. */
  readonly readable: boolean;
}

export interface RecordReader {
  /** Of the record that `next` has just read. */
  readonly fields: RecordFields;
  /** The bytes in which those fields stand: the input, or a buffer of the reader. Valid until the next record. */
  readonly source: Uint8Array;
  /** What `next` went over: a record, or something that is none (an empty line, a frame), to be passed over. */
  readonly isRecord: boolean;
  /** Physical lines that end in what `next` went over. */
  readonly lines: number;
  /**
   * Goes over what begins at `from`, which is less than `to` and the start of a record or of something between records
   * (what is no record may be gone over in parts). A record for which there was no room is asked for again.
   * @param last whether the range ends at `to`
   * @param line the physical line of the byte at `from`
   * @returns the position after it; -1 where more bytes are needed to tell
   */
  next(bytes: Uint8Array, from: number, to: number, last: boolean, line: number): number;
  /** Bytes of all its fields together, where they may be more than those of the record. */
  readonly textBytes?: number;
  /** Which of the records that were made of one record of the file `fields` are those of, from 0; absent: the only one. */
  readonly sub?: number;
  /** Goes on to the next record that was made of the one that `next` has read; `false` where there is none. */
  more?(): boolean;
}

/** The most bytes behind a record that its reader looks at: the beginning of the line that may belong to it. */
export const LOOK_AHEAD_BYTES = 16;
