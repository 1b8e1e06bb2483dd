/**
 * The one catalogue of what is said to people: code → sentence, in each language. Parts: `catalogue/records` (codes of
 * records), `catalogue/batches` (faults that can end a batch) with `catalogue/details`, `catalogue/operators` (English alone).
 *
 * Promises: every code has its text in every language that its readers may have asked for; a part that lacks one, or has one
 * too many, does not compile or fails its test. The table of docs/CODES.md is made of it (scripts/codes-table.ts).
 */
import { BATCH_FAULT_TEXTS } from './catalogue/batches.ts';
import { DETAIL_TEXTS, PLACE_TEXTS } from './catalogue/details.ts';
import { OPERATOR_FAULT_TEXTS } from './catalogue/operators.ts';
import { ON_LINE, RECORD_TEXTS } from './catalogue/records.ts';
import type { RecordCodeName } from './codes.ts';
import type { FaultCode, Place } from './faults.ts';
import { DEFAULT_LANGUAGE, type Language } from './language.ts';

/** What a code of a record says. */
export function recordText(code: RecordCodeName, language: Language = DEFAULT_LANGUAGE): string {
  return RECORD_TEXTS[code][language];
}

/** What a duplicate's message says before the line that it repeats. */
export function duplicateText(code: RecordCodeName, language: Language): string {
  return recordText(code, language) + ON_LINE[language];
}

const FAULT_TEXTS = { ...BATCH_FAULT_TEXTS, ...OPERATOR_FAULT_TEXTS };

/** What a fault says. Those that end no batch speak English whatever the language. */
export function faultText(code: FaultCode, language: Language = DEFAULT_LANGUAGE): string {
  const text = FAULT_TEXTS[code];
  return typeof text === 'string' ? text : text[language];
}

export type DetailKey = keyof typeof DETAIL_TEXTS;

/** What is particular to one case of a fault, to be said in any language. Plain data: it crosses threads. */
export interface Detail {
  readonly key: DetailKey;
  readonly values: readonly (string | number)[];
}

export function detail(key: DetailKey, ...values: (string | number)[]): Detail {
  return { key, values };
}

/** A bare text (a name, what a system said) is the same in every language. */
export function detailText(told: string | Detail, language: Language = DEFAULT_LANGUAGE): string {
  if (typeof told === 'string') return told;
  return DETAIL_TEXTS[told.key][language].replace(/\{(\d)\}/g, (_, index) => String(told.values[Number(index)] ?? ''));
}

const PARTS = Object.keys(PLACE_TEXTS) as (keyof Place)[];

/** The place in words: `line 7, column cpf, batch b-…`. */
export function placeText(place: Place, language: Language = DEFAULT_LANGUAGE): string {
  const told = PARTS.filter((part) => place[part] !== undefined);
  return told.map((part) => `${PLACE_TEXTS[part][language]} ${place[part]}`).join(', ');
}

/** The words before the numbers of a place, in every language: what masks messages must know them. */
export function placeWords(...parts: readonly (keyof Place)[]): string[] {
  return [...new Set(parts.flatMap((part) => Object.values(PLACE_TEXTS[part])))];
}
