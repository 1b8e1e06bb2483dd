/**
 * The messages that are held while their records wait to be settled, and the arrivals that they make.
 *
 * Invariants: a message is deleted when all its records are `done` and it was readable; a record that was refused is `told`, and
 * `done` at the next tidying, when whoever polls has had the refusal. A message is renewed when a third of its time is over;
 * one that cannot be renewed (SQS allows 12 hours in all), or whose time ran out, is lost: it comes again by itself.
 */
import type { Clock } from '../../../core/clock.ts';
import type { InboxState } from './arrivalState.ts';
import { type Announcement, laterSequencer, readNotification } from './events.ts';
import { INVISIBLE_MS_MAX, type Notice, type S3Notices } from './notices.ts';

export interface ShelvedRecord {
  readonly message: ShelvedMessage;
  readonly announced: Announcement;
  fate: 'new' | 'held' | 'told' | 'done';
  /** How often it could not be judged, and from when on it is tried again. */
  failures: number;
  retryAtMs: number;
}

export class ShelvedMessage {
  readonly id: string;
  readonly notice: Notice;
  readonly records: readonly ShelvedRecord[];
  /** Why it, or a record of it, makes no sense: it is not deleted. */
  readonly spoilt: string | undefined;
  readonly receivedMs: number;
  renewedMs: number;

  constructor(notice: Notice, nowMs: number) {
    this.id = notice.id;
    this.notice = notice;
    const all = readNotification(notice.body);
    this.spoilt = all.flatMap((each) => (each.kind === 'spoilt' ? [each.reason] : []))[0];
    this.records = all
      .filter(({ kind }) => kind !== 'spoilt')
      .map((announced) => ({ message: this, announced, fate: 'new', failures: 0, retryAtMs: nowMs }));
    this.receivedMs = nowMs;
    this.renewedMs = nowMs;
  }

  get isSpoilt(): boolean {
    return this.spoilt !== undefined;
  }

  get isDone(): boolean {
    return this.records.every(({ fate }) => fate === 'done');
  }
}

/** A state that is given until it is settled, with every record that speaks of it. */
export class Held {
  readonly name: string;
  readonly records: ShelvedRecord[] = [];
  state: InboxState;
  given = 0;

  constructor(name: string, state: InboxState) {
    this.name = name;
    this.state = state;
  }

  /** Of several that speak of it, the earliest says when it came. */
  join(state: InboxState, record: ShelvedRecord | undefined): void {
    if (state.atMs < this.state.atMs) this.state = { ...state, sequencer: state.sequencer ?? this.state.sequencer };
    if (record !== undefined) this.records.push(record);
  }
}

/** By the time of their events; those of one key stand, in the places they have, by their sequencers. */
export function inOrder(all: readonly Held[]): Held[] {
  const sorted = [...all].sort((a, b) => a.state.atMs - b.state.atMs || (a.name < b.name ? -1 : 1));
  const places = new Map<string, number[]>();
  for (const [place, { state }] of sorted.entries()) {
    if (state.sequencer === undefined) continue;
    const others = places.get(state.key) ?? [];
    others.push(place);
    places.set(state.key, others);
  }
  for (const some of places.values()) {
    const ordered = some.map((place) => sorted[place] as Held).sort(bySequencer);
    for (const [i, place] of some.entries()) sorted[place] = ordered[i] as Held;
  }
  return sorted;
}

function bySequencer({ state: a }: Held, { state: b }: Held): number {
  const [one, two] = [a.sequencer ?? '', b.sequencer ?? ''];
  if (laterSequencer(one, two)) return 1;
  return laterSequencer(two, one) ? -1 : 0;
}

export interface ShelfOptions {
  readonly visibilityMs: number;
  readonly messagesMax: number;
}

/** How long what was put back stays away. */
const AWAY_MS = 15 * 60_000;
/** Between two tries to judge a record. */
const JUDGE_AGAIN_MS_MIN = 500;
const JUDGE_AGAIN_MS_MAX = 300_000;
/** Requests for ten messages each that one look makes. */
const RECEIVES_A_LOOK = 26;

export class MessageShelf {
  readonly #notices: S3Notices;
  readonly #options: ShelfOptions;
  readonly #clock: Clock;
  readonly #messages = new Map<string, ShelvedMessage>();
  readonly #away: ShelvedMessage[] = [];
  #lost = new Set<ShelvedMessage>();

  constructor(notices: S3Notices, options: ShelfOptions, clock: Clock) {
    this.#notices = notices;
    this.#options = options;
    this.#clock = clock;
  }

  get size(): number {
    return this.#messages.size;
  }

  messages(): IterableIterator<ShelvedMessage> {
    return this.#messages.values();
  }

  /** Records that are to be judged now. */
  unjudged(): ShelvedRecord[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#messages.values()].flatMap(({ records }) =>
      records.filter(({ fate, retryAtMs }) => fate === 'new' && retryAtMs <= nowMs),
    );
  }

  /** It could not be judged: it is left alone for a while, the longer the more often. */
  postpone(record: ShelvedRecord): void {
    record.failures += 1;
    const waitMs = Math.min(JUDGE_AGAIN_MS_MAX, JUDGE_AGAIN_MS_MIN * 2 ** Math.min(record.failures, 20));
    record.retryAtMs = this.#clock.monotonicMs() + waitMs;
  }

  /** Takes up to a look's worth of messages; waits up to `waitMs` for the first. */
  async receive(waitMs: number): Promise<void> {
    for (let i = 0; i < RECEIVES_A_LOOK && this.size < this.#options.messagesMax; i++) {
      const notices = await this.#notices.receive(i === 0 ? waitMs : 0);
      for (const notice of notices) {
        // Received again, with a receipt that holds: the records go on from where they were.
        const known = this.#messages.get(notice.id);
        const message = new ShelvedMessage(notice, this.#clock.monotonicMs());
        if (known !== undefined) this.#lost.add(known);
        this.#messages.set(notice.id, message);
      }
      if (notices.length === 0) return;
    }
  }

  /** Settles what was told, deletes what is done, lets go of what makes no sense, renews the rest. */
  async tidy(): Promise<void> {
    for (const message of this.#messages.values()) {
      for (const record of message.records) if (record.fate === 'told') record.fate = 'done';
    }
    await this.deleteDone();
    const nowMs = this.#clock.monotonicMs();
    const { visibilityMs } = this.#options;
    const due: ShelvedMessage[] = [];
    for (const message of this.#messages.values()) {
      const spent = nowMs - message.receivedMs + visibilityMs > INVISIBLE_MS_MAX;
      if (spent || nowMs - message.renewedMs >= visibilityMs) this.#lose(message);
      else if (nowMs - message.renewedMs >= visibilityMs / 3) due.push(message);
    }
    const failed = await this.#notices.keep(due.map(({ notice }) => notice));
    for (const message of due) {
      if (failed.has(message.id)) this.#lose(message);
      else message.renewedMs = nowMs;
    }
  }

  /** What SQS did not delete stays, and is deleted at the next tidying. */
  async deleteDone(): Promise<void> {
    const done: ShelvedMessage[] = [];
    for (const message of this.#messages.values()) {
      if (!message.isDone) continue;
      if (message.isSpoilt) this.#messages.delete(message.id);
      else done.push(message);
    }
    const failed = await this.#notices.delete(done.map(({ notice }) => notice));
    for (const { id } of done) if (!failed.has(id)) this.#messages.delete(id);
  }

  /** What was lost since it was last asked for. */
  takeLost(): Set<ShelvedMessage> {
    const lost = this.#lost;
    this.#lost = new Set();
    return lost;
  }

  putBackLater(message: ShelvedMessage): void {
    if (this.#messages.delete(message.id)) this.#away.push(message);
  }

  async putBack(): Promise<void> {
    const away = this.#away.splice(0);
    await this.#notices.keep(
      away.map(({ notice }) => notice),
      AWAY_MS,
    );
  }

  async close(): Promise<void> {
    await this.deleteDone();
    const left = [...this.#messages.values()].filter(({ isSpoilt }) => !isSpoilt);
    this.#messages.clear();
    await this.#notices.keep(
      left.map(({ notice }) => notice),
      0,
    );
  }

  #lose(message: ShelvedMessage): void {
    this.#messages.delete(message.id);
    this.#lost.add(message);
  }
}
