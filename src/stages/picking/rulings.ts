/**
 * The rules service, as the picker uses it: which version of a profile holds for a batch now.
 *
 * Promises
 * - A document is checked like one that somebody adds, and stored as the next version of its own name before any batch
 *   names it; the same document again is the same version. Versions of the service never mix with those added here.
 * - Whatever the service does, a batch gets the last good version, and carries the warning `RULES_STALE` that says so and
 *   why. Where there is no good version yet it waits (`RULES_AWAITED`, tried again), and fails after `rulesWaitMs`.
 * - Batches that ask for the same document at once share one request; what was answered holds for `rulesFreshMs`, a
 *   failure for `rulesRetryMs`. What is remembered is bounded, and only saves asking: the store knows it all.
 *
 * Faults: `RULES_AWAITED`, `RULES_UNAVAILABLE`; those of the store.
 */
import { createRequire } from 'node:module';
import type { LRUMap } from 'mnemonist';
import type { Settings } from '../../config/schema.ts';
import { unreachable } from '../../core/assert.ts';
import { type Detail, detail, detailText } from '../../core/catalogue.ts';
import type { Clock } from '../../core/clock.ts';
import { Fault, isFault } from '../../core/faults.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { DEFAULT_PROFILE, type ProfileWords, pinText, profileWords, readProfile } from '../../engine/profiles.ts';
import {
  type ClientStore,
  PROFILE_NAME,
  type ProfileRecord,
  type ProfileSource,
  SHARED_SCOPE,
} from '../../io/ports/clients.ts';
import type { Batch } from '../../io/ports/registry.ts';
import type { RulesAnswer, RulesService, RulesSubject } from '../../io/ports/rules.ts';

/** Of this one class, which the package gives to `require` alone; imported as a whole it takes 9 MB and 60 ms. */
const LruMap = createRequire(import.meta.url)('mnemonist/lru-map.js') as typeof LRUMap;

export interface RulingsDeps {
  readonly settings: Pick<Settings, 'rulesFreshMs' | 'rulesRetryMs' | 'rulesWaitMs' | 'rulesCacheMax'>;
  readonly service: RulesService;
  readonly clients: Pick<ClientStore, 'addProfile' | 'getProfile'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** What holds for a batch: recorded with it, so that whoever picks it again reads alike. */
export interface Ruling {
  /** `name@version`. */
  readonly profile: string;
  readonly source: ProfileSource;
  /** What its document says that is to hold even for a file that cannot be read. */
  readonly words: ProfileWords;
  /** That it may not be the newest, and why. */
  readonly stale: Fault | undefined;
}

/** A version and the ETag under which the service gave it last. */
interface Known {
  readonly version: number;
  readonly etag: string | null;
  readonly words: ProfileWords;
}

/** What is remembered of one document. Times are monotonic. */
interface Remembered {
  /** The last good version; `undefined` where there is none. */
  readonly known: Known | undefined;
  /** Why the last asking failed; `undefined` where it did not. */
  readonly failure: string | undefined;
  readonly askedAtMs: number;
}

const REASON_CHARACTERS_MAX = 400;

export class Rulings {
  readonly #deps: RulingsDeps;
  readonly #remembered: LRUMap<string, Remembered>;
  readonly #underWay = new Map<string, Promise<Remembered>>();

  constructor(deps: RulingsDeps) {
    this.#deps = deps;
    this.#remembered = new LruMap(deps.settings.rulesCacheMax);
  }

  /** What holds for the batch; `undefined` where the service is not asked for it, or knows no such profile. */
  async of(batch: Batch, signal: AbortSignal): Promise<Ruling | undefined> {
    const { profile } = subjectOf(batch);
    if (batch.asksRules !== true || profile === DEFAULT_PROFILE || !PROFILE_NAME.test(profile)) return undefined;
    const { service, clock, settings } = this.#deps;
    const subject = { client: batch.client, profile };
    const name = `${service.perClient ? batch.client : SHARED_SCOPE}/${profile}`;
    if (signal.aborted) throw stopped();
    const { known, failure } = await unless(signal, this.#latest(name, subject));
    if (known !== undefined) {
      const pin = pinText(name, known.version);
      const stale = failure === undefined ? undefined : new Fault('RULES_STALE', because(pin, failure));
      return { profile: pin, source: { url: service.urlOf(subject), etag: known.etag }, words: known.words, stale };
    }
    if (failure === undefined) return undefined;
    const waitedMs = clock.nowMs() - batch.acceptedAtMs;
    const code = waitedMs < settings.rulesWaitMs ? 'RULES_AWAITED' : 'RULES_UNAVAILABLE';
    throw new Fault(code, because(profile, failure), { batch: batch.id });
  }

  #latest(name: string, subject: RulesSubject): Promise<Remembered> | Remembered {
    const { clock, settings } = this.#deps;
    const remembered = this.#remembered.get(name);
    if (remembered !== undefined) {
      const holdsMs = remembered.failure === undefined ? settings.rulesFreshMs : settings.rulesRetryMs;
      if (clock.monotonicMs() - remembered.askedAtMs < holdsMs) return remembered;
    }
    const running = this.#underWay.get(name);
    if (running !== undefined) return running;
    const asking = this.#ask(name, subject, remembered).finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, asking);
    return asking;
  }

  async #ask(name: string, subject: RulesSubject, remembered: Remembered | undefined): Promise<Remembered> {
    const { service, clients, clock, telemetry } = this.#deps;
    const startedMs = clock.monotonicMs();
    const known = remembered?.known ?? knownOf(await clients.getProfile(name));
    const answer = await service.ask(subject, known?.etag ?? null);
    const found = await this.#understood(name, subject, known, answer);
    const askedAtMs = clock.monotonicMs();
    telemetry.emit({
      name: 'rules.asked',
      level: found.failure === undefined ? 'debug' : 'warn',
      fields: {
        profile: name,
        version: found.known?.version,
        answer: found.failure === undefined ? answer.kind : 'failed',
        error: found.failure,
        ms: askedAtMs - startedMs,
      },
    });
    const next = { ...found, askedAtMs };
    this.#remembered.set(name, next);
    return next;
  }

  async #understood(
    name: string,
    subject: RulesSubject,
    known: Known | undefined,
    answer: RulesAnswer,
  ): Promise<Pick<Remembered, 'known' | 'failure'>> {
    switch (answer.kind) {
      case 'unchanged':
        return { known, failure: undefined };
      case 'failed':
        return await this.#lastGood(name, known, answer.reason);
      case 'absent':
        // Where it was known before, it is more likely that the service lost it than that nobody wants it read by it.
        return known === undefined
          ? { known, failure: undefined }
          : await this.#lastGood(name, known, 'the service has no such document any more');
      case 'document': {
        const checked = await checkedDocument(answer.text);
        if ('failure' in checked) return await this.#lastGood(name, known, checked.failure);
        const { json } = checked;
        const { etag } = answer;
        const version = await this.#store(name, subject, json, etag);
        return { known: { version, etag, words: profileWords(json) }, failure: undefined };
      }
      default:
        return unreachable(answer);
    }
  }

  /** Another process may have been answered since this one was. */
  async #lastGood(
    name: string,
    known: Known | undefined,
    failure: string,
  ): Promise<Pick<Remembered, 'known' | 'failure'>> {
    const newest = knownOf(await this.#deps.clients.getProfile(name));
    return { known: newest === undefined || newest.version === known?.version ? known : newest, failure };
  }

  /** The version of a document: the newest one where that is the same, else the next. */
  async #store(name: string, subject: RulesSubject, json: string, etag: string | null): Promise<number> {
    const { clients, clock, service, telemetry } = this.#deps;
    for (;;) {
      const newest = await clients.getProfile(name);
      if (newest?.document === json) return newest.version;
      const version = (newest?.version ?? 0) + 1;
      const source = { url: service.urlOf(subject), etag };
      // Somebody else may store the same or another document at the same moment: then it is looked at again.
      if (await clients.addProfile({ name, version, document: json, createdAtMs: clock.nowMs(), source })) {
        telemetry.emit({ name: 'rules.stored', level: 'info', fields: { profile: pinText(name, version) } });
        return version;
      }
    }
  }
}

/** Acceptance pinned the newest version it knew here, or left the name. */
function subjectOf(batch: Batch): RulesSubject {
  return { client: batch.client, profile: batch.profile.replace(/@[0-9]+$/, '') };
}

function because(profile: string, failure: string): Detail {
  return detail('PROFILE_BECAUSE', profile, failure);
}

function knownOf(record: ProfileRecord | undefined): Known | undefined {
  if (record === undefined) return undefined;
  const { version, source, document } = record;
  return { version, etag: source?.etag ?? null, words: profileWords(document) };
}

async function checkedDocument(text: string): Promise<{ readonly json: string } | { readonly failure: string }> {
  try {
    const { document } = await readProfile(text);
    return { json: JSON.stringify(document) };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { failure: `no profile: ${shortened(detailText(error.detail))}` };
  }
}

function shortened(text: string): string {
  return text.length <= REASON_CHARACTERS_MAX ? text : `${text.slice(0, REASON_CHARACTERS_MAX)}…`;
}

/** The answer, unless the work is stopped before it comes; others may still wait for it. */
async function unless<T>(signal: AbortSignal, answer: Promise<T> | T): Promise<T> {
  const settled = new AbortController();
  const ending = new Promise<never>((_done, failed) => {
    signal.addEventListener('abort', () => failed(stopped()), { once: true, signal: settled.signal });
  });
  try {
    return await Promise.race([answer, ending]);
  } finally {
    settled.abort();
  }
}

function stopped(): Fault {
  return new Fault('LEASE_LOST', 'asking the rules service was stopped');
}
