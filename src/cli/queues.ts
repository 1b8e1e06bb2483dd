/** `remessa queues`: how much work waits, is in hand or lies with the dead letters; `--redrive` lets the dead wait again. */
import type { Command } from 'commander';
import { QUEUES } from '../stages/batch/messages.ts';
import type { CliContext } from './context.ts';
import { tableText } from './format.ts';
import { withStores } from './reading.ts';

export function addQueuesCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('queues')
    .description('show the work queues; their dead letters can be made to wait again')
    .option('--redrive', 'let all dead letters wait again')
    .option('--json', 'print a JSON array')
    .action(async (options: { readonly redrive?: true; readonly json?: true }) => {
      const rows = await withStores(context, options.redrive === true ? 'write' : 'read', async (stores) => {
        const found = [];
        for (const queue of QUEUES) {
          const redriven = options.redrive === true ? await stores.queue.redrive(queue) : 0;
          found.push({ queue, ...(await stores.queue.depth(queue)), redriven });
        }
        return found;
      });
      await context.stdout.write(
        options.json === true
          ? `${JSON.stringify(rows, null, 2)}\n`
          : tableText(
              ['queue', 'waiting', 'in hand', 'dead', 'oldest s', 'redriven'],
              rows.map((row) => [
                row.queue,
                String(row.waiting),
                String(row.leased),
                String(row.dead),
                row.oldestMs === undefined ? '–' : (row.oldestMs / 1000).toFixed(1),
                String(row.redriven),
              ]),
            ),
      );
      exit(0);
    });
}
