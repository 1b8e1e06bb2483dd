/**
 * Unsigned integers in as few bytes as they need: seven bits a byte, the lowest first, the high bit set on all but the
 * last. Values are integers in `[0, 2^53)`; above 31 bits the arithmetic is that of doubles, which is exact there.
 */

/** The most bytes that a value takes. */
export const VARINT_BYTES_MAX = 8;

const INT_MAX = 0x7fffffff;

/** Writes `value` at `at`; returns the position after it. */
export function putVarint(out: Uint8Array, at: number, value: number): number {
  let position = at;
  let rest = value;
  while (rest > INT_MAX) {
    out[position++] = (rest & 127) | 128;
    rest = Math.floor(rest / 128);
  }
  let small = rest | 0;
  while (small > 127) {
    out[position++] = (small & 127) | 128;
    small >>>= 7;
  }
  out[position++] = small;
  return position;
}

/** Reads values one after another; `at` is the position of the next. */
export class VarintCursor {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;

  next(): number {
    const { bytes } = this;
    let at = this.at;
    let byte = bytes[at++];
    let value = byte & 127;
    let shift = 7;
    while (byte > 127 && shift < 28) {
      byte = bytes[at++];
      value |= (byte & 127) << shift;
      shift += 7;
    }
    let scale = 0x1000_0000;
    while (byte > 127) {
      byte = bytes[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    }
    this.at = at;
    return value;
  }
}
