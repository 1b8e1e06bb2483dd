/**
 * `remessa provision`: makes what the driver needs to be there (bucket, queues, topic, tables), or with `--check` tells
 * what is not as wanted and changes nothing. Run again it changes nothing that is as wanted.
 *
 * Exit 0 where all is there and as wanted; 1 where something failed, or `--check` found a difference. What an endpoint that
 * is none of AWS's does not offer is told, and is no failure.
 */
import type { Command } from 'commander';
import { Fault } from '../core/faults.ts';
import type { ProvisionItem, ProvisionState } from '../io/ports/provisioning.ts';
import type { CliContext } from './context.ts';
import { printable } from './format.ts';

const EXIT_FAILED = 1;
const WRONG: ReadonlySet<ProvisionState> = new Set(['missing', 'differs', 'failed']);

export function addProvisionCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('provision')
    .description('create what the aws driver needs, where it is missing or otherwise; --check changes nothing')
    .option('--check', 'only tell what is not as wanted; exit 1 where there is something')
    .option('--json', 'print a JSON array')
    .action(async (options: { readonly check?: true; readonly json?: true }) => {
      const provisioning = await context.openProvisioning();
      if (provisioning === undefined) {
        throw new Fault('USAGE', `the ${context.settings.driver} driver makes what it needs by itself`);
      }
      const items: ProvisionItem[] = [];
      const lines: Promise<void>[] = [];
      let broken: unknown;
      const print = async (text: string): Promise<void> => {
        try {
          await context.stdout.write(text);
        } catch (error) {
          // What was begun is carried on though nobody reads of it.
          broken ??= error;
        }
      };
      try {
        await provisioning.run({ check: options.check === true }, (item) => {
          items.push(item);
          if (options.json !== true) lines.push(print(lineOf(item)));
        });
      } finally {
        await provisioning.close();
        await Promise.all(lines);
      }
      if (broken !== undefined) throw broken;
      if (options.json === true) await context.stdout.write(`${JSON.stringify(items, null, 2)}\n`);
      else await context.stderr.write(`${summaryOf(items)}\n`);
      exit(items.some((item) => WRONG.has(item.state)) ? EXIT_FAILED : 0);
    });
}

const STATE_COLUMNS = 12;

function lineOf({ resource, aspect, state, says }: ProvisionItem): string {
  const what = aspect === 'itself' ? resource : `${resource}: ${aspect}`;
  return `${state.padEnd(STATE_COLUMNS)} ${printable(what)}${says === '' ? '' : ` (${printable(says)})`}\n`;
}

function summaryOf(items: readonly ProvisionItem[]): string {
  const counts = new Map<ProvisionState, number>();
  for (const { state } of items) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${count} ${state}`).join(', ');
}
