/**
 * How a batch looks to whoever reads it: the commands and the API. Names of files and messages about them are masked here, once, so that
 * nobody is shown a document.
 */

import { documentKindOf } from '../../core/documents.ts';
import { fileNameText, instantText, maskedMessage, parseExactJson, printable } from '../../core/text.ts';
import {
  type Batch,
  type BatchFailure,
  type BatchState,
  type BatchWarning,
  FINAL_STATES,
  type Registry,
} from '../../io/ports/registry.ts';

const STATES: Readonly<Record<BatchState, true>> = {
  accepted: true,
  picking: true,
  processing: true,
  staged: true,
  previewing: true,
  awaiting_approval: true,
  registering: true,
  stalled: true,
  completed: true,
  failed: true,
  cancelled: true,
};

/** Every state, in the order in which a batch can meet them. */
export const BATCH_STATES = Object.keys(STATES) as BatchState[];

/** A parsed receipt, its integers exact (BigInt where a double cannot hold them); `undefined` before the batch is final. */
export type ReceiptView = Readonly<Record<string, unknown>>;

export function receiptView(batch: Batch): ReceiptView | undefined {
  if (batch.receipt === null) return undefined;
  const receipt = parseExactJson(batch.receipt) as Record<string, unknown>;
  const view: Record<string, unknown> = { ...receipt };
  if (typeof receipt['file'] === 'string') view['file'] = fileNameText(receipt['file']);
  if (typeof receipt['reason'] === 'string') view['reason'] = reasonText(receipt['reason']);
  const { warnings } = receipt;
  if (Array.isArray(warnings)) view['warnings'] = warnings.map(warningView);
  return view;
}

/** A reason reads «CODE: …»; the code decides how it is masked. */
function reasonText(reason: string): string {
  return printable(maskedMessage(/^[A-Z0-9_]+/.exec(reason)?.[0] ?? '', reason));
}

export function failureView(failure: BatchFailure | null): BatchFailure | null {
  return failure === null ? null : { ...failure, message: printable(maskedMessage(failure.code, failure.message)) };
}

/** Its message tells of documents and addresses, and may quote what a service wrote. */
export function warningView({ code, message }: BatchWarning): BatchWarning {
  return { code, message: printable(maskedMessage(code, message)) };
}

/** Where the approval of a batch stands; `null` where nobody is asked. */
export function approvalView({ approval }: Pick<Batch, 'approval'>) {
  if (approval === undefined) return null;
  const { standing, untilMs, by, atMs } = approval;
  return {
    standing,
    until: untilMs === undefined ? null : instantText(untilMs),
    by: by === undefined ? null : fileNameText(by),
    at: atMs === undefined ? null : instantText(atMs),
  };
}

/** Pieces of work done and planned. Pieces are freed with the batch, so a final one has no progress. */
export interface WorkProgress {
  readonly ranges: { readonly done: number; readonly total: number };
  readonly shards: { readonly done: number; readonly total: number };
}

export async function progressOf(registry: Pick<Registry, 'countResults'>, batch: Batch): Promise<WorkProgress | null> {
  if (FINAL_STATES.has(batch.state) || batch.small) return null;
  const [ranges, shards] = await Promise.all([
    registry.countResults(batch.id, 'range'),
    registry.countResults(batch.id, showsPreview(batch) ? 'preview' : 'shard'),
  ]);
  return { ranges: { done: ranges, total: batch.ranges }, shards: { done: shards, total: batch.shards } };
}

/** Whether the shards that are counted now are those of a preview. */
export function showsPreview({ dryRun, state }: Batch): boolean {
  return dryRun || state === 'previewing' || state === 'awaiting_approval';
}

/** What both the list and the single view show of a batch, as plain data. */
export function batchView(batch: Batch) {
  return {
    id: batch.id,
    client: batch.client,
    file: fileNameText(batch.file),
    state: batch.state,
    dryRun: batch.dryRun,
    bytes: batch.bytes,
    records: batch.records,
    ranges: batch.ranges,
    shards: batch.shards,
    businessDate: batch.businessDate,
    acceptedAt: instantText(batch.acceptedAtMs),
    updatedAt: instantText(batch.updatedAtMs),
    profile: batch.profile,
    profileSource: batch.profileSource ?? null,
    warnings: (batch.warnings ?? []).map(warningView),
    module: batch.module ?? null,
    approval: approvalView(batch),
    failure: failureView(batch.failure),
    receipt: receiptView(batch) ?? null,
  };
}

/** A debt's document under the name of its kind; the other is null. */
export function documentView(document: string): { readonly cpf: string | null; readonly cnpj: string | null } {
  return documentKindOf(document) === 'cnpj' ? { cpf: null, cnpj: document } : { cpf: document, cnpj: null };
}

/** The outcomes in few words: `9 created, 1 rejected`, and the codes of warnings; the code of the failure where there is one. */
export function outcomesText(batch: Batch): string {
  if (batch.failure !== null) return batch.failure.code;
  const lines = receiptView(batch)?.['lines'];
  if (typeof lines !== 'object' || lines === null) return '';
  const parts = Object.entries(lines)
    .filter(([name, count]) => name !== 'total' && count !== 0)
    .map(([name, count]) => `${String(count)} ${name}`);
  const warned = batch.warnings?.map(({ code }) => code) ?? [];
  return [parts.join(', ') + (batch.dryRun ? ' (dry run)' : ''), ...warned].filter((text) => text !== '').join('; ');
}
