/** How batches, submissions and debts look in answers. Cents and counts stay exact: answers are JSON text made here. */
import { recordText } from '../../core/catalogue.ts';
import { RECORD_CODES, type RecordCodeName } from '../../core/codes.ts';
import { isFault } from '../../core/faults.ts';
import { DEFAULT_LANGUAGE, type Language } from '../../core/language.ts';
import { centsText, exactJsonText, fileNameText, instantText } from '../../core/text.ts';
import type { StoredDebt } from '../../io/ports/debts.ts';
import type { ObjectStore } from '../../io/ports/objects.ts';
import type { Batch } from '../../io/ports/registry.ts';
import type { Submission } from '../../io/ports/submissions.ts';
import { manifestOf } from '../../stages/batch/batches.ts';
import { batchProgress } from '../../stages/batch/progress.ts';
import { batchView, documentView } from '../../stages/batch/views.ts';
import type { ApiContext } from '../context.ts';

const TOP_ERRORS_MAX = 10;

export async function fullBatchView(context: Pick<ApiContext, 'registry' | 'objects' | 'clock'>, batch: Batch) {
  const view = batchView(batch);
  const answers = `/v1/batches/${batch.id}`;
  const completed = batch.state === 'completed';
  return {
    ...view,
    progress: await batchProgress(context.registry, batch, context.clock.nowMs()),
    topErrors: await topErrors(context, batch, view.receipt),
    links: {
      self: answers,
      events: `${answers}/events`,
      ranges: `${answers}/ranges`,
      shards: `${answers}/shards`,
      ...(batch.enteredMs.awaiting_approval === undefined ? {} : { preview: `${answers}/preview` }),
      ...(batch.state === 'awaiting_approval' ? { approve: `${answers}/approve`, discard: `${answers}/discard` } : {}),
      ...(completed
        ? { rejects: `${answers}/rejects`, resubmit: `${answers}/resubmit`, retorno: `${answers}/retorno` }
        : {}),
    },
  };
}

/** The codes for which most records were rejected, and what they say in the language of the batch. */
async function topErrors(
  { objects }: Pick<ApiContext, 'objects'>,
  batch: Batch,
  receipt: Readonly<Record<string, unknown>> | null,
) {
  const { language = DEFAULT_LANGUAGE } = batch;
  const counts = Object.entries((receipt?.['rejectedBy'] ?? {}) as Readonly<Record<string, number>>)
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP_ERRORS_MAX);
  const ours = (code: string): code is RecordCodeName => Object.hasOwn(RECORD_CODES, code);
  const theirs = counts.every(([code]) => ours(code)) ? new Map() : await moduleTexts(objects, batch, language);
  return counts.map(([code, records]) => ({
    code,
    says: ours(code) ? recordText(code, language) : (theirs.get(code) ?? ''),
    records,
  }));
}

/** What the codes of the batch's module say: it stands in the manifest, as long as that is kept. */
async function moduleTexts(
  objects: Pick<ObjectStore, 'get'>,
  batch: Batch,
  language: Language,
): Promise<ReadonlyMap<string, string>> {
  try {
    const { code } = (await manifestOf({ objects }, batch)).plan;
    return new Map((code?.rejects ?? []).map(({ name, says }) => [name, says[language]]));
  } catch (error) {
    // Its files were erased, or are gone with their time: the codes stand by themselves then.
    if (isFault(error) && error.code === 'STORE_CORRUPT') return new Map();
    throw error;
  }
}

export function submissionView(submission: Submission, idleMs: number) {
  const { id, client, state, lines, bytes, columns, dryRun, batch } = submission;
  return {
    id,
    client,
    file: fileNameText(submission.file),
    state,
    lines,
    bytes,
    columns,
    dryRun,
    createdAt: instantText(submission.createdAtMs),
    expiresAt: state === 'open' ? instantText(submission.touchedAtMs + idleMs) : null,
    batch,
  };
}

export function debtView(debt: StoredDebt) {
  return {
    client: debt.client,
    external_ref: debt.externalRef,
    debtor_name: debt.debtorName,
    ...documentView(debt.document),
    amount: centsText(debt.amountCents),
    due_date: debt.dueDate,
    debtor_email: debt.debtorEmail,
    debtor_phone: debt.debtorPhone,
    creditor_name: debt.creditorName,
    account_type: debt.accountType,
    installment: debt.installment,
    created: { batch: debt.createdBatch, line: debt.createdLine, at: instantText(debt.createdAtMs) },
    changed: { batch: debt.changedBatch, line: debt.changedLine, at: instantText(debt.changedAtMs) },
  };
}

export function pageJson(items: readonly unknown[], next: string | null): string {
  return exactJsonText({ items, next });
}
