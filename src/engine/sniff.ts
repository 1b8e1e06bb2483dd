/** Whether bytes are text, and what else they may be. */
import { type Detail, detail } from '../core/catalogue.ts';
import { Fault } from '../core/faults.ts';

/** What the first bytes say the object is, where it is not plain text. Signatures: the formats' own specifications. */
export function sniff(bytes: Uint8Array, length: number): 'gzip' | Fault | undefined {
  const begins = (...signature: number[]): boolean =>
    length >= signature.length && signature.every((byte, index) => bytes[index] === byte);
  if (begins(0x1f, 0x8b)) return 'gzip';
  if (begins(0xff, 0xfe) || begins(0xfe, 0xff)) return new Fault('FILE_UTF16', '', { byte: 0 });
  for (const [name, signature] of ARCHIVES) {
    if (begins(...signature)) return new Fault('FILE_ARCHIVE', name, { byte: 0 });
  }
  const looked = Math.min(length, SNIFF_BYTES);
  const nulls = [0, 0];
  let controls = 0;
  for (let i = 0; i < looked; i++) {
    const byte = bytes[i] as number;
    if (byte === 0) nulls[i & 1] = (nulls[i & 1] as number) + 1;
    else if (byte < 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) controls += 1;
  }
  const [even, odd] = nulls as [number, number];
  // ASCII in UTF-16 without a mark has a NUL in every second byte and none in the others.
  if ((even === 0 && odd > looked / 4) || (odd === 0 && even > looked / 4))
    return new Fault('FILE_UTF16', '', { byte: 0 });
  // A damaged line may hold a few such bytes and is rejected by itself; a binary file is full of them.
  if ((even + odd + controls) * 10 > looked) return new Fault('FILE_BINARY', '', { byte: 0 });
  return undefined;
}

const SNIFF_BYTES = 4096;

const ARCHIVES: readonly (readonly [string | Detail, readonly number[]])[] = [
  [detail('ZIP_OR_OFFICE'), [0x50, 0x4b, 0x03, 0x04]],
  ['PDF', [0x25, 0x50, 0x44, 0x46, 0x2d]],
  [detail('OLD_OFFICE'), [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]],
  ['7-Zip', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
  ['XZ', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68, 0x39]],
  ['Zstandard', [0x28, 0xb5, 0x2f, 0xfd]],
  ['RAR', [0x52, 0x61, 0x72, 0x21, 0x1a, 0x07]],
];
