/**
 * Reads records by a module: a reader of the file's kind finds each record, its fields are decoded and handed to the module,
 * and each record that the module makes of it is presented like one of the default format.
 *
 * - What the file's own reader refuses, and what is no text in the file's encoding, the module never sees.
 * - The module is asked once for a record, however often the record is asked for again for want of room.
 * - Whatever the module does (throws, answers what is no answer), the record is refused with `CODE_FAILED`, and counted.
 *
 * Memory: the texts of one record as they came and as the module made them; a buffer for one of them.
 */
import { RECORD_CODES } from '../../core/codes.ts';
import { codePointTable } from '../locale.ts';
import type { RecordPlan } from '../plan.ts';
import type { RecordFields, RecordReader } from '../reader.ts';
import { ABSENT, CONTROL, DOUBLED, HIGH, RUN, textFlags } from '../records.ts';
import { codePoints } from '../utf8.ts';
import type { ModuleInput, ModulePlan, RecordModule } from './interface.ts';
import { type MadeRecord, ModuleJudge, ModuleProblem } from './results.ts';

const CODE_FAILED = RECORD_CODES.CODE_FAILED.id;
const UTF8_INVALID = RECORD_CODES.UTF8_INVALID.id;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DEL = 0x7f;
const UTF8_BYTES_MAX = 3;
/** Up to here a loop beats a call of the runtime. */
const SHORT_TEXT = 48;

/** Records at which the module failed, and the first of them. */
export interface ModuleFailures {
  readonly records: number;
  readonly line: number;
  readonly says: string;
}

/** The fields of the record at hand. */
class MadeFields implements RecordFields {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly flags: Uint8Array;
  fault = 0;
  faultField = -1;
  readable = true;

  constructor(fields: number) {
    this.starts = new Int32Array(fields);
    this.ends = new Int32Array(fields);
    this.flags = new Uint8Array(fields);
  }
}

const REFUSED: readonly MadeRecord[] = [{ values: [], fault: CODE_FAILED, faultField: -1 }];

export class ModuleReader implements RecordReader {
  readonly fields: MadeFields;
  source: Uint8Array;
  isRecord = false;
  lines = 0;
  /** Of the record at hand, among those that the module made of one record of the file. */
  sub = 0;
  textBytes = 0;

  readonly #inner: RecordReader;
  readonly #module: RecordModule;
  readonly #judge: ModuleJudge;
  readonly #decoder: FieldDecoder;
  #buffer: Buffer = Buffer.alloc(4096);
  #made: readonly MadeRecord[] = [];
  /** Bytes of the record of which `made` was made; 0 where it was gone over. */
  #bytes = 0;
  #failures: ModuleFailures | undefined;

  /** `inner` reads the fields that `code.names` names; `plan.fields` are the columns that the module gives. */
  constructor(plan: RecordPlan, code: ModulePlan, inner: RecordReader, module: RecordModule) {
    this.fields = new MadeFields(plan.fields.length);
    this.source = this.#buffer;
    this.#inner = inner;
    this.#module = module;
    this.#judge = new ModuleJudge(code, plan.fields, plan.reading?.document, plan.recordBytesMax);
    this.#decoder = new FieldDecoder(code, plan.dialect.quote);
  }

  /** `undefined` where the module never failed. */
  get failures(): ModuleFailures | undefined {
    return this.#failures;
  }

  next(bytes: Uint8Array, from: number, to: number, last: boolean, line: number): number {
    if (this.#bytes > 0) return from + this.#bytes;
    const inner = this.#inner;
    const end = inner.next(bytes, from, to, last, line);
    if (end < 0) return end;
    this.isRecord = inner.isRecord;
    this.lines = inner.lines;
    if (!inner.isRecord) return end;
    this.sub = 0;
    this.#bytes = end - from;
    const refused = inner.fields.fault !== 0 ? inner.fields.fault : this.#decoder.take(inner, bytes, from, end);
    if (refused === 0) this.#make(line);
    else this.#made = [{ values: [], fault: refused, faultField: -1 }];
    this.#present();
    return end;
  }

  more(): boolean {
    if (this.sub + 1 < this.#made.length) {
      this.sub += 1;
      this.#present();
      return true;
    }
    this.#bytes = 0;
    return false;
  }

  #make(line: number): void {
    const module = this.#module;
    module.enter(line);
    try {
      const made = this.#judge.judge(module.record(this.#decoder.input(line)));
      if (made instanceof ModuleProblem) this.#failed(line, made.says);
      else this.#made = made;
    } catch (thrown) {
      this.#failed(line, module.describe(thrown));
    } finally {
      this.#decoder.release();
      module.leave();
    }
  }

  #failed(line: number, says: string): void {
    this.#made = REFUSED;
    const { records = 0, ...first } = this.#failures ?? { line, says };
    this.#failures = { ...first, records: records + 1 };
  }

  /** Writes the texts of the record at hand into the buffer, as bytes of fields. */
  #present(): void {
    const { fields } = this;
    const { values, fault, faultField } = this.#made[this.sub] as MadeRecord;
    fields.fault = fault;
    fields.faultField = faultField;
    fields.readable = values.length > 0;
    let at = 0;
    for (let field = 0; field < values.length; field++) {
      const text = values[field] ?? '';
      const needed = at + text.length * UTF8_BYTES_MAX;
      if (needed > this.#buffer.length) this.#grow(needed);
      fields.starts[field] = at;
      at = this.#put(text, at, field);
      fields.ends[field] = at;
      if (values[field] === undefined) fields.flags[field] = ABSENT;
    }
    this.source = this.#buffer;
    this.textBytes = at;
  }

  #grow(needed: number): void {
    const grown = Buffer.alloc(2 ** Math.ceil(Math.log2(needed)));
    this.#buffer.copy(grown);
    this.#buffer = grown;
  }

  /** Writes a text, and the flags that a splitter would have found; answers where it ends. */
  #put(text: string, start: number, field: number): number {
    const { length } = text;
    return length <= SHORT_TEXT ? this.#putShort(text, length, start, field) : this.#putLong(text, start, field);
  }

  #putShort(text: string, length: number, start: number, field: number): number {
    const buffer = this.#buffer;
    let flags = 0;
    let before = 0;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > DEL) return this.#putLong(text, start, field);
      if (unit < SPACE || unit === DEL) flags |= CONTROL;
      else if (unit === SPACE && before === SPACE) flags |= RUN;
      before = unit;
      buffer[start + i] = unit;
    }
    this.fields.flags[field] = flags;
    return start + length;
  }

  #putLong(text: string, start: number, field: number): number {
    const { fields } = this;
    const buffer = this.#buffer;
    const end = start + buffer.write(text, start, 'utf8');
    // What is half a character would be stored as another one.
    if (!text.isWellFormed() && fields.fault === 0) {
      fields.fault = UTF8_INVALID;
      fields.faultField = field;
    }
    fields.flags[field] = textFlags(buffer, start, end);
    return end;
  }
}

/** One record of the file, as texts. */
class Input implements ModuleInput {
  readonly line: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly #decoder: FieldDecoder;

  constructor(line: number, fields: Readonly<Record<string, string>>, decoder: FieldDecoder) {
    this.line = line;
    this.fields = fields;
    this.#decoder = decoder;
  }

  get raw(): string {
    return this.#decoder.rawOf(this);
  }
}

class FieldDecoder {
  readonly #names: readonly string[];
  readonly #table: Uint16Array | undefined;
  readonly #quote: string;
  readonly #Fields: new () => Record<string, string>;
  #viewed: Uint8Array = new Uint8Array(0);
  #view: Buffer = Buffer.alloc(0);
  #fields: Record<string, string>;
  /** What the module has in hand, and where it stands: it may look at it as long as it has nothing else in hand. */
  #current: Input | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #from = 0;
  #end = 0;

  constructor({ names, encoding }: ModulePlan, quote: number) {
    this.#names = names;
    this.#table = encoding === 'utf-8' ? undefined : codePointTable(encoding);
    this.#quote = String.fromCharCode(quote);
    // Made by a constructor, so that all have one shape; without a prototype, so that a name finds a field or nothing.
    this.#Fields = function Fields() {} as unknown as new () => Record<string, string>;
    this.#Fields.prototype = Object.create(null);
    this.#fields = new this.#Fields();
  }

  /** Decodes the record that `reader` has read; answers the id of a code where its bytes are no text, else 0. */
  take(reader: RecordReader, bytes: Uint8Array, from: number, end: number): number {
    const { source, fields } = reader;
    const { starts, ends, flags } = fields;
    const names = this.#names;
    const text = this.#viewOf(source);
    const decoded = new this.#Fields();
    for (let field = 0; field < names.length; field++) {
      const name = names[field] as string;
      const start = starts[field] as number;
      const stop = ends[field] as number;
      const flag = flags[field] as number;
      if ((flag & HIGH) !== 0 && !this.#isText(source, start, stop)) return UTF8_INVALID;
      if (name === '' || (flag & ABSENT) !== 0) continue;
      const value = (flag & HIGH) === 0 ? text.toString('latin1', start, stop) : this.#decode(text, start, stop);
      decoded[name] = (flag & DOUBLED) === 0 ? value : value.replaceAll(this.#quote + this.#quote, this.#quote);
    }
    this.#fields = decoded;
    this.#bytes = bytes;
    this.#from = from;
    this.#end = end;
    return 0;
  }

  /** The record that was taken, for the module to have in hand. */
  input(line: number): ModuleInput {
    this.#current = new Input(line, this.#fields, this);
    return this.#current;
  }

  /** The module has given back what it had in hand. */
  release(): void {
    this.#current = undefined;
  }

  rawOf(input: Input): string {
    if (input !== this.#current) return '';
    const raw = this.#viewOf(this.#bytes);
    let end = this.#end;
    if (end > this.#from && raw[end - 1] === LF) end -= 1;
    if (end < this.#end && end > this.#from && raw[end - 1] === CR) end -= 1;
    return this.#decode(raw, this.#from, end);
  }

  /** Of an encoding of one byte a character every byte is some character. */
  #isText(source: Uint8Array, start: number, end: number): boolean {
    return this.#table !== undefined || codePoints(source, start, end) !== -UTF8_INVALID;
  }

  #decode(text: Buffer, start: number, end: number): string {
    const table = this.#table;
    if (table === undefined) return text.toString('utf8', start, end);
    let decoded = '';
    for (let i = start; i < end; i++) decoded += String.fromCharCode(table[text[i] as number] as number);
    return decoded;
  }

  #viewOf(bytes: Uint8Array): Buffer {
    if (bytes !== this.#viewed) {
      this.#viewed = bytes;
      this.#view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }
}
