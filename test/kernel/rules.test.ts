/** The business rules: boundary days and amounts, kernel against the table and against the oracle. */
import { describe, expect, it } from 'vitest';
import { recordCodeName } from '../../src/core/codes.ts';
import { type BusinessRules, RULES_VERSION } from '../../src/kernel/plan.ts';
import { applyRules, compileRules, nearPrescription, packDate, unpackDate } from '../../src/kernel/rules.ts';
import { bytesOf } from '../oracle/grammar.ts';
import { businessReject, isNearPrescription, monthsBefore, oracleFile, oracleOutcomes } from '../oracle/oracle.ts';
import { HEADER, row } from '../oracle/shape.ts';
import { daysInMonth } from '../oracle/values.ts';

function rulesOn(businessDate: string, min = 1, max = 999_999_999_999_999): BusinessRules {
  return { version: RULES_VERSION, businessDate, amountCentsMin: min, amountCentsMax: max };
}

/** What the kernel says of a due date: the reject code, `near` or `fine`. */
function kernelSays(rules: BusinessRules, due: string, cents = 1000): string {
  const compiled = compileRules(rules);
  const code = applyRules(compiled, packDate(due), cents);
  if (code !== 0) return recordCodeName(code) ?? `code ${code}`;
  return nearPrescription(compiled, packDate(due)) ? 'near' : 'fine';
}

function oracleSays(rules: BusinessRules, due: string, cents = 1000): string {
  const refused = businessReject(rules, due, cents);
  if (refused !== '') return refused;
  return isNearPrescription(rules, due) ? 'near' : 'fine';
}

const DAYS: [businessDate: string, due: string, says: string][] = [
  ['2026-03-31', '2026-03-31', 'DUE_DATE_NOT_PAST'],
  ['2026-03-31', '2026-04-01', 'DUE_DATE_NOT_PAST'],
  ['2026-03-31', '9999-12-31', 'DUE_DATE_NOT_PAST'],
  ['2026-03-31', '2026-03-30', 'fine'],
  // Exactly five years is not yet too old; 4 years and 11 months before the 31st is the 30th of April.
  ['2026-03-31', '2021-03-31', 'near'],
  ['2026-03-31', '2021-03-30', 'DEBT_PRESCRIBED'],
  ['2026-03-31', '2021-04-29', 'near'],
  ['2026-03-31', '2021-04-30', 'fine'],
  ['2026-03-31', '0001-01-01', 'DEBT_PRESCRIBED'],
  // From the leap day: five years earlier is the 28th.
  ['2024-02-29', '2019-02-28', 'near'],
  ['2024-02-29', '2019-02-27', 'DEBT_PRESCRIBED'],
  ['2024-02-29', '2019-03-28', 'near'],
  ['2024-02-29', '2019-03-29', 'fine'],
  ['2024-02-29', '2024-02-28', 'fine'],
  ['2024-03-01', '2024-02-29', 'fine'],
  // To a leap day.
  ['2025-02-28', '2020-02-29', 'near'],
  ['2025-02-28', '2020-02-28', 'near'],
  ['2025-02-28', '2020-02-27', 'DEBT_PRESCRIBED'],
  ['2025-03-01', '2020-02-29', 'DEBT_PRESCRIBED'],
  ['2025-03-01', '2020-03-01', 'near'],
  ['2026-01-31', '2021-02-27', 'near'],
  ['2026-01-31', '2021-02-28', 'fine'],
  ['2029-01-31', '2024-02-28', 'near'],
  ['2029-01-31', '2024-02-29', 'fine'],
  ['2029-01-30', '2024-02-28', 'near'],
  ['2029-01-30', '2024-02-29', 'fine'],
  ['2029-01-28', '2024-02-28', 'fine'],
  // Over the end of the year.
  ['2026-01-01', '2021-01-01', 'near'],
  ['2026-01-01', '2020-12-31', 'DEBT_PRESCRIBED'],
  ['2026-01-01', '2021-01-31', 'near'],
  ['2026-01-01', '2021-02-01', 'fine'],
  ['2026-12-31', '2022-01-30', 'near'],
  ['2026-12-31', '2022-01-31', 'fine'],
  ['2026-11-30', '2021-12-29', 'near'],
  ['2026-11-30', '2021-12-30', 'fine'],
  // Centuries: 2100 has no leap day, 2000 has one.
  ['2105-03-01', '2100-02-28', 'DEBT_PRESCRIBED'],
  ['2105-02-28', '2100-02-28', 'near'],
  ['2005-02-28', '2000-02-29', 'near'],
  // Before year 1 there is no day that could be too old.
  ['0004-06-15', '0001-01-01', 'fine'],
];

describe('the due date', () => {
  it.each(DAYS)('on %s, a debt due on %s is %s', (businessDate, due, says) => {
    expect(kernelSays(rulesOn(businessDate), due)).toBe(says);
    expect(oracleSays(rulesOn(businessDate), due)).toBe(says);
  });

  it('equals the oracle for every business day of twelve years, around each boundary', () => {
    for (let day = Date.UTC(2019, 0, 1); day < Date.UTC(2031, 0, 1); day += 86_400_000) {
      const rules = rulesOn(new Date(day).toISOString().slice(0, 10));
      const business = new Date(day);
      for (const monthsBack of [0, 59, 60]) {
        // Overflows into the next month where the day does not exist: still next to the boundary.
        const near = Date.UTC(business.getUTCFullYear(), business.getUTCMonth() - monthsBack, business.getUTCDate());
        for (let off = -4; off <= 4; off++) {
          const due = new Date(near + off * 86_400_000).toISOString().slice(0, 10);
          const seen = kernelSays(rules, due);
          if (seen !== oracleSays(rules, due)) expect.fail(`on ${rules.businessDate}, due ${due}: ${seen}`);
        }
      }
    }
  });

  it("the oracle's months before a day are those of the platform's calendar", () => {
    for (let day = Date.UTC(1996, 0, 1); day < Date.UTC(2005, 0, 1); day += 86_400_000) {
      const date = new Date(day);
      for (const months of [59, 60]) {
        const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - months, 1));
        const lastDay = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
        first.setUTCDate(Math.min(date.getUTCDate(), lastDay));
        expect(monthsBefore(date.toISOString().slice(0, 10), months)).toBe(first.toISOString().slice(0, 10));
      }
    }
  });
});

describe('the amount', () => {
  it.each([
    [99, 'AMOUNT_BELOW_MINIMUM'],
    [100, 'fine'],
    [5000, 'fine'],
    [5001, 'AMOUNT_ABOVE_MAXIMUM'],
  ])('%d cents within 100 to 5000 cents: %s', (cents, says) => {
    const rules = rulesOn('2026-03-31', 100, 5000);
    expect(kernelSays(rules, '2026-01-01', cents)).toBe(says);
    expect(oracleSays(rules, '2026-01-01', cents)).toBe(says);
  });

  it('is compared beyond 32 bits', () => {
    const rules = rulesOn('2026-03-31', 2 ** 33, 2 ** 40);
    expect(kernelSays(rules, '2026-01-01', 2 ** 33 - 1)).toBe('AMOUNT_BELOW_MINIMUM');
    expect(kernelSays(rules, '2026-01-01', 2 ** 33)).toBe('fine');
    expect(kernelSays(rules, '2026-01-01', 2 ** 40)).toBe('fine');
    expect(kernelSays(rules, '2026-01-01', 2 ** 40 + 1)).toBe('AMOUNT_ABOVE_MAXIMUM');
  });

  it('comes after the due date', () => {
    const rules = rulesOn('2026-03-31', 100, 5000);
    expect(kernelSays(rules, '2026-03-31', 1)).toBe('DUE_DATE_NOT_PAST');
    expect(kernelSays(rules, '2020-01-01', 9999)).toBe('DEBT_PRESCRIBED');
  });
});

describe('packed days', () => {
  it('come back as they were and keep their order', () => {
    let before = -1;
    for (const year of [1, 4, 99, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 9999]) {
      for (let month = 1; month <= 12; month++) {
        for (const day of new Set([1, 9, 10, 28, daysInMonth(year, month)])) {
          const two = (value: number) => String(value).padStart(2, '0');
          const text = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
          const packed = packDate(text);
          expect(packed).toBe(year * 512 + month * 32 + day);
          expect(unpackDate(packed)).toBe(text);
          expect(packed).toBeGreaterThan(before);
          before = packed;
        }
      }
    }
  });
});

describe("the oracle's outcomes for an empty store", () => {
  it('applies rules before duplicates, lets the first good record win, and gives one code each', () => {
    const rules = rulesOn('2026-03-31', 100, 100_000);
    const records = [
      row('A', { due: '2026-03-31' }), // Refused, so it wins nothing.
      row('A'),
      row('A', { amount: '11' }),
      row('B', { cpf: '1' }),
      row('B', { cpf: '191'.padStart(9, '0'), due: '2021-04-01' }), // Two warnings: padding takes precedence.
      row('C', { due: '2021-04-01' }),
      row('D', { amount: '0.99' }),
      row('E', { amount: '1000.01' }),
      row(' B '), // Trimmed, it is the same reference.
      row('b'),
      row('F', { due: '2021-03-30', amount: '0.01' }),
    ];
    const read = oracleFile(bytesOf(HEADER + records.join('\n')), { recordBytesMax: 1000 });
    if (read.fault !== undefined) expect.fail(read.fault);
    const seen = oracleOutcomes(read, rules).map((o) => [o.line, o.outcome, o.code, o.column, o.winnerLine]);
    expect(seen).toEqual([
      [2, 'rejected', 'DUE_DATE_NOT_PAST', 'due_date', 0],
      [3, 'created', '', '', 0],
      [4, 'duplicate', 'DUPLICATE_REF', '', 3],
      [5, 'rejected', 'CPF_FORMAT', 'cpf', 0],
      [6, 'created', 'CPF_PADDED', '', 0],
      [7, 'created', 'DEBT_NEAR_PRESCRIPTION', '', 0],
      [8, 'rejected', 'AMOUNT_BELOW_MINIMUM', 'amount', 0],
      [9, 'rejected', 'AMOUNT_ABOVE_MAXIMUM', 'amount', 0],
      [10, 'duplicate', 'DUPLICATE_REF', '', 6],
      [11, 'created', '', '', 0],
      [12, 'rejected', 'DEBT_PRESCRIBED', 'due_date', 0],
    ]);
  });
});

describe('rules of a profile', () => {
  const on = (more: Partial<BusinessRules>): BusinessRules => ({ ...rulesOn('2026-03-31'), ...more });

  it.each([
    [on({ ageMonthsMax: 120 }), '2016-03-31', 'near'],
    [on({ ageMonthsMax: 120 }), '2016-03-30', 'DEBT_PRESCRIBED'],
    [on({ ageMonthsMax: 120 }), '2020-01-01', 'fine'],
    [on({ ageMonthsMax: 1 }), '2026-03-30', 'near'],
    [on({ ageMonthsMax: 1 }), '2026-02-28', 'near'],
    [on({ ageMonthsMax: 1 }), '2026-02-27', 'DEBT_PRESCRIBED'],
    [on({ acceptsFuture: true }), '2026-03-31', 'fine'],
    [on({ acceptsFuture: true }), '9999-12-31', 'fine'],
    [on({ acceptsFuture: true }), '2021-03-30', 'DEBT_PRESCRIBED'],
  ])('%# on %o: %s', (rules, due, says) => {
    expect(kernelSays(rules, due)).toBe(says);
    expect(oracleSays(rules, due)).toBe(says);
  });
});
