/** What the API works with, and who is calling. `main` composes it; the API makes no store and reads no process. */
import type { DebtReader } from '../io/ports/debts.ts';
import type { IdempotencyStore } from '../io/ports/idempotency.ts';
import type { KeyScope, KeyStore } from '../io/ports/keys.ts';
import type { SubmissionStore } from '../io/ports/submissions.ts';
import type { StageContext } from '../stages/context.ts';

export interface ApiContext
  extends Pick<
    StageContext,
    'settings' | 'clock' | 'random' | 'telemetry' | 'registry' | 'queue' | 'objects' | 'clients'
  > {
  readonly keys: KeyStore;
  readonly submissions: SubmissionStore;
  readonly idempotency: IdempotencyStore;
  readonly debts: DebtReader;
  /** What Prometheus fetches, and the media type of it. */
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
}

/** Who a request comes from: told by its credential, never by its path or body. */
export interface Caller {
  /** The key's public id. */
  readonly key: string;
  readonly scope: KeyScope;
  /** Whose data the request is about; an operator names it, and without it sees the batches of all. */
  readonly client: string | null;
}
