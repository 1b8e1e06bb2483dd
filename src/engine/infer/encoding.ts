/**
 * In which encoding a text is, by its lines: one whose high bytes are valid UTF-8 speaks for UTF-8 (by chance few are), one
 * whose are not speaks for an encoding of one byte a character.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { codePointTable } from '../../kernel/locale.ts';
import type { Encoding } from '../../kernel/plan.ts';
import { counted, type Findings } from './findings.ts';

const LF = 0x0a;
/** Bytes that Windows-1252 has no character for. */
const UNUSED: ReadonlySet<number> = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);

export interface EncodingCounts {
  readonly lines: number;
  /** Lines with high bytes, that are UTF-8 or are not. */
  readonly utf8: number;
  readonly oneByte: number;
  /** Bytes from 0x80 to 0x9f of the latter: characters of Windows-1252, control characters of ISO-8859-1. */
  readonly low: number;
  readonly unused: number;
  /** Lines of UTF-8 that read as text which was encoded twice. */
  readonly twice: number;
}

export function countEncodings(runs: readonly Uint8Array[]): EncodingCounts {
  let [lines, utf8, oneByte, low, unused, twice] = [0, 0, 0, 0, 0, 0];
  for (const bytes of runs) {
    for (let start = 0; start < bytes.length; ) {
      const found = bytes.indexOf(LF, start);
      const end = found < 0 ? bytes.length : found;
      lines += 1;
      if (hasHigh(bytes, start, end)) {
        if (isUtf8(bytes.subarray(start, end))) {
          utf8 += 1;
          if (isTwice(bytes, start, end)) twice += 1;
        } else {
          oneByte += 1;
          for (let i = start; i < end; i++) {
            const byte = bytes[i] as number;
            if (byte < 0x80 || byte > 0x9f) continue;
            low += 1;
            if (UNUSED.has(byte)) unused += 1;
          }
        }
      }
      start = end + 1;
    }
  }
  return { lines, utf8, oneByte, low, unused, twice };
}

function hasHigh(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((bytes[i] as number) >= 0x80) return true;
  return false;
}

/** `Ã` or `Â` before what the second byte of a Portuguese letter reads as in Windows-1252. */
function isTwice(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i + 3 < end; i++) {
    if (bytes[i] === 0xc3 && (bytes[i + 1] === 0x83 || bytes[i + 1] === 0x82) && (bytes[i + 2] as number) >= 0xc2)
      return true;
  }
  return false;
}

/** What the sample says of its encoding. `marked`: it begins with the byte order mark of UTF-8. */
export function decideEncoding(
  counts: EncodingCounts,
  marked: boolean,
  complete: boolean,
  findings: Findings,
): Encoding {
  const { lines, utf8, oneByte, low, unused, twice } = counts;
  const key = 'encoding';
  const of = `of ${counted(lines, 'line')}`;
  if (twice > 0) {
    findings.doubt(
      key,
      'utf-8',
      `${counted(twice, 'line')} ${of} read as if encoded twice («Ã£»): the text is stored like that`,
    );
  }
  if (oneByte === 0 && utf8 > 0) {
    findings.decide(
      key,
      'utf-8',
      `${utf8} ${of} hold letters beyond ASCII, all valid UTF-8${marked ? ', after a byte order mark' : ''}`,
    );
    return 'utf-8';
  }
  if (oneByte === 0) {
    findings.decide(key, 'utf-8', `no byte above 0x7f in ${counted(lines, 'line')}: all encodings read them alike`);
    if (!complete) findings.doubt(key, 'utf-8', 'letters beyond ASCII may stand where the sample does not reach');
    return 'utf-8';
  }
  if (utf8 > oneByte || marked) {
    findings.doubt(key, 'utf-8', `${utf8} lines are UTF-8 and ${oneByte} are not: those will be rejected`);
    return 'utf-8';
  }
  const by = low > 0 ? ', some with characters that only Windows-1252 has' : '; ISO-8859-1 would read them alike';
  findings.decide(key, 'windows-1252', `${oneByte} ${of} hold bytes that are no UTF-8${by}`);
  if (utf8 > 0)
    findings.doubt(key, 'windows-1252', `${counted(utf8, 'line')} would be valid UTF-8: is the file a mixture?`);
  if (unused > 0)
    findings.doubt(key, 'windows-1252', `${counted(unused, 'byte')} stand for no character of Windows-1252`);
  return 'windows-1252';
}

/** The text of bytes, as a reader of that encoding sees it. */
export function decoded(bytes: Uint8Array, encoding: Encoding): string {
  if (encoding === 'utf-8') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const table = codePointTable(encoding);
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(table[byte] as number);
  return text;
}
