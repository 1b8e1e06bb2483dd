/**
 * API keys: how a token is made, shown and checked.
 *
 * A token is `rk_<id>_<secret>`: the id (10 characters) is public and finds the key; the secret is 256 random bits, so its
 * plain SHA-256 is enough to store, and comparing takes the same time whatever differs. Nothing gives a secret back.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { assert } from '../../core/assert.ts';
import type { Clock } from '../../core/clock.ts';
import { attemptId, type RandomBytes } from '../../core/ids.ts';
import type { KeyRecord, KeyScope, KeyStore } from '../../io/ports/keys.ts';

const TOKEN = /^rk_([0-9a-z]{10})_([A-Za-z0-9_-]{43})$/;
const SECRET_BYTES = 32;

export interface NewKey {
  readonly scope: KeyScope;
  readonly client: string | null;
  readonly name: string;
  readonly endsAtMs: number | null;
}

/** What may be shown of a key: enough to tell it from others, useless without its secret. */
export function keyPrefix(id: string): string {
  return `rk_${id}`;
}

/** Makes a key and stores it; the token is shown once and kept nowhere. */
export async function issueKey(
  keys: KeyStore,
  { clock, random }: { readonly clock: Clock; readonly random: RandomBytes },
  wanted: NewKey,
): Promise<{ readonly key: KeyRecord; readonly token: string }> {
  assert((wanted.scope === 'operator') === (wanted.client === null), 'a key is a client’s or an operator’s');
  for (;;) {
    const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url');
    const key = { ...wanted, id: attemptId(random), secretHash: hashOf(secret), createdAtMs: clock.nowMs() };
    if (await keys.add(key)) return { key, token: `${keyPrefix(key.id)}_${secret}` };
  }
}

/** The key a token stands for, where it counts now; `undefined` for any other text. */
export async function keyOfToken(
  keys: Pick<KeyStore, 'find'>,
  token: string,
  nowMs: number,
): Promise<KeyRecord | undefined> {
  const [, id, secret] = TOKEN.exec(token) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const key = await keys.find(id);
  if (key === undefined || !isSame(hashOf(secret), key.secretHash)) return undefined;
  return key.endsAtMs === null || key.endsAtMs > nowMs ? key : undefined;
}

/** The id in what a person typed: the id itself, the prefix, or a whole token. */
export function keyIdOf(written: string): string {
  return TOKEN.exec(written)?.[1] ?? written.replace(/^rk_/, '');
}

function hashOf(secret: string): string {
  return hash('sha256', secret, 'hex');
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
