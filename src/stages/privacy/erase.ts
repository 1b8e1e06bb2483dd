/**
 * Erasing a client's data, or one person's, from every store (LGPD, art. 18), unless a legal hold forbids it.
 *
 * - Debts become tombstones: reference, batch and turn stay, so that a later file's row of that reference is refused; names,
 *   documents, amounts, dates and addresses go, and with them what the store keeps beside (the index by document).
 * - A file cannot lose single lines: its manifest, its receipt and its checks are over all its bytes. Of one person, each file
 *   that holds the document anywhere is therefore removed whole, with its answers; the debts of others in it stay registered. Of a
 *   client, all files go.
 * - Submissions go with the files that they became; of a client all, with the kept answers to its requests.
 * - What stays of such a batch are its numbers: states, times, counts, sums, codes. Its file's name goes.
 * - Nothing is erased while a batch of the client is on its way, or lines are being collected that would become one: it would
 *   write again what was erased.
 *
 * Every step may be repeated: an erasure that was killed is run again and ends the same. It is recorded before its first step,
 * and a hold is recorded before it is relied on, so of an erasure and a hold that meet at least one sees the other.
 *
 * Faults: `ON_HOLD`, `ERASURE_BLOCKED`, `CLIENT_UNKNOWN`, those of the stores.
 */
import type { Clock } from '../../core/clock.ts';
import { maskedDocument } from '../../core/documents.ts';
import { Fault, isFault } from '../../core/faults.ts';
import { derivedId } from '../../core/ids.ts';
import { DEFAULT_PROFILE, readPin } from '../../engine/profiles.ts';
import type { ClientStore } from '../../io/ports/clients.ts';
import type { DebtStore, StoredDebt } from '../../io/ports/debts.ts';
import type { DeliveryStore } from '../../io/ports/deliveries.ts';
import type { IdempotencyStore } from '../../io/ports/idempotency.ts';
import type { KeyStore } from '../../io/ports/keys.ts';
import type { ObjectPin, ObjectStore } from '../../io/ports/objects.ts';
import type { Erasure, ErasureCounts, Hold, ObjectEraser, PrivacyStore } from '../../io/ports/privacy.ts';
import { type Batch, FINAL_STATES, type Registry } from '../../io/ports/registry.ts';
import type { StagingStore } from '../../io/ports/staging.ts';
import type { Submission, SubmissionStore } from '../../io/ports/submissions.ts';
import { answersPrefix, manifestPrefix, partsPrefix, rawKey, workPrefix } from '../batch/keys.ts';
import { objectBlocks } from '../batch/objectBlocks.ts';
import { holds, patternOf, personOf } from './person.ts';

export interface EraseContext {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly clients: ClientStore;
  readonly debts: DebtStore;
  readonly objects: ObjectStore;
  readonly eraser: ObjectEraser;
  /** Absent where engines are always there to free what ended batches staged, and it expires besides. */
  readonly staging?: Pick<StagingStore, 'free'>;
  readonly submissions: SubmissionStore;
  readonly idempotency: Pick<IdempotencyStore, 'remove'>;
  readonly deliveries: DeliveryStore;
  readonly keys: KeyStore;
  readonly privacy: PrivacyStore;
}

export interface EraseWish {
  readonly client: string;
  /** As debts store it, of a CPF or a CNPJ; absent for everything of the client. */
  readonly document?: string;
}

const ROWS_AT_ONCE = 2000;
const SUBMISSIONS_A_PAGE = 100;
const LINES_A_PAGE = 1000;
const SWEEP_MAX = 1000;
const RACES_MAX = 100;
const NO_COUNTS: Required<ErasureCounts> = {
  debts: 0,
  batches: 0,
  objects: 0,
  submissions: 0,
  deliveries: 0,
  keys: 0,
  answers: 0,
};

export async function erase(context: EraseContext, wish: EraseWish): Promise<Erasure> {
  const client = await context.clients.get(wish.client);
  if (client === undefined) throw new Fault('CLIENT_UNKNOWN', `client ${wish.client}`);
  await assertFree(context, wish);
  const begun = await recordBegin(context, wish);
  // Once more: a hold that was placed meanwhile either sees this record or is seen here.
  await assertFree(context, wish);
  if (wish.document === undefined && client.erasedAtMs === undefined) {
    const { notify, ...rest } = client;
    await context.clients.update({ ...rest, name: client.id, erasedAtMs: context.clock.nowMs() });
  }
  const batches = await context.registry.list({ client: wish.client });
  assertEnded(batches);
  await assertNoneCollects(context, wish);

  const debts = await eraseDebts(context.debts, wish);
  const affected = await batchesToErase(context, wish, batches);
  let objects = 0;
  for (const batch of affected) objects += await eraseBatch(context, batch);
  objects += await eraseStray(context, wish, batches);
  const submissions = await eraseSubmissions(context, wish, affected);
  await freeSubmitted(context);
  const deliveries = await context.deliveries.remove(wish.client, new Set(affected.map(({ id }) => id)));
  const others = wish.document === undefined ? await context.deliveries.remove(wish.client) : 0;
  const keys = wish.document === undefined ? await endKeys(context, wish.client) : 0;
  return await recordEnd(context, begun, {
    debts,
    batches: affected.filter(({ erasedAtMs }) => erasedAtMs === undefined).length,
    objects,
    submissions,
    deliveries: deliveries + others,
    keys,
    answers: wish.document === undefined ? await eraseAnswers(context, wish.client) : 0,
  });
}

/** The holds that stand against it: of the client, or of the person; of anybody, where everything is to go. */
export async function holdsAgainst(privacy: PrivacyStore, { client, document }: EraseWish): Promise<Hold[]> {
  const person = document === undefined ? undefined : personOf(client, document);
  const standing = (await privacy.list(client))
    .filter((one) => one.kind === 'hold')
    .filter((one) => one.lifted === null);
  return standing.filter((hold) => hold.person === null || person === undefined || hold.person === person);
}

async function assertFree(context: EraseContext, wish: EraseWish): Promise<void> {
  const [first, ...more] = await holdsAgainst(context.privacy, wish);
  if (first === undefined) return;
  const rest = more.length === 0 ? '' : `, and ${more.length} more`;
  throw new Fault('ON_HOLD', `hold ${first.id} by ${first.by}: ${first.why}${rest}`);
}

function assertEnded(batches: readonly Batch[]): void {
  const open = batches.find(({ state }) => !FINAL_STATES.has(state));
  if (open !== undefined) throw new Fault('ERASURE_BLOCKED', `it is ${open.state}`, { batch: open.id });
}

async function recordBegin({ privacy, clock }: EraseContext, { client, document }: EraseWish): Promise<Erasure> {
  const person = document === undefined ? null : personOf(client, document);
  const id = `x-${derivedId('erasure', client, person ?? '')}`;
  for (let race = 0; race < RACES_MAX; race++) {
    const known = (await privacy.list(client)).find((one) => one.kind === 'erasure' && one.id === id) as
      | Erasure
      | undefined;
    const record: Erasure = {
      kind: 'erasure',
      client,
      id,
      person,
      personText: document === undefined ? null : maskedDocument(document),
      state: 'running',
      startedAtMs: clock.nowMs(),
      endedAtMs: null,
      runs: (known?.runs ?? 0) + 1,
      counts: known?.counts ?? NO_COUNTS,
      revision: known?.revision ?? 1,
    };
    if (known === undefined ? await privacy.add(record) : await privacy.replace(record, known.revision)) {
      return known === undefined ? record : { ...record, revision: known.revision + 1 };
    }
  }
  throw new Fault('ERASURE_BLOCKED', 'the same erasure is being run elsewhere');
}

async function recordEnd({ privacy, clock }: EraseContext, begun: Erasure, found: ErasureCounts): Promise<Erasure> {
  const names = Object.keys(NO_COUNTS) as (keyof ErasureCounts)[];
  const sums = Object.fromEntries(names.map((name) => [name, (begun.counts[name] ?? 0) + (found[name] ?? 0)]));
  const ended: Erasure = {
    ...begun,
    state: 'done',
    endedAtMs: clock.nowMs(),
    counts: sums as unknown as ErasureCounts,
  };
  // Refused where the same erasure was begun again meanwhile: that one tells its end.
  await privacy.replace(ended, begun.revision);
  return ended;
}

/** Each debt becomes a tombstone under its own turn; one that a batch changed meanwhile is found again. */
async function eraseDebts(debts: DebtStore, { client, document }: EraseWish): Promise<number> {
  let erased = 0;
  for (let idle = 0; idle < RACES_MAX; ) {
    const rows: StoredDebt[] = [];
    for await (const debt of debts.list(client, document === undefined ? {} : { document })) {
      rows.push(debt);
      if (rows.length === ROWS_AT_ONCE) break;
    }
    if (rows.length === 0) {
      await debts.forget?.(client, document);
      return erased;
    }
    let written = 0;
    for (const [turn, ofTurn] of Map.groupBy(rows, (row) => row.turn)) {
      if ((await debts.write(client, turn, ofTurn.map(tombstoneOf))) === 'written') written += ofTurn.length;
    }
    erased += written;
    idle = written > 0 ? 0 : idle + 1;
  }
  throw new Fault('ERASURE_BLOCKED', 'debts are being changed all the while');
}

function tombstoneOf(debt: StoredDebt): StoredDebt {
  return {
    ...debt,
    debtorName: '',
    document: '',
    amountCents: 0,
    dueDate: '',
    debtorEmail: null,
    debtorPhone: null,
    creditorName: null,
    accountType: null,
    installment: null,
    erased: true,
  };
}

async function batchesToErase(
  context: EraseContext,
  { document }: EraseWish,
  batches: readonly Batch[],
): Promise<Batch[]> {
  if (document === undefined) return [...batches];
  const affected: Batch[] = [];
  for (const batch of batches) {
    const pattern = patternOf(document, await hasFixedPlaces(context.clients, batch.profile));
    // One that was marked may have been left in the middle, by an erasure that was killed.
    const marked = batch.erasedAtMs !== undefined;
    if (marked || pattern.test(batch.file) || (await fileHolds(context.objects, batch, pattern))) affected.push(batch);
  }
  return affected;
}

/** Whether files under the profile (a name, with or without its version) hold documents at fixed places, among other digits. */
async function hasFixedPlaces(clients: ClientStore, profile: string): Promise<boolean> {
  const pin = readPin(profile);
  const record = await clients.getProfile(pin?.name ?? profile, pin?.version);
  if (record === undefined) return false;
  const { kind = '' } = JSON.parse(record.document) as { readonly kind?: string };
  return kind === 'fixed-width' || kind.startsWith('cnab');
}

async function fileHolds(
  objects: ObjectStore,
  file: ObjectPin & { readonly bytes: number },
  pattern: RegExp,
): Promise<boolean> {
  try {
    return await holds(objectBlocks(objects, file), pattern);
  } catch (error) {
    // What is not there any more holds nothing; what holds something else now is looked at as it is, and so is what cannot
    // be inflated: it may hold anything, so it goes.
    if (isFault(error) && error.code === 'OBJECT_VANISHED') return false;
    if (isFault(error) && error.code !== 'OBJECT_CHANGED') throw error;
    return true;
  }
}

/**
 * Everything of a batch but its numbers; answers for how many states of objects were removed. The batch is marked first: an
 * erasure that was killed in the middle finds it again by that, when its file has gone already.
 */
async function eraseBatch({ objects, eraser, staging, registry, clock }: EraseContext, batch: Batch): Promise<number> {
  for (let race = 0; ; race++) {
    const stored = await registry.get(batch.id);
    if (stored === undefined || stored.erasedAtMs !== undefined) break;
    if (await registry.replace(withoutNames(stored, clock.nowMs()), stored.revision)) break;
    if (race === RACES_MAX)
      throw new Fault('ERASURE_BLOCKED', 'it is being changed all the while', { batch: batch.id });
  }
  let removed = await eraser.erase(batch.key);
  const { id } = batch;
  await staging?.free(id);
  for (const prefix of [answersPrefix(id), partsPrefix(id), workPrefix(id), manifestPrefix(id)]) {
    for await (const { key } of objects.list(prefix)) removed += await eraser.erase(key);
  }
  await registry.dropResults(id, ['range', 'staged', 'preview', 'approval', 'shard', 'finish']);
  await registry.clearFailures(id);
  return removed;
}

/** Names and messages may repeat what stood in the file; codes and numbers do not. */
function withoutNames(batch: Batch, nowMs: number): Batch {
  const { failure, receipt } = batch;
  return {
    ...batch,
    file: '',
    manifest: null,
    failure: failure === null ? null : { ...failure, message: failure.code },
    receipt: receipt === null ? null : receiptWithoutNames(receipt, failure?.code ?? null),
    erasedAtMs: nowMs,
  };
}

/** As text, for its sums may be beyond what a number holds. */
function receiptWithoutNames(receipt: string, code: string | null): string {
  const exact = JSON.parse(receipt, (key: string, value: unknown, context?: { readonly source?: string }) => {
    if (key === 'file') return '';
    if (key === 'reason' && typeof value === 'string') return code ?? '';
    return typeof value === 'number' && context?.source !== undefined ? JSON.rawJSON(context.source) : value;
  }) as unknown;
  return JSON.stringify(exact);
}

/**
 * Files that never became a batch: all of a client, of a person those in which the person stands. One that is about to be
 * accepted goes too: its batch fails, and says that the file is gone.
 */
async function eraseStray(
  context: EraseContext,
  { client, document }: EraseWish,
  batches: readonly Batch[],
): Promise<number> {
  const known = new Set(batches.map(({ key }) => key));
  const profile = (await context.clients.get(client))?.profile ?? DEFAULT_PROFILE;
  const pattern =
    document === undefined ? undefined : patternOf(document, await hasFixedPlaces(context.clients, profile));
  let removed = 0;
  for (const prefix of [rawKey(client, ''), `inbox/${client}/`]) {
    for await (const info of context.objects.list(prefix)) {
      if (pattern !== undefined && (known.has(info.key) || !(await fileHolds(context.objects, info, pattern))))
        continue;
      removed += await context.eraser.erase(info.key);
    }
  }
  return removed;
}

/** Lines in a submission that will become a file are in the way: of a person, and of a client once it is closed. */
async function assertNoneCollects({ submissions }: EraseContext, { client, document }: EraseWish): Promise<void> {
  for await (const submission of submissionsOf(submissions, client)) {
    if (submission.state !== 'open' && submission.state !== 'closed') continue;
    if (document === undefined && submission.state === 'open') continue;
    const pattern = document === undefined ? undefined : patternOf(document);
    const isNamed = pattern?.test(submission.file) === true;
    if (pattern !== undefined && !isNamed && !(await linesHold(submissions, submission, pattern))) continue;
    throw new Fault('ERASURE_BLOCKED', `submission ${submission.id} is ${submission.state}; submit or discard it`);
  }
}

/** All of a client; of a person those whose files went, and those that have the document in their name: answers how many. */
async function eraseSubmissions(
  { submissions }: EraseContext,
  { client, document }: EraseWish,
  affected: readonly Batch[],
): Promise<number> {
  const gone = new Set(affected.map(({ id }) => id));
  const found: Submission[] = [];
  for await (const one of submissionsOf(submissions, client)) {
    const isAffected = one.batch !== null && gone.has(one.batch);
    if (document === undefined || isAffected || (one.state !== 'open' && patternOf(document).test(one.file)))
      found.push(one);
  }
  for (const { id } of found) await submissions.remove(client, id);
  return found.length;
}

/** An operator's key that named no client has its answers apart: those tell of any client's batches. */
async function eraseAnswers({ idempotency, keys }: EraseContext, client: string): Promise<number> {
  const operators = (await keys.list()).filter(({ scope }) => scope === 'operator');
  let removed = await idempotency.remove(client);
  for (const { id } of operators) removed += await idempotency.remove(`key ${id}`);
  return removed;
}

async function* submissionsOf(store: SubmissionStore, client: string): AsyncGenerator<Submission> {
  let page = await store.list(client, { max: SUBMISSIONS_A_PAGE });
  for (;;) {
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < SUBMISSIONS_A_PAGE) return;
    page = await store.list(client, { max: SUBMISSIONS_A_PAGE, before: last });
  }
}

async function linesHold(store: SubmissionStore, { client, id }: Submission, pattern: RegExp): Promise<boolean> {
  let after = 0;
  for (;;) {
    const lines = await store.read(client, id, { after, max: LINES_A_PAGE });
    if (lines.some(({ line }) => pattern.test(line))) return true;
    const last = lines.at(-1);
    if (last === undefined) return false;
    after = last.number;
  }
}

/** Lines of what was submitted have become files; they are freed at once and not when their time comes. */
async function freeSubmitted({ submissions, clock }: EraseContext): Promise<void> {
  const options = { idleBeforeMs: 0, keepBeforeMs: 0, nowMs: clock.nowMs(), max: SWEEP_MAX };
  while ((await submissions.sweep(options)).more);
}

async function endKeys({ keys, clock }: EraseContext, client: string): Promise<number> {
  const nowMs = clock.nowMs();
  const counting = (await keys.list(client)).filter(({ endsAtMs }) => endsAtMs === null || endsAtMs > nowMs);
  for (const { id } of counting) await keys.end(id, nowMs);
  return counting.length;
}
