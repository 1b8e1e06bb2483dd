/**
 * Examples of what failed, for an operator's terminal: enough of a value to see what is wrong with its form, never enough to
 * tell whose it is.
 */
import { DOCUMENT, EMAIL, NAME, PHONE, REF } from '../../kernel/columns.ts';

const CHARACTERS_MAX = 60;

/** A value that failed, by its column; or a record that failed as a whole. */
export function maskedValue(value: string, column: number): string {
  const text = [...value.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd')];
  const shown = text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX).join('')}…` : text.join('');
  switch (column) {
    case DOCUMENT:
      return maskedDigits(shown, 1);
    case NAME:
    case EMAIL:
      return shown.replace(/\p{L}/gu, (letter) => (letter === letter.toUpperCase() ? 'X' : 'x')).replace(/\d/g, '9');
    case PHONE:
    case REF:
      return maskedDigits(shown, 5);
    default:
      return maskedDigits(shown, 9);
  }
}

/** Of a whole record letters too: names stand in it. */
export function maskedRecord(text: string): string {
  const line = text.replace(/[\r\n]+$/, '').replace(/\p{L}/gu, 'x');
  return maskedValue(maskedDigits(line, 5), -1);
}

/** In runs of so many digits or more, marks of documents left in them, all are hidden but the six before the last two. */
function maskedDigits(text: string, from: number): string {
  return text.replace(/\d[\d.\-/ ]*/g, (run) => {
    const digits = run.replace(/\D/g, '').length;
    if (digits < from || (digits < 9 && isDay(run))) return run;
    let seen = 0;
    return run.replace(/\d/g, (digit) => {
      seen += 1;
      // As CPFs are shown to people who know them: `***.982.247-**`.
      const fromEnd = digits - seen + 1;
      return digits >= 9 && fromEnd >= 3 && fromEnd <= 8 ? digit : '*';
    });
  });
}

function isDay(run: string): boolean {
  return /^\d{2}\/\d{2}\/\d{2,4}$|^\d{4}-\d{2}-\d{2}$|^(?:19|20)\d{6}$/.test(run);
}
