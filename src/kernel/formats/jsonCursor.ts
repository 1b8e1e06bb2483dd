/**
 * Reads one JSON text, token by token, strictly as RFC 8259 has it: positions and flags, no values and no strings.
 *
 * Every method leaves `at` behind what it read and answers whether that is what it should be; nothing throws on data. The
 * bytes inside strings are not judged here but for control characters, which must be escaped: whether they are UTF-8 is
 * asked of those fields that are looked at.
 */
import { CONTROL, HIGH, RUN } from '../records.ts';

/** Values inside the object may hold values in turn, so deep. */
export const DEPTH_MAX = 32;

export const STRING = 1;
export const NUMBER = 2;
export const NULL = 3;
/** `true`, `false`, an object or an array. */
export const OTHER = 4;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const LOWER_U = 0x75;

const WORDS: readonly Uint8Array[] = ['null', 'true', 'false'].map((word) => Buffer.from(word, 'latin1'));

/** Inside a string: 0 is text of no interest. */
const IS_HIGH = 1;
const IS_DELETE = 2;
const IS_SPACE = 3;
const ENDS = 4;
const CLASSES = new Uint8Array(256);
CLASSES.fill(ENDS, 0, SPACE);
CLASSES.fill(IS_HIGH, 0x80);
CLASSES[0x7f] = IS_DELETE;
CLASSES[SPACE] = IS_SPACE;
CLASSES[QUOTE] = CLASSES[BACKSLASH] = ENDS;

const ESCAPES = new Uint8Array(256);
for (const character of '"\\/bfnrtu') ESCAPES[character.charCodeAt(0)] = 1;

export class JsonCursor {
  at = 0;
  /** Whether what is wrong is that values are nested too deep. */
  tooDeep = false;
  /** Of the string or value read last: its content `[start, end)`, without quotes. */
  start = 0;
  end = 0;
  /** Of the string read last: flags of `records.ts`, and whether it holds escapes. */
  flags = 0;
  escaped = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #to = 0;

  begin(bytes: Uint8Array, from: number, to: number): void {
    this.#bytes = bytes;
    this.#to = to;
    this.at = from;
    this.tooDeep = false;
  }

  /** Whether nothing but blanks is left. */
  isDone(): boolean {
    this.#skipBlanks();
    return this.at === this.#to;
  }

  opensObject(): boolean {
    return this.#take(OPEN_OBJECT);
  }

  closesObject(): boolean {
    return this.#take(CLOSE_OBJECT);
  }

  comma(): boolean {
    return this.#take(COMMA);
  }

  /** A string and the colon behind it. */
  key(): boolean {
    if (!this.#take(QUOTE) || !this.#string()) return false;
    const { start, end, flags, escaped } = this;
    if (!this.#take(COLON)) return false;
    this.start = start;
    this.end = end;
    this.flags = flags;
    this.escaped = escaped;
    return true;
  }

  /** One of the kinds above; 0 where no value stands here. */
  value(): number {
    return this.#value(0);
  }

  #value(depth: number): number {
    this.#skipBlanks();
    const bytes = this.#bytes;
    const byte = this.at < this.#to ? bytes[this.at] : 0;
    if (byte === QUOTE) {
      this.at++;
      return this.#string() ? STRING : 0;
    }
    if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return this.#number() ? NUMBER : 0;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth === DEPTH_MAX) {
        this.tooDeep = true;
        return 0;
      }
      this.at++;
      return (byte === OPEN_OBJECT ? this.#restOfObject(depth + 1) : this.#restOfArray(depth + 1)) ? OTHER : 0;
    }
    for (const [index, word] of WORDS.entries()) {
      if (byte === word[0]) return this.#word(word) ? (index === 0 ? NULL : OTHER) : 0;
    }
    return 0;
  }

  #restOfObject(depth: number): boolean {
    if (this.closesObject()) return true;
    for (;;) {
      if (!this.key() || this.#value(depth) === 0) return false;
      if (this.closesObject()) return true;
      if (!this.comma()) return false;
    }
  }

  #restOfArray(depth: number): boolean {
    if (this.#take(CLOSE_ARRAY)) return true;
    for (;;) {
      if (this.#value(depth) === 0) return false;
      if (this.#take(CLOSE_ARRAY)) return true;
      if (!this.comma()) return false;
    }
  }

  #take(byte: number): boolean {
    this.#skipBlanks();
    if (this.at >= this.#to || this.#bytes[this.at] !== byte) return false;
    this.at++;
    return true;
  }

  #skipBlanks(): void {
    const bytes = this.#bytes;
    let { at } = this;
    for (; at < this.#to; at++) {
      const byte = bytes[at];
      if (byte !== SPACE && byte !== 0x09 && byte !== 0x0d && byte !== 0x0a) break;
    }
    this.at = at;
  }

  /** From behind the opening quote. */
  #string(): boolean {
    const bytes = this.#bytes;
    const to = this.#to;
    let { at } = this;
    let flags = 0;
    let escaped = false;
    this.start = at;
    for (; at < to; at++) {
      const byte = bytes[at];
      const kind = CLASSES[byte];
      if (kind === 0) continue;
      if (kind === IS_SPACE) {
        if (bytes[at + 1] === SPACE) flags |= RUN;
      } else if (kind === IS_HIGH) flags |= HIGH;
      else if (kind === IS_DELETE) flags |= CONTROL;
      else if (byte === BACKSLASH) {
        const size = this.#escapeBytes(at, to);
        if (size === 0) return false;
        escaped = true;
        at += size - 1;
      } else break;
    }
    if (at >= to || bytes[at] !== QUOTE) return false;
    this.end = at;
    this.at = at + 1;
    this.flags = flags;
    this.escaped = escaped;
    return true;
  }

  /** 2 or 6; 0 where it is none. */
  #escapeBytes(at: number, to: number): number {
    const bytes = this.#bytes;
    if (at + 1 >= to || ESCAPES[bytes[at + 1]] === 0) return 0;
    if (bytes[at + 1] !== LOWER_U) return 2;
    if (at + 6 > to) return 0;
    for (let i = at + 2; i < at + 6; i++) if (hexDigit(bytes[i]) < 0) return 0;
    return 6;
  }

  #number(): boolean {
    const bytes = this.#bytes;
    this.start = this.at;
    if (bytes[this.at] === MINUS) this.at++;
    if (this.at < this.#to && bytes[this.at] === ZERO) this.at++;
    else if (!this.#digits()) return false;
    if (this.at < this.#to && bytes[this.at] === DOT) {
      this.at++;
      if (!this.#digits()) return false;
    }
    if (this.at < this.#to && (bytes[this.at] | 0x20) === 0x65) {
      this.at++;
      if (this.at < this.#to && (bytes[this.at] === PLUS || bytes[this.at] === MINUS)) this.at++;
      if (!this.#digits()) return false;
    }
    this.end = this.at;
    this.flags = 0;
    this.escaped = false;
    return true;
  }

  #digits(): boolean {
    const from = this.at;
    while (this.at < this.#to && this.#bytes[this.at] >= ZERO && this.#bytes[this.at] <= NINE) this.at++;
    return this.at > from;
  }

  #word(word: Uint8Array): boolean {
    if (this.at + word.length > this.#to) return false;
    for (let i = 0; i < word.length; i++) if (this.#bytes[this.at + i] !== word[i]) return false;
    this.at += word.length;
    return true;
  }
}

/** Below 0 for what is none. */
function hexDigit(byte: number): number {
  if (byte >= ZERO && byte <= NINE) return byte - ZERO;
  const letter = (byte | 0x20) - 0x61;
  return letter >= 0 && letter < 6 ? letter + 10 : -1;
}

const PLAIN_ESCAPES = new Uint8Array(256);
for (const [letter, byte] of Object.entries({
  '"': QUOTE,
  '\\': BACKSLASH,
  '/': 0x2f,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
})) {
  PLAIN_ESCAPES[letter.charCodeAt(0)] = byte;
}

/**
 * Writes the content of a string that was read, its escapes resolved, to `out`, as UTF-8; answers the position after it.
 * It never takes more bytes than the content. A surrogate that stands alone becomes bytes that are not valid UTF-8.
 */
export function unescapeJson(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  let at = to;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (byte !== BACKSLASH) {
      out[at++] = byte;
      continue;
    }
    const letter = bytes[++i];
    if (letter !== LOWER_U) {
      out[at++] = PLAIN_ESCAPES[letter];
      continue;
    }
    let point = fourDigits(bytes, i + 1);
    i += 4;
    if (point >= 0xd800 && point < 0xdc00 && i + 6 < end && bytes[i + 1] === BACKSLASH && bytes[i + 2] === LOWER_U) {
      const low = fourDigits(bytes, i + 3);
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        i += 6;
      }
    }
    at = putPoint(out, at, point);
  }
  return at;
}

function fourDigits(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) value = value * 16 + hexDigit(bytes[i]);
  return value;
}

function putPoint(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    out[at] = point;
    return at + 1;
  }
  if (point < 0x800) {
    out[at] = 0xc0 | (point >> 6);
    out[at + 1] = 0x80 | (point & 63);
    return at + 2;
  }
  if (point < 0x10000) {
    out[at] = 0xe0 | (point >> 12);
    out[at + 1] = 0x80 | ((point >> 6) & 63);
    out[at + 2] = 0x80 | (point & 63);
    return at + 3;
  }
  out[at] = 0xf0 | (point >> 18);
  out[at + 1] = 0x80 | ((point >> 12) & 63);
  out[at + 2] = 0x80 | ((point >> 6) & 63);
  out[at + 3] = 0x80 | (point & 63);
  return at + 4;
}
