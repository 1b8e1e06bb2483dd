/**
 * Objects that come by themselves: the bucket's notifications, and a periodic look for those that never came (port: arrivals).
 *
 *   new S3Arrivals(options: S3ArrivalsOptions, deps: S3ArrivalsDeps): Arrivals & { close(): Promise<void> }
 *       deps: S3Deps & { sqs: SQSClient, registry: Pick<Registry, 'get'>, objects: Pick<ObjectStore, 'get' | 'put'> }
 *   s3ArrivalsBytes(options: S3ArrivalsOptions): number     what it may hold
 *
 * Promises
 * - A received message is held, kept invisible to others, until all its records are settled; then it is deleted. What is not
 *   settled is given again, the earliest first, so that nobody overtakes an arrival that cannot be accepted just now.
 * - Messages about the same state (sent twice, or found by the look as well) are one arrival; settling it settles them all.
 * - A poll gives arrivals by the time of their event, those of one key by their sequencers. (SQS keeps no order: what it hands
 *   out later is given later.)
 * - A message that makes no sense is told once and left to the queue's dead letters; one that brings no object is deleted. An
 *   object that cannot be taken is told once, and its message deleted when the next poll shows that it was told.
 * - While `heldMax` messages are held, those that were given twice without being settled are put back for a while, so that
 *   clients whose files cannot be accepted do not hold up the others.
 *
 * Which state of an object is meant, and what is refused: arrivalState.ts. Faults: `SERVICE_IO`, `SERVICE_DENIED`.
 */
import type { SQSClient } from '@aws-sdk/client-sqs';
import { isFault } from '../../../core/faults.ts';
import type { Telemetry } from '../../../core/telemetry.ts';
import type { Arrival, ArrivalRefusal, Arrivals } from '../../ports/arrivals.ts';
import type { ObjectInfo, ObjectStore } from '../../ports/objects.ts';
import type { Registry } from '../../ports/registry.ts';
import { Held, inOrder, MessageShelf, type ShelvedMessage, type ShelvedRecord } from './arrivalShelf.ts';
import {
  type InboxState,
  judgeAnnounced,
  judgeKey,
  judgeListed,
  type StateDeps,
  stateName,
  type Verdict,
  versionOf,
} from './arrivalState.ts';
import { type S3CallOptions, S3Calls, type S3Deps } from './calls.ts';
import type { CreatedObject } from './events.ts';
import { headObject } from './head.ts';
import type { Listed } from './list.ts';
import { type NoticesOptions, S3Notices } from './notices.ts';
import { pinText } from './pins.ts';
import { type ReconciliationOptions, S3Reconciliation } from './reconciliation.ts';

export interface S3ArrivalsOptions extends S3CallOptions, NoticesOptions {
  readonly bucket: string;
  /** How long a poll with nothing to give waits for a message; in seconds begun, 20 at most. */
  readonly pollMsMax: number;
  /** Messages and found objects that are held at once. */
  readonly heldMax: number;
  readonly reconciliation: ReconciliationOptions;
}

export interface S3ArrivalsDeps extends S3Deps {
  readonly sqs: SQSClient;
  readonly registry: Pick<Registry, 'get'>;
  readonly objects: Pick<ObjectStore, 'get' | 'put'>;
}

/** A poll that has something to give again waits no longer for more. */
const BUSY_POLL_MS = 1000;
/** States that are asked for at the same time. */
const LOOKS_AT_ONCE = 16;
/** Told refusals and settled announcements that are remembered; beyond, both memories begin anew. */
const REMEMBERED_MAX = 20_000;
/** A message has 256 KiB at most (1 MiB where a queue allows it); one record of an event takes about 1 KiB. */
const MESSAGE_BYTES = 8 * 1024;
const REMEMBERED_BYTES = 200;
/** Of one page. */
const LISTED_MAX = 1000;
/** A key of 1 KiB, under several names. */
const LISTED_BYTES = 4 * 1024;
const KNOWN_BYTES = 15 * 1024 * 1024;

export function s3ArrivalsBytes(options: S3ArrivalsOptions): number {
  const listed = options.reconciliation.pagesAtOnce * LISTED_MAX * LISTED_BYTES;
  return options.heldMax * MESSAGE_BYTES + listed + 2 * REMEMBERED_MAX * REMEMBERED_BYTES + KNOWN_BYTES;
}

export class S3Arrivals implements Arrivals {
  readonly #options: S3ArrivalsOptions;
  readonly #telemetry: Telemetry;
  readonly #shelf: MessageShelf;
  readonly #reconciliation: S3Reconciliation;
  readonly #state: StateDeps;
  /** What is to be given until it is settled, by the name of its state. */
  readonly #held = new Map<string, Held>();
  readonly #told = new Set<string>();
  readonly #settled = new Set<string>();
  /** Of the held, what this round of polls has still to give. */
  #ready: Held[] = [];
  #refusals: ArrivalRefusal[] = [];

  constructor(options: S3ArrivalsOptions, deps: S3ArrivalsDeps) {
    this.#options = options;
    const calls = new S3Calls(options, deps);
    this.#telemetry = deps.telemetry;
    const { visibilityMs, heldMax } = options;
    this.#shelf = new MessageShelf(
      new S3Notices(deps.sqs, options),
      { visibilityMs, messagesMax: heldMax },
      deps.clock,
    );
    this.#reconciliation = new S3Reconciliation(options.reconciliation, options.bucket, {
      calls,
      objects: deps.objects,
    });
    this.#state = {
      bucket: options.bucket,
      registry: deps.registry,
      head: (key, version) => headObject(calls, options.bucket, key, version),
      isSettled: (announced) => this.#settled.has(announcementName(announced)),
    };
  }

  async poll(max: number): Promise<{ arrivals: Arrival[]; refusals: ArrivalRefusal[] }> {
    if (this.#ready.length === 0) await this.#look();
    const arrivals: Arrival[] = [];
    while (this.#ready.length > 0 && arrivals.length < max) {
      const held = this.#ready.shift() as Held;
      if (this.#held.get(held.name) !== held) continue;
      held.given += 1;
      arrivals.push(this.#arrivalOf(held));
    }
    return { arrivals, refusals: this.#refusals.splice(0) };
  }

  /** Gives back what is held, so that others need not wait for it; what was settled stays settled. */
  async close(): Promise<void> {
    this.#ready = [];
    this.#held.clear();
    try {
      await this.#shelf.close();
    } catch (error) {
      if (!isFault(error)) throw error;
      // Whoever ends has more to close. The messages come again by themselves.
      this.#tellProblem(error);
    }
  }

  async #look(): Promise<void> {
    const problems: unknown[] = [];
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (!isFault(error)) throw error;
        problems.push(error);
      }
    };
    await attempt(async () => {
      await this.#shelf.tidy();
      this.#makeRoom();
      await this.#shelf.putBack();
    });
    const { pollMsMax } = this.#options;
    const wait = this.#held.size === 0 ? pollMsMax : Math.min(pollMsMax, BUSY_POLL_MS);
    await attempt(() => this.#shelf.receive(wait));
    await attempt(() => this.#judgeMessages());
    await attempt(() => this.#shelf.deleteDone());
    await attempt(() => this.#reconcile());
    this.#ready = inOrder([...this.#held.values()]);
    if (problems.length === 0) return;
    if (this.#ready.length === 0 && this.#refusals.length === 0) throw problems[0];
    for (const problem of problems) this.#tellProblem(problem);
  }

  /** Every record is judged for itself: where one cannot be just now, a later look tries it again. */
  async #judgeMessages(): Promise<void> {
    const problems: unknown[] = [];
    for (const message of this.#shelf.messages()) {
      if (message.isSpoilt) {
        this.#refuse(
          '',
          `a message of the notifications queue cannot be read: ${message.spoilt}`,
          `message ${message.id}`,
        );
      }
    }
    await eachAtOnce(this.#shelf.unjudged(), async (record) => {
      try {
        await this.#judgeRecord(record);
      } catch (error) {
        this.#shelf.postpone(record);
        problems.push(error);
      }
    });
    if (problems.length > 0) throw problems[0];
  }

  async #judgeRecord(record: ShelvedRecord): Promise<void> {
    const { announced } = record;
    if (announced.kind !== 'created') {
      if (announced.kind === 'ignored') this.#tellIgnored(announced.what);
      record.fate = 'done';
      return;
    }
    const verdict = await judgeAnnounced(announced, this.#state);
    this.#follow(verdict, record);
  }

  #follow(verdict: Verdict, record: ShelvedRecord | undefined): void {
    if (verdict.kind === 'done') {
      this.#tellIgnored(verdict.why);
      if (record !== undefined) record.fate = 'done';
    } else if (verdict.kind === 'refuse') {
      this.#refuse(verdict.client, verdict.reason, verdict.once);
      if (record !== undefined) record.fate = 'told';
    } else this.#hold(verdict.state, record);
  }

  #hold(state: InboxState, record: ShelvedRecord | undefined): void {
    const name = stateName(state.key, state.version);
    const held = this.#held.get(name) ?? new Held(name, state);
    held.join(state, record);
    this.#held.set(name, held);
    if (record !== undefined) record.fate = 'held';
  }

  async #reconcile(): Promise<void> {
    const { bucket, heldMax } = this.#options;
    if (this.#held.size >= heldMax) return;
    const nameOf = (listed: Listed): string =>
      stateName(listed.key, versionOf(listed.version, listed.etag, listed.modifiedMs));
    const found = await this.#reconciliation.step(nameOf);
    const open = found.filter((listed) => !this.#held.has(nameOf(listed)) && judgeKey(listed.key) === undefined);
    await eachAtOnce(open, async (listed) => {
      const name = nameOf(listed);
      const version = versionOf(listed.version, listed.etag, listed.modifiedMs);
      const verdict = await judgeListed({ key: listed.key, version }, infoOf(listed), this.#state);
      if (verdict.kind === 'take') {
        this.#telemetry.emit({
          name: 'arrival.found',
          level: 'warn',
          fields: { client: verdict.state.client, bucket },
        });
        this.#hold(verdict.state, undefined);
        return;
      }
      this.#reconciliation.know(name);
      if (verdict.kind === 'refuse') this.#refuse(verdict.client, verdict.reason, verdict.once);
    });
    for (const listed of found) {
      const verdict = judgeKey(listed.key);
      if (verdict?.kind !== 'refuse') continue;
      this.#refuse(verdict.client, verdict.reason, verdict.once);
      this.#reconciliation.know(nameOf(listed));
    }
  }

  #arrivalOf(held: Held): Arrival {
    const { client, file, key, version, etag, bytes } = held.state;
    const settle = (): Promise<void> => this.#settle(held);
    return { client, file, key, etag, bucket: this.#options.bucket, version, bytes, settle };
  }

  async #settle(held: Held): Promise<void> {
    if (this.#held.get(held.name) === held) this.#held.delete(held.name);
    this.#reconciliation.know(held.name);
    for (const record of held.records) {
      record.fate = 'done';
      if (record.announced.kind !== 'created') continue;
      if (this.#settled.size >= REMEMBERED_MAX) this.#settled.clear();
      this.#settled.add(announcementName(record.announced));
    }
    await this.#shelf.deleteDone();
  }

  /** Where all places are taken: what was given twice and not settled goes back to its queue for a while. */
  #makeRoom(): void {
    const lost = this.#shelf.takeLost();
    if (Math.max(this.#shelf.size, this.#held.size) >= this.#options.heldMax) {
      for (const held of this.#held.values()) if (held.given >= 2) this.#forget(held, lost);
    }
    for (const held of this.#held.values()) {
      // Another process may have its messages now; it is given again when they, or the look, come by.
      if (held.records.length > 0 && held.records.every(({ message }) => lost.has(message)))
        this.#held.delete(held.name);
    }
  }

  #forget(held: Held, lost: Set<ShelvedMessage>): void {
    this.#held.delete(held.name);
    for (const { message } of held.records) {
      lost.add(message);
      this.#shelf.putBackLater(message);
    }
  }

  #refuse(client: string, reason: string, once: string): void {
    if (this.#told.has(once)) return;
    if (this.#told.size >= REMEMBERED_MAX) this.#told.clear();
    this.#told.add(once);
    this.#refusals.push({ client, reason });
  }

  #tellIgnored(what: string): void {
    this.#telemetry.emit({ name: 'arrival.ignored', level: 'debug', fields: { what } });
  }

  #tellProblem(problem: unknown): void {
    const error = problem instanceof Error ? problem.message : String(problem);
    this.#telemetry.emit({ name: 'arrivals.delayed', level: 'warn', fields: { error } });
  }
}

/** The same for the same event, however often it is sent. */
function announcementName({ key, version, sequencer, etag }: CreatedObject): string {
  return `${key}\n${version ?? ''}\n${sequencer ?? ''}\n${etag ?? ''}`;
}

function infoOf({ key, etag, version, bytes, modifiedMs }: Listed): ObjectInfo {
  return { key, etag: pinText({ etag, version }), bytes, modifiedMs };
}

async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += LOOKS_AT_ONCE) {
    await Promise.all(items.slice(from, from + LOOKS_AT_ONCE).map(work));
  }
}
