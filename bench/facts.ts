/**
 * What is true of an input, whoever reads it: the yardstick of every output. Flat on purpose: a case reports the facts it
 * can know, and each is compared by name.
 */
import { RECORD_CODES, type RecordCodeName } from '../src/core/codes.ts';

/** Sums of cents are decimal texts, exact at any size. */
export interface Facts {
  readonly records: number;
  /** LF bytes in the whole file. */
  readonly lfs: number;
  /** By the checks of single records alone, before the business rules and duplicates. */
  readonly staged: number;
  readonly centsStaged: string;
  readonly centsRejected: string;
  /** `CODE n` of the records those checks reject, by name, joined by commas. */
  readonly rejectedBy: string;
  /** Debts that a first ingest registers. */
  readonly created: number;
  readonly centsCreated: string;
  /** The rest of a first ingest's receipt. */
  readonly duplicate: number;
  readonly rejected: number;
  readonly centsTotal: string;
  readonly receiptRejectedBy: string;
  readonly warnedBy: string;
}

/** Ids from here on are given by registering, not by the checks of single records. */
const BUSINESS_IDS_FROM = 40;

export function isRecordCheck(code: string): boolean {
  return RECORD_CODES[code as RecordCodeName].id < BUSINESS_IDS_FROM;
}

/** Counts by code as one text that is equal for equal counts. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const names = Object.keys(counts).sort();
  return names.map((name) => `${name} ${counts[name]}`).join(', ');
}

/** Each fact that is told and differs, as a sentence; empty where all agree. */
export function differences(told: Partial<Facts>, facts: Partial<Facts>): string[] {
  return Object.entries(told).flatMap(([name, value]) => {
    const expected = facts[name as keyof Facts];
    return expected === undefined || expected === value ? [] : [`${name} is ${value}, not ${expected}`];
  });
}

/** Gathers the facts from the truth, row by row. */
export class FactsSum {
  #records = 0;
  #staged = 0;
  #stagedCents = 0n;
  #rejectedCents = 0n;
  #createdCents = 0n;
  readonly #outcomes: Record<string, number> = { created: 0, duplicate: 0, rejected: 0 };
  readonly #recordCodes: Record<string, number> = {};
  readonly #codes: Record<string, number> = {};
  readonly #warnings: Record<string, number> = {};

  /** `cents` is empty where the amount cannot be read. */
  add(outcome: string, code: string, cents: string): void {
    const amount = cents === '' ? 0n : BigInt(cents);
    this.#records++;
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    if (outcome === 'rejected') count(this.#codes, code);
    if (outcome === 'created' && code !== '') count(this.#warnings, code);
    if (outcome === 'created') this.#createdCents += amount;
    if (outcome === 'rejected' && isRecordCheck(code)) {
      count(this.#recordCodes, code);
      this.#rejectedCents += amount;
    } else {
      this.#staged++;
      this.#stagedCents += amount;
    }
  }

  total(lfs: number): Facts {
    return {
      records: this.#records,
      lfs,
      staged: this.#staged,
      centsStaged: String(this.#stagedCents),
      centsRejected: String(this.#rejectedCents),
      rejectedBy: countsText(this.#recordCodes),
      created: this.#outcomes['created'] ?? 0,
      centsCreated: String(this.#createdCents),
      duplicate: this.#outcomes['duplicate'] ?? 0,
      rejected: this.#outcomes['rejected'] ?? 0,
      centsTotal: String(this.#stagedCents + this.#rejectedCents),
      receiptRejectedBy: countsText(this.#codes),
      warnedBy: countsText(this.#warnings),
    };
  }
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
