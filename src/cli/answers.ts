/**
 * `remessa rejects | resubmit | retorno ID`: the answers of a batch, byte for byte.
 *
 * Promises: standard output gets the answer and nothing else; a file named with `--out` appears whole or not at all.
 */
import { open, rename, rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { Fault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import { type AnswerKind, renderAnswer } from '../stages/answers/answers.ts';
import type { CliContext } from './context.ts';
import { batchOf, withStores } from './reading.ts';

const ANSWERS: Readonly<Record<AnswerKind, string>> = {
  rejects: 'write why each rejected line was rejected, as CSV',
  resubmit: 'write the rejected records as they came, ready to be mended and sent again',
  retorno: 'write one outcome per record, in the order of the file, as CSV',
};

/** `render` is the engine's; another can be given. Faults: `BATCH_UNKNOWN`, `OUTPUT_NOT_READY`, `USAGE`. */
export function addAnswerCommands(
  program: Command,
  context: CliContext,
  exit: (code: number) => void,
  render: typeof renderAnswer = renderAnswer,
): void {
  for (const [kind, description] of Object.entries(ANSWERS) as [AnswerKind, string][]) {
    program
      .command(kind)
      .description(description)
      .argument('<id>', 'the batch')
      .option('--out <file>', 'write to a file instead of standard output')
      .action(async (id: string, options: { readonly out?: string }) => {
        await withStores(context, 'read', async (stores) => {
          await batchOf(stores, id);
          const chunks = untilAborted(render(stores, id, kind), context.signal);
          if (options.out !== undefined && options.out !== '-') await toFile(chunks, options.out, context);
          else for await (const chunk of chunks) await context.stdout.write(chunk);
        });
        exit(0);
      });
  }
}

async function* untilAborted(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    yield chunk;
  }
}

async function toFile(chunks: AsyncIterable<Uint8Array>, path: string, context: CliContext): Promise<void> {
  const unfinished = `${path}.${attemptId(context.random)}.part`;
  const handle = await open(unfinished, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new Fault('USAGE', `--out cannot be written: ${error.code ?? 'unknown reason'}`, {}, error);
  });
  try {
    try {
      await handle.writeFile(chunks);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
