/**
 * Keys and pins of objects in S3.
 *
 * - A pin's `etag` is the ETag without its quotes, and after a blank the version id where the bucket keeps versions. The version
 *   `null` (an object from before versions were kept) counts as none.
 * - Keys the engine writes are made by its rules; keys it reads may also be a client's: `inbox/<client>/` and any characters.
 *
 * Nothing here is to be logged: a client's key may hold personal data.
 */
import { assert } from '../../../core/assert.ts';
import { CLIENT_ID } from '../../ports/clients.ts';
import { INBOX_PREFIX } from '../names.ts';

/** S3: 1,024 bytes of UTF-8. */
const KEY_BYTES_MAX = 1024;
const ENGINE_KEY_CHARACTERS_MAX = 900;
const KEY_PART = /^[a-z0-9_-][a-z0-9._-]{0,199}$/;

export interface S3Pin {
  /** Without quotes. */
  readonly etag: string;
  readonly version: string | undefined;
}

export interface S3State {
  readonly ETag?: string | undefined;
  readonly VersionId?: string | undefined;
}

export function stateOf({ ETag, VersionId }: S3State): S3Pin {
  return { etag: unquoted(ETag ?? ''), version: VersionId === 'null' ? undefined : VersionId };
}

export function pinText({ etag, version }: S3Pin): string {
  return version === undefined || version === '' ? etag : `${etag} ${version}`;
}

export function parsePin(text: string): S3Pin {
  const cut = text.indexOf(' ');
  return cut < 0 ? { etag: text, version: undefined } : { etag: text.slice(0, cut), version: text.slice(cut + 1) };
}

/** As `If-Match` has it. */
export function quoted(etag: string): string {
  return `"${etag}"`;
}

export function unquoted(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, '$1');
}

/** The client and the rest of a key of the inbox; `undefined` where the key is none of a client's file. */
export function inboxKey(key: string): { readonly client: string; readonly file: string } | undefined {
  if (!key.startsWith(INBOX_PREFIX) || Buffer.byteLength(key) > KEY_BYTES_MAX) return undefined;
  const cut = key.indexOf('/', INBOX_PREFIX.length);
  if (cut < 0 || cut === key.length - 1) return undefined;
  const client = key.slice(INBOX_PREFIX.length, cut);
  return CLIENT_ID.test(client) ? { client, file: key.slice(cut + 1) } : undefined;
}

/** For writing and deleting. */
export function assertEngineKey(key: string): void {
  assert(isEngineKey(key), 'an object key is made of [a-z0-9._-] between slashes');
}

export function assertReadableKey(key: string): void {
  assert(
    isEngineKey(key) || inboxKey(key) !== undefined,
    'an object key is made of [a-z0-9._-] between slashes, or is one of a client’s inbox',
  );
}

function isEngineKey(key: string): boolean {
  return (
    key.length <= ENGINE_KEY_CHARACTERS_MAX &&
    key.split('/').every((part) => KEY_PART.test(part) && !part.includes('..'))
  );
}
