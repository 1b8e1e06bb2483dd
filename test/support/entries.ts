/** Entries of parts as plain values, and parts made of them. */
import { CENTS_UNREAD, EntryReader, EntryWriter } from '../../src/kernel/parts.ts';

export interface Entry {
  readonly line: number;
  readonly sub?: number;
  readonly outcome: number;
  readonly code?: number;
  readonly column?: number;
  readonly cents?: number;
  readonly ref?: string;
  readonly winner?: number;
  readonly source?: readonly [offset: number, bytes: number];
  readonly raw?: Uint8Array;
}

/** The blocks of a part, one after another; a block is full at `blockBytes`. */
export function partOf(entries: readonly Entry[], blockBytes = 64): Uint8Array {
  const writer = new EntryWriter(blockBytes);
  const blocks: Uint8Array[] = [];
  const take = (): void => {
    for (let block = writer.takeBlock(); block !== undefined; block = writer.takeBlock()) blocks.push(block.slice());
  };
  for (const entry of entries) {
    const { line, outcome, code = 0, column = 255, cents = CENTS_UNREAD, winner = 0, source = [0, 0], raw } = entry;
    const ref = Buffer.from(entry.ref ?? `r${line}`);
    const { sub = 0 } = entry;
    if (raw === undefined) writer.add(line, outcome, code, column, cents, ref, 0, ref.length, winner, ...source, sub);
    else writer.addRaw(line, outcome, code, column, cents, ref, 0, ref.length, raw, 0, raw.length);
    if (writer.full) take();
  }
  writer.flush();
  take();
  return Buffer.concat(blocks);
}

/** A reader that stands at the one entry. */
export function readerOf(entry: Entry): EntryReader {
  const reader = new EntryReader();
  reader.load(partOf([entry]));
  reader.next();
  return reader;
}

/** The reader's current entry. */
export function entryOf(reader: EntryReader): Required<Omit<Entry, 'raw' | 'source'>> & Pick<Entry, 'raw' | 'source'> {
  const { line, sub, outcome, code, column, cents, winnerLine, bytes, rawStart, rawEnd } = reader;
  return {
    line,
    sub,
    outcome,
    code,
    column,
    cents,
    ref: Buffer.from(bytes.subarray(reader.refStart, reader.refEnd)).toString(),
    winner: winnerLine,
    ...(reader.sourceBytes > 0 ? { source: [reader.sourceOffset, reader.sourceBytes] as const } : {}),
    ...(rawStart >= 0 ? { raw: Uint8Array.from(bytes.subarray(rawStart, rawEnd)) } : {}),
  };
}

/** All entries of a part's blocks. */
export function entriesOf(blocks: Uint8Array): ReturnType<typeof entryOf>[] {
  const reader = new EntryReader();
  const all: ReturnType<typeof entryOf>[] = [];
  for (let at = 0; at < blocks.length; ) {
    const size = EntryReader.blockBytes(blocks.subarray(at, at + 8));
    reader.load(blocks.subarray(at, at + size));
    while (reader.next()) all.push(entryOf(reader));
    at += size;
  }
  return all;
}
