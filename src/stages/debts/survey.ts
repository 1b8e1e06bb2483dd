/**
 * What a preview tells besides its outcomes: whose the debts are, and how long they have been due. Only records that would
 * be registered (created, updated, unchanged) are counted, so both breakdowns add up to those.
 *
 * Creditors are counted exactly as long as there are no more than `PREVIEW_CREDITORS_MAX` of them. Beyond that the smallest
 * go together into a rest, which keeps their records and cents, and what is listed under a name may lack what went there
 * before: memory is bounded, and no cent is lost or counted twice.
 *
 * Memory: twice as many names as are kept; nothing grows with the records. Cents are exact at any size.
 */
import { PREVIEW_CREDITORS_MAX } from '../../config/limits.ts';
import { CentsSum } from '../../core/cents.ts';
import { CREDITOR, REQUIRED_COLUMNS } from '../../kernel/columns.ts';
import type { RecordChunk } from '../../kernel/recordChunk.ts';
import { overdueSince, packDate } from '../../kernel/rules.ts';

/** A group begins with so many whole months since the due date and ends before the next one begins. */
export const AGE_MONTHS = [0, 1, 3, 6, 12, 24, 36, 48, 60] as const;

export interface Share {
  readonly lines: number;
  /** Decimal text. */
  readonly cents: string;
}

/** Plain JSON. */
export interface SurveyTotals {
  /** The largest first; `null` for the records that name none. */
  readonly creditors: readonly (Share & { readonly name: string | null })[];
  /** Of creditors for which there was no room. */
  readonly rest: Share;
  /** Not due yet, then by `AGE_MONTHS`. */
  readonly ages: readonly Share[];
}

interface Sum {
  lines: number;
  cents: bigint;
}

/** Sums by creditor, of bounded size. */
export class CreditorSums {
  /** The empty name stands for none. */
  readonly #sums = new Map<string, Sum>();
  readonly #rest: Sum = { lines: 0, cents: 0n };

  add(name: string, lines: number, cents: bigint): void {
    const known = this.#sums.get(name);
    if (known !== undefined) {
      known.lines += lines;
      known.cents += cents;
      return;
    }
    if (this.#sums.size >= 2 * PREVIEW_CREDITORS_MAX) this.#prune();
    this.#sums.set(name, { lines, cents });
  }

  addRest(lines: number, cents: bigint): void {
    this.#rest.lines += lines;
    this.#rest.cents += cents;
  }

  /** The largest first, by cents and then by name; at most `PREVIEW_CREDITORS_MAX`. */
  plain(): Pick<SurveyTotals, 'creditors' | 'rest'> {
    this.#prune();
    const creditors = [...this.#sums].sort(byCents).map(([name, sum]) => ({ name: name || null, ...shareOf(sum) }));
    return { creditors, rest: shareOf(this.#rest) };
  }

  #prune(): void {
    for (const [name, { lines, cents }] of [...this.#sums].sort(byCents).slice(PREVIEW_CREDITORS_MAX)) {
      this.#sums.delete(name);
      this.addRest(lines, cents);
    }
  }
}

/** The survey of one shard, or one small batch. */
export class Survey {
  readonly #creditors = new CreditorSums();
  readonly #businessDate: number;
  /** Packed days, by `AGE_MONTHS`: who fell due on it or before it is at least that old. */
  readonly #agedBy: readonly number[];
  readonly #ageLines = new Float64Array(AGE_MONTHS.length + 1);
  readonly #ageCents = Array.from({ length: AGE_MONTHS.length + 1 }, () => new CentsSum());

  constructor(businessDate: string) {
    this.#businessDate = packDate(businessDate);
    this.#agedBy = AGE_MONTHS.map((months) => overdueSince(businessDate, months));
  }

  add(chunk: RecordChunk, i: number): void {
    const cents = chunk.cents[i] as number;
    const group = this.#groupOf(chunk.days[i] as number);
    this.#ageLines[group] = (this.#ageLines[group] as number) + 1;
    this.#ageCents[group]?.add(cents);
    this.#creditors.add(chunk.optional(i, CREDITOR - REQUIRED_COLUMNS) ?? '', 1, BigInt(cents));
  }

  plain(): SurveyTotals {
    const ages = this.#ageCents.map((sum, k) => ({
      lines: this.#ageLines[k] as number,
      cents: sum.total().toString(),
    }));
    return { ...this.#creditors.plain(), ages };
  }

  #groupOf(day: number): number {
    if (day >= this.#businessDate) return 0;
    let group = AGE_MONTHS.length;
    while (group > 1 && day > (this.#agedBy[group - 1] as number)) group -= 1;
    return group;
  }
}

function byCents([a, { cents: x }]: readonly [string, Sum], [b, { cents: y }]: readonly [string, Sum]): number {
  if (x !== y) return x > y ? -1 : 1;
  return a < b ? -1 : 1;
}

function shareOf({ lines, cents }: Sum): Share {
  return { lines, cents: cents.toString() };
}
