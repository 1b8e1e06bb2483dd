/**
 * CRC-32 (IEEE 802.3, as zlib and gzip have it) and the arithmetic that derives the CRC of joined or cut runs of bytes
 * from those of their parts, without reading a byte again.
 *
 * Appending n bytes to a message multiplies its CRC, read as a polynomial over GF(2), by x^8n modulo the CRC's
 * polynomial; the method is that of zlib's crc32_combine. All values are unsigned 32-bit integers.
 */
import { crc32 as zlibCrc32 } from 'node:zlib';

/** CRC-32 of `bytes`, continuing from `seed`, the CRC of what came before. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return zlibCrc32(bytes, seed);
}

/** CRC of A followed by B, from the CRC of each and the length of B in bytes. */
export function crc32Concat(crcA: number, crcB: number, bytesB: number): number {
  return (multiply(powerOfBytes(bytesB), crcA) ^ crcB) >>> 0;
}

/** CRC of B, from the CRC of A followed by B, the CRC of A and the length of B in bytes. */
export function crc32Suffix(crcAB: number, crcA: number, bytesB: number): number {
  return (multiply(powerOfBytes(bytesB), crcA) ^ crcAB) >>> 0;
}

/** The polynomial, bits reflected: bit 31 is x^0, bit 0 is x^31. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000 | 0;
const X_TO_8 = 1 << 23;

/** x^8n modulo the polynomial, by squaring. */
function powerOfBytes(n: number): number {
  let power = ONE;
  let square = X_TO_8;
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(square, power);
    square = multiply(square, square);
  }
  return power;
}

/** a × b modulo the polynomial. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) !== 0 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product;
}
