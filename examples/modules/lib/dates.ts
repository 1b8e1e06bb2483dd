/** Days as files have them (`31/01/2026`) and as the engine reads them (`2026-01-31`). */

export interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** `undefined` where the text is none, or the day does not exist. */
export function readDate(text: string): Day | undefined {
  const match = /^(\d{2})\/(\d{2})\/(\d{4})$/.exec(text.trim());
  if (match === null) return undefined;
  const [day = 0, month = 0, year = 0] = match.slice(1).map(Number);
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month) ? { year, month, day } : undefined;
}

/** The same day so many months later, or the last one of a month that is shorter. */
export function monthsLater({ year, month, day }: Day, months: number): string {
  const index = year * 12 + (month - 1) + months;
  const then = { year: Math.floor(index / 12), month: (index % 12) + 1 };
  const last = Math.min(day, daysIn(then.year, then.month));
  return `${String(then.year).padStart(4, '0')}-${String(then.month).padStart(2, '0')}-${String(last).padStart(2, '0')}`;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}
