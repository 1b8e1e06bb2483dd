/**
 * Step 1, accept: whoever first learns of a stored object creates its batch.
 *
 * Promises: one object version is one batch, however often and from wherever it is announced; the business date is fixed
 * here, so a replay decides alike; when `acceptObject` returns, the batch, its place in the client's line and the owed
 * `pick` survive anything.
 */
import { businessDay } from '../core/clock.ts';
import { Fault } from '../core/faults.ts';
import { batchIdOf } from '../core/ids.ts';
import type { Arrivals } from '../io/ports/arrivals.ts';
import { CLIENT_ID, type ClientRecord } from '../io/ports/clients.ts';
import type { ObjectPin } from '../io/ports/objects.ts';
import type { Batch } from '../io/ports/registry.ts';
import { sendOwed } from './batches.ts';
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
  /** `YYYY-MM-DD`; the day of acceptance in São Paulo where absent. */
  readonly asOf?: string;
  readonly dryRun?: boolean;
}

export const DEFAULT_PROFILE = 'default';

/** What acceptance needs: it also runs in a command that is not the engine. */
export type AcceptContext = Pick<StageContext, 'registry' | 'clients' | 'queue' | 'clock' | 'telemetry'> & {
  readonly settings: Pick<StageContext['settings'], 'clientsOpen'>;
};

export async function acceptObject(context: AcceptContext, object: AcceptedObject): Promise<Batch> {
  const client = await clientOf(context, object.client);
  const acceptedAtMs = context.clock.nowMs();
  const { batch, created } = await context.registry.accept({
    id: object.id ?? batchIdOf(object.bucket, object.key, object.version),
    client: client.id,
    file: object.file,
    bucket: object.bucket,
    key: object.key,
    version: object.version,
    etag: object.etag,
    bytes: object.bytes,
    profile: object.profile ?? client.profile,
    amountCentsMin: client.amountCentsMin,
    amountCentsMax: client.amountCentsMax,
    businessDate: object.asOf ?? businessDay(acceptedAtMs),
    dryRun: object.dryRun ?? false,
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

/** Per source, the failures that were told: an arrival that fails is given again at every look, and told once. */
const told = new WeakMap<Arrivals, Set<string>>();
/** Beyond so many the memory starts anew, and failures that last are told once more. */
const TOLD_MAX = 10_000;

/** Takes what has arrived, at most `max`; answers how many arrivals became (or already were) batches. */
export async function acceptArrivals(context: AcceptContext, arrivals: Arrivals, max: number): Promise<number> {
  const found = await arrivals.poll(max);
  for (const refusal of found.refusals) {
    context.telemetry.emit({ name: 'arrival.refused', level: 'warn', fields: { ...refusal } });
  }
  let taken = 0;
  for (const arrival of found.arrivals) {
    try {
      await acceptObject(context, arrival);
      await arrival.settle();
      taken += 1;
    } catch (error) {
      const says = error instanceof Error ? error.message : String(error);
      if (!isNews(arrivals, `${arrival.bucket} ${arrival.key} ${arrival.version} ${says}`)) continue;
      context.telemetry.emit({
        name: 'arrival.failed',
        level: 'error',
        fields: { client: arrival.client, error: says },
      });
    }
  }
  return taken;
}

function isNews(arrivals: Arrivals, failure: string): boolean {
  const known = told.get(arrivals) ?? new Set<string>();
  told.set(arrivals, known);
  if (known.has(failure)) return false;
  if (known.size >= TOLD_MAX) known.clear();
  known.add(failure);
  return true;
}
