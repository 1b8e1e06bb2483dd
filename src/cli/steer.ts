/** `remessa cancel ID` and `remessa redrive ID`: what an operator may decide about a batch on its way. */
import type { Command } from 'commander';
import { silentTelemetry } from '../core/telemetry.ts';
import type { Batch } from '../io/ports/registry.ts';
import type { ApplyContext } from '../stages/batches.ts';
import { cancelBatch, redriveBatch } from '../stages/cancel.ts';
import type { CliContext } from './context.ts';
import { batchOf, withStores } from './reading.ts';

export function addCancelCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('cancel')
    .description('end a batch before its registering begins; afterwards it is refused')
    .argument('<id>', 'the batch')
    .action(async (id: string) => {
      await steer(context, id, cancelBatch);
      await context.stdout.write(`${id} is cancelled\n`);
      exit(0);
    });
}

export function addRedriveCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('redrive')
    .description('resume a stalled batch, after what made it stall was mended')
    .argument('<id>', 'the batch')
    .action(async (id: string) => {
      await steer(context, id, redriveBatch);
      await context.stdout.write(`${id} goes on\n`);
      exit(0);
    });
}

async function steer(
  context: CliContext,
  id: string,
  decide: (context: ApplyContext, batch: Batch) => Promise<Batch>,
): Promise<Batch> {
  return await withStores(context, 'write', async (stores) => {
    const { registry, queue } = stores;
    const steering = { registry, queue, clock: context.clock, telemetry: silentTelemetry };
    return await decide(steering, await batchOf(stores, id));
  });
}
