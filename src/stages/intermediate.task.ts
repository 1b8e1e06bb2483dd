/**
 * The intermediate's work in a thread: streams a range through the kernel, writes pages to the staging store and rejects
 * to the range's part. Rows never leave the thread.
 *
 * Memory: the feed's buffer, one open page a shard, one block of rejects; nothing grows with the range.
 */
import { assert } from '../core/assert.ts';
import { Fault } from '../core/faults.ts';
import type { Manifest, ManifestRange } from '../engine/manifest.ts';
import { feedRange } from '../engine/recordFeed.ts';
import type { ObjectWriter } from '../io/ports/objects.ts';
import type { RecordModule } from '../kernel/modules/interface.ts';
import type { ModuleFailures } from '../kernel/modules/moduleReader.ts';
import type { RecordPlan } from '../kernel/plan.ts';
import { rejectsPartKey } from './batch/keys.ts';
import { assertModuleWorks } from './picking/moduleFailures.ts';
import type { TaskContext } from './taskContext.ts';

/** What a range gave. Cents are decimal texts, exact at any size. Plain JSON. */
export interface RangeResult {
  readonly attempt: string;
  readonly bytes: number;
  readonly crc: number;
  readonly records: number;
  /** What a module made of them; absent where there is none: then it is as many. */
  readonly made?: number;
  /** Where the module failed; absent where it did not. */
  readonly failures?: ModuleFailures;
  readonly staged: number;
  readonly rejected: number;
  readonly centsStaged: string;
  readonly centsRejected: string;
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly pagesByShard: readonly number[];
  readonly recordsByShard: readonly number[];
  /** Key and size of the rejects part; `null` where no record was rejected. */
  readonly rejects: { readonly key: string; readonly etag: string; readonly bytes: number } | null;
}

export async function range(
  args: {
    readonly manifest: Manifest & { readonly only: ManifestRange };
    readonly range: number;
    readonly attempt: string;
    /** Where the plan has a module: who watches it looks here. */
    readonly watch?: SharedArrayBuffer;
  },
  context: TaskContext,
): Promise<RangeResult> {
  const { manifest, attempt } = args;
  const { only, plan, batch } = manifest;
  const place = { batch, range: args.range };
  const module = await moduleOf(plan, args.watch, context);
  const kernel = context.scratch.kernel.range(plan, only.firstLine, only.start, manifest.pageBytes, module);
  const reader = await context.objects.openRange(manifest.source, only.start, only.end);
  const staging = await context.staging.open(batch, args.range, attempt);
  let rejects: ObjectWriter | undefined;
  const drain = async (): Promise<void> => {
    assertModuleWorks(plan.code?.name, kernel.failures, context.settings.codeErrorsMax, place);
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      await staging.write(page.shard, page.bytes);
    }
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) {
      rejects ??= await context.objects.create(rejectsPartKey(batch, args.range, attempt));
      await rejects.write(block);
    }
  };
  try {
    const buffer = context.scratch.buffer(context.settings.readBytes + plan.recordBytesMax);
    const read = await feedRange(reader, kernel, buffer, only.end - only.start, drain);
    await reader.close();
    if (read.bytes !== only.end - only.start || read.crc !== only.crc) {
      throw new Fault('RANGE_CORRUPT', `${read.bytes} of ${only.end - only.start} bytes`, {
        ...place,
        byte: only.start,
      });
    }
    kernel.flush();
    await drain();
    const totals = kernel.totals();
    if (totals.records !== only.records) {
      throw new Fault('RECORDS_DISAGREE', `${totals.records} parsed, ${only.records} scanned`, place);
    }
    await staging.commit();
    const part = rejects === undefined ? null : await rejects.commit();
    return {
      attempt,
      bytes: read.bytes,
      crc: read.crc,
      records: totals.records,
      ...(totals.made === undefined ? {} : { made: totals.made }),
      ...(totals.failures === undefined ? {} : { failures: totals.failures }),
      staged: totals.staged,
      rejected: totals.rejected,
      centsStaged: totals.centsStaged.toString(),
      centsRejected: totals.centsRejected.toString(),
      rejectedBy: totals.rejectedBy,
      pagesByShard: totals.pagesByShard,
      recordsByShard: totals.recordsByShard,
      rejects: part === null ? null : { key: part.key, etag: part.etag, bytes: part.bytes },
    };
  } finally {
    await reader.close();
    await staging.abort();
    await rejects?.abort();
  }
}

/** The plan's module, as this thread has it. Faults: `CODE_UNKNOWN`, `CODE_CHANGED`, `CODE_INVALID`. */
async function moduleOf(
  { code }: RecordPlan,
  watch: SharedArrayBuffer | undefined,
  context: TaskContext,
): Promise<RecordModule | undefined> {
  if (code === undefined) return undefined;
  const { modules } = context;
  assert(watch !== undefined && modules !== undefined, 'a thread that is given a module can load it, and is watched');
  return (await modules.open(code.name, watch, code.version)).watched(watch);
}
