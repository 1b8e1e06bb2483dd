/**
 * Pieces: runs of ranges whose answers are rendered together, each by a task of its own. They let a giant's answers be
 * written by all threads, and no thread be held for long by them.
 *
 * Invariants: pieces tile the ranges; a piece ends with the first range that brings it to `pieceRecords`. The pieces of a
 * batch are a function of its manifest and of the `pieceRecords` that its shards' results tell, and that function never
 * changes: results written by one build are finished by the next.
 */
import type { ManifestRange } from '../../engine/manifest.ts';

export interface Piece {
  /** Ranges `[from, to)`. */
  readonly from: number;
  readonly to: number;
  /** Line of its first byte. */
  readonly firstLine: number;
}

/** At least one piece, even of no range. */
export function piecesOf(
  ranges: readonly Pick<ManifestRange, 'records' | 'firstLine'>[],
  pieceRecords: number,
): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  let records = 0;
  for (const [index, range] of ranges.entries()) {
    records += range.records;
    if (records < pieceRecords && index + 1 < ranges.length) continue;
    pieces.push({ from, to: index + 1, firstLine: ranges[from]?.firstLine ?? 1 });
    from = index + 1;
    records = 0;
  }
  return pieces.length === 0 ? [{ from: 0, to: 0, firstLine: 1 }] : pieces;
}
