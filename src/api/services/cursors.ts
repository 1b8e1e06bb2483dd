/** Cursors of lists: where a page ended, as opaque text. A cursor of another list is refused: `CURSOR_INVALID`. */
import { Fault } from '../../core/faults.ts';

export type CursorPart = string | number;

export function encodeCursor(list: string, parts: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify([list, ...parts])).toString('base64url');
}

/** The parts, of the kinds given; numbers are whole and not negative, like all that pages end at. */
export function decodeCursor(list: string, cursor: string, kinds: readonly ('string' | 'number')[]): CursorPart[] {
  try {
    const [name, ...parts] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as CursorPart[];
    if (name === list && parts.length === kinds.length && parts.every((part, i) => isOf(part, kinds[i]))) return parts;
  } catch {
    // What cannot be read is refused like what belongs elsewhere.
  }
  throw new Fault('CURSOR_INVALID');
}

function isOf(part: unknown, kind: 'string' | 'number' | undefined): boolean {
  return kind === 'number' ? Number.isSafeInteger(part) && Number(part) >= 0 : typeof part === kind;
}
