/** The sum over a file's ranges, as facts. */
import { countsText, type Facts } from '../facts.ts';

export interface RangeSum {
  readonly records: number;
  readonly staged: number;
  /** Decimal texts. */
  readonly centsStaged: string;
  readonly centsRejected: string;
  readonly rejectedBy: Readonly<Record<string, number>>;
}

export function factsOfRanges(ranges: readonly RangeSum[]): Partial<Facts> {
  const rejectedBy: Record<string, number> = {};
  for (const range of ranges) {
    for (const [code, count] of Object.entries(range.rejectedBy)) rejectedBy[code] = (rejectedBy[code] ?? 0) + count;
  }
  const sum = (name: 'records' | 'staged'): number => ranges.reduce((total, range) => total + range[name], 0);
  const cents = (name: 'centsStaged' | 'centsRejected'): string =>
    String(ranges.reduce((total, range) => total + BigInt(range[name]), 0n));
  return {
    records: sum('records'),
    staged: sum('staged'),
    centsStaged: cents('centsStaged'),
    centsRejected: cents('centsRejected'),
    rejectedBy: countsText(rejectedBy),
  };
}
