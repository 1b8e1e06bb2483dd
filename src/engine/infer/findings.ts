/**
 * What was found of a file, for an operator: what was decided and by what evidence, what of that leaves a doubt, and what could
 * not be decided. Texts hold names of columns, counts and notations; no value of a record.
 */
import { maskDigits } from '../../core/telemetry.ts';
import { printable } from '../../core/text.ts';

export interface Finding {
  /** Where in the profile, as `locale.date`; of what no profile says, a word of its own. */
  readonly key: string;
  /** Empty where nothing could be decided. */
  readonly value: string;
  readonly evidence: string;
}

export class Findings {
  readonly decided: Finding[] = [];
  readonly doubts: Finding[] = [];
  readonly undecided: Finding[] = [];

  decide(key: string, value: string, evidence: string): void {
    this.decided.push({ key, value, evidence });
  }

  /** It was decided, or left as it is, and somebody should look. */
  doubt(key: string, value: string, evidence: string): void {
    this.doubts.push({ key, value, evidence });
  }

  /** Without it the file cannot be read. */
  leaveOpen(key: string, evidence: string): void {
    this.undecided.push({ key, value: '', evidence });
  }

  add(other: Findings): void {
    this.decided.push(...other.decided);
    this.doubts.push(...other.doubts);
    this.undecided.push(...other.undecided);
  }
}

const NAME_CHARACTERS_MAX = 40;

/** A name from a header, which may be a record that stands in its place. */
export function shownName(name: string): string {
  const characters = [...printable(maskDigits(name))];
  const text = characters.length > NAME_CHARACTERS_MAX ? `${characters.slice(0, NAME_CHARACTERS_MAX).join('')}…` : name;
  return `«${printable(maskDigits(text))}»`;
}

/** `97 %`, and never 100 or 0 where it is not all or none. */
export function percent(part: number, of: number): string {
  if (of === 0) return '0 %';
  const share = Math.round((part / of) * 100);
  return `${part < of ? Math.min(share, 99) : part > 0 ? Math.max(share, 1) : share} %`;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
