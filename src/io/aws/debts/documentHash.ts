/**
 * HMAC-SHA-256 (RFC 2104) of short texts under one key, by two one-shot hashes over blocks that are filled in place: 0.8 µs
 * where `createHmac` takes 1.7, and every debt that is written needs one.
 */
import { hash } from 'node:crypto';
import { assert } from '../../../core/assert.ts';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER = 0x36;
const OUTER = 0x5c;

export class DocumentHash {
  readonly #inner: Buffer;
  readonly #outer: Buffer;
  /** By the usual sizes of texts: the inner blocks with such a text behind the key. */
  readonly #innerUsual: readonly (Buffer | undefined)[];

  /** Texts are ASCII; most of them have one of the usual sizes. */
  constructor(key: Uint8Array, usualBytes: readonly number[]) {
    const block = Buffer.alloc(BLOCK_BYTES);
    block.set(key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key);
    this.#inner = Buffer.from(block.map((byte) => byte ^ INNER));
    this.#outer = Buffer.concat([block.map((byte) => byte ^ OUTER), Buffer.alloc(DIGEST_BYTES)]);
    const usual = new Array<Buffer | undefined>(Math.max(...usualBytes) + 1).fill(undefined);
    for (const bytes of usualBytes) usual[bytes] = this.#messageOf(bytes);
    this.#innerUsual = usual;
  }

  /** In base64url, 43 characters. */
  of(text: string): string {
    const message = this.#innerUsual[text.length] ?? this.#messageOf(text.length);
    message.write(text, BLOCK_BYTES, 'latin1');
    const inner = hash('sha256', message, 'latin1');
    assert(inner.length === DIGEST_BYTES, 'a digest in latin1 has a character a byte');
    this.#outer.write(inner, BLOCK_BYTES, 'latin1');
    return hash('sha256', this.#outer, 'base64url');
  }

  #messageOf(bytes: number): Buffer {
    return Buffer.concat([this.#inner, Buffer.alloc(bytes)]);
  }
}
