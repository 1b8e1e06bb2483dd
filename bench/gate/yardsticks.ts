/**
 * Yardsticks: fixed pieces of work of the same kind as what is gated, measured beside it. A slower machine, a busy
 * neighbour or a lower clock slows both; their ratio stays. They use nothing of the program.
 *
 * Whoever changes a yardstick moves every budget that rests on it: measure both before and after.
 */
import { crc32 } from 'node:zlib';

const LF = 0x0a;
const COMMA = 0x2c;
const QUOTE = 0x22;

/** For the scan: from LF to LF with the runtime's own search, and the runtime's own CRC. Answers a digest. */
export function walkLines(bytes: Buffer): number {
  let lines = 0;
  let longest = 0;
  let start = 0;
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    lines++;
    if (at - start > longest) longest = at - start;
    start = at + 1;
  }
  return (crc32(bytes) ^ (lines * 31 + longest)) >>> 0;
}

const OUT_BYTES = 64 * 1024;

/**
 * For the kernel: byte by byte through fields and quotes, a hash and the digits of each field, every byte copied to an
 * output that wraps around. One loop of plain JavaScript on bytes. Answers a digest.
 */
export class PlainRecords {
  readonly #out = new Uint8Array(OUT_BYTES);

  read(bytes: Uint8Array): number {
    const out = this.#out;
    let [outAt, hash, digits, sum, fields, records] = [0, 0x811c9dc5, 0, 0, 0, 0];
    let quoted = false;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      out[outAt] = byte;
      outAt = (outAt + 1) & (OUT_BYTES - 1);
      if (byte === QUOTE) quoted = !quoted;
      else if (!quoted && (byte === COMMA || byte === LF)) {
        fields++;
        if (byte === LF) records++;
        sum = (sum + digits + (hash >>> 7)) >>> 0;
        hash = 0x811c9dc5;
        digits = 0;
      } else {
        hash = Math.imul(hash ^ byte, 0x01000193);
        if (byte >= 0x30 && byte <= 0x39) digits = (digits * 10 + byte - 0x30) % 1_000_003;
      }
    }
    return (sum ^ Math.imul(fields, 31) ^ records ^ (out[0] as number)) >>> 0;
  }
}
