/** `remessa cancel`, `approve`, `discard` and `redrive ID`: what an operator may decide about a batch on its way. */
import { type Command, InvalidArgumentError } from 'commander';
import { silentTelemetry } from '../core/telemetry.ts';
import type { Batch } from '../io/ports/registry.ts';
import { approveBatch, DECISION_TEXT_MAX, discardBatch } from '../stages/batch/approve.ts';
import type { ApplyContext } from '../stages/batch/batches.ts';
import { cancelBatch, redriveBatch } from '../stages/batch/cancel.ts';
import type { CliContext, EngineStores } from './context.ts';
import { printable } from './format.ts';
import { batchOf, withStores } from './reading.ts';
import { EXIT_CODES_HELP, seeThrough, type TellOptions } from './through.ts';

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

export function addApproveCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('approve')
    .description(
      "let a batch register that waits for approval: at the end of its client's line, against the debts as they are then",
    )
    .argument('<id>', 'the batch')
    .option('--by <who>', 'who approves it, for the record', nameOf, 'command line')
    .option('--follow', 'see it through to its receipt, in this process where no engine runs')
    .option('--strict', 'with --follow: exit 3 when lines were rejected')
    .option('--json', 'with --follow: print the receipt as JSON')
    .addHelpText('after', `${EXIT_CODES_HELP}\nWithout --follow 0 says that it is approved.`)
    .action(async (id: string, options: TellOptions & { readonly by: string; readonly follow?: true }) => {
      if (options.follow === true) {
        exit(await seeThrough(context, options, (stores) => approveBatch(steering(context, stores), id, options.by)));
        return;
      }
      const { state } = await steer(context, id, (stores) => approveBatch(stores, id, options.by));
      const next =
        state === 'staged' ? 'it registers when its place in line has come, by a running engine' : `it is ${state}`;
      await context.stdout.write(`${id} is approved; ${next}\n`);
      exit(0);
    });
}

export function addDiscardCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('discard')
    .description('end a batch that waits for approval; nothing of it is registered, and what was staged is freed')
    .argument('<id>', 'the batch')
    .option('--why <text>', 'told to the client with the end of the batch', nameOf)
    .action(async (id: string, options: { readonly why?: string }) => {
      await steer(context, id, (stores) => discardBatch(stores, id, options.why));
      await context.stdout.write(`${id} is discarded\n`);
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
  return await withStores(context, 'write', async (stores) =>
    decide(steering(context, stores), await batchOf(stores, id)),
  );
}

function steering({ clock }: CliContext, { registry, queue }: Pick<EngineStores, 'registry' | 'queue'>): ApplyContext {
  return { registry, queue, clock, telemetry: silentTelemetry };
}

function nameOf(value: string): string {
  const text = printable(value).trim();
  if (text === '' || [...text].length > DECISION_TEXT_MAX) {
    throw new InvalidArgumentError(`At most ${DECISION_TEXT_MAX} characters, and not empty.`);
  }
  return text;
}
