/**
 * A sample of a file of any size: its beginning and pieces from all over it, its end among them.
 *
 * Promises: memory and time do not grow with the file where it can be read at any place; of what can only be read in order
 * (gzip) memory does not. The same file gives the same sample. A piece is whole physical lines; only the file itself may
 * end without a line end.
 */
import { Buffer } from 'node:buffer';

/** The beginning that is looked at, and how many pieces of what size. */
const HEAD_BYTES = 256 * 1024;
const PIECES = 15;
const PIECE_BYTES = 64 * 1024;
/** A file up to this size is looked at whole. */
export const WHOLE_BYTES_MAX = HEAD_BYTES + PIECES * PIECE_BYTES;

const LF = 0x0a;

export interface FileSample {
  /** From the first byte. */
  readonly head: Uint8Array;
  /** From further on, in the order of the file. */
  readonly pieces: readonly Uint8Array[];
  /** Of the text: of a compressed file what it inflates to. */
  readonly fileBytes: number;
  /** Whether the head is the whole file. */
  readonly complete: boolean;
}

/** A file that can be read at any place. */
export interface PlacedFile {
  readonly bytes: number;
  /** Whole: `[start, end)`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export async function sampleOf(file: PlacedFile): Promise<FileSample> {
  const { bytes } = file;
  if (bytes <= WHOLE_BYTES_MAX) {
    return { head: await file.read(0, bytes), pieces: [], fileBytes: bytes, complete: true };
  }
  const pieces: Uint8Array[] = [];
  const span = bytes - HEAD_BYTES - PIECE_BYTES;
  for (let piece = 0; piece < PIECES; piece++) {
    const start = HEAD_BYTES + Math.floor((span * piece) / (PIECES - 1));
    pieces.push(wholeLines(await file.read(start, start + PIECE_BYTES), start + PIECE_BYTES === bytes));
  }
  const head = upToLineEnd(await file.read(0, HEAD_BYTES));
  return { head, pieces, fileBytes: bytes, complete: false };
}

/**
 * Of a text that comes in order: the head, the end, and pieces between them of which each is as likely as any other (a
 * reservoir, whose choices depend on nothing but the number of the piece).
 */
export async function sampleOfStream(blocks: AsyncIterable<Uint8Array>): Promise<FileSample> {
  const keep = new Reservoir();
  for await (const block of blocks) keep.add(block);
  return keep.sample();
}

class Reservoir {
  #bytes = 0;
  readonly #head = Buffer.alloc(WHOLE_BYTES_MAX);
  readonly #kept: { readonly number: number; readonly bytes: Buffer }[] = [];
  #piece = Buffer.alloc(PIECE_BYTES);
  #used = 0;
  #pieces = 0;
  #last = Buffer.alloc(0);
  /** Of a linear congruential generator. */
  #state = 1;

  add(block: Uint8Array): void {
    for (let at = 0; at < block.length; )
      at += this.#bytes < WHOLE_BYTES_MAX ? this.#begin(block, at) : this.#go(block, at);
  }

  #begin(block: Uint8Array, at: number): number {
    const took = Math.min(block.length - at, WHOLE_BYTES_MAX - this.#bytes);
    this.#head.set(block.subarray(at, at + took), this.#bytes);
    this.#bytes += took;
    return took;
  }

  #go(block: Uint8Array, at: number): number {
    const took = Math.min(block.length - at, PIECE_BYTES - this.#used);
    this.#piece.set(block.subarray(at, at + took), this.#used);
    this.#used += took;
    this.#bytes += took;
    if (this.#used === PIECE_BYTES) this.#close();
    return took;
  }

  /** The piece before the last one may be kept; the last one is, as the end of the file. */
  #close(): void {
    const before = this.#last;
    this.#last = this.#piece;
    this.#piece = Buffer.alloc(PIECE_BYTES);
    this.#used = 0;
    if (before.length === 0) return;
    const number = this.#pieces++;
    const place = number < PIECES - 1 ? number : this.#choice(number + 1);
    if (place < PIECES - 1) this.#kept[place] = { number, bytes: before };
  }

  #choice(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * below);
  }

  sample(): FileSample {
    const fileBytes = this.#bytes;
    if (fileBytes <= WHOLE_BYTES_MAX) {
      return { head: this.#head.subarray(0, fileBytes), pieces: [], fileBytes, complete: true };
    }
    const end = Buffer.concat([this.#last, this.#piece.subarray(0, this.#used)]);
    const pieces = this.#kept.sort((a, b) => a.number - b.number).map(({ bytes }) => wholeLines(bytes, false));
    return { head: upToLineEnd(this.#head), pieces: [...pieces, wholeLines(end, true)], fileBytes, complete: false };
  }
}

function upToLineEnd(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.lastIndexOf(LF) + 1);
}

/** From the first line that begins in it on; nothing where none does. */
function wholeLines(bytes: Uint8Array, isEnd: boolean): Uint8Array {
  const first = bytes.indexOf(LF) + 1;
  if (first === 0) return bytes.subarray(0, 0);
  return bytes.subarray(first, isEnd ? bytes.length : bytes.lastIndexOf(LF) + 1);
}
