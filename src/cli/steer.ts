/**
 * `remessa cancel ID` and `remessa redrive ID`: what an operator may decide about a batch on its way. Both are one
 * conditional write beside the engine, which does the rest.
 */
import type { Command } from 'commander';
import { Fault } from '../core/faults.ts';
import { silentTelemetry } from '../core/telemetry.ts';
import type { Batch } from '../io/ports/registry.ts';
import { apply, sendOwed } from '../stages/batches.ts';
import { failBatch } from '../stages/failures.ts';
import type { CliContext, Stores } from './context.ts';
import { batchOf, withStores } from './reading.ts';

export function addCancelCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('cancel')
    .description('end a batch before its registering begins; afterwards it is refused')
    .argument('<id>', 'the batch')
    .action(async (id: string) => {
      const batch = await steer(context, id, async (stores, before) => {
        if (before.state === 'registering' || before.state === 'stalled') return before;
        return await failBatch(steering(context, stores), id, new Fault('CANCELLED', '', { batch: id }));
      });
      if (batch.state !== 'cancelled') {
        throw new Fault('NOT_IN_THIS_STATE', `it is ${batch.state}, too late to cancel`, { batch: id });
      }
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
      await steer(context, id, async (stores, before) => {
        if (before.state !== 'stalled')
          throw new Fault('NOT_IN_THIS_STATE', `it is ${before.state}, not stalled`, { batch: id });
        await stores.registry.clearFailures(id);
        const { batch } = await apply(steering(context, stores), id, { type: 'redriven' });
        await sendOwed(stores, batch);
        return batch;
      });
      await context.stdout.write(`${id} goes on\n`);
      exit(0);
    });
}

async function steer(
  context: CliContext,
  id: string,
  decide: (stores: Stores, batch: Batch) => Promise<Batch>,
): Promise<Batch> {
  return await withStores(context, 'write', async (stores) => decide(stores, await batchOf(stores, id)));
}

function steering(context: CliContext, stores: Stores) {
  return { registry: stores.registry, queue: stores.queue, clock: context.clock, telemetry: silentTelemetry };
}
