/**
 * From a submission to a batch: the header is closed, every acknowledged line is read, written as CSV in the default
 * format, and accepted like any other file.
 *
 * Promises: whatever was acknowledged is in the file, once; a submission becomes one batch, however often and by how many
 * it is submitted; one that was closed by a process that died becomes its batch all the same (`finishSubmissions`).
 */
import { Fault, type FaultCode } from '../../core/faults.ts';
import { attemptId, batchIdOf, derivedId } from '../../core/ids.ts';
import type { ObjectInfo } from '../../io/ports/objects.ts';
import type { Batch } from '../../io/ports/registry.ts';
import type { Submission, SubmissionStore } from '../../io/ports/submissions.ts';
import { type AcceptContext, acceptObject } from '../accept.ts';
import { RAW_BUCKET, rawKey } from '../batch/keys.ts';
import type { StageContext } from '../context.ts';
import { headerColumns, headerCsv, lineCsv } from './lines.ts';

export type SubmitContext = AcceptContext &
  Pick<StageContext, 'objects' | 'random'> & { readonly submissions: SubmissionStore };

const LINES_A_READ = 1000;
const WRITE_BYTES = 256 * 1024;
const VERSION = '1';

const CLOSE_FAULTS = {
  unknown: 'SUBMISSION_UNKNOWN',
  expired: 'SUBMISSION_EXPIRED',
  empty: 'SUBMISSION_EMPTY',
} as const satisfies Record<string, FaultCode>;

/** Faults: `SUBMISSION_UNKNOWN`, `SUBMISSION_EXPIRED`, `SUBMISSION_EMPTY`, `CLIENT_UNKNOWN`, `STORE_…`. */
export async function submit(context: SubmitContext, client: string, id: string, idleMs: number): Promise<Batch> {
  const closed = await context.submissions.close(client, id, context.clock.nowMs(), idleMs);
  if (closed.kind !== 'closed') throw new Fault(CLOSE_FAULTS[closed.kind]);
  return await batchOfSubmission(context, closed.submission);
}

/** Makes the batches of submissions that were closed at least `ageMs` ago and have none; answers how many. */
export async function finishSubmissions(context: SubmitContext, ageMs: number, max: number): Promise<number> {
  const left = await context.submissions.unfinished(context.clock.nowMs() - ageMs, max);
  for (const submission of left) await batchOfSubmission(context, submission);
  return left.length;
}

async function batchOfSubmission(context: SubmitContext, submission: Submission): Promise<Batch> {
  const { client, id } = submission;
  const name = rawKey(client, `s-${derivedId('submission', client, id)}`);
  const batchId = submission.batch ?? batchIdOf(RAW_BUCKET, name, VERSION);
  const known = await context.registry.get(batchId);
  const batch = known ?? (await acceptLines(context, submission, name, batchId));
  await context.submissions.finish(client, id, batch.id, context.clock.nowMs());
  return batch;
}

async function acceptLines(context: SubmitContext, submission: Submission, name: string, batchId: string) {
  // Each attempt has a key of its own: none replaces the object that another one is having accepted.
  const own = `${name}/${attemptId(context.random)}`;
  const object = await writeLines(context, submission, own);
  const batch = await acceptObject(context, {
    id: batchId,
    client: submission.client,
    file: submission.file,
    bucket: RAW_BUCKET,
    key: object.key,
    version: VERSION,
    etag: object.etag,
    bytes: object.bytes,
    dryRun: submission.dryRun,
    collected: true,
    ...(submission.asOf === null ? {} : { asOf: submission.asOf }),
  });
  if (batch.key !== own) await context.objects.delete(own);
  return batch;
}

/** Memory: one page of lines and one block of text. */
async function writeLines(context: SubmitContext, submission: Submission, key: string): Promise<ObjectInfo> {
  const columns = headerColumns(submission.columns, submission.columnsUsed);
  const writer = await context.objects.create(key);
  try {
    let text = headerCsv(columns);
    for (let after = 0; ; ) {
      const lines = await context.submissions.read(submission.client, submission.id, { after, max: LINES_A_READ });
      for (const { number, line } of lines) {
        text += lineCsv(line, columns);
        after = number;
        if (text.length < WRITE_BYTES) continue;
        await writer.write(Buffer.from(text));
        text = '';
      }
      if (lines.length < LINES_A_READ) break;
    }
    if (text !== '') await writer.write(Buffer.from(text));
    return await writer.commit();
  } finally {
    await writer.abort();
  }
}
