/**
 * The notifier's work: deliveries whose time has come are tried, and how each attempt ended is recorded.
 *
 * - Before an attempt the delivery is claimed by a conditional write that puts its time behind the attempt's deadline: of any
 *   number of notifiers one tries, and where that one is killed another takes it up later. So a delivery is attempted at
 *   least once, and a receiver may see an event twice, under the same id.
 * - A failed attempt waits exponentially with full jitter, up to `notifyTriesMax` attempts; then, or where the fault says that
 *   no other attempt can help, the delivery is `failed` until somebody redelivers it. The service being away or refusing the
 *   credentials counts no try: that is nobody's delivery's fault.
 * - No client's receiver holds up another's: each client has a few attempts under way at most; what is beyond is put off.
 */
import { unreachable } from '../../core/assert.ts';
import { Fault, type FaultCode, isFault } from '../../core/faults.ts';
import type { Language } from '../../core/language.ts';
import { retryDelayMs } from '../../engine/retry.ts';
import { ATTEMPTS_KEPT, type Delivery } from '../../io/ports/deliveries.ts';
import type { EventPublisher } from '../../io/ports/events.ts';
import type { MailSender } from '../../io/ports/mail.ts';
import type { WebhookSender } from '../../io/ports/webhook.ts';
import type { StageContext } from '../context.ts';
import type { MailPayload } from '../notify.ts';
import { mailOf } from './mailTexts.ts';
import type { Notice } from './notices.ts';

export interface Channels {
  readonly webhooks: WebhookSender;
  readonly mail: MailSender;
  readonly events: readonly EventPublisher[];
}

export type DeliverContext = Pick<StageContext, 'clients' | 'deliveries' | 'clock' | 'random' | 'telemetry'> & {
  readonly settings: Pick<
    StageContext['settings'],
    'webhookMs' | 'notifyRetryMsMin' | 'notifyRetryMsMax' | 'notifyTriesMax'
  >;
};

/** Deliveries looked at together. */
const LOOK_MAX = 256;
const CLIENT_AT_ONCE = 4;
const AT_ONCE = 32;
/** Mails told in one. */
const DIGEST_MAX = 500;
/** Beyond the deadline of an attempt, before somebody else takes the delivery up. */
const CLAIM_SLACK_MS = 60_000;
const PUT_OFF_MS = 2000;
const SAYS_MAX = 300;

const SURROUNDINGS: ReadonlySet<FaultCode> = new Set([
  'STORE_FULL',
  'STORE_BUSY',
  'STORE_IO',
  'SERVICE_IO',
  'SERVICE_DENIED',
]);

/** What is under way in this process. */
export class Deliverer {
  readonly #context: DeliverContext;
  readonly #channels: Channels;
  readonly #running = new Map<string, Promise<void>>();
  readonly #byClient = new Map<string, number>();

  constructor(context: DeliverContext, channels: Channels) {
    this.#context = context;
    this.#channels = channels;
  }

  get busy(): number {
    return this.#running.size;
  }

  /** Begins what is due, as far as there is room; answers how many it began. Attempts go on after it has settled. */
  async look(signal: AbortSignal): Promise<number> {
    const { deliveries, clock } = this.#context;
    if (this.#running.size >= AT_ONCE) return 0;
    let begun = 0;
    const claimedBefore = new Set(this.#running.keys());
    for (const delivery of await deliveries.due(clock.nowMs(), LOOK_MAX)) {
      if (signal.aborted || this.#running.size >= AT_ONCE) break;
      const place = placeOf(delivery);
      if (claimedBefore.has(place) || this.#running.has(place)) continue;
      if ((this.#byClient.get(delivery.client) ?? 0) >= CLIENT_AT_ONCE) {
        const nextAtMs = clock.nowMs() + Math.round(PUT_OFF_MS * (1 + this.#randomUnit()));
        await deliveries.replace({ ...delivery, nextAtMs }, delivery.revision);
        continue;
      }
      begun += 1;
      this.#begin(place, delivery, signal);
    }
    return begun;
  }

  /** Settles once nothing is under way. */
  async quiet(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  #begin(place: string, delivery: Delivery, signal: AbortSignal): void {
    const { client } = delivery;
    this.#byClient.set(client, (this.#byClient.get(client) ?? 0) + 1);
    const work = this.#deliver(delivery, signal)
      .catch((error: unknown) => {
        // The claim runs out, and the delivery is taken up again.
        const says = error instanceof Error ? error.message : String(error);
        this.#context.telemetry.emit({
          name: 'delivery.broken',
          level: 'error',
          fields: { delivery: delivery.id, client, error: says },
        });
      })
      .finally(() => {
        this.#running.delete(place);
        const left = (this.#byClient.get(client) ?? 1) - 1;
        if (left > 0) this.#byClient.set(client, left);
        else this.#byClient.delete(client);
      });
    this.#running.set(place, work);
  }

  async #deliver(due: Delivery, signal: AbortSignal): Promise<void> {
    const { deliveries } = this.#context;
    const { clock } = this.#context;
    const nowMs = clock.nowMs();
    // One that was tried and whose time has not come waits for its next attempt, or is being tried by somebody else.
    const mayJoin = (one: Delivery): boolean =>
      one.gathers &&
      one.id !== due.id &&
      (one.tries === 0 || one.nextAtMs <= nowMs) &&
      languageOf(one) === languageOf(due);
    const others = due.gathers ? (await deliveries.pending(due.client, 'mail', DIGEST_MAX)).filter(mayJoin) : [];
    const together = [due, ...others];
    const claimed = (await Promise.all(together.map((one) => this.#claim(one)))).filter((one) => one !== undefined);
    const first = claimed[0];
    if (first === undefined) return;
    const startedMs = clock.monotonicMs();
    const atMs = clock.nowMs();
    let fault: Fault | undefined;
    try {
      await this.#send(first, claimed, signal);
    } catch (error) {
      if (!isFault(error)) throw error;
      fault = error;
    }
    const ms = clock.monotonicMs() - startedMs;
    await Promise.all(claimed.map((one) => this.#record(one, fault, { atMs, ms }, signal.aborted)));
  }

  /** The delivery as claimed; `undefined` where another has it. */
  async #claim(delivery: Delivery): Promise<Delivery | undefined> {
    const { deliveries, clock, settings } = this.#context;
    const nextAtMs = clock.nowMs() + settings.webhookMs + CLAIM_SLACK_MS;
    const claimed = { ...delivery, nextAtMs, tries: delivery.tries + 1 };
    if (!(await deliveries.replace(claimed, delivery.revision))) return undefined;
    return { ...claimed, revision: delivery.revision + 1 };
  }

  async #send(first: Delivery, claimed: readonly Delivery[], signal: AbortSignal): Promise<void> {
    const { channel, client, event, payload } = first;
    if (channel === 'events') {
      const { id, type, at, ...detail } = JSON.parse(payload) as Notice;
      const told = { id, type, client, atMs: Date.parse(at), detail };
      await Promise.all(this.#channels.events.map((publisher) => publisher.publish([told])));
      return;
    }
    const notify = (await this.#context.clients.get(client))?.notify;
    switch (channel) {
      case 'webhook': {
        if (notify?.webhook === undefined) throw new Fault('NOTICE_REFUSED', 'the client has no webhook any more');
        const { url, secrets } = notify.webhook;
        await this.#channels.webhooks.post({ id: event, url, secrets, body: payload }, signal);
        return;
      }
      case 'mail': {
        if (notify?.mail === undefined) throw new Fault('NOTICE_REFUSED', 'the client has no mail address any more');
        const payloads = claimed.map((one) => JSON.parse(one.payload) as MailPayload);
        await this.#channels.mail.send(mailOf(payloads, client, notify.mail));
        return;
      }
      default:
        unreachable(channel);
    }
  }

  async #record(
    delivery: Delivery,
    fault: Fault | undefined,
    when: { readonly atMs: number; readonly ms: number },
    stopped: boolean,
  ): Promise<void> {
    const { deliveries, clock, settings, telemetry } = this.#context;
    const says = fault === undefined ? 'delivered' : fault.message.slice(0, SAYS_MAX);
    const attempts = [...delivery.attempts, { ...when, says }].slice(-ATTEMPTS_KEPT);
    const free = fault !== undefined && (stopped || SURROUNDINGS.has(fault.code));
    const tries = free ? delivery.tries - 1 : delivery.tries;
    const waitMs = stopped
      ? 0
      : retryDelayMs(
          { retryMsMin: settings.notifyRetryMsMin, retryMsMax: settings.notifyRetryMsMax },
          Math.max(1, tries),
          this.#randomUnit(),
        );
    const over = fault !== undefined && !free && (fault.disposition === 'fail' || tries >= settings.notifyTriesMax);
    const state = fault === undefined ? 'delivered' : over ? 'failed' : 'pending';
    const nextAtMs = clock.nowMs() + waitMs;
    // Refused where somebody erased or redelivered it meanwhile: then that stands.
    await deliveries.replace({ ...delivery, attempts, tries, state, nextAtMs }, delivery.revision);
    const { id, client, batch, channel } = delivery;
    telemetry.emit({
      name: `delivery.${state === 'pending' ? 'retried' : state}`,
      level: fault === undefined ? 'info' : over ? 'error' : 'warn',
      fields: { delivery: id, client, batch, channel, tries, code: fault?.code, ms: when.ms },
    });
  }

  #randomUnit(): number {
    return new DataView(new Uint8Array(this.#context.random(4)).buffer).getUint32(0) / 2 ** 32;
  }
}

/** A digest speaks one language. */
function languageOf({ payload }: Delivery): Language | undefined {
  return (JSON.parse(payload) as MailPayload).language;
}

/** Mail of a client that gathers goes as one piece of work. */
function placeOf({ client, channel, gathers, id }: Delivery): string {
  return gathers ? `${client}/${channel}` : `${client}/${id}`;
}

/** The delivery as it is to be tried anew, from now on and as often as a new one. */
export function redelivered(delivery: Delivery, nowMs: number): Delivery {
  return { ...delivery, state: 'pending', tries: 0, gathers: false, nextAtMs: nowMs };
}
