/**
 * How what is to be approved looks to whoever decides: the commands and the API. Names of creditors come from the file: what
 * may be a CPF in them is masked. Cents are exact (BigInt).
 */
import { fileNameText, instantText } from '../../core/text.ts';
import type { Batch, Registry } from '../../io/ports/registry.ts';
import type { Share } from '../debts/survey.ts';
import type { Preview } from '../preview.ts';
import { approvalView } from './views.ts';

export type PreviewView = NonNullable<Awaited<ReturnType<typeof previewView>>>;

/** `undefined` where there is none: not yet, or not any more. */
export async function previewView(registry: Pick<Registry, 'getResult' | 'turnOf'>, batch: Batch) {
  const kept = batch.approval === undefined ? undefined : await registry.getResult(batch.id, 'approval', 0);
  if (kept === undefined) return undefined;
  const preview = JSON.parse(kept.body) as Preview;
  const { fromMs, toMs, turn, businessDate, lines, cents, rejectedBy, warnedBy } = preview;
  const { creditors, ...others } = preview.others;
  // Its own turn is no change.
  const turnNow = batch.turn === null ? (await registry.turnOf(batch.client)).turn : batch.turn - 1;
  return {
    batch: batch.id,
    client: batch.client,
    file: fileNameText(batch.file),
    status: batch.state,
    approval: approvalView(batch),
    asOf: { from: instantText(fromMs), to: instantText(toMs), turnsSince: Math.max(0, turnNow - turn) },
    businessDate,
    lines,
    cents: Object.fromEntries(Object.entries(cents).map(([outcome, sum]) => [outcome, BigInt(sum)])),
    rejectedBy,
    warnedBy,
    creditors: preview.creditors.map(({ name, ...share }) => ({
      name: name === null ? null : fileNameText(name),
      ...exact(share),
    })),
    otherCreditors: { creditors, ...exact(others) },
    ages: preview.ages.map(({ months, below, ...share }) => ({
      monthsFrom: months,
      monthsBelow: below,
      ...exact(share),
    })),
  };
}

function exact({ lines, cents }: Share) {
  return { lines, cents: BigInt(cents) };
}
