/** `remessa batches`: the batches, newest acceptance first. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BatchState } from '../io/ports/registry.ts';
import { BATCH_STATES, batchView, outcomesText } from '../stages/batch/views.ts';
import type { CliContext } from './context.ts';
import { exactJsonText, tableText } from './format.ts';
import { clientOf, withStores } from './reading.ts';

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 10_000;

interface BatchesOptions {
  readonly client?: string;
  readonly state?: BatchState;
  readonly limit: number;
  readonly json?: true;
}

export function addBatchesCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('batches')
    .description('list batches, newest first')
    .option('--client <id>', 'only those of one client')
    .addOption(new Option('--state <state>', 'only those in one state').choices(BATCH_STATES))
    .option('--limit <n>', `at most so many, 1 to ${LIMIT_MAX}`, readLimit, LIMIT_DEFAULT)
    .option('--json', 'print a JSON array')
    .action(async (options: BatchesOptions) => {
      await listBatches(context, options);
      exit(0);
    });
}

async function listBatches(context: CliContext, options: BatchesOptions): Promise<void> {
  const batches = await withStores(context, 'read', async (stores) => {
    if (options.client !== undefined) await clientOf(stores, options.client);
    return stores.registry.list({
      limit: options.limit,
      ...(options.client === undefined ? {} : { client: options.client }),
      ...(options.state === undefined ? {} : { states: [options.state] }),
    });
  });
  if (options.json === true) {
    await context.stdout.write(`${exactJsonText(batches.map(batchView), 2)}\n`);
    return;
  }
  if (batches.length === 0) {
    await context.stderr.write('no batches\n');
    return;
  }
  const rows = batches.map((batch) => {
    const view = batchView(batch);
    return [view.id, view.client, view.file, view.state, String(view.records), view.acceptedAt, outcomesText(batch)];
  });
  await context.stdout.write(tableText(['id', 'client', 'file', 'state', 'records', 'accepted at', 'outcomes'], rows));
}

function readLimit(text: string): number {
  const limit = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT_MAX) throw new InvalidArgumentError(`It must be from 1 to ${LIMIT_MAX}.`);
  return limit;
}
