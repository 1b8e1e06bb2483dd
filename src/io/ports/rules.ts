/**
 * Port: the rules service, from which documents of profiles are fetched.
 *
 * Contract
 * - `ask` answers within a time of its own, and never throws because of what the service does: whatever is no usable answer
 *   (slow, away, refused, too large, a redirect, not text) is `failed`, with the reason in few words.
 * - `unchanged` is answered only where an `etag` was given and the service says that the document still bears it.
 * - `absent` means that the service answers and has no such document.
 * - A document is text; whether it is a profile is for the caller to check.
 * - Neither an answer nor `urlOf` holds the token, a query, or anything that the service wrote but its status and ETag.
 */

export type RulesAnswer =
  | { readonly kind: 'document'; readonly text: string; readonly etag: string | null }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Whose document, of what name. */
export interface RulesSubject {
  readonly client: string;
  readonly profile: string;
}

export interface RulesService {
  /** Whether documents differ by client. */
  readonly perClient: boolean;
  /** Where a document is asked for, as people may see it. */
  urlOf(subject: RulesSubject): string;
  ask(subject: RulesSubject, etag: string | null): Promise<RulesAnswer>;
  /** What is under way is answered as failed. */
  close(): Promise<void>;
}
