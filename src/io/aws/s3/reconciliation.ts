/**
 * Finds objects of the inbox whose notification never came (docs/decisions/010).
 *
 * Promises
 * - A round lists the inbox, a few pages at a time, and gives what became whole in the window (`graceMs` to `windowMs` ago) and
 *   is no batch yet. In a bucket that keeps versions it lists these, so that a version is found that was written over.
 * - A round begins `everyMs` after the last one began, whichever process made it: that time is kept in the bucket.
 * - What was once seen to be a batch is not asked for again by this process, as long as it is one of the last `KNOWN_MAX`.
 *
 * Cost of a round: a list request for each 1,000 objects (or versions) of the inbox, so retention of the inbox bounds it; a read
 * of the registry for each object of the window that this process does not know, so a process that just began reads the window
 * once. The window ends before the registry forgets batches, or old files would come a second time.
 */
import { GetBucketVersioningCommand } from '@aws-sdk/client-s3';
import type { ObjectStore } from '../../ports/objects.ts';
import { INBOX_PREFIX } from '../names.ts';
import type { S3Calls } from './calls.ts';
import { type Listed, listPages } from './list.ts';

export interface ReconciliationOptions {
  readonly everyMs: number;
  /** A notification has this long before the object is looked for. */
  readonly graceMs: number;
  /** Objects older than this are not looked at: shorter than batches are remembered. */
  readonly windowMs: number;
  /** Pages of 1,000 that one step lists. */
  readonly pagesAtOnce: number;
}

/** Where the beginning of the last round is kept: `{"startedMs":…}`. */
const ROUND_KEY = 'reconciliation/inbox';
const KNOWN_MAX = 100_000;

export class S3Reconciliation {
  readonly #options: ReconciliationOptions;
  readonly #bucket: string;
  readonly #calls: S3Calls;
  readonly #objects: Pick<ObjectStore, 'get' | 'put'>;
  /** Names of states that are batches, by what `nameOf` says. */
  readonly #known = new Set<string>();
  #round: AsyncGenerator<readonly Listed[]> | undefined;
  #startedMs = 0;
  #nextMs = 0;

  constructor(
    options: ReconciliationOptions,
    bucket: string,
    deps: { readonly calls: S3Calls; readonly objects: Pick<ObjectStore, 'get' | 'put'> },
  ) {
    this.#options = options;
    this.#bucket = bucket;
    this.#calls = deps.calls;
    this.#objects = deps.objects;
  }

  /** A batch exists for the state of this name. */
  know(name: string): void {
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.add(name);
  }

  /** Goes on with the round under way, or begins one that is due; answers what it found in the window and does not know. */
  async step(nameOf: (listed: Listed) => string): Promise<readonly Listed[]> {
    const round = this.#round ?? (await this.#begin());
    if (round === undefined) return [];
    this.#round = round;
    const found: Listed[] = [];
    try {
      for (let page = 0; page < this.#options.pagesAtOnce; page++) {
        const { done, value } = await round.next();
        if (done === true) {
          this.#round = undefined;
          break;
        }
        found.push(...value.filter((listed) => this.#isInWindow(listed) && !this.#known.has(nameOf(listed))));
      }
      return found;
    } catch (error) {
      this.#round = undefined;
      throw error;
    }
  }

  #isInWindow({ modifiedMs }: Listed): boolean {
    const { graceMs, windowMs } = this.#options;
    return modifiedMs <= this.#startedMs - graceMs && modifiedMs >= this.#startedMs - windowMs;
  }

  async #begin(): Promise<AsyncGenerator<readonly Listed[]> | undefined> {
    const { clock } = this.#calls;
    if (clock.monotonicMs() < this.#nextMs) return undefined;
    const nowMs = clock.nowMs();
    const sinceMs = nowMs - (await this.#lastMs());
    const { everyMs } = this.#options;
    // A time that lies ahead was written by a clock that is wrong.
    if (sinceMs >= 0 && sinceMs < everyMs) {
      this.#nextMs = clock.monotonicMs() + (everyMs - sinceMs);
      return undefined;
    }
    this.#nextMs = clock.monotonicMs() + everyMs;
    await this.#objects.put(ROUND_KEY, Buffer.from(JSON.stringify({ startedMs: nowMs })));
    this.#startedMs = nowMs;
    return listPages(this.#calls, {
      bucket: this.#bucket,
      prefix: INBOX_PREFIX,
      versions: await this.#keepsVersions(),
    });
  }

  async #lastMs(): Promise<number> {
    const bytes = await this.#objects.get(ROUND_KEY);
    if (bytes === undefined) return Number.NEGATIVE_INFINITY;
    try {
      const { startedMs } = JSON.parse(Buffer.from(bytes).toString()) as { readonly startedMs?: unknown };
      return typeof startedMs === 'number' ? startedMs : Number.NEGATIVE_INFINITY;
    } catch {
      return Number.NEGATIVE_INFINITY;
    }
  }

  async #keepsVersions(): Promise<boolean> {
    const command = new GetBucketVersioningCommand({ Bucket: this.#bucket });
    const send = (abortSignal: AbortSignal) => this.#calls.client.send(command, { abortSignal });
    const { Status } = await this.#calls.run('GetBucketVersioning', send);
    return Status === 'Enabled' || Status === 'Suspended';
  }
}
