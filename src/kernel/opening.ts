/**
 * The beginning of a file: what stands before the first record, and how the rest is to be read. Of a delimited file that is
 * its header (`header.ts`); files of other kinds have no names to be read, but may have lines before the first record.
 */

import { readCnabHeader } from './formats/cnabHeader.ts';
import type { FormatLayout } from './formats/formatProfile.ts';
import { EMPTY, lineAfter, lineKind, SKIPPED } from './formats/lineFormat.ts';
import { type HeaderResult, readHeader, textStart } from './header.ts';
import type { RecordFormat } from './plan.ts';
import type { CompiledProfile } from './profile.ts';

/** What a profile says of the beginnings of its files. */
export type OpeningLayout = Pick<CompiledProfile, 'dialect' | 'layout' | 'format'>;

export type Opening = Extract<HeaderResult, { kind: 'header' }> & {
  /** As `RecordPlan` has it. */
  readonly format?: RecordFormat;
};

export type OpeningResult = Opening | Exclude<HeaderResult, { kind: 'header' }>;

/** See `readHeader`, whose faults these are. */
export function readOpening(
  bytes: Uint8Array,
  length: number,
  complete: boolean,
  { dialect, layout, format }: OpeningLayout,
): OpeningResult {
  if (format === undefined) return readHeader(bytes, length, complete, dialect, layout);
  const top = textStart(bytes, length);
  if (top < 0 && !complete) return { kind: 'more' };
  const { kind } = format.format;
  return kind === 'cnab-240' || kind === 'cnab-400'
    ? readCnabHeader(bytes, Math.max(top, 0), length, format)
    : afterSkipped(bytes, Math.max(top, 0), length, complete, format);
}

/** Lines that are passed over before the first record stand with it, should it be sent again. */
function afterSkipped(
  bytes: Uint8Array,
  top: number,
  length: number,
  complete: boolean,
  { format, fields }: FormatLayout,
): Opening {
  let end = top;
  let lines = 0;
  for (let at = top, seen = 0; at < length; ) {
    const kind = lineKind(format, bytes, at, length, complete);
    const next = kind === EMPTY || kind === SKIPPED ? lineAfter(format, bytes, at, length, complete) : -1;
    if (next < 0) break;
    seen++;
    if (kind === SKIPPED) [end, lines] = [next, seen];
    at = next;
  }
  return { kind: 'header', fields: [...fields], start: top, end, line: 1, nextLine: 1 + lines, format };
}
