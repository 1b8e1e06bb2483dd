/**
 * Approval in a simulated history: which profiles ask for it, who answers what and when, and what a plain reading of the
 * rules says must have come of it.
 */
import { OUTCOMES } from '../../src/core/codes.ts';
import type { ProfileDocument } from '../../src/kernel/profile.ts';
import type { Random } from '../oracle/random.ts';
import type { LineValues } from '../support/files.ts';
import { type ModelOutcome, modelTotals } from '../support/model.ts';

/** Somebody's answer: so long after the batch came to wait, or, where they do not look, so long after the file came. */
export interface Answer {
  readonly says: 'approve' | 'discard';
  readonly looks: boolean;
  readonly afterMs: number;
}

export interface Asking {
  readonly profile: keyof typeof ASKING_PROFILES;
  readonly answers: readonly Answer[];
}

const RECORDS_MIN = 6;
const CENTS_MIN = 2000;

export const ASKING_PROFILES = {
  always: { format: 1, approval: 'required' },
  'when-many': { format: 1, approval: { recordsMin: RECORDS_MIN } },
  'when-dear': { format: 1, approval: { amountMin: (CENTS_MIN / 100).toFixed(2) } },
} as const satisfies Record<string, ProfileDocument>;

const PROFILES = Object.keys(ASKING_PROFILES) as (keyof typeof ASKING_PROFILES)[];

export function askingOf(random: Random): Asking | null {
  if (!random.chance(0.35)) return null;
  return {
    profile: random.chance(0.5) ? 'always' : random.pick(PROFILES),
    answers: Array.from({ length: random.pick([0, 1, 1, 1, 1, 2]) }, () => ({
      says: random.chance(0.75) ? ('approve' as const) : ('discard' as const),
      looks: random.chance(0.8),
      afterMs: random.integer(0, random.pick([50, 5000, 60_000, 300_000])),
    })),
  };
}

/** Whether the file is to be approved, by what stands in it. */
export function asks(asking: Asking | null, lines: readonly LineValues[]): boolean {
  switch (asking?.profile) {
    case undefined:
      return false;
    case 'always':
      return true;
    case 'when-many':
      return lines.length >= RECORDS_MIN;
    case 'when-dear':
      return lines.reduce((sum, { amount = '0' }) => sum + Math.round(Number(amount) * 100), 0) >= CENTS_MIN;
  }
}

interface PreviewJson {
  readonly lines: Readonly<Record<string, number>>;
  readonly cents: Readonly<Record<string, string>>;
  readonly creditors: readonly { readonly lines: number; readonly cents: string }[];
  readonly ages: readonly { readonly lines: number; readonly cents: string }[];
}

/** What is wrong with what was shown, where the outcomes are those that registering would have had; empty where nothing is. */
export function wrongPreview(body: string, outcomes: readonly ModelOutcome[]): string {
  const shown = JSON.parse(body) as PreviewJson;
  const { lines, cents } = modelTotals(outcomes);
  const got = OUTCOMES.map((outcome) => `${shown.lines[outcome]}/${shown.cents[outcome]}`).join();
  const wanted = OUTCOMES.map((_, index) => `${lines[index]}/${cents[index]}`).join();
  if (got !== wanted) return `${got}, by the model ${wanted}`;
  const registered = outcomes.filter(({ outcome }) => outcome !== 'duplicate' && outcome !== 'rejected');
  const sum = `${registered.length}/${registered.reduce((all, one) => all + one.cents, 0)}`;
  for (const part of [shown.creditors, shown.ages]) {
    const count = part.reduce((all, one) => all + one.lines, 0);
    const total = part.reduce((all, one) => all + BigInt(one.cents), 0n);
    if (`${count}/${total}` !== sum) return `a breakdown comes to ${count}/${total}, not to ${sum}`;
  }
  return '';
}
