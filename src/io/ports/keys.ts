/**
 * Port: API keys.
 *
 * Contract
 * - A key is named by its id, which is public and stands at the beginning of the token; of the secret only its SHA-256 is
 *   stored, and nothing gives it back.
 * - `add` answers `false` and changes nothing where the id exists.
 * - `end` sets when the key stops to count, where that is earlier than what stands; `false` where there is no such key.
 * - `find` is asked for every request. It sees every write that was answered `lagMsMax` before, or earlier: a revoked key
 *   counts no longer than that. All other reads see every write.
 */

export type KeyScope = 'client' | 'operator';

export interface KeyRecord {
  readonly id: string;
  readonly scope: KeyScope;
  /** Whose it is; an operator's key belongs to no client. */
  readonly client: string | null;
  /** What people call it. */
  readonly name: string;
  /** SHA-256 of the secret, in hexadecimal. */
  readonly secretHash: string;
  readonly createdAtMs: number;
  /** From then on it does not count; `null` for never. */
  readonly endsAtMs: number | null;
}

export interface KeyStore {
  /** How late `find` may be, in ms; 0 where it is never. */
  readonly lagMsMax: number;
  add(key: KeyRecord): Promise<boolean>;
  get(id: string): Promise<KeyRecord | undefined>;
  find(id: string): Promise<KeyRecord | undefined>;
  /** By time of creation, then id; of one client where it is given. */
  list(client?: string): Promise<KeyRecord[]>;
  end(id: string, endsAtMs: number): Promise<boolean>;
}

export const KEY_ID = /^[0-9a-z]{10}$/;
