/** How batches, submissions and debts look in answers. Cents and counts stay exact: answers are JSON text made here. */
import { recordText } from '../../core/catalogue.ts';
import { RECORD_CODES, type RecordCodeName } from '../../core/codes.ts';
import type { Language } from '../../core/language.ts';
import { centsText, exactJsonText, fileNameText, instantText } from '../../core/text.ts';
import type { StoredDebt } from '../../io/ports/debts.ts';
import type { Batch, Registry } from '../../io/ports/registry.ts';
import type { Submission } from '../../io/ports/submissions.ts';
import { batchProgress } from '../../stages/progress.ts';
import { batchView, documentView } from '../../stages/views.ts';

const TOP_ERRORS_MAX = 10;

export async function fullBatchView(registry: Pick<Registry, 'countResults'>, batch: Batch, nowMs: number) {
  const view = batchView(batch);
  const answers = `/v1/batches/${batch.id}`;
  const completed = batch.state === 'completed';
  return {
    ...view,
    progress: await batchProgress(registry, batch, nowMs),
    topErrors: topErrors(view.receipt, batch.language),
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
function topErrors(receipt: Readonly<Record<string, unknown>> | null, language: Language | undefined) {
  const counts = Object.entries((receipt?.['rejectedBy'] ?? {}) as Readonly<Record<string, number>>);
  return counts
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP_ERRORS_MAX)
    .map(([code, records]) => ({
      code,
      says: code in RECORD_CODES ? recordText(code as RecordCodeName, language) : '',
      records,
    }));
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
