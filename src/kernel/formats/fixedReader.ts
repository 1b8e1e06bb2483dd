/**
 * Reads lines of a fixed width: bytes are sliced first and decoded after, so that a character of two bytes moves nothing.
 * A line of another length is refused; the rest goes on.
 */
import { RECORD_CODES } from '../../core/codes.ts';
import type { FixedWidthFormat, Slice } from '../plan.ts';
import type { RecordFields, RecordReader } from '../reader.ts';
import { textFlags } from '../records.ts';
import { contentBytes, EMPTY, lineAfter, lineKind, SKIPPED } from './lineFormat.ts';

const LINE_LENGTH = RECORD_CODES.LINE_LENGTH.id;

export class FixedWidthReader implements RecordReader {
  readonly fields: SlicedFields;
  source: Uint8Array = new Uint8Array(0);
  isRecord = false;
  lines = 1;
  readonly #format: FixedWidthFormat;
  /** In the middle of a line that is passed over: those may be longer than what is fed at a time. */
  #skipping = false;

  constructor(format: FixedWidthFormat) {
    this.#format = format;
    this.fields = new SlicedFields(format.slices.length);
  }

  next(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    const format = this.#format;
    if (!this.#skipping) {
      const kind = lineKind(format, bytes, from, to, last);
      if (kind < 0) return -1;
      this.isRecord = kind !== EMPTY && kind !== SKIPPED;
      this.#skipping = kind === SKIPPED;
    }
    const next = lineAfter(format, bytes, from, to, last);
    this.lines = 1;
    if (this.#skipping) {
      if (next >= 0 || !format.lineEnds) this.#skipping = false;
      else {
        this.lines = 0;
        return to;
      }
    }
    if (next < 0 || !this.isRecord) return next;
    const { fields } = this;
    this.source = bytes;
    fields.fault = contentBytes(format, bytes, from, next) === format.lineBytes ? 0 : LINE_LENGTH;
    if (fields.fault !== 0) return next;
    for (const [field, slice] of format.slices.entries()) fields.slice(bytes, from, slice, field);
    return next;
  }
}

const SPACE = 0x20;

/** Fields that are runs of bytes at known places, the blanks around their contents left out. */
export class SlicedFields implements RecordFields {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly flags: Uint8Array;
  fault = 0;
  readonly faultField = -1;
  readable = false;

  constructor(count: number) {
    this.starts = new Int32Array(count);
    this.ends = new Int32Array(count);
    this.flags = new Uint8Array(count);
  }

  /** `line`: where the line begins that the slice is of. */
  slice(bytes: Uint8Array, line: number, slice: Slice, field: number): void {
    let start = line + slice.at;
    let end = start + slice.bytes;
    while (end > start && bytes[end - 1] === SPACE) end--;
    while (start < end && bytes[start] === SPACE) start++;
    this.starts[field] = start;
    this.ends[field] = end;
    this.flags[field] = textFlags(bytes, start, end);
  }

  empty(field: number): void {
    this.starts[field] = this.ends[field] = this.flags[field] = 0;
  }
}
