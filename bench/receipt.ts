/** A receipt of the program as facts. */
import { countsText, type Facts } from './facts.ts';

export interface ReceiptText {
  readonly batch: string;
  readonly status: string;
  readonly lines: Readonly<Record<string, number>>;
  /** Exact. */
  readonly cents: Readonly<Record<string, bigint>>;
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly warnedBy: Readonly<Record<string, number>>;
}

/** Reads what `ingest --json` prints; cents keep every digit. */
export function parseReceipt(text: string): ReceiptText {
  const exact = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && /^[0-9]+$/.test(context?.source ?? '') ? BigInt(context?.source ?? '') : value;
  const receipt = JSON.parse(text) as ReceiptText;
  return { ...receipt, cents: (JSON.parse(text, exact) as ReceiptText).cents };
}

/** What a receipt says; throws where its own sums do not agree. */
export function factsOfReceipt({ status, lines, cents, rejectedBy, warnedBy }: ReceiptText): Partial<Facts> {
  if (status !== 'completed') throw new Error(`the batch is ${status}`);
  const { total: totalLines = -1, ...outcomes } = lines;
  const { total: totalCents = -1n, ...amounts } = cents;
  const sumLines = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  const sumCents = Object.values(amounts).reduce((sum, amount) => sum + amount, 0n);
  const sumCodes = Object.values(rejectedBy).reduce((sum, count) => sum + count, 0);
  if (sumLines !== totalLines || sumCents !== totalCents || sumCodes !== outcomes['rejected']) {
    throw new Error(
      `the receipt does not add up: ${sumLines} of ${totalLines} lines, ${sumCents} of ${totalCents} cents`,
    );
  }
  return {
    records: totalLines,
    created: outcomes['created'] ?? 0,
    duplicate: outcomes['duplicate'] ?? 0,
    rejected: outcomes['rejected'] ?? 0,
    centsCreated: String(amounts['created'] ?? 0n),
    centsTotal: String(totalCents),
    receiptRejectedBy: countsText(rejectedBy),
    warnedBy: countsText(warnedBy),
  };
}
