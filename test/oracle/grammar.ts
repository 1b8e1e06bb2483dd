/**
 * Oracle, part 1: where the records and fields of a file are.
 *
 * A direct transcription of the grammar, one byte at a time, that shares no code with the kernel. It works on a «byte
 * string»: a string in which each character is one byte (latin1), so that positions are byte offsets.
 *
 * Two readers live here on purpose: `oracleRecords` is the state machine, `regexRecords` says the same with regular
 * expressions. A test holds them together; what judges the kernel is the first.
 */

export interface OracleDialect {
  readonly delimiter: string;
  readonly quote: string;
}

export const ORACLE_DIALECT: OracleDialect = { delimiter: ',', quote: '"' };

export interface RawField {
  /** The content after unquoting, as a byte string; not trimmed. */
  readonly text: string;
  readonly malformed: boolean;
}

export interface RawRecord {
  /** Physical, 1-based: of the record's first byte. */
  readonly line: number;
  /** Raw bytes `[start, end)`, line end included. */
  readonly start: number;
  readonly end: number;
  readonly fields: readonly RawField[];
  /** Its quote never closes: only the last record can be so. */
  readonly unclosed: boolean;
}

export function byteString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

type State = 'record start' | 'field start' | 'unquoted' | 'quoted' | 'quote in quoted' | 'CR of an empty line';

/** Every record of `text` from byte `from` on, where `firstLine` is the line of that byte. */
export function oracleRecords(text: string, from = 0, firstLine = 1, dialect = ORACLE_DIALECT): RawRecord[] {
  const { delimiter, quote } = dialect;
  const records: RawRecord[] = [];
  let state: State = 'record start';
  let line = firstLine;
  let start = from;
  let startLine = line;
  let fields: RawField[] = [];
  let content = '';
  let malformed = false;

  const endField = () => {
    fields.push({ text: content, malformed });
    content = '';
    malformed = false;
  };
  const endRecord = (end: number, unclosed: boolean) => {
    endField();
    records.push({ line: startLine, start, end, fields, unclosed });
    fields = [];
  };

  for (let at = from; at < text.length; at++) {
    const byte = text[at]!;
    const beforeLf = text[at + 1] === '\n';
    if (state === 'record start') {
      start = at;
      startLine = line;
    }
    switch (state) {
      case 'CR of an empty line':
        state = 'record start';
        break;
      case 'record start':
        if (byte === '\n') break;
        if (byte === '\r' && beforeLf) state = 'CR of an empty line';
        else if (byte === quote) state = 'quoted';
        else if (byte === delimiter) {
          endField();
          state = 'field start';
        } else {
          content = byte;
          state = 'unquoted';
        }
        break;
      case 'field start':
        if (byte === quote) state = 'quoted';
        else if (byte === delimiter) endField();
        else if (byte === '\n') {
          endRecord(at + 1, false);
          state = 'record start';
        } else {
          content = byte;
          state = 'unquoted';
        }
        break;
      case 'unquoted':
        if (byte === delimiter) {
          endField();
          state = 'field start';
        } else if (byte === '\n') {
          if (content.endsWith('\r')) content = content.slice(0, -1);
          endRecord(at + 1, false);
          state = 'record start';
        } else {
          if (byte === quote) malformed = true;
          content += byte;
        }
        break;
      case 'quoted':
        if (byte === quote) state = 'quote in quoted';
        else content += byte;
        break;
      case 'quote in quoted':
        if (byte === quote) {
          content += quote;
          state = 'quoted';
        } else if (byte === delimiter) {
          endField();
          state = 'field start';
        } else if (byte === '\n') {
          endRecord(at + 1, false);
          state = 'record start';
        } else if (byte === '\r' && beforeLf) {
          // Belongs to the line end; the state stays and the LF ends the record.
        } else {
          malformed = true;
          content += byte;
          state = 'unquoted';
        }
        break;
    }
    if (byte === '\n') line++;
  }
  if (state !== 'record start') endRecord(text.length, state === 'quoted');
  return records;
}

/** The same by regular expressions, for the default dialect: a second opinion on the transcription above. */
export function regexRecords(text: string, from = 0, firstLine = 1): RawRecord[] {
  const emptyLine = /\r?\n/y;
  const wholeQuoted = /"((?:[^"]|"")*)"(?=,|\r?\n|$)/y;
  const openQuoted = /"((?:[^"]|"")*)$/y;
  const brokenQuoted = /"((?:[^"]|"")*)"([^,\n]+)/y;
  const plain = /[^,\n]*/y;
  const records: RawRecord[] = [];
  let at = from;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (at < text.length) {
    if (take(emptyLine) !== null) continue;
    const start = at;
    const fields: RawField[] = [];
    let unclosed = false;
    for (;;) {
      let match: RegExpExecArray | null;
      if ((match = take(wholeQuoted)) !== null) {
        fields.push({ text: match[1]!.replaceAll('""', '"'), malformed: false });
        // A CR is left standing here only where it belongs to the line end.
        if (text[at] === '\r') at++;
      } else if ((match = take(openQuoted)) !== null) {
        fields.push({ text: match[1]!.replaceAll('""', '"'), malformed: false });
        unclosed = true;
      } else if ((match = take(brokenQuoted)) !== null) {
        const rest = text[at] === '\n' ? match[2]!.replace(/\r$/, '') : match[2]!;
        fields.push({ text: match[1]!.replaceAll('""', '"') + rest, malformed: true });
      } else {
        const value = take(plain)![0];
        fields.push({ text: text[at] === '\n' ? value.replace(/\r$/, '') : value, malformed: value.includes('"') });
      }
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\n') at++;
    const linesBefore = text.slice(from, start).split('\n').length - 1;
    records.push({ line: firstLine + linesBefore, start, end: at, fields, unclosed });
  }
  return records;
}
