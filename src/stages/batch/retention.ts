/**
 * Files and answers of batches that ended long ago are removed, where the store does not do that by itself: the batch keeps its
 * numbers. Clients with a standing legal hold, on the whole or on a person, keep everything.
 *
 * Promises: the age is that of the batch's end, never a file's own time, which its sender sets. Objects go first and the batch
 * is marked after, so what was interrupted is done again.
 */
import { type Batch, FINAL_STATES } from '../../io/ports/registry.ts';
import type { StageContext } from '../context.ts';
import { answersPrefix, manifestPrefix, workPrefix } from './keys.ts';

export type RetentionContext = Pick<
  StageContext,
  'registry' | 'clients' | 'objects' | 'privacy' | 'clock' | 'telemetry'
>;

const BATCHES_A_LOOK = 200;

/** Per client, the place of acceptance up to which every batch is done with: it spares a running process what it has looked at. */
export type Done = Map<string, number>;

/** Answers for how many batches were freed of their files. */
export async function expireFiles(context: RetentionContext, keepMs: number, done: Done): Promise<number> {
  let expired = 0;
  for (const { id } of await context.clients.list()) {
    if (await isHeld(context, id)) continue;
    expired += await expireClient(context, id, context.clock.nowMs() - keepMs, done);
  }
  if (expired > 0) {
    context.telemetry.emit({ name: 'files.expired', level: 'info', fields: { batches: expired } });
  }
  return expired;
}

async function isHeld({ privacy }: RetentionContext, client: string): Promise<boolean> {
  const records = (await privacy?.list(client)) ?? [];
  return records.some((one) => one.kind === 'hold' && one.lifted === null);
}

async function expireClient(context: RetentionContext, client: string, beforeMs: number, done: Done): Promise<number> {
  const doneTo = done.get(client) ?? 0;
  let expired = 0;
  // The least number that must be looked at again.
  let open = Number.POSITIVE_INFINITY;
  let newest = doneTo;
  let before: number | undefined;
  for (;;) {
    const filter = { client, limit: BATCHES_A_LOOK, ...(before === undefined ? {} : { before }) };
    const page = await context.registry.list(filter);
    for (const batch of page) {
      newest = Math.max(newest, batch.acceptedNumber);
      if (batch.acceptedNumber <= doneTo || batch.erasedAtMs !== undefined) continue;
      if (endedAtMs(batch) < beforeMs && (await expireBatch(context, batch))) expired += 1;
      else open = Math.min(open, batch.acceptedNumber);
    }
    const least = Math.min(...page.map(({ acceptedNumber }) => acceptedNumber));
    if (page.length < BATCHES_A_LOOK || least <= doneTo) break;
    before = least;
  }
  done.set(client, Math.min(newest, open - 1));
  return expired;
}

/** Never, for one that is on its way. */
function endedAtMs(batch: Batch): number {
  if (!FINAL_STATES.has(batch.state)) return Number.POSITIVE_INFINITY;
  return batch.enteredMs[batch.state] ?? batch.updatedAtMs;
}

async function expireBatch({ objects, registry, clock }: RetentionContext, batch: Batch): Promise<boolean> {
  await objects.delete(batch.key);
  await objects.deletePrefix(answersPrefix(batch.id));
  await objects.deletePrefix(manifestPrefix(batch.id));
  // What a small file was inflated to is what its answers were rendered from.
  await objects.deletePrefix(workPrefix(batch.id));
  await registry.dropResults(batch.id, ['shard', 'preview', 'approval', 'finish']);
  return await registry.replace({ ...batch, manifest: null, erasedAtMs: clock.nowMs() }, batch.revision);
}
