/**
 * The answers of one piece of a batch, written in file order by one bounded merge of the ranges' rejects and the shards'
 * outcomes. An answer is the objects of its pieces, one after another; the first one begins with the header.
 *
 * Memory: one block a part, one block an answer, one window of the source; nothing grows with the file but the number of
 * parts, which the shards bound.
 */
import { detail } from '../core/catalogue.ts';
import { OUTCOMES } from '../core/codes.ts';
import { Fault } from '../core/faults.ts';
import type { Manifest } from '../engine/manifest.ts';
import type { ObjectPin, ObjectStore, ObjectWriter } from '../io/ports/objects.ts';
import type { EntryReader } from '../kernel/parts.ts';
import type { RecordPlan } from '../kernel/plan.ts';
import type { LotPlace } from '../kernel/split.ts';
import {
  ANSWER_KINDS,
  type AnswerKind,
  ByteBlock,
  batchTexts,
  isRejected,
  REJECTS_HEADER,
  RETORNO_HEADER,
  writeRejectsRow,
  writeRetornoRow,
} from './answers/answerWriter.ts';
import {
  type BlockSource,
  mergeEntries,
  type PartObject,
  type PartStretch,
  storedBlocks,
} from './answers/entryStream.ts';
import { frameOf, type ResubmitFrame, writeResubmitLines, writeResubmitRecord } from './answers/resubmitFrame.ts';
import { answerKey } from './batch/keys.ts';
import type { TaskContext } from './taskContext.ts';

export interface FinishResult {
  /** `null` where the piece adds nothing to the answer. */
  readonly answers: Readonly<Record<AnswerKind, PartObject | null>>;
  /** Rows by outcome, in the order of OUTCOMES. */
  readonly lines: readonly number[];
  /** That its resubmit file gets on the way out; absent for none. */
  readonly frame?: ResubmitFrame;
}

/** What the answers need of the manifest. */
export type AnsweredFile = Pick<Manifest, 'source' | 'header' | 'language' | 'lots'> & {
  readonly plan: Pick<RecordPlan, 'reading' | 'format' | 'code'>;
};

const FLUSH_BYTES = 512 * 1024;

export async function finish(
  args: {
    readonly batch: string;
    readonly piece: number;
    readonly attempt: string;
    readonly manifest: AnsweredFile;
    /** Of the piece's ranges, in order. */
    readonly rejects: readonly PartStretch[];
    /** Of each shard, the outcomes of the piece. */
    readonly outcomes: readonly PartStretch[];
  },
  context: TaskContext,
): Promise<FinishResult> {
  const { objects } = context;
  const sources = [storedBlocks(objects, args.rejects), ...args.outcomes.map((part) => storedBlocks(objects, [part]))];
  const writers = new Map<AnswerKind, ObjectWriter>();
  try {
    const write = async (kind: AnswerKind, block: Uint8Array): Promise<void> => {
      const writer = writers.get(kind) ?? (await objects.create(answerKey(args.batch, kind, args.piece, args.attempt)));
      writers.set(kind, writer);
      await writer.write(block);
    };
    const lines = await renderEntries(objects, args.manifest, sources, ANSWER_KINDS, write, args.piece === 0);
    const answers: Record<AnswerKind, PartObject | null> = { retorno: null, rejects: null, resubmit: null };
    for (const [kind, writer] of writers) {
      const { key, etag, bytes } = await writer.commit();
      answers[kind] = { key, etag, bytes };
    }
    const frame = frameOf(args.manifest.plan.format);
    return {
      answers,
      lines,
      ...(frame === null ? {} : { frame }),
    };
  } finally {
    for (const source of sources) await source.close();
    for (const writer of writers.values()) await writer.abort();
  }
}

/**
 * Renders the wanted answers from the merged entries; `write` gets each block of each answer, in order, `withHeaders`
 * those of the answers first.
 * @returns rows by outcome
 */
export async function renderEntries(
  objects: ObjectStore,
  manifest: AnsweredFile,
  sources: readonly BlockSource[],
  kinds: readonly AnswerKind[],
  write: (kind: AnswerKind, block: Uint8Array) => Promise<void>,
  withHeaders = true,
): Promise<number[]> {
  const blocks = new Map(kinds.map((kind) => [kind, new ByteBlock()] as const));
  const retorno = blocks.get('retorno');
  const rejects = blocks.get('rejects');
  const resubmit = blocks.get('resubmit');
  const raw = new RawWindow(objects, manifest.source);
  const lots = new LotHeaders(manifest);
  const lines = OUTCOMES.map(() => 0);
  const { reading, code } = manifest.plan;
  const texts = batchTexts(manifest.language, code);
  // The file's encoding and what its columns are called, whoever reads it.
  const inFile = code === undefined ? reading : { ...reading, encoding: code.encoding };
  let resubmitted = 0;
  if (withHeaders) retorno?.ascii(RETORNO_HEADER);
  if (withHeaders) rejects?.ascii(REJECTS_HEADER);
  if (withHeaders && resubmit !== undefined) {
    const header = await raw.read(manifest.header.start, manifest.header.end - manifest.header.start);
    writeResubmitLines(resubmit, manifest.plan.format, header);
  }
  const flush = async (atLeast: number): Promise<void> => {
    for (const [kind, block] of blocks) if (block.length > atLeast) await write(kind, block.take());
  };
  // Looked at after every entry: each may bring a raw record as long as the limit.
  const isFull = (block: ByteBlock | undefined): boolean => block !== undefined && block.length > FLUSH_BYTES;
  const addRaw = (entry: EntryReader, bytes: Uint8Array): void => {
    if (rejects !== undefined) writeRejectsRow(rejects, entry, bytes, texts, inFile);
    // Of several that a module made of one record, that one is to be sent again, once.
    if (entry.line === resubmitted) return;
    resubmitted = entry.line;
    if (resubmit !== undefined) writeResubmitRecord(resubmit, manifest.plan.format, bytes);
  };
  /** At once where the record is in hand; the entry stays as it is until what is answered has settled. */
  const addRecord = (entry: EntryReader): Promise<void> | undefined => {
    const lot = resubmit === undefined ? undefined : lots.before(entry.line);
    const inHand = entry.rawStart >= 0;
    if (lot === undefined && inHand) {
      addRaw(entry, entry.bytes.subarray(entry.rawStart, entry.rawEnd));
      return undefined;
    }
    return (async () => {
      if (lot !== undefined && resubmit !== undefined) {
        writeResubmitLines(resubmit, manifest.plan.format, await raw.read(lot.start, lot.end - lot.start));
      }
      const bytes = inHand
        ? entry.bytes.subarray(entry.rawStart, entry.rawEnd)
        : await raw.read(entry.sourceOffset, entry.sourceBytes);
      addRaw(entry, bytes);
    })();
  };
  let pause: Promise<void> | undefined;
  await mergeEntries(
    sources,
    (entry) => {
      lines[entry.outcome] = (lines[entry.outcome] as number) + 1;
      if (retorno !== undefined) writeRetornoRow(retorno, entry, texts);
      pause = undefined;
      if (isRejected(entry) && (rejects !== undefined || resubmit !== undefined)) {
        pause = addRecord(entry);
      }
    },
    () => {
      if (pause === undefined && !isFull(retorno) && !isFull(rejects) && !isFull(resubmit)) return undefined;
      return (pause ?? Promise.resolve()).then(() => flush(FLUSH_BYTES));
    },
  );
  await flush(0);
  return lines;
}

/** Of CNAB 240: the headers of lots, which stand before their first record in a piece of the answer. */
class LotHeaders {
  readonly #lots: readonly LotPlace[];
  /** The lot of the record before; -1 for none. */
  #lot = -1;

  constructor({ lots = [] }: AnsweredFile) {
    this.#lots = lots;
  }

  /** The bytes of the header of the record's lot, where it is another one than that of the record before. Lines ascend. */
  before(line: number): { readonly start: number; readonly end: number } | undefined {
    let lot = this.#lot;
    while (lot + 1 < this.#lots.length && (this.#lots[lot + 1] as LotPlace).line <= line) lot++;
    if (lot === this.#lot) return undefined;
    this.#lot = lot;
    return this.#lots[lot];
  }
}

/** Reads raw records at ascending offsets of the source through one window. */
class RawWindow {
  readonly #objects: ObjectStore;
  readonly #source: ObjectPin & { readonly bytes: number };
  #window = new Uint8Array(256 * 1024);
  #start = 0;
  #end = 0;

  constructor(objects: ObjectStore, source: ObjectPin & { readonly bytes: number }) {
    this.#objects = objects;
    // Its debts are registered: a file that grew since still gets its answers.
    this.#source = { ...source, mayHaveGrown: true };
  }

  /** Valid until the next read. */
  async read(offset: number, bytes: number): Promise<Uint8Array> {
    if (offset < this.#start || offset + bytes > this.#end) {
      if (bytes > this.#window.length) this.#window = new Uint8Array(bytes);
      const end = Math.min(this.#source.bytes, offset + this.#window.length);
      const reader = await this.#objects.openRange(this.#source, offset, end);
      try {
        const got = await reader.read(this.#window.subarray(0, end - offset));
        if (got < bytes) throw new Fault('OBJECT_CHANGED', detail('BYTES', got), { byte: offset });
        this.#start = offset;
        this.#end = offset + got;
      } finally {
        await reader.close();
      }
    }
    return this.#window.subarray(offset - this.#start, offset - this.#start + bytes);
  }
}
