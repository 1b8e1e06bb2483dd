/**
 * Applying events to stored batches, and sending what they owe.
 *
 * Promises: `apply` is one conditional write, tried again only when another writer came between; `sendOwed` sends every
 * owed message before it forgets that it was owed, so a death in between costs a second sending and nothing else.
 */
import { assert, unreachable } from '../../core/assert.ts';
import { detail } from '../../core/catalogue.ts';
import { Fault, isFault } from '../../core/faults.ts';
import { attemptId } from '../../core/ids.ts';
import { DEFAULT_LANGUAGE, type Language } from '../../core/language.ts';
import { decodeManifest, type Manifest } from '../../engine/manifest.ts';
import type { ObjectStore } from '../../io/ports/objects.ts';
import type { OutgoingMessage } from '../../io/ports/queue.ts';
import { type Batch, type BatchWarning, FINAL_STATES, type Owed, type ResultKind } from '../../io/ports/registry.ts';
import type { StageContext } from '../context.ts';
import { type Message, outgoing, queueOf, type RegisteringMode } from './messages.ts';
import { type BatchEvent, transition } from './transitions.ts';

/** Changing a batch needs no more than this, so a command beside the engine can do it too. */
export type ApplyContext = Pick<StageContext, 'registry' | 'queue' | 'clock' | 'telemetry'>;

/** Sending what is owed needs no more than this, so a command that only accepts can do it too. */
type SendContext = Pick<StageContext, 'registry' | 'queue'>;

export interface Applied {
  readonly batch: Batch;
  /** Whether this call made the transition; `false` where the event no longer applied. */
  readonly moved: boolean;
}

export async function apply(context: Omit<ApplyContext, 'queue'>, id: string, event: BatchEvent): Promise<Applied> {
  for (;;) {
    const batch = await mustGet(context, id);
    const next = transition(batch, event, context.clock.nowMs());
    if (next === undefined) return { batch, moved: false };
    if (await context.registry.replace(next, batch.revision)) {
      const moved = { ...next, revision: batch.revision + 1 };
      tell(context, event, batch, moved);
      return { batch: moved, moved: true };
    }
  }
}

function tell(
  { telemetry, clock }: Pick<ApplyContext, 'telemetry' | 'clock'>,
  event: BatchEvent,
  before: Batch,
  batch: Batch,
): void {
  const { id, client } = batch;
  if (event.type !== 'warned') {
    telemetry.emit({
      name: `batch.${event.type}`,
      level: event.type === 'failed' || event.type === 'stalled' ? 'warn' : 'info',
      fields: {
        batch: id,
        client,
        state: batch.state,
        code: batch.failure?.code,
        ageMs: Math.max(0, clock.nowMs() - batch.acceptedAtMs),
      },
    });
  }
  if (batch.warnings === before.warnings) return;
  for (const { code, message } of batch.warnings ?? []) {
    if (before.warnings?.some((warning) => warning.code === code)) continue;
    telemetry.emit({ name: 'batch.warned', level: 'warn', fields: { batch: id, client, code, error: message } });
  }
}

/** A fault as a warning that a batch carries, in the language of its client. */
export function warningOf(fault: Fault, language: Language = DEFAULT_LANGUAGE): BatchWarning {
  return { code: fault.code, message: fault.text(language) };
}

export async function mustGet(context: Pick<StageContext, 'registry'>, id: string): Promise<Batch> {
  const batch = await context.registry.get(id);
  if (batch === undefined) throw new Fault('BATCH_UNKNOWN', '', { batch: id });
  return batch;
}

/**
 * Whether the batch has no such piece of work: whoever asks for it is not this engine. That is told and does the batch no
 * harm; a result of work that is none would be counted with the others.
 */
export function isStray(
  context: Pick<StageContext, 'telemetry'>,
  batch: Batch,
  kind: 'range' | 'shard',
  work: number,
): boolean {
  // A small batch is one range and one shard that no message asks for.
  const count = batch.small ? 0 : kind === 'range' ? batch.ranges : batch.shards;
  if (work < count) return false;
  const fields = { batch: batch.id, client: batch.client, error: `${kind} ${work} of ${count}` };
  context.telemetry.emit({ name: 'message.stray', level: 'error', fields });
  return true;
}

/** Sends all that the batch owes, then records that it is sent. */
export async function sendOwed(context: SendContext, batch: Batch): Promise<void> {
  if (batch.owed.length === 0) return;
  for (const owed of batch.owed) await send(context, batch, owed);
  const kept = batch.owed.filter((owed) => staysOwed(owed));
  if (kept.length === batch.owed.length) return;
  // Refused where the batch has moved on: whoever moved it sends what it owes now.
  await context.registry.replace({ ...batch, owed: kept }, batch.revision);
}

/** Whether it owes messages of which nobody has recorded that they were sent. */
export function owesUnsent(batch: Batch): boolean {
  return batch.owed.some((owed) => !staysOwed(owed));
}

/**
 * What stays on the item after it was sent, because the next transition takes it away and a write is saved: `pick` until
 * picking starts; `finish` until the batch completes, which is also how a batch says that all its shards are done.
 */
function staysOwed(owed: Owed): boolean {
  return owed === 'finish' || owed === 'pick';
}

/** Sends the messages of one kind; those whose work already has a result are left out. */
export async function send(context: SendContext, batch: Batch, owed: Owed): Promise<void> {
  const messages = await messagesOf(context, batch, owed);
  const first = messages[0];
  if (first === undefined) return;
  const queue = queueOf(first.kind);
  const out: OutgoingMessage[] = [];
  for (const message of messages) {
    assert(queueOf(message.kind) === queue, 'owed messages of one kind go to one queue');
    out.push(owed === 'line' ? asking(batch, outgoing(batch, message)) : outgoing(batch, message));
  }
  await context.queue.send(queue, out);
}

async function messagesOf(context: SendContext, batch: Batch, owed: Owed): Promise<Message[]> {
  const id = batch.id;
  switch (owed) {
    case 'pick':
      return [{ kind: 'pick', batch: id }];
    case 'settle':
      return [{ kind: 'settle', batch: id }];
    case 'line':
      return [{ kind: 'line', client: batch.client, batch: id }];
    case 'finish':
      return [{ kind: 'finish', batch: id }];
    case 'free':
      return [{ kind: 'free', batch: id }];
    case 'ask':
      return [{ kind: 'ask', batch: id }];
    case 'notify':
      return [{ kind: 'notify', batch: id }];
    case 'ranges': {
      const missing = await missingWork(context, batch, 'range', batch.ranges);
      if (missing.length === 0) return [{ kind: 'settle', batch: id }];
      return missing.map((range) => ({ kind: 'range', batch: id, range }));
    }
    case 'shards': {
      const mode = modeOf(batch);
      const missing = await missingWork(context, batch, resultKindOf(mode), batch.shards);
      if (missing.length === 0) return [{ kind: 'settle', batch: id }];
      return missing.map((shard) => ({ kind: 'shard', batch: id, shard, mode }));
    }
    default:
      return unreachable(owed);
  }
}

/**
 * Of a batch that came back to its line, a message of its own: the one by which it left the line may still be in hand and past
 * its last look, and while a message is in hand its id is not taken a second time.
 */
function asking({ approval }: Batch, message: OutgoingMessage): OutgoingMessage {
  return approval?.standing === 'approved' ? { ...message, id: `${message.id}/approved` } : message;
}

export function modeOf(batch: Batch): RegisteringMode {
  return batch.dryRun || batch.state === 'previewing' ? 'preview' : 'apply';
}

export function resultKindOf(mode: RegisteringMode): ResultKind {
  return mode === 'preview' ? 'preview' : 'shard';
}

/**
 * For work that found its batch ended when it was done: what it wrote since then is freed once more. The message has an id
 * of its own: an earlier one may be in hand and past what was written late, and then its id is not taken a second time.
 */
export async function freeAgain(context: SendContext & Pick<StageContext, 'random'>, batch: Batch): Promise<void> {
  if (!FINAL_STATES.has(batch.state)) return;
  const message: Message = { kind: 'free', batch: batch.id };
  const { id, ...rest } = outgoing(batch, message);
  await context.queue.send(queueOf(message.kind), [{ ...rest, id: `${id}/${attemptId(context.random)}` }]);
}

/** Does work that leaves something with its batch. Where it fails, and the batch ended meanwhile, that is freed all the same. */
export async function freeingLate<T>(
  context: SendContext & Pick<StageContext, 'random'>,
  id: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await freeAgain(context, await mustGet(context, id));
    throw error;
  }
}

async function missingWork(context: SendContext, batch: Batch, kind: ResultKind, count: number): Promise<number[]> {
  const there = new Set(await context.registry.listWorks(batch.id, kind));
  return Array.from({ length: count }, (_, work) => work).filter((work) => !there.has(work));
}

const RESULTS_A_PAGE = 64;

/** The results of a kind, parsed, by work; read page by page, so that a giant's never stand in memory together. */
export async function* eachResult<Body>(
  context: Pick<StageContext, 'registry'>,
  batch: string,
  kind: ResultKind,
  max = RESULTS_A_PAGE,
): AsyncGenerator<{ readonly work: number; readonly body: Body }> {
  let after = -1;
  for (;;) {
    const page = await context.registry.listResults(batch, kind, { after, max });
    for (const { work, body } of page) {
      yield { work, body: JSON.parse(body) as Body };
      after = work;
    }
    if (page.length < max) return;
  }
}

const OPEN_A_PAGE = 200;

/** Every open batch, once; page by page, however many there are. */
export async function* eachOpen(context: Pick<StageContext, 'registry'>): AsyncGenerator<Batch> {
  let after: string | undefined;
  do {
    const { batches, next } = await context.registry.open({
      max: OPEN_A_PAGE,
      ...(after === undefined ? {} : { after }),
    });
    yield* batches;
    after = next;
  } while (after !== undefined);
}

/** All of them at once, for who knows that they are few. */
export async function openBatches(context: Pick<StageContext, 'registry'>): Promise<Batch[]> {
  return await Array.fromAsync(eachOpen(context));
}

/** The manifest of a batch: from its item where it is small, else from the object store. */
export async function manifestOf(
  context: { readonly objects: Pick<ObjectStore, 'get'> },
  batch: Batch,
): Promise<Manifest> {
  if (batch.manifest !== null) return decodeManifest(batch.manifest, batch.id);
  assert(batch.manifestKey !== null, 'a picked batch has a manifest');
  const bytes = await context.objects.get(batch.manifestKey);
  if (bytes === undefined) throw new Fault('STORE_CORRUPT', 'the manifest is gone', { batch: batch.id });
  return decodeManifest(new TextDecoder().decode(bytes), batch.id);
}

/**
 * A file that changed, grew or went away since its acceptance is voided while that is still possible. The pin decides: where
 * the store keeps versions, the accepted one stands whatever has come under its key since.
 */
export async function assertUnchanged(context: Pick<StageContext, 'objects'>, batch: Batch): Promise<void> {
  try {
    await (await context.objects.openRange(batch, 0, 0)).close();
  } catch (error) {
    if (!isFault(error)) throw error;
    if (error.code === 'OBJECT_VANISHED') throw new Fault('OBJECT_VANISHED', '', { batch: batch.id });
    if (error.code !== 'OBJECT_CHANGED') throw error;
    const now = await context.objects.head(batch.key);
    const told = now === undefined ? '' : detail('BYTES_NOW', now.bytes, batch.bytes);
    throw new Fault('OBJECT_CHANGED', told, { batch: batch.id });
  }
}
