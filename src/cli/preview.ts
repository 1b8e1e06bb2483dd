/** The preview of a batch that is to be approved, as a person reads it. */
import type { PreviewView } from '../stages/batch/previewView.ts';
import { centsText, tableText } from './format.ts';

interface Share {
  readonly lines: number;
  readonly cents: bigint;
}

export function previewText(view: PreviewView): string {
  const { asOf, lines, cents, rejectedBy, warnedBy, creditors, otherCreditors, ages } = view;
  const since =
    asOf.turnsSince === 0
      ? 'no other batch of the client has registered since'
      : `${asOf.turnsSince} other batches of the client have registered since: the outcome may differ`;
  const codes = [
    ...Object.entries(rejectedBy).map(([code, count]) => `  rejected by ${code}  ${count}\n`),
    ...Object.entries(warnedBy).map(([code, count]) => `  warned by ${code}  ${count}\n`),
  ];
  const outcomes = Object.entries(lines).map(
    ([name, count]) => [name, { lines: count, cents: cents[name] ?? 0n }] as const,
  );
  const named = creditors.map(({ name, ...share }) => [name ?? '(none named)', share] as const);
  const rest = otherCreditors.lines > 0 ? [[othersText(otherCreditors.creditors), otherCreditors] as const] : [];
  const aged = ages
    .filter(({ lines }) => lines > 0)
    .map((age) => [ageText(age.monthsFrom, age.monthsBelow), age] as const);
  return [
    `preview as of ${asOf.to}; ${since}\n`,
    sharesText('outcome', outcomes),
    ...codes,
    '\nof what would be registered\n',
    sharesText('creditor', [...named, ...rest]),
    '\n',
    sharesText('overdue', aged),
  ].join('');
}

function othersText(count: number | null): string {
  return count === null ? '(many others)' : `(${count} others)`;
}

function ageText(from: number | null, below: number | null): string {
  if (from === null) return 'not due yet';
  if (from === 0) return `less than ${below} month${below === 1 ? '' : 's'}`;
  return below === null ? `${from} months or more` : `${from} to ${below} months`;
}

function sharesText(title: string, shares: readonly (readonly [string, Share])[]): string {
  const rows = shares.map(([name, { lines, cents }]) => [`  ${name}`, String(lines), centsText(cents)]);
  return tableText([`  ${title}`, 'records', 'amount'], rows);
}
