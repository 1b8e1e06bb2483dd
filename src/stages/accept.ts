/**
 * Step 1, accept: whoever first learns of a stored object creates its batch.
 *
 * Promises: one object version is one batch, however often and from wherever it is announced; the business date is fixed
 * here, and so are the newest version of the profile that is known here, the language of the answers and which ends are
 * told, so a replay decides alike; when `acceptObject` returns, the batch, its place in the client's line and the owed
 * `pick` survive anything.
 */
import { businessDay } from '../core/clock.ts';
import { Fault } from '../core/faults.ts';
import { batchIdOf } from '../core/ids.ts';
import { DEFAULT_PROFILE, mayUse, type ProfileWords, pinText, profileWords, readPin } from '../engine/profiles.ts';
import type { Arrival, Arrivals } from '../io/ports/arrivals.ts';
import { CLIENT_ID, type ClientRecord } from '../io/ports/clients.ts';
import type { ObjectPin } from '../io/ports/objects.ts';
import type { Batch } from '../io/ports/registry.ts';
import { sendOwed } from './batch/batches.ts';
import type { StageContext } from './context.ts';

export interface AcceptedObject extends ObjectPin {
  /** Names the batch where several objects may hold the same file; else the object's bucket, key and version do. */
  readonly id?: string;
  readonly client: string;
  readonly file: string;
  readonly bucket: string;
  readonly version: string;
  readonly bytes: number;
  readonly profile?: string;
  /** Lines that were collected here and written in the default format. */
  readonly collected?: true;
  /** `YYYY-MM-DD`; the day of acceptance in São Paulo where absent. */
  readonly asOf?: string;
  readonly dryRun?: boolean;
}

/** What acceptance needs: it also runs in a command that is not the engine. */
export type AcceptContext = Pick<StageContext, 'registry' | 'clients' | 'queue' | 'clock' | 'telemetry'> & {
  readonly settings: Pick<StageContext['settings'], 'clientsOpen' | 'events'>;
};

export async function acceptObject(context: AcceptContext, object: AcceptedObject): Promise<Batch> {
  const client = await clientOf(context, object.client);
  if (client.erasedAtMs !== undefined) throw new Fault('CLIENT_ERASED');
  const acceptedAtMs = context.clock.nowMs();
  const { pin, words } = await pinned(context, client.id, object.profile ?? client.profile);
  const { batch, created } = await context.registry.accept({
    id: object.id ?? batchIdOf(object.bucket, object.key, object.version),
    client: client.id,
    file: object.file,
    bucket: object.bucket,
    key: object.key,
    version: object.version,
    etag: object.etag,
    bytes: object.bytes,
    ...pin,
    ...(object.collected === true ? { collected: true } : {}),
    amountCentsMin: client.amountCentsMin,
    amountCentsMax: client.amountCentsMax,
    businessDate: object.asOf ?? businessDay(acceptedAtMs),
    dryRun: object.dryRun ?? false,
    ...toldOf(client, words, context.settings),
    acceptedAtMs,
  });
  if (created) {
    context.telemetry.emit({
      name: 'batch.accepted',
      level: 'info',
      fields: { batch: batch.id, client: batch.client, bytes: batch.bytes, number: batch.number },
    });
  }
  await sendOwed(context, batch);
  return batch;
}

/** In which language a batch is spoken of, and what is told of its end. A profile that tells of none costs no message. */
export function toldOf(
  client: ClientRecord,
  { language = client.language, notifications }: ProfileWords,
  settings: Pick<StageContext['settings'], 'events'>,
): Pick<Batch, 'language' | 'notifications' | 'notify'> {
  const isTold = client.notify !== undefined && notifications?.kinds?.length !== 0;
  return {
    notify: isTold || settings.events !== 'none',
    ...(language === undefined ? {} : { language }),
    ...(notifications === undefined ? {} : { notifications }),
  };
}

/**
 * The profile's name with its version, which holds for the batch from here on, and what the document says that must hold
 * even for a file that cannot be read; unless the rules service knows a newer one when it is picked: nobody who sends a file
 * waits for that service. A name that nobody knows stays as it is: the picker ends the batch by it.
 */
async function pinned(
  context: AcceptContext,
  client: string,
  profile: string,
): Promise<{ readonly pin: Pick<Batch, 'profile' | 'asksRules'>; readonly words: ProfileWords }> {
  if (profile === DEFAULT_PROFILE) return { pin: { profile }, words: {} };
  const named = readPin(profile);
  const name = named?.name ?? profile;
  const known = mayUse(client, name) ? await context.clients.getProfile(name, named?.version) : undefined;
  return {
    pin: {
      profile: known === undefined ? profile : pinText(known.name, known.version),
      ...(named === undefined ? { asksRules: true } : {}),
    },
    words: known === undefined ? {} : profileWords(known.document),
  };
}

/** The client, registered on first sight where the installation allows it. */
export async function clientOf(context: AcceptContext, id: string): Promise<ClientRecord> {
  const known = await context.clients.get(id);
  if (known !== undefined) return known;
  if (!CLIENT_ID.test(id))
    throw new Fault('CLIENT_UNKNOWN', 'an id is lower-case letters, digits and hyphens, at most 40');
  if (context.settings.clientsOpen === 'no') throw new Fault('CLIENT_UNKNOWN', `no client ${id}`);
  const added = await context.clients.add({
    id,
    name: id,
    profile: DEFAULT_PROFILE,
    amountCentsMin: 1,
    amountCentsMax: 999_999_999_999_999,
    createdAtMs: context.clock.nowMs(),
  });
  if (added) context.telemetry.emit({ name: 'client.registered', level: 'info', fields: { client: id } });
  const client = await context.clients.get(id);
  if (client === undefined) throw new Fault('CLIENT_UNKNOWN', `no client ${id}`);
  return client;
}

/** Per source, what is remembered from look to look. */
const memories = new WeakMap<Arrivals, { readonly told: Set<string>; readonly blocked: Map<string, Block> }>();
/** Beyond so many told failures the memory starts anew, and failures that last are told once more. */
const TOLD_MAX = 10_000;

/** The earliest arrival of a client that could not be accepted, why, and the later ones that were given since. */
interface Block {
  readonly first: string;
  readonly says: string;
  readonly held: Set<string>;
}

/** Clients whose arrivals are accepted side by side: an acceptance is some round trips to a store that may be far away. */
const LANES_AT_ONCE = 16;

/**
 * Takes what has arrived, at most `max`; answers how many arrivals became (or already were) batches. Those of a client are
 * accepted one after another, clients side by side. Where one cannot be accepted, the later ones of its client wait for it, in
 * this look and the next: else they would stand in line before it. One of them that is given a second time, the first not
 * before it, waits no more: the first has gone.
 */
export async function acceptArrivals(context: AcceptContext, arrivals: Arrivals, max: number): Promise<number> {
  const memory = memories.get(arrivals) ?? { told: new Set(), blocked: new Map() };
  memories.set(arrivals, memory);
  const { told, blocked } = memory;
  const found = await arrivals.poll(max);
  for (const refusal of found.refusals) {
    context.telemetry.emit({ name: 'arrival.refused', level: 'warn', fields: { ...refusal } });
  }
  const tell = (client: string, id: string, error: string): void => {
    if (!isNews(told, `${id} ${error}`)) return;
    context.telemetry.emit({ name: 'arrival.failed', level: 'error', fields: { client, error } });
  };
  const accept = async (arrival: Arrival): Promise<boolean> => {
    const { client } = arrival;
    const id = `${arrival.bucket} ${arrival.key} ${arrival.version}`;
    const block = blocked.get(client);
    if (block !== undefined && block.first !== id && !block.held.has(id)) {
      block.held.add(id);
      tell(client, id, block.says);
      return false;
    }
    blocked.delete(client);
    try {
      await acceptObject(context, arrival);
    } catch (error) {
      const says = textOf(error);
      blocked.set(client, { first: id, says, held: new Set() });
      tell(client, id, says);
      return false;
    }
    try {
      await arrival.settle();
      return true;
    } catch (error) {
      tell(client, id, textOf(error));
      return false;
    }
  };
  const lanes = Map.groupBy(found.arrivals, ({ client }) => client).values();
  let taken = 0;
  const takeLanes = async (): Promise<void> => {
    for (const lane of lanes) for (const arrival of lane) if (await accept(arrival)) taken += 1;
  };
  await Promise.all(Array.from({ length: LANES_AT_ONCE }, takeLanes));
  return taken;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isNews(known: Set<string>, failure: string): boolean {
  if (known.has(failure)) return false;
  if (known.size >= TOLD_MAX) known.clear();
  known.add(failure);
  return true;
}
