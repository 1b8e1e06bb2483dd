/** The arithmetic of the scale page: units from bytes, demand from rates, what binds first, a day that loses no line. */
import { beforeAll, describe, expect, it } from 'vitest';
import { costsOfMillion, monthlyOfMillion, sumOf } from '../../bench/scale/costs.ts';
import { BUSINESS_DAY, simulateDay } from '../../bench/scale/day.ts';
import {
  cellsOf,
  DAILY,
  demandOf,
  FIRST_LOAD,
  lineOf,
  pressures,
  type Rates,
  readRates,
  shardsOf,
} from '../../bench/scale/model.ts';
import { type DebtUnits, debtUnits, madeRange, type StagedUnits, stagedUnits } from '../../bench/scale/units.ts';
import { SETTINGS } from '../../src/config/schema.ts';

const rates = readRates();
const UNITS = { recordsPerUnit: 20, bytesPerRecord: 50, unitsPerDebt: 1 };

/** The rates with some of their values changed. */
function changed(part: 'measured' | 'assumed' | 'quotas', values: Readonly<Record<string, number>>): Rates {
  const figures = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { value, source: 'the test' }]),
  );
  return { ...rates, [part]: { ...rates[part], ...figures } };
}

describe('write units of staged pages', () => {
  const shards = [1, 8, 77, 382, SETTINGS.shardsMax.default];
  let measured: StagedUnits[];
  let debts: DebtUnits;

  beforeAll(() => {
    const file = madeRange(77_000);
    measured = shards.map((count) => stagedUnits(file, count));
    debts = debtUnits(file);
  });

  it('hold at least 12 records each, of the largest batch too, and 19 of the usual one', () => {
    for (const { recordsPerUnit } of measured) expect(recordsPerUnit).toBeGreaterThanOrEqual(12);
    expect(measured[1]?.recordsPerUnit).toBeGreaterThan(19);
  });

  it('are for all records of a range, each once, and no fewer than their bytes', () => {
    expect(new Set(measured.map(({ records }) => records)).size).toBe(1);
    expect(measured[0]?.records).toBeGreaterThan(77_000 * 0.97);
    for (const { units, records, bytesPerRecord, items } of measured) {
      expect(units).toBeGreaterThanOrEqual((records * bytesPerRecord) / 1024);
      // Rounding up costs less than a unit an item; one more item counts the range's items.
      expect(units).toBeLessThan((records * bytesPerRecord) / 1024 + items + 6);
    }
  });

  it('are one for a debt, and an entry of the index has room to spare', () => {
    expect(debts.unitsPerDebt).toBeGreaterThanOrEqual(1);
    expect(debts.unitsPerDebt).toBeLessThan(1.01);
    expect(debts.debts).toBe(measured[0]?.records);
    expect(debts.indexBytesMax).toBeLessThan(1024);
  });
});

describe('rates', () => {
  it('each say where they come from', () => {
    const figures = [rates.measured, rates.assumed, rates.quotas].flatMap((part) => Object.values(part));
    expect(figures.every(({ value, source }) => value > 0 && source.length > 10)).toBe(true);
  });
});

describe('a line', () => {
  it('costs what is written of it, twice in staging, and one read', () => {
    const first = lineOf(rates, UNITS, FIRST_LOAD);
    expect(first).toMatchObject({ stagingWrites: 0.1, debtWrites: 1, indexWrites: 1, debtReads: 1 });
    expect(first.stagingReads).toBeCloseTo(50 / 4096, 10);
    const daily = lineOf(rates, UNITS, DAILY);
    expect(daily.debtWrites).toBeCloseTo(0.1, 10);
    expect(daily.indexWrites).toBeCloseTo(0.03, 10);
  });

  it('takes the longer the slower its processor', () => {
    const slow = lineOf(changed('assumed', { virtualProcessor: 0.25 }), UNITS, FIRST_LOAD);
    const fast = lineOf(changed('assumed', { virtualProcessor: 1 }), UNITS, FIRST_LOAD);
    for (const [name, seconds] of Object.entries(slow.seconds)) {
      expect(seconds).toBeCloseTo(4 * (fast.seconds[name] ?? 0), 12);
    }
    expect(fast.seconds['intermediate']).toBeCloseTo(1 / 2_760_000 + 1 / 1_100_000, 12);
    expect(fast.seconds['registering']).toBeCloseTo(1 / 2_270_000 + 1 / 151_000 + 1 / 172_000, 12);
    const daily = lineOf(changed('assumed', { virtualProcessor: 1 }), UNITS, DAILY);
    expect(daily.seconds['registering']).toBeCloseTo(1 / 2_270_000 + 1 / 151_000 + 0.1 / 172_000, 12);
  });

  it('cannot be more than itself', () => {
    expect(() => lineOf(rates, UNITS, { created: 0.7, updated: 0.4 })).toThrow();
  });
});

describe('the demand', () => {
  const line = lineOf(rates, UNITS, FIRST_LOAD);
  const at = (linesPerDay: number, peak = 4) => demandOf(rates, line, { linesPerDay, peak });

  it('grows with the lines and the peak', () => {
    expect(at(86_400, 1).linesPerSecond).toBe(1);
    expect(at(1e10).debts).toBeCloseTo(100 * at(1e8).debts, 6);
    expect(at(1e8, 8).staging).toBeCloseTo(2 * at(1e8).staging, 6);
  });

  it('is met by at least the least tasks, and by so many that they are not busier than is allowed', () => {
    expect(at(1).tasks).toEqual({ input: 2, intermediate: 1, registering: 1, batch: 2 });
    const many = at(1e11);
    const busy = many.linesPerSecond * (line.seconds['registering'] ?? 0);
    const threads = (many.tasks['registering'] ?? 0) * 4;
    expect(busy / threads).toBeLessThanOrEqual(0.7);
    expect(busy / (threads - 4)).toBeGreaterThan(0.7);
  });

  it('asks for so many shards at once that no partition is asked for more than it gives', () => {
    const { staging, shardsAtOnce } = at(1e10);
    expect(staging / shardsAtOnce).toBeLessThanOrEqual(1000);
    expect(staging / (shardsAtOnce - 1)).toBeGreaterThan(1000);
    expect([shardsOf(1), shardsOf(131_072), shardsOf(131_073)]).toEqual([1, 1, 2]);
  });

  it('binds first where most of what is given is used', () => {
    const found = pressures(rates, at(1e10));
    expect(found.map(({ ratio }) => ratio)).toEqual(found.map(({ ratio }) => ratio).sort((a, b) => b - a));
    expect(found[0]).toMatchObject({ what: 'writes of the debts table', given: 40_000 });
    const large = changed('quotas', { tableUnitsPerSecond: 1e9, virtualProcessors: 10 });
    expect(pressures(large, at(1e10))[0]?.what).toBe('virtual processors of the account');
  });

  it('is dealt to so many installations that each has something to spare', () => {
    const found = pressures(rates, at(1e10));
    const cells = cellsOf(found, 0.3);
    expect((found[0]?.ratio ?? 0) / cells).toBeLessThanOrEqual(0.7);
    expect((found[0]?.ratio ?? 0) / (cells - 1)).toBeGreaterThan(0.7);
    expect(cellsOf(pressures(rates, at(1e6)), 0.3)).toBe(1);
  });
});

describe('a day', () => {
  const line = lineOf(rates, UNITS, FIRST_LOAD);

  it.each([1e6, 1e8, 1e10, 1e12])('of %i lines loses none', (linesPerDay) => {
    const end = simulateDay(rates, line, { linesPerDay, cells: 1 });
    expect(end.came / linesPerDay).toBeCloseTo(1, 9);
    expect((end.registered + end.waiting) / linesPerDay).toBeCloseTo(1, 9);
  });

  it('is over at once where there is room', () => {
    const end = simulateDay(rates, line, { linesPerDay: 1e8, cells: 1 });
    expect(end.delayMinutes).toBe(0);
    expect(end.minutesBound).toEqual({ intermediate: 0, registering: 0 });
  });

  it('lets through what the tables take and no more', () => {
    const even = new Array<number>(24).fill(1);
    const given = 40_000 * 86_400;
    const end = simulateDay(rates, line, { linesPerDay: 4 * given, cells: 1, hours: even });
    // Registering begins a minute's tasks late, and is bound by its table from then on.
    expect(end.registered).toBeLessThanOrEqual(given);
    expect(end.registered).toBeGreaterThan(0.99 * given);
    const more = simulateDay(rates, line, { linesPerDay: 4 * given, cells: 3, hours: even });
    expect(more.registered / end.registered).toBeCloseTo(3, 1);
  });

  it('has the delay of what waits: a burst of one hour at twice the rate takes another hour', () => {
    const hours = new Array<number>(24).fill(0);
    hours[6] = 1;
    const end = simulateDay(rates, line, { linesPerDay: 2 * 40_000 * 3600, cells: 1, hours });
    expect(end.waiting).toBeLessThan(1);
    expect(end.delayMinutes).toBeGreaterThanOrEqual(58);
    expect(end.delayMinutes).toBeLessThanOrEqual(66);
    expect(BUSINESS_DAY.length).toBe(24);
  });

  it('asks for tasks as its backlog grows, and never for more than it may', () => {
    const slow = lineOf(changed('measured', { debtWritesPerSecond: 2000 }), UNITS, FIRST_LOAD);
    const end = simulateDay(rates, slow, { linesPerDay: 3e9, cells: 1 });
    expect(end.tasks['registering']).toBe(16);
    expect(simulateDay(rates, line, { linesPerDay: 1000, cells: 1 }).tasks).toEqual({
      intermediate: 1,
      registering: 1,
    });
  });
});

describe('costs', () => {
  it('are the amounts at their prices', () => {
    const line = lineOf(rates, UNITS, FIRST_LOAD);
    const costs = new Map(costsOfMillion(rates, line).map((cost) => [cost.what, cost]));
    expect(costs.get('debts: written')).toMatchObject({ amount: 1_000_000, dollars: 0.625 });
    expect(costs.get('debts: compared')?.dollars).toBeCloseTo(0.125, 10);
    expect(costs.get('staging: pages written and deleted')).toMatchObject({ amount: 100_000 });
    expect(costs.get('staging: pages written and deleted')?.dollars).toBeCloseTo(0.0625, 10);
    expect(sumOf([...costs.values()])).toBeCloseTo(
      [...costs.values()].reduce((sum, { dollars }) => sum + dollars, 0),
      10,
    );
    // 477 bytes at 0.45 and 289 at 0.25 a gigabyte.
    expect(monthlyOfMillion(rates, 377, 189)).toBeCloseTo(0.477 * 0.45 + 0.289 * 0.25, 10);
  });
});
