/**
 * How things are written down for people and programs: money, instants, names, messages, JSON whose integers keep every
 * digit.
 *
 * Promises: cents become decimal text without any rounding, whatever their size; text that came from outside cannot move
 * the cursor or colour the terminal; names of files and messages show no run of digits that could be a CPF.
 */
import { placeWords } from './catalogue.ts';
import type { FaultCode, Place } from './faults.ts';
import { maskDigits } from './telemetry.ts';

/** Exact decimal text of integer cents: 123456 is `1234.56`. */
export function centsText(cents: number | bigint): string {
  const exact = BigInt(cents);
  const size = exact < 0n ? -exact : exact;
  const fraction = (size % 100n).toString().padStart(2, '0');
  return `${exact < 0n ? '-' : ''}${size / 100n}.${fraction}`;
}

/** Cents of an amount written `1234`, `1234.5` or `1234.56`; `undefined` for anything else and from 10^13 on. */
export function readCents(text: string): number | undefined {
  const parts = /^([0-9]{1,13})(?:\.([0-9]{1,2}))?$/.exec(text);
  if (parts === null) return undefined;
  const [, whole = '0', fraction = ''] = parts;
  return Number(whole) * 100 + Number(fraction.padEnd(2, '0'));
}

/** `2026-08-01T12:00:00.000Z`. */
export function instantText(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** Text from outside, safe on a terminal: control, line-breaking and direction-changing characters become `?`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '?');
}

/** A client's name for a file; it may hold a CPF, so long runs of digits are masked. */
export function fileNameText(name: string): string {
  return printable(maskDigits(name));
}

/** JSON in which integers that a double cannot hold come out as BigInt, so that totals keep every cent. */
export function parseExactJson(text: string): unknown {
  const revive = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? '';
    return /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

/** The inverse: BigInt as a JSON integer. Indented where `indent` is given. */
export function exactJsonText(value: unknown, indent?: number): string {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const replace = (_key: string, item: unknown): unknown =>
    typeof item === 'bigint' ? rawJSON(item.toString()) : item;
  return JSON.stringify(value, replace, indent);
}

/** Faults whose messages hold long numbers of ours (sizes, counts, settings) and nothing from a file. */
const COUNTS_ONLY: ReadonlySet<string> = new Set<FaultCode>([
  'CONFIG_INVALID',
  'FILE_TOO_LARGE',
  'TOO_MANY_RECORDS',
  'GZIP_BOMB',
]);

const words = (...parts: (keyof Place)[]): string => placeWords(...parts).join('|');
/** The place at a message's end, as `Fault` writes it: `(line 7, byte 300000000)` or `(…; line 7, batch b-…)`. */
const PLACE = new RegExp(
  `(?<=[(;] ?)(?:(?:(?:${words('line', 'byte', 'range', 'shard')}) \\d+|(?:${words('column')}) [^,()]*|` +
    `(?:${words('batch')}) [\\w-]+)(?:, |\\)$))+$`,
);
const NUMBERED_PLACE = new RegExp(
  `^(?:(?:${words('line', 'byte', 'range', 'shard')}) \\d+|(?:${words('batch')}) b-[0-9a-z]{16})\\)?$`,
);

/**
 * A header or an argument that is quoted in a message may be personal data: long runs of digits are masked. The place
 * stays: in a large file a byte's offset is as long as a CPF.
 */
export function maskedMessage(code: string, message: string): string {
  if (COUNTS_ONLY.has(code)) return message;
  const at = PLACE.exec(message)?.index ?? message.length;
  const place = message.slice(at).split(', ');
  return (
    maskDigits(message.slice(0, at)) +
    place.map((part) => (NUMBERED_PLACE.test(part) ? part : maskDigits(part))).join(', ')
  );
}
