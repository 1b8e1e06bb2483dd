/**
 * What the file as a whole says against its profile: why it failed, and what would be stored without a word though it is wrong.
 * The file's sample is looked at without the profile (infer), and the two are compared.
 */
import type { ProfileDocument } from '../../kernel/profile.ts';
import { markBytes } from '../infer/dialect.ts';
import { countEncodings } from '../infer/encoding.ts';
import { counted, percent } from '../infer/findings.ts';
import type { Proposal } from '../infer/infer.ts';
import type { FileSample } from '../infer/sample.ts';

export interface FileHint {
  readonly hint: string;
  readonly says: string;
  readonly change: string;
}

/** `proposal`: what is inferred of the sample; `failed`: whether the file ended as a whole. */
export function fileHints(
  document: ProfileDocument,
  sample: FileSample,
  proposal: Proposal,
  failed: boolean,
): FileHint[] {
  const kind = document.kind ?? 'delimited';
  const hints = encodingHints(document, sample);
  const found = proposal.document;
  if (kind !== (found.kind ?? 'delimited') && proposal.complete) {
    hints.push({
      hint: 'KIND',
      says: `a file of another kind (${found.kind ?? 'delimited'})?`,
      change: `"kind": "${found.kind ?? 'delimited'}"`,
    });
    return hints;
  }
  if (kind !== 'delimited') return hints;
  const passes =
    proposal.trial === undefined
      ? ''
      : `: ${percent(proposal.trial.passed, proposal.trial.records)} of ${counted(proposal.trial.records, 'sampled record')} would pass by it`;
  const asks = (hint: string, says: string, change: string): void =>
    void hints.push({ hint, says, change: `${change}${passes}` });
  const [has, is] = [document.dialect ?? {}, found.dialect ?? {}];
  if (
    (has.delimiter ?? ',') !== (is.delimiter ?? ',') &&
    proposal.decided.some(({ key }) => key === 'dialect.delimiter')
  ) {
    asks('DELIMITER', 'another delimiter?', `dialect: { "delimiter": ${JSON.stringify(is.delimiter ?? ',')} }`);
  }
  if ((has.skipLines ?? 0) !== (is.skipLines ?? 0)) {
    asks(
      'SKIPPED_LINES',
      `${counted(is.skipLines ?? 0, 'line')} before the header, not ${has.skipLines ?? 0}?`,
      `dialect: { "skipLines": ${is.skipLines ?? 0} }`,
    );
  }
  const [wanted, seen] = [has.header ?? true, is.header ?? true];
  if (wanted && !seen)
    asks(
      'HEADER_MISSING',
      'no header: does the first record hold a debt?',
      'dialect: { "header": false }, and columns by position',
    );
  if (!wanted && seen) asks('HEADER_THERE', 'a header, which is read as a record?', 'dialect: { "header": true }');
  if (failed && proposal.complete) hints.push(...nameHints(document, found, passes));
  return hints;
}

/** Columns whose names differ between the profile and what was found. */
function nameHints(document: ProfileDocument, found: ProfileDocument, passes: string): FileHint[] {
  const has = document.columns ?? {};
  return Object.entries(found.columns ?? {}).flatMap(([column, source]): FileHint[] => {
    const own = has[column as keyof typeof has];
    const name = own?.name ?? (document.columns === undefined || own !== undefined ? column : undefined);
    const seen = source.name ?? column;
    if (source.position !== undefined || name === seen) return [];
    return [
      {
        hint: 'NAME',
        says: `is ${column} called otherwise?`,
        change: `columns: { "${column}": { "name": ${JSON.stringify(seen)} } }${passes}`,
      },
    ];
  });
}

/** What no record fails by: letters that are read as others. */
function encodingHints(document: ProfileDocument, sample: FileSample): FileHint[] {
  const counts = countEncodings([sample.head.subarray(markBytes(sample.head)), ...sample.pieces]);
  const hints: FileHint[] = [];
  if ((document.encoding ?? 'utf-8') !== 'utf-8' && counts.utf8 > counts.oneByte) {
    hints.push({
      hint: 'UTF8',
      says: 'UTF-8 read as an encoding of one byte («Ã£»)?',
      change: `"encoding": "utf-8": ${counts.utf8} of ${counted(counts.lines, 'sampled line')} with letters beyond ASCII are valid UTF-8, ${counts.oneByte} are not`,
    });
  }
  if (counts.twice > 0) {
    hints.push({
      hint: 'ENCODED_TWICE',
      says: 'text that was encoded twice («Ã£»)?',
      change: `ask for it anew: ${counts.twice} of ${counted(counts.lines, 'sampled line')} read so, and would be stored so`,
    });
  }
  return hints;
}
