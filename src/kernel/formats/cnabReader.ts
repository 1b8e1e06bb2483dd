/**
 * Reads the debts of a CNAB file: the line that begins one (segment P of 240, type 1 or 7 of 400) and the lines of the same
 * debt that follow it. Headers and trailers are passed over; the scan has judged them.
 *
 * A debt is refused when one of its lines has another length, when its first line does not begin a debt, when its movement
 * does not enter one, or when its mate is missing, in this order. Of the last two amount and reference are told all the same.
 */
import { RECORD_CODES } from '../../core/codes.ts';
import { REF } from '../columns.ts';
import type { CnabFormat } from '../plan.ts';
import type { RecordReader } from '../reader.ts';
import { SlicedFields } from './fixedReader.ts';
import {
  BETWEEN,
  beginsRecord,
  contentBytes,
  EMPTY,
  FRAME,
  lineAfter,
  lineKind,
  MAIN,
  stateAfter,
  UNKNOWN,
  WANTS_MATE,
} from './lineFormat.ts';

const LINE_LENGTH = RECORD_CODES.LINE_LENGTH.id;
const LINE_UNKNOWN = RECORD_CODES.LINE_UNKNOWN.id;
const CNAB_LINE_ALONE = RECORD_CODES.CNAB_LINE_ALONE.id;
const CNAB_MOVEMENT = RECORD_CODES.CNAB_MOVEMENT.id;
const CNAB_MATE_MISSING = RECORD_CODES.CNAB_MATE_MISSING.id;

const ZERO = 0x30;
const NONE = -1;

export class CnabReader implements RecordReader {
  readonly fields: SlicedFields;
  source: Uint8Array = new Uint8Array(0);
  isRecord = false;
  lines = 1;
  readonly #format: CnabFormat;
  /** For each field the number of its kind of line, and its column. */
  readonly #lineOf: readonly number[];
  readonly #columns: readonly number[];
  /** Where the first line of each kind stands in the record; NONE for none. By segment or type, as a byte. */
  readonly #places = new Int32Array(128).fill(NONE);
  readonly #entries: readonly Uint8Array[];

  constructor(format: CnabFormat, columns: readonly number[]) {
    this.#format = format;
    this.#columns = columns;
    this.fields = new SlicedFields(columns.length);
    this.#lineOf = format.slices.map(({ line }) => line.charCodeAt(0));
    this.#entries = format.entries.map((code) => Buffer.from(code, 'latin1'));
  }

  next(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    const format = this.#format;
    const kind = lineKind(format, bytes, from, to, last);
    if (kind < 0) return -1;
    let at = lineAfter(format, bytes, from, to, last);
    if (at < 0) return -1;
    this.lines = 1;
    this.isRecord = kind !== EMPTY && kind !== FRAME;
    if (!this.isRecord) return at;
    let fault = this.#add(bytes, from, at) ? 0 : LINE_LENGTH;
    if (kind === UNKNOWN && fault === 0) fault = LINE_UNKNOWN;
    let state = stateAfter(kind, BETWEEN);
    while (at < to) {
      const following = lineKind(format, bytes, at, to, last);
      if (following < 0) return this.#tryLater();
      const after = stateAfter(following, state);
      if (after === BETWEEN || beginsRecord(following, state))
        return this.#present(bytes, from, at, kind, state, fault);
      const next = lineAfter(format, bytes, at, to, last);
      if (next < 0) return this.#tryLater();
      if (!this.#add(bytes, at, next)) fault = LINE_LENGTH;
      this.lines++;
      state = after;
      at = next;
    }
    return last ? this.#present(bytes, from, at, kind, state, fault) : this.#tryLater();
  }

  /** Remembers where a line stands; `false` where it has another length than all lines. */
  #add(bytes: Uint8Array, at: number, next: number): boolean {
    if (contentBytes(this.#format, bytes, at, next) !== this.#format.lineBytes) return false;
    const sign = bytes[at + (this.#format.kind === 'cnab-240' ? SEGMENT_AT : 0)];
    if (sign < this.#places.length && this.#places[sign] === NONE) this.#places[sign] = at;
    return true;
  }

  #tryLater(): -1 {
    this.#places.fill(NONE);
    return -1;
  }

  #present(bytes: Uint8Array, from: number, end: number, kind: number, state: number, lineFault: number): number {
    const { fields } = this;
    this.source = bytes;
    fields.readable = false;
    fields.fault = lineFault !== 0 ? lineFault : kind === MAIN ? 0 : CNAB_LINE_ALONE;
    if (fields.fault === 0) {
      if (!this.#entersDebt(bytes, from)) fields.fault = CNAB_MOVEMENT;
      else if (state === WANTS_MATE && this.#format.mate !== '') fields.fault = CNAB_MATE_MISSING;
      fields.readable = true;
      this.#slice(bytes);
    }
    this.#places.fill(NONE);
    return end;
  }

  #slice(bytes: Uint8Array): void {
    const { fields } = this;
    this.#format.slices.forEach((slice, field) => {
      const line = this.#places[this.#lineOf[field] as number];
      if (line === NONE) fields.empty(field);
      else {
        fields.slice(bytes, line, slice, field);
        if (this.#columns[field] === REF && isZeros(bytes, fields.starts[field], fields.ends[field]))
          fields.empty(field);
      }
    });
  }

  #entersDebt(bytes: Uint8Array, line: number): boolean {
    const { at } = this.#format.movement;
    return this.#entries.some((code) => code.every((byte, index) => bytes[line + at + index] === byte));
  }
}

const SEGMENT_AT = 13;

/** A number that was not given is written as zeros. */
function isZeros(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== ZERO) return false;
  return true;
}
