/**
 * The answers of a batch on their way out: stored ones are streamed; those of a small batch are rendered from its file
 * and its outcomes.
 *
 * Faults: `BATCH_UNKNOWN`; `BATCH_ERASED`; `OUTPUT_NOT_READY` while the batch is on its way or where it ended without outcomes.
 */
import { Buffer } from 'node:buffer';
import { unreachable } from '../../core/assert.ts';
import { Fault } from '../../core/faults.ts';
import type { ObjectStore } from '../../io/ports/objects.ts';
import type { Batch, Registry } from '../../io/ports/registry.ts';
import { eachResult, manifestOf, modeOf, resultKindOf } from '../batch/batches.ts';
import { objectBlocks } from '../batch/objectBlocks.ts';
import { type FinishResult, renderEntries } from '../finish.task.ts';
import { parseSmall, type SmallResult } from '../small.task.ts';
import { createScratch } from '../taskContext.ts';
import type { AnswerKind } from './answerWriter.ts';
import { heldBlocks } from './entryStream.ts';
import { framed, frameOf, type ResubmitFrame } from './resubmitFrame.ts';

export { ANSWER_KINDS, type AnswerKind } from './answerWriter.ts';

export interface AnswerStores {
  readonly registry: Registry;
  readonly objects: ObjectStore;
}

/** How a program is to take an answer: its type, with the characters' encoding where it has one, and how its name ends. */
export interface AnswerMedia {
  readonly mediaType: string;
  readonly extension: 'csv' | 'jsonl' | 'txt' | 'rem';
}

/** An answer to be sent: how it is to be taken, known before anything of it is read; its blocks are read as they are asked for. */
export async function openAnswer(
  stores: AnswerStores,
  batchId: string,
  kind: AnswerKind,
): Promise<{ readonly media: AnswerMedia; readonly blocks: AsyncGenerator<Uint8Array> }> {
  const batch = await answerable(stores, batchId);
  return { media: await mediaOf(stores, batch, kind), blocks: blocksOf(stores, batch, kind) };
}

export async function* renderAnswer(
  stores: AnswerStores,
  batchId: string,
  kind: AnswerKind,
): AsyncGenerator<Uint8Array> {
  yield* blocksOf(stores, await answerable(stores, batchId), kind);
}

async function answerable(stores: AnswerStores, batchId: string): Promise<Batch> {
  const batch = await stores.registry.get(batchId);
  if (batch === undefined) throw new Fault('BATCH_UNKNOWN', batchId);
  if (batch.state !== 'completed') {
    throw new Fault('OUTPUT_NOT_READY', `it is ${batch.state}`, { batch: batchId });
  }
  if (batch.erasedAtMs !== undefined) throw new Fault('BATCH_ERASED', '', { batch: batchId });
  return batch;
}

function blocksOf(stores: AnswerStores, batch: Batch, kind: AnswerKind): AsyncGenerator<Uint8Array> {
  return batch.small ? renderSmall(stores, batch, kind) : streamStored(stores, batch, kind);
}

/** A resubmit file is one of its format; the others are CSV in UTF-8. */
async function mediaOf(stores: AnswerStores, batch: Batch, kind: AnswerKind): Promise<AnswerMedia> {
  if (kind !== 'resubmit') return { mediaType: 'text/csv; charset=utf-8', extension: 'csv' };
  const { format, reading } = (await manifestOf(stores, batch)).plan;
  const charset = `; charset=${reading?.encoding ?? 'utf-8'}`;
  switch (format?.kind) {
    case undefined:
      return { mediaType: `text/csv${charset}`, extension: 'csv' };
    case 'json-lines':
      return { mediaType: 'application/x-ndjson', extension: 'jsonl' };
    case 'fixed-width':
      return { mediaType: `text/plain${charset}`, extension: 'txt' };
    case 'cnab-240':
    case 'cnab-400':
      return { mediaType: `text/plain${charset}`, extension: 'rem' };
    default:
      return unreachable(format);
  }
}

/** As stored, or in the frame that a resubmit file of its format gets on the way out. */
function asSent(
  kind: AnswerKind,
  frame: ResubmitFrame | null | undefined,
  blocks: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  return kind === 'resubmit' && frame !== null && frame !== undefined ? framed(frame, blocks) : blocks;
}

async function* streamStored(stores: AnswerStores, batch: Batch, kind: AnswerKind): AsyncGenerator<Uint8Array> {
  const first = await stores.registry.getResult(batch.id, 'finish', 0);
  if (first === undefined) throw new Fault('STORE_CORRUPT', 'the answers are not recorded', { batch: batch.id });
  const { frame } = JSON.parse(first.body) as FinishResult;
  const stored = (async function* () {
    for await (const { body } of eachResult<FinishResult>(stores, batch.id, 'finish')) {
      const answer = body.answers[kind];
      if (answer !== null) yield* objectBlocks(stores.objects, answer);
    }
  })();
  yield* asSent(kind, frame, stored);
}

async function* renderSmall(stores: AnswerStores, batch: Batch, kind: AnswerKind): AsyncGenerator<Uint8Array> {
  const result = await stores.registry.getResult(batch.id, resultKindOf(modeOf(batch)), 0);
  if (result === undefined) throw new Fault('STORE_CORRUPT', 'the outcomes are not recorded', { batch: batch.id });
  const { entries } = JSON.parse(result.body) as SmallResult;
  const manifest = await manifestOf(stores, batch);
  const rejects: Uint8Array[] = [];
  const parsing = { objects: stores.objects, scratch: createScratch() };
  await parseSmall(
    manifest,
    parsing,
    async () => {},
    (block) => rejects.push(block.slice()),
  );
  const sources = [heldBlocks(Buffer.concat(rejects)), heldBlocks(Buffer.from(entries, 'base64'))];
  const blocks: Uint8Array[] = [];
  await renderEntries(stores.objects, manifest, sources, [kind], async (_, block) => {
    blocks.push(block.slice());
  });
  const held = (async function* () {
    yield* blocks;
  })();
  yield* asSent(kind, frameOf(manifest.plan.format), held);
}
