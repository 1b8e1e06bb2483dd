/**
 * How the values of the chosen fields are written: the order of day and month, the marks of amounts, the markers of nothing. What
 * the sample cannot tell is assumed as Brazil writes it, and said.
 */
import type { DateForm } from '../../kernel/plan.ts';
import { AMOUNT_MARKS, type Contents, DATE_FORMS, mostOf } from './contents.ts';
import { counted, type Findings, percent } from './findings.ts';

export interface DateNotation {
  readonly date: DateForm;
  readonly pivot?: number;
}

/** `undefined` where no form that profiles know reads most of them. */
export function decideDates(contents: Contents, today: string, findings: Findings): DateNotation | undefined {
  const key = 'locale.date';
  const { filled, dates } = contents;
  const foreign = mostOf(contents.foreignDates);
  const [best] = [...DATE_FORMS].sort((a, b) => dates[b] - dates[a]);
  const month = monthFirst(contents);
  if (best === 'DD/MM/YYYY' || (foreign?.[0] === 'MM/DD/YYYY' && (foreign[1] ?? 0) > 0)) {
    if (month.monthFirst > 0 && month.dayFirst === 0) {
      findings.leaveOpen(
        key,
        `the month stands first: ${counted(month.monthFirst, 'day')} of ${filled} can only be read MM/DD/YYYY, which no profile reads; ask for DD/MM/YYYY`,
      );
      return undefined;
    }
    if (month.monthFirst > 0) {
      findings.doubt(
        key,
        'DD/MM/YYYY',
        `${counted(month.monthFirst, 'day')} of ${filled} can only be read with the month first, ${month.dayFirst} only with the day first: the file has both`,
      );
    }
  }
  if (best === undefined || dates[best] < filled / 2) {
    if (foreign !== undefined && foreign[1] >= filled / 2) {
      findings.leaveOpen(
        key,
        `days are written as ${foreign[0]}, which no profile reads; profiles read ${DATE_FORMS.join(', ')}`,
      );
    } else findings.leaveOpen(key, 'the days are in no form that is known');
    return undefined;
  }
  return decideForm(best, contents, month, today, findings);
}

function decideForm(
  best: DateForm,
  contents: Contents,
  month: ReturnType<typeof monthFirst>,
  today: string,
  findings: Findings,
): DateNotation {
  const key = 'locale.date';
  const { filled, dates } = contents;
  const evidence = `${percent(dates[best], filled)} of ${filled} days exist so`;
  if (best === 'DD/MM/YYYY' && month.dayFirst === 0 && month.monthFirst === 0) {
    findings.decide(key, best, evidence);
    findings.doubt(key, best, `no day above 12 among ${filled}: day and month could be swapped`);
    return { date: best };
  }
  const rival = DATE_FORMS.find((form) => form !== best && dates[form] > 0 && dates[form] >= dates[best] * 0.9);
  if (rival !== undefined) findings.doubt(key, best, `${percent(dates[rival], filled)} of them could be ${rival} too`);
  const day = best === 'DD/MM/YYYY' ? `, ${counted(month.dayFirst, 'day')} only with the day first` : '';
  findings.decide(key, best, evidence + day);
  if (best !== 'DDMMYY') return { date: best };
  return { date: best, ...pivotOf(contents, today, findings) };
}

/** Of days with slashes: how many can only be read with the day first, or only with the month. */
function monthFirst({ values }: Contents): { readonly dayFirst: number; readonly monthFirst: number } {
  let dayFirst = 0;
  let other = 0;
  for (const [value, times] of values) {
    const match = /^(\d{1,2})\/(\d{1,2})\/\d{2,4}$/.exec(value);
    if (match === null) continue;
    const [first, second] = [Number(match[1]), Number(match[2])];
    if (first > 12 && second <= 12) dayFirst += times;
    else if (second > 12 && first <= 12) other += times;
  }
  return { dayFirst, monthFirst: other };
}

/** Two digits of a year: what is at most next year's is of this century. */
function pivotOf({ values }: Contents, today: string, findings: Findings): { readonly pivot?: number } {
  const now = Number(today.slice(2, 4));
  const years = [...values.keys()].filter((value) => /^\d{6}$/.test(value)).map((value) => Number(value.slice(4)));
  const late = years.filter((year) => year > now + 1);
  const pivot = late.length === 0 ? 50 : Math.min(...late);
  if (pivot === 50) return {};
  findings.doubt('locale.pivot', String(pivot), `years from ${pivot} on are taken for those of 19${pivot} and later`);
  return { pivot };
}

export interface AmountNotation {
  readonly decimal: '.' | ',';
  readonly thousands: '' | '.' | ',' | ' ';
}

/** `undefined` where no marks that profiles know read most of them. */
export function decideAmounts(contents: Contents, findings: Findings): AmountNotation | undefined {
  const { filled, amounts } = contents;
  const most = Math.max(...amounts);
  const foreign = mostOf(contents.foreignAmounts);
  if (most < filled / 2) {
    const what =
      foreign === undefined ? 'in no form that is known' : `written with ${foreign[0]}, which no profile reads`;
    findings.leaveOpen('locale.decimal', `the amounts are ${what}`);
    return undefined;
  }
  if (foreign !== undefined)
    findings.doubt(
      'columns.amount',
      '',
      `${counted(foreign[1], 'amount')} of ${filled} with ${foreign[0]}: each rejects its record`,
    );
  const chosen = amounts.indexOf(most);
  const [decimal, thousands] = AMOUNT_MARKS[chosen] as (typeof AMOUNT_MARKS)[number];
  const clues = cluesOf(contents);
  const evidence = `${percent(most, filled)} of ${filled} amounts read so`;
  if (clues.comma + clues.point === 0 && thousands === '') {
    findings.decide('locale.decimal', '.', `${evidence}; none of them has decimals`);
    findings.doubt(
      'locale.decimal',
      '.',
      `no amount of ${filled} has decimals: if they are cents, each is read a hundred times too great`,
    );
    return { decimal, thousands };
  }
  findings.decide(
    'locale.decimal',
    decimal,
    `${evidence}, ${counted(decimal === ',' ? clues.comma : clues.point, 'amount')} with decimals after it`,
  );
  const other = decimal === ',' ? clues.point : clues.comma;
  if (other > 0)
    findings.doubt(
      'locale.decimal',
      decimal,
      `${counted(other, 'amount')} have decimals after the other mark: each rejects its record`,
    );
  return { decimal, thousands: decideThousands(decimal, thousands, clues, findings) };
}

/** Of amounts of a thousand and more, the share with groups of three digits below which they are mistakes. */
const GROUPED_MIN = 0.02;

function decideThousands(
  decimal: '.' | ',',
  seen: '' | '.' | ',' | ' ',
  clues: ReturnType<typeof cluesOf>,
  findings: Findings,
): AmountNotation['thousands'] {
  const key = 'locale.thousands';
  if (seen !== '' && clues.grouped < clues.large * GROUPED_MIN) {
    findings.decide(key, 'none', `${counted(clues.large, 'amount')} of a thousand and more without`);
    findings.doubt(
      key,
      'none',
      `${counted(clues.grouped, 'amount')} with groups of three digits: each rejects its record`,
    );
    return '';
  }
  if (seen !== '') {
    findings.decide(key, seen, `${counted(clues.grouped, 'amount')} with groups of three digits`);
    if (clues.comma + clues.point === 0)
      findings.doubt(key, seen, 'no amount has decimals: the marks could be those of decimals, three of them');
    return seen;
  }
  if (clues.large > 0) {
    findings.decide(key, 'none', `${counted(clues.large, 'amount')} of a thousand and more without`);
    return '';
  }
  if (decimal === '.') return '';
  findings.doubt(key, '.', 'no amount of a thousand or more in the sample: a point between thousands is accepted');
  return '.';
}

/** What single amounts show of their marks. */
function cluesOf({ values }: Contents) {
  let [comma, point, grouped, large] = [0, 0, 0, 0];
  for (const [value, times] of values) {
    if (/,\d{1,2}$/.test(value)) comma += times;
    else if (/\.\d{1,2}$/.test(value)) point += times;
    if (/^\d{1,3}(?:[., ]\d{3})+(?:\D|$)/.test(value)) grouped += times;
    else if (/^\d{4,}(?:\D|$)/.test(value)) large += times;
  }
  return { comma, point, grouped, large };
}

const NULLS_MAX = 16;

/** Markers of nothing in the chosen fields, as a profile may have them. */
export function decideNulls(
  fields: readonly { readonly text: string; readonly contents: Contents }[],
  findings: Findings,
): string[] {
  const counts = new Map<string, number>();
  const where = new Map<string, Set<string>>();
  for (const { text, contents } of fields) {
    for (const [marker, times] of contents.nulls) {
      counts.set(marker, (counts.get(marker) ?? 0) + times);
      where.set(marker, (where.get(marker) ?? new Set()).add(text));
    }
  }
  const markers = [...counts].sort((a, b) => b[1] - a[1]).map(([marker]) => marker);
  const usable = markers.filter(
    (marker) => /^[\x21-\x7e](?:[\x20-\x7e]{0,30}[\x21-\x7e])?$/.test(marker) && !/ {2}/.test(marker),
  );
  for (const marker of usable.slice(0, NULLS_MAX)) {
    findings.decide(
      'nulls',
      `«${marker}»`,
      `${counted(counts.get(marker) ?? 0, 'time')} in ${[...(where.get(marker) ?? [])].join(', ')}`,
    );
  }
  const unusable = markers.filter((marker) => !usable.includes(marker));
  if (unusable.length > 0) {
    findings.doubt(
      'nulls',
      '',
      `${unusable.map((marker) => `«${marker}»`).join(', ')} look like markers of nothing, and profiles know them in ASCII alone`,
    );
  }
  return usable.slice(0, NULLS_MAX);
}
