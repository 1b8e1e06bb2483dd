/**
 * Step 7, notify: the end of a batch, or that it waits for approval, becomes deliveries, one for each channel that is to tell
 * of it.
 *
 * Promises: the transition to that state recorded that this is owed, so nothing is forgotten; deliveries are named
 * after the event and the first ones stored stand, so a repeated message adds nothing. Where it is told is decided here, by
 * what is known of the client now; which ends are told, the batch's profile says before the client's settings do.
 */
import type { Language } from '../core/language.ts';
import { fileNameText } from '../core/text.ts';
import type { ClientNotify } from '../io/ports/clients.ts';
import type { Delivery, DeliveryChannel } from '../io/ports/deliveries.ts';
import type { Batch } from '../io/ports/registry.ts';
import { mustGet } from './batch/batches.ts';
import type { StageContext } from './context.ts';
import { askingNotice, type Notice, noticeOf } from './notices/notices.ts';
import type { Preview } from './preview.ts';

/** What a mail says besides what the event does: it goes to the client, who knows the file by its name. */
export interface MailPayload {
  readonly notice: Notice;
  /** Without what might be a CPF. */
  readonly file: string;
  /** Of the batch's answers; English where absent. */
  readonly language?: Language;
}

export type NotifyContext = Pick<StageContext, 'registry' | 'clients' | 'deliveries' | 'clock' | 'telemetry'> & {
  readonly settings: Pick<StageContext['settings'], 'events' | 'mailDigestMs'>;
};

export async function notify(context: NotifyContext, id: string): Promise<void> {
  const batch = await mustGet(context, id);
  await record(context, batch, noticeOf(batch));
}

/** That the batch came to wait for approval. It is told also where somebody has decided meanwhile: it happened. */
export async function ask(context: NotifyContext, id: string): Promise<void> {
  const batch = await mustGet(context, id);
  const preview = await context.registry.getResult(id, 'approval', 0);
  // What was erased, or freed in its time, is told to nobody.
  await record(context, batch, preview && askingNotice(batch, JSON.parse(preview.body) as Preview));
}

async function record(context: NotifyContext, batch: Batch, notice: Notice | undefined): Promise<void> {
  if (batch.erasedAtMs !== undefined) return await forget(context, batch);
  if (notice === undefined) return;
  const client = await context.clients.get(batch.client);
  const nowMs = context.clock.nowMs();
  const kinds = batch.notifications?.kinds ?? client?.notify?.kinds ?? [];
  const isTold = kinds.includes(notice.kind);
  const deliveries = [...channelsFor(isTold ? client?.notify : undefined, context.settings.events)].map((channel) =>
    deliveryOf(channel, batch, notice, nowMs, context.settings.mailDigestMs),
  );
  if (deliveries.length > 0) {
    await context.deliveries.add(deliveries);
    // An erasure marks the batch before it takes its deliveries away: one that did so before these were added is seen here.
    const now = await context.registry.get(batch.id);
    if (now?.erasedAtMs !== undefined) await forget(context, now);
  }
  context.telemetry.emit({
    name: 'notice.recorded',
    level: 'debug',
    fields: { batch: batch.id, client: batch.client, event: notice.id, deliveries: deliveries.length },
  });
}

/** What was erased is told to nobody, and what somebody recorded who did not know of it yet goes. */
async function forget({ deliveries }: NotifyContext, { client, id }: Batch): Promise<void> {
  await deliveries.remove(client, new Set([id]));
}

function* channelsFor(told: ClientNotify | undefined, events: string): Iterable<DeliveryChannel> {
  if (events !== 'none') yield 'events';
  if (told?.webhook !== undefined) yield 'webhook';
  if (told?.mail !== undefined) yield 'mail';
}

function deliveryOf(
  channel: DeliveryChannel,
  batch: Batch,
  notice: Notice,
  nowMs: number,
  mailDigestMs: number,
): Delivery {
  const gathers = channel === 'mail' && batch.small && mailDigestMs > 0 && batch.notifications?.digest !== false;
  const mail: MailPayload = {
    notice,
    file: fileNameText(batch.file),
    ...(batch.language === undefined ? {} : { language: batch.language }),
  };
  return {
    id: `${notice.id.replace(/^e-/, 'd-')}-${channel}`,
    event: notice.id,
    client: batch.client,
    batch: batch.id,
    channel,
    payload: JSON.stringify(channel === 'mail' ? mail : notice),
    gathers,
    state: 'pending',
    revision: 1,
    tries: 0,
    attempts: [],
    createdAtMs: nowMs,
    nextAtMs: gathers ? nowMs + mailDigestMs : nowMs,
  };
}
