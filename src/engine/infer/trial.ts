/**
 * A trial of a profile on bytes in hand: the very kernel that a batch is read by, and the business rules, without a store.
 *
 * Memory: the bytes, and of rejected records what the caller keeps.
 */
import { RECORD_CODES, type RecordCodeName, recordCodeName } from '../../core/codes.ts';
import { AMOUNT, DUE_DATE, NO_COLUMN } from '../../kernel/columns.ts';
import { RangeKernel } from '../../kernel/kernel.ts';
import { PageReader } from '../../kernel/pages.ts';
import { EntryReader } from '../../kernel/parts.ts';
import type { BusinessRules, RecordPlan } from '../../kernel/plan.ts';
import type { CompiledProfile } from '../../kernel/profile.ts';
import { applyRules, type CompiledRules, compileRules } from '../../kernel/rules.ts';

/** The columns that business rules speak of, by the ids of their codes. */
const RULE_COLUMNS: Readonly<Record<number, number>> = {
  [RECORD_CODES.DUE_DATE_NOT_PAST.id]: DUE_DATE,
  [RECORD_CODES.DEBT_PRESCRIBED.id]: DUE_DATE,
  [RECORD_CODES.AMOUNT_BELOW_MINIMUM.id]: AMOUNT,
  [RECORD_CODES.AMOUNT_ABOVE_MAXIMUM.id]: AMOUNT,
};

const PAGE_BYTES = 256 * 1024;
const RECORD_BYTES_MAX = 256 * 1024;

export interface Rejected {
  readonly code: RecordCodeName;
  /** Of its first byte in the run, from 1. */
  readonly line: number;
  /** Number of a column, or NO_COLUMN. */
  readonly column: number;
  /** The record, its line end included. */
  readonly raw: Uint8Array;
}

export interface TrialResult {
  readonly records: number;
  readonly passed: number;
  readonly rejectedBy: Readonly<Partial<Record<RecordCodeName, number>>>;
}

/** The rules under which a file of the profile is judged on a day, where no client bounds its amounts. */
export function rulesOf(profile: CompiledProfile, businessDate: string): BusinessRules {
  return {
    version: 1,
    businessDate,
    amountCentsMin: profile.amountCentsMin ?? 1,
    amountCentsMax: profile.amountCentsMax ?? 999_999_999_999_999,
    ...(profile.ageMonthsMax === undefined ? {} : { ageMonthsMax: profile.ageMonthsMax }),
    ...(profile.acceptsFuture === true ? { acceptsFuture: true } : {}),
  };
}

/** The plan of a trial, by what the beginning of the file gave. */
export function planOf(
  profile: CompiledProfile,
  { fields, format }: Pick<RecordPlan, 'fields' | 'format'>,
): RecordPlan {
  return {
    dialect: profile.dialect,
    ...(format === undefined ? {} : { format }),
    ...(profile.reading === undefined ? {} : { reading: profile.reading }),
    fields: [...fields],
    recordBytesMax: RECORD_BYTES_MAX,
    shards: 1,
    hashSeed: 1,
  };
}

/** Reads runs of whole records. `onReject` sees each record that does not pass, in the order of the runs and in any order inside of one. */
export function tryRuns(
  plan: RecordPlan,
  rules: BusinessRules,
  runs: readonly Uint8Array[],
  onReject: (rejected: Rejected) => void = () => {},
): TrialResult {
  const judge = new Judge(plan, compileRules(rules), onReject);
  for (const run of runs) judge.run(run);
  return judge.result();
}

class Judge {
  readonly #plan: RecordPlan;
  readonly #rules: CompiledRules;
  readonly #onReject: (rejected: Rejected) => void;
  readonly #codes = new Float64Array(256);
  readonly #pages = new PageReader();
  readonly #entries = new EntryReader();
  #records = 0;
  #passed = 0;

  constructor(plan: RecordPlan, rules: CompiledRules, onReject: (rejected: Rejected) => void) {
    this.#plan = plan;
    this.#rules = rules;
    this.#onReject = onReject;
  }

  run(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const kernel = new RangeKernel(this.#plan, 1, 0, PAGE_BYTES);
    for (let at = 0; at < bytes.length; ) {
      const next = kernel.feed(bytes, at, bytes.length, true);
      if (kernel.full) this.#drain(kernel, bytes);
      else if (next === at) break;
      at = next;
    }
    kernel.flush();
    this.#drain(kernel, bytes);
    this.#records += kernel.totals().records;
  }

  #drain(kernel: RangeKernel, run: Uint8Array): void {
    for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) {
      this.#pages.load(page.bytes);
      while (this.#pages.next()) this.#judge(run);
    }
    for (let block = kernel.takeRejects(); block !== undefined; block = kernel.takeRejects()) {
      this.#entries.load(block);
      while (this.#entries.next()) {
        const { code, line, column, bytes, rawStart, rawEnd } = this.#entries;
        this.#reject(code, line, column, bytes.slice(rawStart, rawEnd));
      }
    }
  }

  #judge(run: Uint8Array): void {
    const { packedDate, cents, line, offset, rawBytes } = this.#pages;
    const code = applyRules(this.#rules, packedDate, cents);
    if (code === 0) this.#passed += 1;
    else this.#reject(code, line, RULE_COLUMNS[code] ?? NO_COLUMN, run.slice(offset, offset + rawBytes));
  }

  #reject(id: number, line: number, column: number, raw: Uint8Array): void {
    const code = recordCodeName(id);
    if (code === undefined) return;
    this.#codes[id] = (this.#codes[id] as number) + 1;
    this.#onReject({ code, line, column, raw });
  }

  result(): TrialResult {
    const rejectedBy: Partial<Record<RecordCodeName, number>> = {};
    for (const [id, count] of this.#codes.entries()) {
      const code = recordCodeName(id);
      if (count > 0 && code !== undefined) rejectedBy[code] = count;
    }
    return { records: this.#records, passed: this.#passed, rejectedBy };
  }
}
