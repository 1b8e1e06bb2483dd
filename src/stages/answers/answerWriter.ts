/**
 * The text of the three answers, row by row, as bytes.
 *
 * - retorno.csv   `line,external_ref,outcome,code,message`, one row a record; references exactly as they were sent, so
 *                 that a client's program can join on them
 * - rejects.csv   `line,column,code,message,raw`, one row a rejected record; for people: no cell can act as a formula
 *                 in a spreadsheet, what is not UTF-8 or is a NUL shows as U+FFFD, the record's line end is left out
 * - resubmit.csv  the header and the rejected records byte for byte
 *
 * Messages are in the language that the manifest says; names of columns, outcomes and codes are the same in all.
 * UTF-8, comma, LF. Memory: one growing block an answer, handed on when it is full.
 */
import { Buffer } from 'node:buffer';
import { duplicateText } from '../../core/catalogue.ts';
import { OUTCOMES, recordCodeName, recordCodeSays } from '../../core/codes.ts';
import { DEFAULT_LANGUAGE, type Language } from '../../core/language.ts';
import { columnName } from '../../kernel/documents.ts';
import { codePointTable } from '../../kernel/locale.ts';
import { type ModulePlan, moduleCodeOf } from '../../kernel/modules/interface.ts';
import type { EntryReader } from '../../kernel/parts.ts';
import type { Encoding, Reading } from '../../kernel/plan.ts';
import { DUPLICATE, REJECTED } from '../debts/decide.ts';

export const ANSWER_KINDS = ['retorno', 'rejects', 'resubmit'] as const;
export type AnswerKind = (typeof ANSWER_KINDS)[number];

export const RETORNO_HEADER = 'line,external_ref,outcome,code,message\n';
export const REJECTS_HEADER = 'line,column,code,message,raw\n';

/** A growing block of bytes. */
export class ByteBlock {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #used = 0;

  get length(): number {
    return this.#used;
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#used += this.#bytes.write(text, this.#used, 'utf8');
  }

  /** ASCII only. */
  ascii(text: string): void {
    this.#reserve(text.length);
    this.#used += this.#bytes.write(text, this.#used, 'latin1');
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#used++] = value;
  }

  bytes(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const out = this.#bytes;
    let at = this.#used;
    for (let i = start; i < end; i++) out[at++] = from[i] as number;
    this.#used = at;
  }

  integer(value: number): void {
    this.#reserve(20);
    if (value > 0xffff_ffff) {
      this.ascii(String(value));
      return;
    }
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits += 1;
    let rest = value;
    for (let at = this.#used + digits - 1; at >= this.#used; at--) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    this.#used += digits;
  }

  /** What was written; valid until the next write. A bare `Uint8Array`, so that its `slice` copies: that of a Buffer does not. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#used);
    this.#used = 0;
    return taken;
  }

  #reserve(more: number): void {
    if (this.#used + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#used + more));
    grown.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = grown;
  }
}

/** What the rows of one language are made of, rendered once. */
export interface AnswerTexts {
  /** What ends a row of the retorno, by outcome × 256 + code: three writes of text a row took half of its time. */
  readonly rowEnds: readonly Uint8Array[];
  /** Of a duplicate, by code: what stands before the line that it repeats. */
  readonly duplicates: readonly Uint8Array[];
  /** Of the rejects, by code: `,code,message,`. */
  readonly reasons: readonly Uint8Array[];
}

const madeTexts = new Map<Language, AnswerTexts>();

export function answerTexts(language: Language = DEFAULT_LANGUAGE): AnswerTexts {
  const made = madeTexts.get(language) ?? makeTexts(language);
  madeTexts.set(language, made);
  return made;
}

/** The texts of a batch: where a module reads it, those of its own codes too. */
export function batchTexts(language: Language | undefined, code: ModulePlan | undefined): AnswerTexts {
  return code === undefined || code.rejects.length === 0 ? answerTexts(language) : makeTexts(language, code);
}

function makeTexts(language: Language = DEFAULT_LANGUAGE, code?: ModulePlan): AnswerTexts {
  const ids = Array.from({ length: 256 }, (_, id) => id);
  const tails = ids.map((id) => {
    const own = moduleCodeOf(code, id);
    if (own !== undefined) return `,${own.name},${quoteText(own.says[language])}`;
    const name = recordCodeName(id);
    return name === undefined ? ',,' : `,${name},${quoteText(recordCodeSays(id, language))}`;
  });
  return {
    rowEnds: OUTCOMES.flatMap((outcome) => tails.map((tail) => Buffer.from(`,${outcome}${tail}\n`))),
    duplicates: ids.map((id) => {
      const name = recordCodeName(id);
      return Buffer.from(name === undefined ? '' : `,duplicate,${name},"${duplicateText(name, language)}`);
    }),
    reasons: tails.map((tail) => Buffer.from(`${tail},`)),
  };
}

const COMMA = 0x2c;

export function writeRetornoRow(out: ByteBlock, entry: EntryReader, texts: AnswerTexts): void {
  out.integer(entry.line);
  out.byte(COMMA);
  writeCell(out, entry.bytes, entry.refStart, entry.refEnd);
  if (entry.outcome === DUPLICATE) {
    const start = texts.duplicates[entry.code] as Uint8Array;
    out.bytes(start, 0, start.length);
    out.ascii(`${entry.winnerLine}"\n`);
    return;
  }
  const end = texts.rowEnds[entry.outcome * 256 + entry.code] as Uint8Array;
  out.bytes(end, 0, end.length);
}

/** `raw` is the record's bytes, its line end included, in the encoding of `reading`. */
export function writeRejectsRow(
  out: ByteBlock,
  entry: EntryReader,
  raw: Uint8Array,
  texts: AnswerTexts,
  reading?: Pick<Reading, 'encoding' | 'document'>,
): void {
  const { encoding = 'utf-8', document } = reading ?? {};
  out.integer(entry.line);
  out.ascii(`,${columnName(entry.column, document)}`);
  const reason = texts.reasons[entry.code] as Uint8Array;
  out.bytes(reason, 0, reason.length);
  out.text(`"${formulaSafe(readable(raw, encoding)).replaceAll('"', '""')}"\n`);
}

export function isRejected(entry: EntryReader): boolean {
  return entry.outcome === REJECTED;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function readable(raw: Uint8Array, encoding: Encoding): string {
  let end = raw.length;
  if (end > 0 && raw[end - 1] === 0x0a) end -= 1;
  if (end < raw.length && end > 0 && raw[end - 1] === 0x0d) end -= 1;
  const text = raw.subarray(0, end);
  const decoded = encoding === 'utf-8' ? decoder.decode(text) : oneByteText(text, encoding);
  return decoded.replaceAll('\0', '�');
}

function oneByteText(bytes: Uint8Array, encoding: Exclude<Encoding, 'utf-8'>): string {
  const table = codePointTable(encoding);
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(table[byte] as number);
  return text;
}

const FORMULA_STARTS = /^[=+\-@\t\r\n＝＋－＠]/;

/** A cell that a spreadsheet would read as a formula gets a leading apostrophe. */
export function formulaSafe(text: string): string {
  return FORMULA_STARTS.test(text) ? `'${text}` : text;
}

function quoteText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function writeCell(out: ByteBlock, bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte === 0x2c || byte === 0x22 || byte === 0x0a || byte === 0x0d) {
      out.text(quoteText(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')));
      return;
    }
  }
  out.bytes(bytes, start, end);
}
