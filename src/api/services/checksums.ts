/**
 * Checksums of a body: those that the request gives, and the SHA-256 that every upload is answered with.
 *
 * - `Content-Digest: sha-256=:…:, sha-512=:…:` (RFC 9530) is over the content of the request, as it was sent
 * - `X-Checksum-SHA256` (hexadecimal or base64) and `X-Checksum-CRC32` (hexadecimal) are over the bytes of the file
 *
 * Faults: `REQUEST_INVALID` for one that cannot be read, before any byte is; `CHECKSUM_MISMATCH`.
 */
import { createHash, type Hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { crc32 } from 'node:zlib';
import { Fault } from '../../core/faults.ts';

interface Wanted {
  readonly sha256: string | undefined;
  readonly crc32: number | undefined;
  readonly content: readonly { readonly algorithm: 'sha256' | 'sha512'; readonly base64: string }[];
}

export class Checksums {
  readonly #wanted: Wanted;
  readonly #file = createHash('sha256');
  readonly #content: ReadonlyMap<string, Hash>;
  #crc = 0;

  /** `isWhole`: the content of the request is the file, so that one digest serves both. */
  constructor(headers: IncomingHttpHeaders, isWhole: boolean) {
    this.#wanted = wantedOf(headers);
    const own = this.#wanted.content.filter(({ algorithm }) => !(isWhole && algorithm === 'sha256'));
    this.#content = new Map(own.map(({ algorithm }) => [algorithm, createHash(algorithm)]));
  }

  /** The next bytes of the request's content. */
  content(bytes: Uint8Array): void {
    for (const hash of this.#content.values()) hash.update(bytes);
  }

  /** The next bytes of the file. */
  file(bytes: Uint8Array): void {
    this.#file.update(bytes);
    if (this.#wanted.crc32 !== undefined) this.#crc = crc32(bytes, this.#crc);
  }

  /** The file's SHA-256, in hexadecimal, once all that was given agrees. */
  finish(): string {
    const digest = this.#file.digest();
    const sha256 = digest.toString('hex');
    const { sha256: wanted, crc32: wantedCrc, content } = this.#wanted;
    if (wanted !== undefined && wanted !== sha256) throw new Fault('CHECKSUM_MISMATCH', 'x-checksum-sha256');
    if (wantedCrc !== undefined && wantedCrc !== this.#crc) throw new Fault('CHECKSUM_MISMATCH', 'x-checksum-crc32');
    for (const { algorithm, base64 } of content) {
      const found = this.#content.get(algorithm)?.digest() ?? digest;
      if (found.toString('base64') !== base64) throw new Fault('CHECKSUM_MISMATCH', `content-digest, ${algorithm}`);
    }
    return sha256;
  }
}

function wantedOf(headers: IncomingHttpHeaders): Wanted {
  return {
    sha256: sha256Of(one(headers, 'x-checksum-sha256')),
    crc32: crcOf(one(headers, 'x-checksum-crc32')),
    content: contentDigests(one(headers, 'content-digest')),
  };
}

function one(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value?.trim();
}

function sha256Of(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return Buffer.from(text, 'base64').toString('hex');
  throw new Fault('REQUEST_INVALID', 'x-checksum-sha256 is 64 hexadecimal digits, or base64 of 32 bytes');
}

function crcOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[0-9a-f]{8}$/i.test(text)) return Number.parseInt(text, 16);
  throw new Fault('REQUEST_INVALID', 'x-checksum-crc32 is 8 hexadecimal digits');
}

/** Digests of other algorithms are no reason to refuse (RFC 9530, section 6.5); one of ours that cannot be read is. */
function contentDigests(text: string | undefined): Wanted['content'] {
  if (text === undefined) return [];
  const digests: { algorithm: 'sha256' | 'sha512'; base64: string }[] = [];
  for (const part of text.split(',')) {
    const [, name, base64] = /^\s*([a-z0-9*_.-]+)=:([A-Za-z0-9+/]*={0,2}):\s*$/.exec(part) ?? [];
    if (name === undefined || base64 === undefined) {
      throw new Fault('REQUEST_INVALID', 'content-digest reads sha-256=:base64:');
    }
    if (name === 'sha-256' || name === 'sha-512') {
      digests.push({ algorithm: name === 'sha-256' ? 'sha256' : 'sha512', base64 });
    }
  }
  return digests;
}
