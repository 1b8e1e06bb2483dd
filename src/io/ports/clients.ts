/**
 * Port: the clients and what is known of each, and the profiles by which their files are read.
 *
 * Contract
 * - An id is `[a-z0-9][a-z0-9-]{0,39}`; adding one that exists changes nothing and answers `false`.
 * - A version of a profile is a whole number from 1 and is never changed: adding one that exists changes nothing and
 *   answers `false`. Names are as ids are; those of documents that the rules service gave begin with whose they are, a
 *   client or SHARED_SCOPE, and a slash.
 * - Reads see every write that was answered.
 */

import type { Language } from '../../core/language.ts';

/** What a client can be told of: the ends of its batches, and that one waits for approval. */
export const NOTICE_KINDS = [
  'awaiting_approval',
  'completed',
  'completed_with_rejects',
  'failed',
  'cancelled',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** How a client is told of its batches. It holds a secret: it is never printed or logged as a whole. */
export interface ClientNotify {
  readonly kinds: readonly NoticeKind[];
  readonly webhook?: {
    readonly url: string;
    /** The newest first; each signs. */
    readonly secrets: readonly string[];
  };
  readonly mail?: {
    readonly to: readonly string[];
    /** Of its readers; that of the batch's answers where absent. `pt` is how an earlier build stored `pt-BR`. */
    readonly language?: Language | 'pt';
  };
}

export interface ClientRecord {
  readonly id: string;
  readonly name: string;
  /** Name of the profile its files are read with; `default` is the only one that needs no document. */
  readonly profile: string;
  /** The client's bounds for the amount of a debt, in cents, both inclusive. */
  readonly amountCentsMin: number;
  readonly amountCentsMax: number;
  readonly createdAtMs: number;
  /** Of the messages in its answers where the profile says none; English where absent. */
  readonly language?: Language;
  /** Absent where nobody is told anything. */
  readonly notify?: ClientNotify;
  /** When everything of it was erased; from then on nothing of it is accepted. */
  readonly erasedAtMs?: number;
}

export interface ProfileRecord {
  readonly name: string;
  readonly version: number;
  /** JSON. */
  readonly document: string;
  readonly createdAtMs: number;
  /** Where the rules service gave it; absent where somebody added it here. */
  readonly source?: ProfileSource;
}

export interface ProfileSource {
  /** Without what may be a secret: no query. */
  readonly url: string;
  /** As the service wrote it; `null` where it gave none. */
  readonly etag: string | null;
}

export interface ClientStore {
  add(client: ClientRecord): Promise<boolean>;
  /** Replaces what is known of a client; `false` where it does not exist. */
  update(client: ClientRecord): Promise<boolean>;
  get(id: string): Promise<ClientRecord | undefined>;
  list(): Promise<ClientRecord[]>;

  addProfile(profile: ProfileRecord): Promise<boolean>;
  /** That version; the newest one where none is named. */
  getProfile(name: string, version?: number): Promise<ProfileRecord | undefined>;
  /** All versions of all, by name and version. */
  listProfiles(): Promise<ProfileRecord[]>;
}

export const CLIENT_ID = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** Of a profile that somebody names. */
export const PROFILE_NAME = CLIENT_ID;

/** Whose documents of the rules service are where they do not differ by client. No client has this id. */
export const SHARED_SCOPE = '_shared';

/** Of a profile that is stored: one that was added here, or one of the rules service. */
export const STORED_PROFILE_NAME = /^(?:(?:_shared|[a-z0-9][a-z0-9-]{0,39})\/)?[a-z0-9][a-z0-9-]{0,39}$/;
