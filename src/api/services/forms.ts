/**
 * The one file part of a multipart form (RFC 7578, RFC 2046), as a stream that is pulled.
 *
 * Promises: nothing is held but one chunk and a part's head; a file part is given byte for byte, whatever chunks it comes
 * in; a form that breaks the rules, ends too early, has no file or two, is refused with `REQUEST_INVALID`, at the latest
 * when its end has come. Fields besides the file are read over; together with heads they have `restBytesMax`.
 */
import { Fault } from '../../core/faults.ts';

const HEAD_BYTES_MAX = 16 * 1024;
const CRLF = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');

/** The boundary a content type names. */
export function boundaryOf(contentType: string): string {
  const [, quoted, bare] = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;,"]{1,70}))/i.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) throw new Fault('REQUEST_INVALID', 'the form names no boundary');
  return boundary;
}

/** The bytes of the file part; `onName` hears its name before the first of them. */
export async function* filePartOf(
  content: AsyncIterable<Uint8Array>,
  boundary: string,
  restBytesMax: number,
  onName: (name: string) => void,
): AsyncGenerator<Uint8Array> {
  const form = new FormReader(content, Buffer.from(`\r\n--${boundary}`), restBytesMax);
  await form.skipToDelimiter();
  let files = 0;
  while (await form.beginsPart()) {
    const name = fileNameOf(await form.head());
    if (name === undefined) {
      await form.skipToDelimiter();
      continue;
    }
    files += 1;
    if (files > 1) throw new Fault('REQUEST_INVALID', 'the form holds more than one file');
    onName(name);
    yield* form.toDelimiter();
  }
  if (files === 0) throw new Fault('REQUEST_INVALID', 'the form holds no file part');
  await form.skipRest();
}

class FormReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  /** What was read and not yet taken. The first delimiter has no line before it: one is put there. */
  #held: Buffer = CRLF;
  #restBytes: number;

  constructor(content: AsyncIterable<Uint8Array>, delimiter: Buffer, restBytesMax: number) {
    this.#chunks = content[Symbol.asyncIterator]();
    this.#delimiter = delimiter;
    this.#restBytes = restBytesMax;
  }

  /** After a delimiter: whether a part follows, and not the end of the form. */
  async beginsPart(): Promise<boolean> {
    while (this.#held.length < 2) await this.#more();
    if (this.#held.toString('latin1', 0, 2) === '--') return false;
    // Blanks may follow the delimiter on its line.
    const lineEnd = await this.#find(CRLF, HEAD_BYTES_MAX);
    if (!/^[ \t]*$/.test(this.#held.toString('latin1', 0, lineEnd))) throw broken();
    this.#take(lineEnd);
    return true;
  }

  /** The head of a part, which begins and ends with a line end. */
  async head(): Promise<string> {
    const end = await this.#find(HEAD_END, HEAD_BYTES_MAX);
    const head = this.#held.toString('utf8', 2, Math.max(2, end));
    this.#spend(end);
    // The second line end stays: a part without content has its delimiter right there.
    this.#take(end + 2);
    return head;
  }

  /** The content of a part; its delimiter is taken too. */
  async *toDelimiter(): AsyncGenerator<Uint8Array> {
    // The line end before the content belongs to the head.
    let at = CRLF.length;
    for (;;) {
      const found = this.#held.indexOf(this.#delimiter);
      if (found >= 0) {
        if (found > at) yield this.#held.subarray(at, found);
        this.#take(found + this.#delimiter.length);
        return;
      }
      const sure = this.#held.length - this.#delimiter.length + 1;
      if (sure > at) {
        yield this.#held.subarray(at, sure);
        this.#take(sure);
        at = 0;
      }
      await this.#more();
    }
  }

  async skipToDelimiter(): Promise<void> {
    for await (const bytes of this.toDelimiter()) this.#spend(bytes.length);
  }

  async skipRest(): Promise<void> {
    this.#spend(this.#held.length);
    for (let next = await this.#chunks.next(); next.done !== true; next = await this.#chunks.next()) {
      this.#spend(next.value.length);
    }
  }

  async #find(what: Buffer, withinBytes: number): Promise<number> {
    for (;;) {
      const found = this.#held.indexOf(what);
      if (found >= 0 && found <= withinBytes) return found;
      if (this.#held.length > withinBytes) throw broken();
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) throw broken();
    this.#held = Buffer.concat([this.#held, next.value]);
  }

  #take(bytes: number): void {
    this.#held = this.#held.subarray(bytes);
  }

  #spend(bytes: number): void {
    this.#restBytes -= bytes;
    if (this.#restBytes < 0) throw new Fault('REQUEST_INVALID', 'the form holds too much besides its file');
  }
}

/** The name of a file part; `undefined` where the part is no file. */
function fileNameOf(head: string): string | undefined {
  const disposition = /^content-disposition:\s*form-data\b(.*)$/im.exec(head)?.[1] ?? '';
  const extended = /;\s*filename\*=UTF-8''([^\s;]+)/i.exec(disposition)?.[1];
  if (extended !== undefined) return unescaped(extended);
  const [, quoted, bare] = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(disposition) ?? [];
  if (quoted !== undefined) return quoted.replaceAll(/\\(["\\])/g, '$1').replaceAll('%22', '"');
  if (bare !== undefined) return bare;
  return /;\s*name="?file"?\s*(?:;|$)/i.test(disposition) ? '' : undefined;
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function broken(): Fault {
  return new Fault('REQUEST_INVALID', 'the form is broken or ends too early');
}
