/**
 * The other ways in, beside the inbox: a client that works over the API while the daemon is killed under it. One after
 * another, by seed: submissions of some lines, files, dry runs, and files that it cancels as soon as they are accepted.
 *
 * Every request that makes something carries an Idempotency-Key and is sent again, with the same key, until it is answered: so
 * each happens once, whatever died in between. What is refused in a way that says «come again» is asked again too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { madeFile, type Truth } from '../../test/e2e/files.ts';
import { Random } from '../../test/oracle/random.ts';
import type { SentFile } from './judge.ts';

export const ASKER = 'soak-api';

export interface AskerOptions {
  readonly url: string;
  readonly token: string;
  readonly seed: number;
  readonly asOf: string;
}

const PAUSE_MS = 100;
const AGAIN_MS = 50;
const ANSWER_MS = 20_000;
/** Nobody answers for so long: that is no restart. */
const SILENT_MS_MAX = 120_000;
const LINES_MAX = 30;
const CANCELLED_LINES = 2000;
const KINDS = ['submission', 'submission', 'file', 'dry run', 'cancelled'] as const;

interface Reply {
  readonly status: number;
  readonly body: { readonly id?: string; readonly batch?: string; readonly code?: string };
}

export class Asker {
  /** All that was accepted, or may have been. */
  readonly sent: SentFile[] = [];
  readonly counts: Record<(typeof KINDS)[number] | 'refused cancellations', number> = {
    submission: 0,
    file: 0,
    'dry run': 0,
    cancelled: 0,
    'refused cancellations': 0,
  };
  readonly problems: string[] = [];
  readonly #options: AskerOptions;
  readonly #random: Random;
  readonly #left = new AbortController();
  #stopping = false;
  #running: Promise<void> | undefined;
  #names = 0;
  #keys = 0;

  constructor(options: AskerOptions) {
    this.#options = options;
    this.#random = new Random(options.seed ^ 0xa51);
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => {
      if (!this.#stopping) this.problems.push(`the API's client: ${error instanceof Error ? error.message : error}`);
    });
  }

  /** Ends what is in hand, and then nothing more is asked. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** Leaves what is in hand as it is, at once. */
  leave(): void {
    this.#stopping = true;
    this.#left.abort();
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const kind = this.#random.pick(KINDS);
      const name = `${String(++this.#names).padStart(6, '0')}-${kind.replace(' ', '-')}.csv`;
      if (kind === 'submission') await this.#submission(name);
      else await this.#file(name, kind);
      this.counts[kind] += 1;
      await delay(PAUSE_MS);
    }
  }

  async #submission(name: string): Promise<void> {
    const opened = await this.#post('/v1/submissions', JSON.stringify({ file: name }));
    const path = `/v1/submissions/${this.#must(opened, 201).id}`;
    const truth: Truth[] = [];
    const count = this.#random.integer(1, LINES_MAX);
    while (truth.length < count) {
      const lines = Array.from({ length: Math.min(count - truth.length, this.#random.integer(1, 10)) }, () => {
        const ref = `A-${this.#random.integer(0, 400)}`;
        const cents = this.#random.integer(1, 1_000_000);
        const outcome = truth.some((row) => row.ref === ref) ? 'duplicate' : 'created';
        const code = outcome === 'duplicate' ? 'DUPLICATE_REF' : '';
        truth.push({ line: truth.length + 2, ref, outcome, code, cents: BigInt(cents) });
        const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
        const dueDate = dayBefore(this.#options.asOf, 90);
        return { external_ref: ref, debtor_name: 'Maria da Silva', cpf: '52998224725', amount, due_date: dueDate };
      });
      this.#must(await this.#post(`${path}/lines`, JSON.stringify({ lines })), 201);
    }
    this.sent.push({ client: ASKER, name, truth: () => truth });
    this.#must(await this.#post(`${path}/submit`, ''), 202);
  }

  async #file(name: string, kind: Exclude<(typeof KINDS)[number], 'submission'>): Promise<void> {
    const lines = kind === 'cancelled' ? CANCELLED_LINES : this.#random.integer(1, 800);
    const { bytes, truth } = madeFile({
      lines,
      seed: this.#random.integer(1, 6),
      asOf: this.#options.asOf,
      refPrefix: `${kind === 'cancelled' ? 'C' : 'U'}-`,
    });
    const fate = { 'dry run': 'dry', file: undefined, cancelled: 'cancellable' }[kind] as SentFile['fate'];
    this.sent.push({ client: ASKER, name, truth: () => truth, ...(fate === undefined ? {} : { fate }) });
    const query = `?file=${name}${kind === 'dry run' ? '&dryRun=true' : ''}`;
    const accepted = await this.#post(`/v1/files${query}`, bytes, 'text/csv');
    const { id } = this.#must(accepted, 202);
    if (kind !== 'cancelled') return;
    const { status } = await this.#post(`/v1/batches/${id}/cancel`, '');
    if (status === 409) this.counts['refused cancellations'] += 1;
    else if (status !== 200) this.problems.push(`a cancellation was answered ${status}`);
  }

  #must(reply: Reply, status: number): Reply['body'] {
    if (reply.status !== status) throw new Error(`${reply.status} ${reply.body.code} instead of ${status}`);
    return reply.body;
  }

  /** Until it is answered with what is no «come again». */
  async #post(path: string, body: string | Uint8Array, type = 'application/json'): Promise<Reply> {
    const { url, token } = this.#options;
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': type,
      'idempotency-key': `soak-${++this.#keys}`,
    };
    const untilMs = performance.now() + SILENT_MS_MAX;
    for (;;) {
      try {
        const signal = AbortSignal.any([AbortSignal.timeout(ANSWER_MS), this.#left.signal]);
        const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: body as string, signal });
        const text = await answer.text();
        const again = answer.status >= 500 || answer.status === 429 || text.includes('IDEMPOTENCY_KEY_RUNNING');
        if (!again) return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Reply['body']) };
        if (performance.now() > untilMs)
          throw new Unanswered(`answered ${answer.status} for long: ${text.slice(0, 300)}`);
      } catch (error) {
        // The daemon was killed, or is not up yet.
        if (error instanceof Unanswered || performance.now() > untilMs || this.#left.signal.aborted) throw error;
      }
      await delay(AGAIN_MS, undefined, { signal: this.#left.signal });
    }
  }
}

class Unanswered extends Error {}

function dayBefore(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - days * 86_400_000).toISOString().slice(0, 10);
}
