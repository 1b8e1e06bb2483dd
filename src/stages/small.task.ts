/**
 * A small batch's work in a thread: read, parse, check, register, all in memory (at most `smallBytesMax` of it).
 */
import { Buffer } from 'node:buffer';
import { Fault } from '../core/faults.ts';
import type { Manifest } from '../engine/manifest.ts';
import { crc32 } from '../kernel/crc.ts';
import type { OutcomeTotals, RejectTotals } from './batch/receipt.ts';
import { readAll } from './pick.task.ts';
import { type RegisterArgs, Registrar } from './registering.task.ts';
import type { TaskContext } from './taskContext.ts';

/** What a small batch leaves. `entries`: its outcomes' part, base64; rejects are found again by reading the file. */
export interface SmallResult {
  readonly rejects: RejectTotals;
  readonly outcomes: OutcomeTotals;
  readonly entries: string;
}

export async function small(
  args: RegisterArgs & { readonly manifest: Manifest },
  context: TaskContext,
): Promise<SmallResult> {
  const { manifest } = args;
  const registrar = new Registrar(args, context);
  const blocks: Uint8Array[] = [];
  const keep = async (block: Uint8Array): Promise<void> => {
    blocks.push(block.slice());
  };
  const read = (take: (page: Uint8Array) => Promise<void>) => parseSmall(manifest, context, take);
  const { answer: totals, totals: outcomes } = await registrar.all(read, keep);
  if (registrar.records !== totals.staged) {
    throw new Fault('OUTCOMES_DISAGREE', `${registrar.records} of ${totals.staged}`, { batch: args.batch });
  }
  return {
    rejects: rejectTotals(totals),
    outcomes,
    entries: Buffer.concat(blocks).toString('base64'),
  };
}

export function rejectTotals(totals: Awaited<ReturnType<typeof parseSmall>>): RejectTotals {
  return {
    rejected: totals.rejected,
    centsStaged: totals.centsStaged.toString(),
    centsRejected: totals.centsRejected.toString(),
    rejectedBy: totals.rejectedBy,
  };
}

/** Reads the one range of a small file through the kernel. Blocks of rejects are given where they are wanted. */
export async function parseSmall(
  manifest: Manifest,
  context: Pick<TaskContext, 'objects' | 'scratch'>,
  onPage: (page: Uint8Array) => Promise<void>,
  onRejects: (block: Uint8Array) => void = () => {},
) {
  const range = manifest.ranges[0];
  const plan = { ...manifest.plan, shards: 1 };
  const firstLine = range?.firstLine ?? 1;
  const kernel = context.scratch.kernel.range(plan, firstLine, range?.start ?? manifest.header.end, manifest.pageBytes);
  const drain = async (): Promise<void> => {
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) await onPage(page.bytes);
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) onRejects(block);
  };
  if (range !== undefined) {
    const length = range.end - range.start;
    const bytes = context.scratch.buffer(length);
    // It may be registered already, and then growth no longer voids it; that the bytes are the scanned ones, the CRC tells.
    await readAll(context, { ...manifest.source, mayHaveGrown: true }, range.start, range.end, bytes);
    if (crc32(bytes.subarray(0, length)) !== range.crc) {
      throw new Fault('RANGE_CORRUPT', `${length} bytes`, { batch: manifest.batch, range: 0, byte: range.start });
    }
    for (let at = 0; at < length; ) {
      const next = kernel.feed(bytes, at, length, true);
      if (kernel.full) await drain();
      else if (next === at) throw new Fault('RECORDS_DISAGREE', 'the kernel stopped', { batch: manifest.batch });
      at = next;
    }
  }
  kernel.flush();
  await drain();
  const totals = kernel.totals();
  if (totals.records !== manifest.records) {
    throw new Fault('RECORDS_DISAGREE', `${totals.records} parsed, ${manifest.records} scanned`, {
      batch: manifest.batch,
    });
  }
  return totals;
}
