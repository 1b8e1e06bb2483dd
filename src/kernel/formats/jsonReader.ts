/**
 * Reads JSON Lines: one flat object a line, strictly as RFC 8259 has it, keys in any order.
 *
 * The fields of a record are the values of the plan's keys: a text, a number (its text, exact), `null` for an empty field;
 * a key that is not there is an absent field. A line that is no such object is refused as a whole; else the first of these
 * from the left refuses it: a key of no column (where those are not passed over), a key that stands twice, a value of a
 * column that is neither text nor number nor null. Values of other keys may be anything, up to `DEPTH_MAX` deep.
 *
 * Fields stand in the line itself, or, where one of them holds an escape, all of them in a buffer.
 */
import { RECORD_CODES } from '../../core/codes.ts';
import { hashRef } from '../hash.ts';
import type { JsonLinesFormat, RecordPlan } from '../plan.ts';
import type { RecordFields, RecordReader } from '../reader.ts';
import { ABSENT, PLAIN_NUMBER, textFlags } from '../records.ts';
import { JsonCursor, NULL, NUMBER, OTHER, unescapeJson } from './jsonCursor.ts';
import { CR, EMPTY, LF, lineAfter, lineKind } from './lineFormat.ts';

/** Keys of an object. */
export const KEYS_MAX = 256;

const JSON_INVALID = RECORD_CODES.JSON_INVALID.id;
const JSON_TOO_LARGE = RECORD_CODES.JSON_TOO_LARGE.id;
const JSON_KEY_UNKNOWN = RECORD_CODES.JSON_KEY_UNKNOWN.id;
const JSON_KEY_REPEATED = RECORD_CODES.JSON_KEY_REPEATED.id;
const JSON_VALUE = RECORD_CODES.JSON_VALUE.id;

export class JsonReader implements RecordReader {
  readonly fields: JsonFields;
  source: Uint8Array = new Uint8Array(0);
  isRecord = false;
  readonly lines = 1;
  readonly #format: JsonLinesFormat;
  #scratch = new Uint8Array(4096);

  constructor(format: JsonLinesFormat, plan: RecordPlan) {
    this.#format = format;
    this.fields = new JsonFields(format, plan.reading === undefined ? 0 : PLAIN_NUMBER);
  }

  next(bytes: Uint8Array, from: number, to: number, last: boolean): number {
    const kind = lineKind(this.#format, bytes, from, to, last);
    if (kind < 0) return -1;
    const next = lineAfter(this.#format, bytes, from, to, last);
    if (next < 0) return -1;
    this.isRecord = kind !== EMPTY;
    if (!this.isRecord) return next;
    let end = bytes[next - 1] === LF ? next - 1 : next;
    if (end < next && end > from && bytes[end - 1] === CR) end--;
    if (end - from > this.#scratch.length) this.#scratch = new Uint8Array(2 ** Math.ceil(Math.log2(end - from)));
    this.source = this.fields.read(bytes, from, end, this.#scratch) ? this.#scratch : bytes;
    return next;
  }
}

class JsonFields implements RecordFields {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly flags: Uint8Array;
  fault = 0;
  faultField = -1;
  readonly readable = false;

  readonly #cursor = new JsonCursor();
  readonly #keys: readonly Uint8Array[];
  readonly #ignoreUnknown: boolean;
  readonly #numberFlag: number;
  /** Bit i of field i: it was seen; it holds escapes. */
  readonly #seen: Uint8Array;
  readonly #escaped: Uint8Array;
  readonly #others = new SeenKeys();
  /** The key of most lines' next pair. */
  #guess = 0;

  constructor(format: JsonLinesFormat, numberFlag: number) {
    const count = format.keys.length;
    this.#keys = format.keys.map((key) => Buffer.from(key, 'utf8'));
    this.#ignoreUnknown = format.ignoreUnknown;
    this.#numberFlag = numberFlag;
    this.starts = new Int32Array(count);
    this.ends = new Int32Array(count);
    this.flags = new Uint8Array(count);
    this.#seen = new Uint8Array(count);
    this.#escaped = new Uint8Array(count);
  }

  /** Reads the line `[from, to)`; whether its fields stand in `scratch`, which is as long as the line at least. */
  read(bytes: Uint8Array, from: number, to: number, scratch: Uint8Array): boolean {
    const cursor = this.#cursor;
    this.fault = 0;
    this.faultField = -1;
    this.starts.fill(0);
    this.ends.fill(0);
    this.flags.fill(ABSENT);
    this.#seen.fill(0);
    this.#others.clear();
    this.#guess = 0;
    cursor.begin(bytes, from, to);
    const object = this.#object(bytes, scratch);
    if (object === undefined) {
      this.#refuse(cursor.tooDeep ? JSON_TOO_LARGE : JSON_INVALID, -1);
      return false;
    }
    if (this.fault !== 0 || !object.escapes) return false;
    this.#copy(bytes, scratch);
    return true;
  }

  /** The whole text; `undefined` where it is not one object. */
  #object(bytes: Uint8Array, scratch: Uint8Array): { readonly escapes: boolean } | undefined {
    const cursor = this.#cursor;
    let escapes = false;
    if (!cursor.opensObject()) return undefined;
    for (let keys = 0, more = !cursor.closesObject(); more; keys++) {
      if (!cursor.key()) return undefined;
      const field = this.#fieldOf(bytes, scratch);
      const kind = cursor.value();
      if (kind === 0) return undefined;
      if (keys === KEYS_MAX) this.#note(JSON_TOO_LARGE, -1);
      if (field >= 0) {
        this.#take(field, kind);
        escapes ||= this.#escaped[field] !== 0;
      }
      more = cursor.comma();
      if (!more && !cursor.closesObject()) return undefined;
    }
    return cursor.isDone() ? (escapes ? ESCAPES : PLAIN) : undefined;
  }

  /** Which field the key just read names; -1 for none. */
  #fieldOf(bytes: Uint8Array, scratch: Uint8Array): number {
    const { start, end, escaped } = this.#cursor;
    const text = escaped ? scratch : bytes;
    const from = escaped ? 0 : start;
    const to = escaped ? unescapeJson(bytes, start, end, scratch, 0) : end;
    const keys = this.#keys;
    let field = this.#guess;
    if (field >= keys.length || !isText(keys[field] as Uint8Array, text, from, to)) {
      field = keys.findIndex((key) => isText(key, text, from, to));
    }
    if (field >= 0) {
      if (this.#seen[field] !== 0) this.#note(JSON_KEY_REPEATED, field);
      this.#seen[field] = 1;
      this.#guess = field + 1;
      return field;
    }
    if (!this.#ignoreUnknown) this.#note(JSON_KEY_UNKNOWN, -1);
    else if (!this.#others.add(text, from, to)) this.#note(JSON_KEY_REPEATED, -1);
    return -1;
  }

  #take(field: number, kind: number): void {
    const { start, end, flags, escaped } = this.#cursor;
    this.#escaped[field] = 0;
    this.flags[field] = 0;
    if (kind === OTHER) {
      this.#note(JSON_VALUE, field);
      return;
    }
    if (kind === NULL) return;
    this.starts[field] = start;
    this.ends[field] = end;
    this.flags[field] = kind === NUMBER ? this.#numberFlag : flags;
    this.#escaped[field] = escaped ? 1 : 0;
  }

  /** The first from the left counts. */
  #note(code: number, field: number): void {
    if (this.fault === 0) this.#refuse(code, field);
  }

  #refuse(code: number, field: number): void {
    this.fault = code;
    this.faultField = field;
  }

  /** Moves all fields to `scratch`, escapes resolved. */
  #copy(bytes: Uint8Array, scratch: Uint8Array): void {
    let at = 0;
    for (let field = 0; field < this.starts.length; field++) {
      const start = this.starts[field];
      const end = this.ends[field];
      const to = unescapeJson(bytes, start, end, scratch, at);
      this.starts[field] = at;
      this.ends[field] = to;
      if (start < end && this.#escaped[field] !== 0) this.flags[field] = textFlags(scratch, at, to);
      at = to;
    }
  }
}

const ESCAPES = { escapes: true } as const;
const PLAIN = { escapes: false } as const;

function isText(text: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

/** Keys of no column: which were seen. Of more than `KEYS_MAX` nothing is remembered, for the record is refused then. */
class SeenKeys {
  readonly #ends = new Int32Array(KEYS_MAX + 1);
  readonly #hashes = new Uint32Array(KEYS_MAX);
  #bytes = new Uint8Array(1024);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  /** `false` where it was seen before. */
  add(bytes: Uint8Array, from: number, to: number): boolean {
    const hash = hashRef(bytes, from, to, 0);
    for (let k = 0; k < this.#count; k++) {
      if (this.#hashes[k] !== hash) continue;
      if (isText(this.#bytes.subarray(this.#ends[k], this.#ends[k + 1]), bytes, from, to)) return false;
    }
    if (this.#count === KEYS_MAX) return true;
    const at = this.#ends[this.#count];
    const end = at + to - from;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(2 ** Math.ceil(Math.log2(end)));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes.subarray(from, to), at);
    this.#hashes[this.#count] = hash;
    this.#ends[++this.#count] = end;
    return true;
  }
}
