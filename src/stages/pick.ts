/**
 * Step 2, pick: looks at the object once, whole, and writes the plan by which everyone else reads it.
 *
 * Promises: the manifest's body is stored before the transition that names it, and that before any message; a batch is
 * never split twice (the first transition out of `picking` wins; a later attempt's manifest is an orphan under its own
 * key). What cannot be read ends the batch here, with the place and the reason.
 */
import { assert } from '../core/assert.ts';
import { detail } from '../core/catalogue.ts';
import { Fault, isFault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import { encodeManifest, type Manifest, manifestVersion } from '../engine/manifest.ts';
import { DEFAULT_PROFILE, mayUse, readPin, storedProfile } from '../engine/profiles.ts';
import type { ObjectPin } from '../io/ports/objects.ts';
import type { ApprovalRule, Batch, Registry } from '../io/ports/registry.ts';
import { createFold } from '../kernel/formats/folds.ts';
import type { ModulePlan } from '../kernel/modules/interface.ts';
import { madeColumns } from '../kernel/modules/moduleProfile.ts';
import { RULES_VERSION } from '../kernel/plan.ts';
import { type CompiledProfile, defaultProfile } from '../kernel/profile.ts';
import type { PieceSummary } from '../kernel/scan.ts';
import type { SplitFault, SplitPlan } from '../kernel/split.ts';
import { clientOf, toldOf } from './accept.ts';
import { apply, freeAgain, freeingLate, manifestOf, mustGet, sendOwed, warningOf } from './batch/batches.ts';
import { manifestKey, workKey } from './batch/keys.ts';
import type { RuledBatch } from './batch/transitions.ts';
import type { StageContext } from './context.ts';
import { advanceLine } from './line.ts';
import type { InspectedText } from './pick.task.ts';
import { withModule } from './picking/moduleWork.ts';
import { previewSmall } from './small.ts';
import { nudge } from './sweep.ts';

export async function pick(context: StageContext, id: string, signal: AbortSignal): Promise<void> {
  const ruled = await ruledBy(context, id, signal);
  // The first to get here decides under which profile the batch is read, whoever picks it again.
  const { batch } = await apply(context, id, { type: 'pick_started', ...(ruled === undefined ? {} : { ruled }) });
  if (batch.state !== 'picking') {
    // It was picked before: by this very message, perhaps, which then failed at a later step of a small batch.
    await nudge(context, batch);
    return;
  }
  await freeingLate(context, id, () => split(context, batch, signal));
}

async function split(context: StageContext, batch: Batch, signal: AbortSignal): Promise<void> {
  const { id } = batch;
  const profile = await profileOf(context, batch);
  const { settings } = context;
  if (batch.bytes === 0) throw new Fault('FILE_EMPTY', '', { batch: id });
  if (batch.bytes > settings.fileBytesMax) {
    throw new Fault('FILE_TOO_LARGE', detail('BYTES_OF_AT_MOST', batch.bytes, settings.fileBytesMax), { batch: id });
  }
  const attempt = attemptId(context.random);
  const source = await readableSource(context, batch, profile, attempt, signal);
  const text = source.text;
  const code = await codeOf(context, batch, profile, text, signal);
  const found = text.split ?? (await scanPieces(context, batch, profile, source, text, signal));
  if ('code' in found) {
    throw new Fault(found.code, found.detail ?? '', { batch: id, line: found.line, byte: found.byte });
  }
  // A module may make as many of each record as it declares.
  const records = found.records * (code?.recordsMax ?? 1);
  if (records > context.limits.recordsMax) {
    throw new Fault('TOO_MANY_RECORDS', detail('RECORDS_OF_AT_MOST', records, context.limits.recordsMax), {
      batch: id,
    });
  }
  const manifest = await plan(context, batch, profile, source, text, found, code);
  await record(context, batch, attempt, manifest, profile.approval, signal);
}

/** What the rules service says of the batch's profile; while the batch has to wait for that, it shows so. */
async function ruledBy(context: StageContext, id: string, signal: AbortSignal): Promise<RuledBatch | undefined> {
  if (context.rulings === undefined) return undefined;
  const batch = await mustGet(context, id);
  if (batch.state !== 'accepted') return undefined;
  try {
    const ruling = await context.rulings.of(batch, signal);
    if (ruling === undefined) return undefined;
    const { profile, source, words, stale } = ruling;
    const told = toldOf(await clientOf(context, batch.client), words, context.settings);
    const warnings = stale === undefined ? [] : [warningOf(stale, told.language)];
    return { profile, profileSource: source, warnings, ...told };
  } catch (error) {
    if (isFault(error) && error.code === 'RULES_AWAITED') {
      await apply(context, id, { type: 'warned', warning: warningOf(error, batch.language) });
    }
    throw error;
  }
}

interface Source extends ObjectPin {
  readonly bytes: number;
}

/** The version of the profile that holds for the batch, compiled. Faults: `PROFILE_UNKNOWN`, `STORE_CORRUPT`. */
async function profileOf(context: StageContext, batch: Batch): Promise<CompiledProfile> {
  if (batch.profile === DEFAULT_PROFILE) return defaultProfile();
  const pin = readPin(batch.profile);
  const own = pin !== undefined && mayUse(batch.client, pin.name);
  const record = own ? await context.clients.getProfile(pin.name, pin.version) : undefined;
  if (record === undefined) throw new Fault('PROFILE_UNKNOWN', detail('PROFILE', batch.profile), { batch: batch.id });
  return await storedProfile(record.document, batch.profile, batch.collected);
}

/** What the plan says of the profile's module: the version that is there now is the one that reads the whole batch. */
async function codeOf(
  context: StageContext,
  batch: Batch,
  { code, layout }: CompiledProfile,
  { header }: InspectedText,
  signal: AbortSignal,
): Promise<ModulePlan | undefined> {
  if (code === undefined) return undefined;
  const { module, names = [] } = code;
  const { client, id } = batch;
  const declared = await withModule(context, module, { batch: id }, signal, (watch, watched) =>
    context.pool.run('declareModule', { module, watch }, { client, signal: watched }),
  );
  return {
    ...declared,
    encoding: layout.encoding,
    names: header.names ?? header.fields.map((field) => names[field] ?? ''),
  };
}

/** The text to split: the object itself, or what it inflates to. */
async function readableSource(
  context: StageContext,
  batch: Batch,
  profile: CompiledProfile,
  attempt: string,
  signal: AbortSignal,
): Promise<Source & { readonly text: InspectedText }> {
  const { dialect, layout, format } = profile;
  const opening = { dialect, layout, ...(format === undefined ? {} : { format }) };
  const object: Source = { key: batch.key, etag: batch.etag, bytes: batch.bytes };
  const whose = { client: batch.client, signal };
  const first = await context.pool.run('inspect', { source: object, inflated: false, opening }, whose);
  if (first.kind === 'text') return { ...object, text: first };
  const inflated = await context.pool.run('inflate', { source: object, key: workKey(batch.id, attempt) }, whose);
  const second = await context.pool.run('inspect', { source: inflated, inflated: true, opening }, whose);
  assert(second.kind === 'text', 'what was inflated is inspected as text or refused');
  return { ...inflated, text: second };
}

/** Scans the pieces in parallel, as many at once as there are threads, and folds them in order. */
async function scanPieces(
  context: StageContext,
  batch: Batch,
  { dialect }: CompiledProfile,
  source: Source,
  text: InspectedText,
  signal: AbortSignal,
): Promise<SplitPlan | SplitFault> {
  const { rangeBytes, recordBytesMax, threads } = context.settings;
  const start = text.header.end;
  // A piece is a range but for the record at its end: what lacks up to one record of `rangeBytes` is a whole range.
  const foldBytes = Math.max(1, rangeBytes - recordBytesMax);
  const { nextLine, format } = text.header;
  const fold = createFold({ start, firstLine: nextLine, rangeBytes: foldBytes, recordBytesMax }, format);
  const inFlight: Promise<PieceSummary>[] = [];
  let next = start;
  try {
    while (next < source.bytes || inFlight.length > 0) {
      while (next < source.bytes && inFlight.length <= threads) {
        const end = Math.min(next + rangeBytes, source.bytes);
        const giveBack = await context.scanCredits.take(1);
        const whose = { client: batch.client, signal };
        const args = { source, start: next, end, base: start, dialect, format };
        const piece = context.pool.run('scan', args, whose).finally(giveBack);
        piece.catch(() => {});
        inFlight.push(piece);
        next = end;
      }
      const piece = await inFlight.shift();
      assert(piece !== undefined, 'a piece is in flight');
      const fault = fold.add(piece);
      if (fault !== undefined) return fault;
      context.telemetry.emit({
        name: 'pick.scanned',
        level: 'debug',
        fields: { batch: batch.id, bytes: piece.bytes },
      });
    }
    return fold.finish();
  } finally {
    // What is still being scanned reads into buffers of its own worker; nobody waits for it.
    await Promise.allSettled(inFlight);
  }
}

/** The installation's seed, asked for once: it never changes. */
const hashSeeds = new WeakMap<Registry, number>();

async function hashSeedOf(context: StageContext): Promise<number> {
  const known = hashSeeds.get(context.registry);
  if (known !== undefined) return known;
  const proposal = new DataView(new Uint8Array(context.random(4)).buffer).getUint32(0);
  const { hashSeed } = await context.registry.installation({ hashSeed: proposal });
  hashSeeds.set(context.registry, hashSeed);
  return hashSeed;
}

async function plan(
  context: StageContext,
  batch: Batch,
  profile: CompiledProfile,
  source: Source,
  text: InspectedText,
  split: SplitPlan,
  code: ModulePlan | undefined,
): Promise<Manifest> {
  const { limits, settings } = context;
  const hashSeed = await hashSeedOf(context);
  const shards = limits.shardsFor(split.records * (code?.recordsMax ?? 1));
  const { format } = text.header;
  const plan = {
    dialect: profile.dialect,
    ...(format === undefined ? {} : { format }),
    ...(code === undefined ? {} : { code }),
    ...(profile.reading === undefined ? {} : { reading: profile.reading }),
    fields: code === undefined ? text.header.fields : madeColumns(profile.reading),
    recordBytesMax: settings.recordBytesMax,
    shards,
    hashSeed,
  };
  const rules = {
    version: RULES_VERSION,
    businessDate: batch.businessDate,
    // The narrower of the client's bounds and the profile's.
    amountCentsMin: Math.max(batch.amountCentsMin, profile.amountCentsMin ?? batch.amountCentsMin),
    amountCentsMax: Math.min(batch.amountCentsMax, profile.amountCentsMax ?? batch.amountCentsMax),
    ...(profile.ageMonthsMax === undefined ? {} : { ageMonthsMax: profile.ageMonthsMax }),
    ...(profile.acceptsFuture === true ? { acceptsFuture: true } : {}),
    ...(profile.duplicates === undefined ? {} : { duplicates: profile.duplicates }),
  };
  return {
    version: manifestVersion(plan, rules),
    batch: batch.id,
    source: { key: source.key, etag: source.etag, bytes: source.bytes },
    header: { start: text.header.start, end: text.header.end, line: text.header.line },
    plan,
    rules,
    ...(batch.language === undefined ? {} : { language: batch.language }),
    pageBytes: limits.pageBytesFor(shards),
    records: split.records,
    lines: split.lines + text.header.nextLine - 1,
    ranges: split.ranges,
    ...(split.lots === undefined ? {} : { lots: split.lots }),
  };
}

async function record(
  context: StageContext,
  batch: Batch,
  attempt: string,
  manifest: Manifest,
  approval: ApprovalRule | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { settings } = context;
  const small =
    // Answers of a small batch are rendered from its file when they are asked for: a module may be another one by then.
    manifest.plan.code === undefined &&
    manifest.ranges.length <= 1 &&
    manifest.records <= settings.smallRecordsMax &&
    manifest.source.bytes <= settings.smallBytesMax;
  const body = encodeManifest(manifest);
  const key = small ? null : manifestKey(batch.id, attempt);
  if (key !== null) await context.objects.put(key, new TextEncoder().encode(body));
  const { batch: picked } = await apply(context, batch.id, {
    type: 'picked',
    small,
    manifestKey: key,
    manifest: small ? body : null,
    records: manifest.records,
    ranges: manifest.ranges.length,
    shards: small ? 1 : manifest.plan.shards,
    ...(approval === undefined ? {} : { approval }),
    ...(manifest.plan.code === undefined ? {} : { module: pinOf(manifest.plan.code) }),
  });
  await freeAgain(context, picked);
  await carryOn(context, picked, signal);
}

function pinOf({ name, version }: ModulePlan): NonNullable<Batch['module']> {
  return { name, version };
}

/** A small batch goes on here, in the same message, when its turn has come; a large one hands out its ranges. */
async function carryOn(context: StageContext, batch: Batch, signal: AbortSignal): Promise<void> {
  const goesOn = batch.small && (batch.state === 'staged' || batch.state === 'previewing');
  if (!goesOn) await sendOwed(context, batch);
  else if (batch.dryRun) await previewSmall(context, batch, await manifestOf(context, batch));
  else await advanceLine(context, batch.client, batch.id, signal);
}

/** Exposed for the settle stage: a batch found staged and small goes on as if just picked. */
export async function resumeSmall(context: StageContext, id: string, signal: AbortSignal): Promise<void> {
  await carryOn(context, await mustGet(context, id), signal);
}
