/**
 * Ids. Those that name work are derived, so that the same work always has the same id and a repeated message, result or
 * acceptance is recognised; those that name attempts are random, so that two attempts never write the same key.
 */
import { createHash } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** 80 bits of SHA-256 over the parts, in lower-case Crockford base 32 (16 characters). */
export function derivedId(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return base32(hash.digest().subarray(0, 10));
}

export type RandomBytes = (size: number) => Uint8Array;

/** 50 random bits in base 32 (10 characters): the id of one attempt. */
export function attemptId(random: RandomBytes): string {
  return base32(random(10)).slice(0, 10);
}

/** The id of the batch of one stored object: one object version is one batch, whoever learns of it first. */
export function batchIdOf(bucket: string, key: string, version: string): string {
  return `b-${derivedId('batch', bucket, key, version)}`;
}

function base32(bytes: Uint8Array): string {
  let out = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  if (bits > 0) out += ALPHABET[(value << (5 - bits)) & 31];
  return out;
}
