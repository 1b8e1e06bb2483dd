/**
 * The intermediate's work in a thread: streams a range through the kernel, writes pages to the staging store and rejects
 * to the range's part. Rows never leave the thread.
 *
 * Memory: the feed's buffer, one open page a shard, one block of rejects; nothing grows with the range.
 */
import { Fault } from '../core/faults.ts';
import type { Manifest, ManifestRange } from '../engine/manifest.ts';
import { feedRange } from '../engine/recordFeed.ts';
import type { ObjectWriter } from '../io/ports/objects.ts';
import { rejectsPartKey } from './keys.ts';
import type { TaskContext } from './taskContext.ts';

/** What a range gave. Cents are decimal texts, exact at any size. Plain JSON. */
export interface RangeResult {
  readonly attempt: string;
  readonly bytes: number;
  readonly crc: number;
  readonly records: number;
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
  },
  context: TaskContext,
): Promise<RangeResult> {
  const { manifest, attempt } = args;
  const { only, plan, batch } = manifest;
  const place = { batch, range: args.range };
  const kernel = context.scratch.kernel.range(plan, only.firstLine, only.start, manifest.pageBytes);
  const reader = await context.objects.openRange(manifest.source, only.start, only.end);
  const staging = await context.staging.open(batch, args.range, attempt);
  let rejects: ObjectWriter | undefined;
  const drain = async (): Promise<void> => {
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
