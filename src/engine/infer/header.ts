/** Whether the first record of a table names its columns: by what its cells say, and by what stands below them. */
import type { Contents } from './contents.ts';
import { counted, type Findings } from './findings.ts';
import { isForeign, meaningsOf } from './names.ts';
import type { Row } from './table.ts';

/** A name that a profile can say, and that a header can hold. */
const NAME_CHARACTERS_MAX = 120;

/** `below`: the contents of the fields of all other records. */
export function isHeader(first: Row, below: readonly Contents[], findings: Findings): boolean {
  const key = 'dialect.header';
  const known = first.filter((cell) => meaningsOf(cell).length > 0 || (cell !== '' && isForeign(cell))).length;
  const digits = first.filter((cell) => /\d{3}/.test(cell)).length;
  if (known >= 2 && digits <= 1) {
    findings.decide(key, 'yes', `${counted(known, 'cell')} of the first record read as names of columns`);
    return true;
  }
  // Cells of words over columns of numbers, days, documents.
  const typed = below.filter(isTyped).length;
  const unlike = below.filter((contents, field) => isTyped(contents) && !/\d/.test(first[field] ?? '')).length;
  if (typed >= 2 && unlike === typed && digits === 0) {
    findings.decide(
      key,
      'yes',
      `the first record has words where the others have numbers (${counted(unlike, 'field')})`,
    );
    if (known < 2) findings.doubt(key, 'yes', 'few of its words are known: look whether they name columns');
    return true;
  }
  findings.decide(key, 'no', `the first record reads like the others (${counted(known, 'known name')})`);
  return false;
}

function isTyped(contents: Contents): boolean {
  const { filled, integer, marked, cpf, dates } = contents;
  return filled > 0 && Math.max(integer, marked, cpf, ...Object.values(dates)) >= filled * 0.9;
}

/** Whether the names can stand in a profile for their columns: each is there once, and is text. */
export function areUsable(names: readonly string[], wanted: readonly number[]): boolean {
  return wanted.every((field) => {
    const name = names[field] ?? '';
    const said = name !== '' && [...name].length <= NAME_CHARACTERS_MAX && !/[\p{Cc}\ufffd]/u.test(name);
    return said && names.filter((other) => other === name).length === 1;
  });
}
