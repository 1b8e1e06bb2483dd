/**
 * Why records fail, guessed and proved: each guess is tried on the failing records themselves, and told with how many of them
 * would pass if it were so.
 *
 * A guess about the profile (another mark, another order, another encoding) is a document of its own, by which the kernel reads
 * the failing records again, rules included; a guess about values (zeros that a spreadsheet lost) is tried on the value that
 * failed. No hint holds a value.
 */
import { Buffer } from 'node:buffer';
import type { RecordCodeName } from '../../core/codes.ts';
import { COLUMNS, DOCUMENT, DUE_DATE } from '../../kernel/columns.ts';
import type { BusinessRules, RecordPlan } from '../../kernel/plan.ts';
import { compileProfile, type ProfileDocument } from '../../kernel/profile.ts';
import { isNothing } from '../infer/contents.ts';
import { counted } from '../infer/findings.ts';
import { planOf, type Rejected, tryRuns } from '../infer/trial.ts';
import { recordValue } from './recordValue.ts';
import { VALUE_GUESSES } from './valueGuesses.ts';

export interface Hint {
  readonly hint: string;
  /** A question to the person who looks. */
  readonly says: string;
  /** What would mend it, in the profile or at the sender. */
  readonly change: string;
  /** Of the failing records that were looked at and that it is about, how many prove it, and what that means. */
  readonly proof: 'would pass' | 'are so';
  readonly passes: number;
  readonly of: number;
}

/** The failing records that were looked at, and by what they failed. */
export interface Failing {
  readonly document: ProfileDocument;
  readonly plan: RecordPlan;
  readonly rules: BusinessRules;
  readonly rejected: readonly Rejected[];
}

/** A guess counts from so many of the records it is about. */
const SHARE_MIN = 0.05;

export function hintsOf(failing: Failing): Hint[] {
  const hints = [...profileHints(failing), ...valueHints(failing)];
  return hints.sort((a, b) => b.passes - a.passes);
}

interface ProfileGuess {
  readonly hint: string;
  readonly says: string;
  readonly change: string;
  readonly codes: readonly RecordCodeName[];
  readonly document: ProfileDocument;
}

function profileHints(failing: Failing): Hint[] {
  const hints: (Hint & { readonly codes: string })[] = [];
  for (const guess of guessesOf(failing)) {
    const about = failing.rejected.filter(({ code }) => guess.codes.includes(code));
    const passes = passingUnder(guess.document, failing, about);
    if (passes === 0 || passes < about.length * SHARE_MIN) continue;
    const { hint, says, change } = guess;
    hints.push({ hint, says, change, proof: 'would pass', passes, of: about.length, codes: guess.codes.join() });
  }
  // Of several guesses about the same codes those that explain most are told.
  return hints
    .filter((one) => !hints.some((other) => other.codes === one.codes && other.passes > one.passes * 2))
    .map(({ codes: _codes, ...hint }) => hint);
}

/** How many of the records pass by another document: its plan differs, its fields stand where they stood. */
function passingUnder(document: ProfileDocument, { plan, rules }: Failing, about: readonly Rejected[]): number {
  const compiled = compileProfile(document);
  if (about.length === 0 || 'problems' in compiled) return 0;
  const future = compiled.acceptsFuture === true ? { acceptsFuture: true } : {};
  const age = compiled.ageMonthsMax === undefined ? {} : { ageMonthsMax: compiled.ageMonthsMax };
  const run = Buffer.concat(about.map(({ raw }) => raw));
  return tryRuns(planOf(compiled, plan), { ...rules, ...future, ...age }, [run]).passed;
}

const DATES = ['YYYY-MM-DD', 'DD/MM/YYYY', 'YYYYMMDD', 'DDMMYYYY', 'DDMMYY'] as const;
const DATE_CODES = ['DATE_FORMAT', 'DATE_NOT_REAL'] as const;
const DELIMITERS = [';', ',', '|', '\t'] as const;

function* guessesOf(failing: Failing): Iterable<ProfileGuess> {
  const { document } = failing;
  const { locale = {}, dialect = {}, encoding = 'utf-8', kind = 'delimited' } = document;
  const { decimal = '.', thousands = '', date = 'YYYY-MM-DD' } = locale;
  const under = (change: ProfileDocument['locale']): ProfileDocument => ({
    ...document,
    locale: { ...locale, ...change },
  });
  const amounts = { codes: ['AMOUNT_FORMAT'] as const };
  if (decimal === '.') {
    const change = { decimal: ',', thousands: '.' };
    yield {
      ...amounts,
      hint: 'DECIMAL_COMMA',
      says: 'decimal comma?',
      change: 'locale: { "decimal": ",", "thousands": "." }',
      document: under(change),
    };
  } else {
    const change = { decimal: '.', thousands: ',' };
    yield {
      ...amounts,
      hint: 'DECIMAL_POINT',
      says: 'decimal point?',
      change: 'locale: { "decimal": ".", "thousands": "," }',
      document: under(change),
    };
  }
  for (const mark of [decimal === ',' ? '.' : ',', ' ']) {
    if (mark === thousands) continue;
    const says = thousands === '' ? 'thousands mark read as decimals?' : 'another mark between thousands?';
    yield {
      ...amounts,
      hint: 'THOUSANDS_MARK',
      says,
      change: `locale: { "thousands": ${JSON.stringify(mark)} }`,
      document: under({ thousands: mark }),
    };
  }
  for (const form of DATES) {
    if (form === date) continue;
    yield {
      hint: 'DATE_FORM',
      says: `days written as ${form}?`,
      change: `locale: { "date": "${form}" }`,
      codes: DATE_CODES,
      document: under({ date: form }),
    };
  }
  if (encoding === 'utf-8' && kind !== 'json-lines') {
    const change = { ...document, encoding: 'windows-1252' as const };
    yield {
      hint: 'WINDOWS_1252',
      says: 'Windows-1252 read as UTF-8?',
      change: '"encoding": "windows-1252"',
      codes: ['UTF8_INVALID'],
      document: change,
    };
  }
  if (kind === 'delimited') {
    const quote = (dialect.quote ?? '"') === '"' ? "'" : '"';
    yield {
      hint: 'QUOTE',
      says: 'another quote?',
      change: `dialect: { "quote": ${JSON.stringify(quote)} }`,
      codes: ['QUOTE_MALFORMED', 'FIELD_COUNT'],
      document: { ...document, dialect: { ...dialect, quote } },
    };
    for (const delimiter of DELIMITERS) {
      if (delimiter === (dialect.delimiter ?? ',')) continue;
      yield {
        hint: 'DELIMITER',
        says: 'another delimiter?',
        change: `dialect: { "delimiter": ${JSON.stringify(delimiter)} }`,
        codes: ['FIELD_COUNT'],
        document: { ...document, dialect: { ...dialect, delimiter } },
      };
    }
  }
  const markers = markersOf(failing);
  if (markers.length > 0) {
    const nulls = [...(document.nulls ?? []), ...markers];
    yield {
      hint: 'NULLS',
      says: `markers of nothing (${markers.map((one) => `«${one}»`).join(', ')})?`,
      change: `"nulls": ${JSON.stringify(nulls)}`,
      codes: VALUE_CODES,
      document: { ...document, nulls },
    };
  }
  const { rules = {} } = document;
  yield {
    hint: 'FUTURE_DATES',
    says: 'dates in the future: debts that are not overdue yet?',
    change: 'rules: { "futureDueDates": "accept" }',
    codes: ['DUE_DATE_NOT_PAST'],
    document: { ...document, rules: { ...rules, futureDueDates: 'accept' } },
  };
  yield {
    hint: 'OLD_DEBTS',
    says: 'debts older than the rules accept, and wanted all the same?',
    change: 'rules: { "ageMonthsMax": … }',
    codes: ['DEBT_PRESCRIBED'],
    document: { ...document, rules: { ...rules, ageMonthsMax: 600 } },
  };
}

const VALUE_CODES = ['EMAIL_FORMAT', 'PHONE_FORMAT', 'INSTALLMENT_FORMAT'] as const;
const MARKERS_MAX = 8;

/** What failing optional values say that means nothing. */
function markersOf({ plan, rejected, document }: Failing): string[] {
  const found = new Set<string>();
  for (const one of rejected) {
    if (!(VALUE_CODES as readonly string[]).includes(one.code)) continue;
    const value = recordValue(one.raw, plan, one.column);
    if (value !== undefined && isNothing(value) && /^[\x21-\x7e](?: ?[\x21-\x7e])*$/.test(value)) found.add(value);
  }
  return [...found].filter((marker) => !(document.nulls ?? []).includes(marker)).slice(0, MARKERS_MAX);
}

function valueHints({ plan, rejected }: Failing): Hint[] {
  return VALUE_GUESSES.flatMap(({ hint, says, change, proof, codes, isSo }): Hint[] => {
    const about = rejected.filter(
      ({ code, column }) => codes.includes(code) && (code !== 'DUE_DATE_NOT_PAST' || column === DUE_DATE),
    );
    let passes = 0;
    for (const { raw, column } of about) {
      const value = recordValue(raw, plan, column);
      if (value !== undefined && isSo(value, plan, column)) passes += 1;
    }
    return passes === 0 || passes < about.length * SHARE_MIN
      ? []
      : [{ hint, says, change, proof, passes, of: about.length }];
  });
}

/** In words: the question, what proves it, what to do. */
export function hintText({ says, change, proof, passes, of }: Hint): string {
  return `${says} ${passes} of ${counted(of, 'failing record')} ${proof}; ${change}`;
}

/** The column of a failing record, as people call it. */
export function columnText(column: number): string {
  return column === DOCUMENT ? 'document' : (COLUMNS[column] ?? '');
}
