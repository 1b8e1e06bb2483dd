/**
 * Business rules of registering, on packed days and integer cents.
 *
 * A packed day is `year × 512 + month × 32 + day`: it sorts as the calendar does and fits three bytes.
 * Prescription: five years from the due date (Código Civil 206 §5 I; CDC 43 §1, §5); a warning from 4 years 11 months. A
 * profile may draw the line elsewhere, and accept debts that are not yet due.
 */
import { assert } from '../core/assert.ts';
import { RECORD_CODES } from '../core/codes.ts';
import { daysInMonth } from './fields.ts';
import type { BusinessRules } from './plan.ts';

const PRESCRIPTION_MONTHS = 60;
/** A debt that old in months, less this, carries the warning. */
const NEAR_MONTHS = 1;
/** Later than every day. */
const NO_DAY = 10_000 * 512;

export interface CompiledRules {
  /** Packed day: due dates must lie before it; beyond every day where a profile accepts later ones. */
  readonly businessDate: number;
  /** Packed day: what fell due before it is prescribed. */
  readonly prescribedBefore: number;
  /** Packed day: what fell due before it is nearly prescribed. */
  readonly nearBefore: number;
  readonly amountCentsMin: number;
  readonly amountCentsMax: number;
}

export function compileRules(rules: BusinessRules): CompiledRules {
  const businessDate = packDate(rules.businessDate);
  const months = rules.ageMonthsMax ?? PRESCRIPTION_MONTHS;
  return {
    businessDate: rules.acceptsFuture === true ? NO_DAY : businessDate,
    prescribedBefore: monthsBefore(businessDate, months),
    nearBefore: monthsBefore(businessDate, months - NEAR_MONTHS),
    amountCentsMin: rules.amountCentsMin,
    amountCentsMax: rules.amountCentsMax,
  };
}

/** The id of the first rule that refuses the record, in the order of the table of codes; 0 where all pass. */
export function applyRules(rules: CompiledRules, packedDate: number, cents: number): number {
  if (packedDate >= rules.businessDate) return RECORD_CODES.DUE_DATE_NOT_PAST.id;
  if (packedDate < rules.prescribedBefore) return RECORD_CODES.DEBT_PRESCRIBED.id;
  if (cents < rules.amountCentsMin) return RECORD_CODES.AMOUNT_BELOW_MINIMUM.id;
  if (cents > rules.amountCentsMax) return RECORD_CODES.AMOUNT_ABOVE_MAXIMUM.id;
  return 0;
}

/** Whether a debt that passed the rules is to carry the warning `DEBT_NEAR_PRESCRIPTION`, if no other stands. */
export function nearPrescription(rules: CompiledRules, packedDate: number): boolean {
  return packedDate < rules.nearBefore;
}

/** Packs `YYYY-MM-DD`; a text that is no day is a bug of the caller. */
export function packDate(text: string): number {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  assert(match !== null, 'a day is written YYYY-MM-DD');
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  assert(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month), 'the day exists');
  return year * 512 + month * 32 + day;
}

export function unpackDate(packed: number): string {
  const year = String(packed >>> 9).padStart(4, '0');
  const month = String((packed >>> 5) & 15).padStart(2, '0');
  return `${year}-${month}-${String(packed & 31).padStart(2, '0')}`;
}

/** Packed day: what fell due on it or before it is at least so many months overdue on the business date. */
export function overdueSince(businessDate: string, months: number): number {
  return monthsBefore(packDate(businessDate), months);
}

/** The same day so many months earlier, or the last day of that month where it has no such day; 0 before year 1. */
function monthsBefore(packed: number, months: number): number {
  const index = (packed >>> 9) * 12 + ((packed >>> 5) & 15) - 1 - months;
  if (index < 12) return 0;
  const year = Math.floor(index / 12);
  const month = (index % 12) + 1;
  return year * 512 + month * 32 + Math.min(packed & 31, daysInMonth(year, month));
}
