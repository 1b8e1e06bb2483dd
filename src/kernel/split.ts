/**
 * Folds scanned pieces, in order, into the plan of a split: picks each piece's true lane, prefix-sums records and lines,
 * and cuts ranges exactly at record starts.
 *
 * Promises
 * - The ranges tile `[start, end of the input)`; each but the first begins at a record start; a record belongs to the
 *   range that holds its first byte. An input without records has no ranges.
 * - A range is closed at the first record start of the first piece in which that lies `rangeBytes` or more after the
 *   range's own start. Its CRC comes from those of the pieces; no byte is read twice.
 * - Whatever the pieces, records and faults are those of a sequential parse; of several faults, the earliest record's.
 */
import { assert } from '../core/assert.ts';
import type { Detail } from '../core/catalogue.ts';
import { crc32Concat, crc32Suffix } from './crc.ts';
import { type PieceSummary, QUOTED, RECORD_START } from './scan.ts';

export interface RangePlan {
  /** Absolute bytes `[start, end)`. */
  readonly start: number;
  readonly end: number;
  /** Records whose first byte lies in the range. */
  readonly records: number;
  /** Physical line of the byte at `start`, 1-based. */
  readonly firstLine: number;
  /** CRC-32 of the range's bytes. */
  readonly crc: number;
}

export interface SplitPlan {
  readonly ranges: RangePlan[];
  readonly records: number;
  /** LF bytes seen. */
  readonly lines: number;
  /** Of CNAB 240: the headers of its lots, in ascending order. */
  readonly lots?: readonly LotPlace[];
}

/** Where the header of a lot stands: its bytes `[start, end)`, its line end included, and its physical line. */
export interface LotPlace {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

/** Line (1-based) and absolute offset of the first byte of the record or line at fault. */
export interface SplitFault {
  readonly code: 'QUOTE_UNCLOSED' | 'RECORD_TOO_LONG' | FrameFaultCode;
  readonly detail?: Detail;
  readonly line: number;
  readonly byte: number;
}

/** What can be wrong with the headers, trailers and numbers around the records. */
export type FrameFaultCode = 'CNAB_HEADER' | 'CNAB_ORDER' | 'CNAB_COUNT' | 'CNAB_SEQUENCE' | 'CNAB_TRUNCATED';

/** What folds the pieces of a file, in order. */
export interface FileFold {
  /** Adds the piece that follows. A fault, once found, stands: nothing more need be scanned. */
  add(piece: PieceSummary): SplitFault | undefined;
  /** After the last piece. */
  finish(): SplitPlan | SplitFault;
}

export interface SplitOptions {
  /** Absolute offset and physical line of the first byte after the header record. */
  readonly start: number;
  readonly firstLine: number;
  /** Size from which a range is closed. */
  readonly rangeBytes: number;
  readonly recordBytesMax: number;
  /** Records are lines: where the input ends, so does a record, whatever the state. */
  readonly lines?: boolean;
}

export class SplitFold implements FileFold {
  readonly #options: SplitOptions;
  readonly #ranges: RangePlan[] = [];
  #fault: SplitFault | undefined;
  #state = RECORD_START;
  /** Of the next byte. */
  #offset: number;
  #line: number;
  #records = 0;
  /** The record in progress; void in the state S. */
  #openStart = -1;
  #openLine = 0;
  /** The range in progress: of what lies before `#offset`. */
  #rangeStart: number;
  #rangeLine: number;
  #rangeRecords = 0;
  #rangeCrc = 0;

  constructor(options: SplitOptions) {
    assert(options.rangeBytes >= 1 && options.recordBytesMax >= 1, 'ranges and records have room');
    this.#options = options;
    this.#offset = this.#rangeStart = options.start;
    this.#line = this.#rangeLine = options.firstLine;
  }

  add(piece: PieceSummary): SplitFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    assert(piece.offset === this.#offset, 'pieces tile the input in order');
    this.#fault = this.#follow(piece);
    if (this.#fault !== undefined) return this.#fault;
    this.#cut(piece);
    this.#state = piece.lanes[this.#state].end;
    this.#offset += piece.bytes;
    this.#line += piece.lfs;
    return undefined;
  }

  finish(): SplitPlan | SplitFault {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#state === QUOTED && this.#options.lines !== true)
      return { code: 'QUOTE_UNCLOSED', line: this.#openLine, byte: this.#openStart };
    if (this.#rangeRecords > 0) this.#closeRange(this.#offset, this.#rangeCrc);
    return { ranges: this.#ranges, records: this.#records, lines: this.#line - this.#options.firstLine };
  }

  /** Keeps track of the record in progress; checks the length of every record that is in or goes through the piece. */
  #follow(piece: PieceSummary): SplitFault | undefined {
    const lane = piece.lanes[this.#state];
    const end = piece.offset + piece.bytes;
    if (this.#state !== RECORD_START && this.#isLong(lane.openEnd < 0 ? end : lane.openEnd)) return this.#openTooLong();
    if (lane.longStart >= 0) {
      return { code: 'RECORD_TOO_LONG', line: this.#line + lane.longLfs, byte: lane.longStart };
    }
    if (lane.records === 0 || lane.end === RECORD_START) return undefined;
    this.#openStart = lane.lastStart;
    this.#openLine = this.#line + lane.lastLfs;
    return this.#isLong(end) ? this.#openTooLong() : undefined;
  }

  #isLong(end: number): boolean {
    return end - this.#openStart > this.#options.recordBytesMax;
  }

  #openTooLong(): SplitFault {
    return { code: 'RECORD_TOO_LONG', line: this.#openLine, byte: this.#openStart };
  }

  #cut(piece: PieceSummary): void {
    const lane = piece.lanes[this.#state];
    const isDue =
      lane.records > 0 && this.#rangeRecords > 0 && lane.firstStart - this.#rangeStart >= this.#options.rangeBytes;
    if (isDue) {
      const prefixBytes = lane.firstStart - piece.offset;
      const restBytes = piece.bytes - prefixBytes;
      this.#closeRange(lane.firstStart, crc32Concat(this.#rangeCrc, lane.firstCrc, prefixBytes));
      this.#rangeStart = lane.firstStart;
      this.#rangeLine = this.#line + lane.firstLfs;
      this.#rangeCrc = crc32Suffix(piece.crc, lane.firstCrc, restBytes);
    } else {
      this.#rangeCrc = crc32Concat(this.#rangeCrc, piece.crc, piece.bytes);
    }
    this.#rangeRecords += lane.records;
    this.#records += lane.records;
  }

  #closeRange(end: number, crc: number): void {
    const { length } = this.#ranges;
    assert(length === 0 || this.#ranges[length - 1].end === this.#rangeStart, 'ranges tile the input');
    this.#ranges.push({
      start: this.#rangeStart,
      end,
      records: this.#rangeRecords,
      firstLine: this.#rangeLine,
      crc,
    });
    this.#rangeRecords = 0;
  }
}
