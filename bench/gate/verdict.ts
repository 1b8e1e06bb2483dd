/**
 * From ratios to a verdict. A figure is judged once the interval of its median is clear of its budget on one side, or when
 * it may be measured no more: then the median alone decides.
 */
import { type Interval, medianInterval, medianOf } from '../statistics.ts';

export interface Budget {
  /** The most the median ratio, ours to the yardstick's, may be. */
  readonly most: number;
  /** What the yardstick is, and why the budget is what it is. */
  readonly why: string;
  /** It is what users were promised, not what was measured: the same on every processor, however much room it leaves. */
  readonly promised?: true;
}

/** The budget of a figure on one kind of processor, and the least and the greatest that were measured there. */
export interface MeasuredBudget {
  readonly most: number;
  readonly measured: readonly [number, number];
}

/** A figure as bench/budgets.json has it: a promise, or what was measured, by processor as the system names it. */
export type WrittenBudget = Budget | { readonly why: string; readonly on: Readonly<Record<string, MeasuredBudget>> };

/** What bench/budgets.json holds. */
export interface Budgets<Figure extends string> {
  readonly figures: Readonly<Record<Figure, WrittenBudget>>;
  /** On a processor that nothing was measured on, the widest budget is so many times as wide. */
  readonly elsewhere: { readonly factor: number; readonly why: string };
}

/** The budgets as they hold on a processor, and what a reader must know of that; empty where all were measured on it. */
export function budgetsOn<Figure extends string>(
  budgets: Budgets<Figure>,
  processor: string,
): { readonly figures: Readonly<Record<Figure, Budget>>; readonly note: string } {
  const { factor, why } = budgets.elsewhere;
  let isWidened = false;
  const held = Object.entries<WrittenBudget>(budgets.figures).map(([figure, written]): [string, Budget] => {
    if (!('on' in written)) return [figure, written];
    const own = written.on[processor];
    if (own !== undefined) return [figure, { most: own.most, why: written.why }];
    isWidened = true;
    const widest = Math.max(...Object.values(written.on).map(({ most }) => most));
    return [figure, { most: Number((widest * factor).toPrecision(3)), why: written.why }];
  });
  return {
    figures: Object.fromEntries(held) as Record<Figure, Budget>,
    note: isWidened ? `budgets that were not measured on ${processor} are the widest × ${factor} (${why})\n` : '',
  };
}

export interface Verdict {
  readonly passes: boolean;
  readonly median: number;
  /** Of the median; `undefined` where there were too few ratios. */
  readonly interval: Interval | undefined;
  readonly ratios: number;
  /** The budget is so wide that a slowdown of 20 % would pass unseen. */
  readonly loose: boolean;
}

/** How sure the gate is before it stops measuring. */
const CONFIDENCE = 0.98;
/** A slowdown this large must be seen. */
export const SEEN_SLOWDOWN = 1.2;

/** `undefined`: measure on. */
export function verdictOf(ratios: readonly number[], budget: Budget, mayGoOn: boolean): Verdict | undefined {
  if (ratios.length === 0) return undefined;
  const interval = medianInterval(ratios, CONFIDENCE);
  const isClear = interval !== undefined && (interval.high <= budget.most || interval.low > budget.most);
  if (!isClear && mayGoOn) return undefined;
  const median = medianOf(ratios);
  return {
    passes: median <= budget.most,
    median,
    interval,
    ratios: ratios.length,
    loose: budget.promised !== true && median * SEEN_SLOWDOWN <= budget.most,
  };
}

/**
 * The budget to write for a figure: halfway, by ratio, between what was measured and the slowdown that must be seen, so
 * that noise has the same room on both sides.
 */
export function suggestedBudget(median: number): number {
  return Number((median * Math.sqrt(SEEN_SLOWDOWN)).toPrecision(3));
}

/**
 * The slowdown that a test of the gate plants, as a share of what was measured: the one that must be seen. A promise may leave
 * more room than that; what is planted then goes beyond it by what a budget leaves for noise.
 */
export function plantedShare(median: number, budget: Budget): number {
  const seen = SEEN_SLOWDOWN - 1;
  if (budget.promised !== true) return seen;
  return Math.max(seen, (budget.most * Math.sqrt(SEEN_SLOWDOWN)) / median - 1);
}

/** What a person needs to know of a figure, in a line or, where it failed, a few. */
export function verdictText(figure: string, verdict: Verdict, budget: Budget): string {
  const { median, interval, ratios, passes, loose } = verdict;
  const range = interval === undefined ? '' : ` (${ratio(interval.low)}–${ratio(interval.high)})`;
  const facts = `${ratio(median)}${range} of at most ${ratio(budget.most)}, ${ratios} measurements`;
  if (passes && !loose) return `ok    ${figure}: ${facts}\n`;
  if (passes) {
    return `ok    ${figure}: ${facts}
      its budget is loose, a slowdown of 20 % would pass: lower it to ${suggestedBudget(median)} in bench/budgets.json\n`;
  }
  const above = ((median / budget.most - 1) * 100).toFixed(1);
  return `FAIL  ${figure}: ${facts}: ${above} % above its budget
      ${budget.why}
      look further: npm run bench:gate -- --only ${figure}; ${LOOK_FURTHER[figure] ?? ''}
      ${budget.promised === true ? PROMISED : mayMove(median)}\n`;
}

const PROMISED = 'users were promised this: the budget does not move with what is measured';
const PROFILE = 'node --cpu-prof --cpu-prof-dir=.bench/profiles';
const LOOK_FURTHER: Readonly<Record<string, string>> = {
  scan: 'npm run bench -- --only scan',
  records: 'npm run bench -- --only records',
  profile: 'npm run bench:profile measures it of whole ingests',
  ingest: `npm run bench -- --only ingest says in which state; ${PROFILE} src/main.ts ingest … says where in it`,
  again: `${PROFILE} src/main.ts ingest … of a file that was ingested before`,
};

function mayMove(median: number): string {
  return `if it must cost that much: set it to ${suggestedBudget(median)} in bench/budgets.json and say why`;
}

function ratio(value: number): string {
  return value.toPrecision(3);
}
