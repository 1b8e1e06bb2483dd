/**
 * What registering must do to records that passed their checks (or are known not to), told as plainly as possible: one record after another,
 * over a Map. The judge of the chunked, sorted, paged thing.
 */
import { OUTCOMES, type Outcome, type RecordCodeName } from '../../src/core/codes.ts';
import type { DuplicatesPolicy } from '../../src/kernel/plan.ts';
import { repeatedLines } from '../oracle/duplicates.ts';
import type { LineValues } from './files.ts';

export interface ModelDebt {
  readonly ref: string;
  readonly name: string;
  readonly cpf: string;
  readonly cents: number;
  readonly due: string;
  readonly optional: readonly (string | null)[];
  readonly createdBatch: string;
  readonly createdLine: number;
  readonly changedBatch: string;
  readonly changedLine: number;
  readonly turn: number;
  readonly erased: boolean;
}

export interface ModelOutcome {
  readonly line: number;
  readonly ref: string;
  readonly outcome: Outcome;
  readonly code: RecordCodeName | '';
  readonly winner: number;
  readonly cents: number;
}

export interface ModelRun {
  readonly batch: string;
  readonly turn: number;
  readonly businessDate: string;
  readonly centsMin: number;
  readonly centsMax: number;
  /** Whether the file has the optional columns. */
  readonly full: boolean;
  /** What becomes of repeated references; `first` where absent. */
  readonly duplicates?: DuplicatesPolicy;
  /** Changes `debts` where it is true. */
  readonly apply: boolean;
  /** Why a line does not even pass its checks: such lines come to no rule. */
  readonly refuses?: (values: LineValues) => RecordCodeName | undefined;
}

export function modelRegister(
  debts: Map<string, ModelDebt>,
  lines: readonly LineValues[],
  run: ModelRun,
  firstLine = 2,
): ModelOutcome[] {
  const passing = lines.flatMap((values, index) =>
    refusedBy(values, run) === undefined ? [{ ref: values.ref, line: firstLine + index }] : [],
  );
  const repeated = repeatedLines(passing, run.duplicates ?? 'first');
  return lines.map((values, index) => {
    const line = firstLine + index;
    const {
      ref,
      name = 'Ana Lima',
      cpf = '52998224725',
      amount = '150.00',
      due = '2026-01-10',
      optional = [],
    } = values;
    const cents = Math.round(Number(amount) * 100);
    const end = (outcome: Outcome, code: RecordCodeName | '' = '', winner = 0): ModelOutcome => {
      return { line, ref, outcome, code, winner, cents };
    };
    const refusal = refusedBy(values, run);
    if (refusal !== undefined) return end('rejected', refusal);
    const fate = repeated.get(line);
    if (fate !== undefined) return end(fate.outcome, fate.code, fate.winner);
    const stored = debts.get(ref);
    if (stored?.erased === true) return end('rejected', 'DEBT_ERASED');
    const padded = cpf.length < 11 ? 'CPF_PADDED' : '';
    const warning = padded || (due < yearsBefore(run.businessDate, 5, -1) ? 'DEBT_NEAR_PRESCRIPTION' : '');
    if (stored?.changedBatch === run.batch) {
      return end(stored.createdBatch === run.batch ? 'created' : 'updated', warning);
    }
    const next: ModelDebt = {
      ref,
      name,
      cpf: cpf.padStart(11, '0'),
      cents,
      due,
      optional: [0, 1, 2, 3, 4].map((k) => (run.full ? optional[k] || null : (stored?.optional[k] ?? null))),
      createdBatch: stored?.createdBatch ?? run.batch,
      createdLine: stored?.createdLine ?? line,
      changedBatch: run.batch,
      changedLine: line,
      turn: run.turn,
      erased: false,
    };
    if (stored !== undefined && sameValues(stored, next)) return end('unchanged', warning);
    if (run.apply) debts.set(ref, next);
    return end(stored === undefined ? 'created' : 'updated', warning);
  });
}

/** The first check or rule that a line does not pass. */
function refusedBy(values: LineValues, run: ModelRun): RecordCodeName | undefined {
  const { amount = '150.00', due = '2026-01-10' } = values;
  const cents = Math.round(Number(amount) * 100);
  const refusal = run.refuses?.(values);
  if (refusal !== undefined) return refusal;
  if (due >= run.businessDate) return 'DUE_DATE_NOT_PAST';
  if (due < yearsBefore(run.businessDate, 5, 0)) return 'DEBT_PRESCRIBED';
  if (cents < run.centsMin) return 'AMOUNT_BELOW_MINIMUM';
  return cents > run.centsMax ? 'AMOUNT_ABOVE_MAXIMUM' : undefined;
}

/** What the totals of some outcomes must be. */
export function modelTotals(outcomes: readonly ModelOutcome[]) {
  const of = (outcome: Outcome) => outcomes.filter((one) => one.outcome === outcome);
  const counts = (codes: readonly string[]) => {
    const by: Record<string, number> = {};
    for (const code of codes) if (code !== '') by[code] = (by[code] ?? 0) + 1;
    return by;
  };
  return {
    lines: OUTCOMES.map((outcome) => of(outcome).length),
    cents: OUTCOMES.map((outcome) => String(of(outcome).reduce((sum, one) => sum + BigInt(one.cents), 0n))),
    rejectedBy: counts(of('rejected').map((one) => one.code)),
    warnedBy: counts(
      outcomes.filter(({ outcome }) => outcome !== 'rejected' && outcome !== 'duplicate').map((one) => one.code),
    ),
  };
}

function sameValues(a: ModelDebt, b: ModelDebt): boolean {
  const values = ({ name, cpf, cents, due, optional }: ModelDebt) => JSON.stringify([name, cpf, cents, due, optional]);
  return values(a) === values(b);
}

/** For days of the month that every month has. */
function yearsBefore(day: string, years: number, months: number): string {
  const [year, month, date] = day.split('-').map(Number) as [number, number, number];
  const index = (year - years) * 12 + month - 1 - months;
  return `${Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}-${String(date).padStart(2, '0')}`;
}
