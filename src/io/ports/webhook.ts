/**
 * Port: events told to a client's own server by HTTP.
 *
 * Contract
 * - `post` settles once the receiver has answered 2xx. Everything else is a fault: `WEBHOOK_FAILED`, which may pass (another
 *   status, a redirect, no answer in time), `WEBHOOK_FORBIDDEN` where the address is none that may be called, and
 *   `NOTICE_REFUSED` where the receiver says that it is gone for good (410) or the url is none.
 * - Redirects are never followed. The address that is connected to is one that was checked.
 * - Each post carries the event's id, the same each time, and a signature over id, time and body by each secret.
 * - The detail of a fault names neither the url nor a secret nor anything of the answer but its status.
 */

export interface WebhookPost {
  readonly id: string;
  readonly url: string;
  /** The newest first, each `whsec_` and base64. */
  readonly secrets: readonly string[];
  /** JSON text. */
  readonly body: string;
}

export interface WebhookSender {
  post(post: WebhookPost, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export const WEBHOOK_SECRET = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;
const URL_CHARACTERS_MAX = 2000;

/** What is wrong with a url as the address of a receiver; `undefined` where nothing is. The address itself is checked later. */
export function webhookUrlProblem(text: string, schemes: readonly string[]): string | undefined {
  if (text.length > URL_CHARACTERS_MAX) return `it is longer than ${URL_CHARACTERS_MAX} characters`;
  if (!URL.canParse(text)) return 'it is no url';
  const url = new URL(text);
  if (!schemes.includes(url.protocol)) return `its scheme is not ${schemes.join(' or ').replaceAll(':', '')}`;
  if (url.username !== '' || url.password !== '') return 'it holds a user or a password';
  if (url.hash !== '') return 'it holds a fragment';
  return undefined;
}
