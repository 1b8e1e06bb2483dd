/** `remessa ranges ID`: the sub-batches of a batch, and how the work on each stands. */
import type { Command } from 'commander';
import { type RangeView, rangesOf, type ShardView, type SubBatchPage, shardsOf } from '../stages/batch/subBatches.ts';
import type { CliContext } from './context.ts';
import { exactJsonText, tableText } from './format.ts';
import { batchOf, withStores } from './reading.ts';

const PAGE = 1000;

export function addRangesCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('ranges')
    .description('list the sub-batches of a batch: its ranges or shards, how each stands and why it failed')
    .argument('<id>', 'the batch')
    .option('--shards', 'the shards instead of the ranges')
    .option('--json', 'print one JSON array')
    .action(async (id: string, options: { readonly shards?: true; readonly json?: true }) => {
      const text = await withStores(context, 'read', async (stores) => {
        const batch = await batchOf(stores, id);
        if (options.shards === true) {
          const shards = await all((from) => shardsOf(stores, batch, { from, max: PAGE }));
          return options.json === true ? json(shards) : shardsText(shards);
        }
        const ranges = await all((from) => rangesOf(stores, batch, { from, max: PAGE }));
        return options.json === true ? json(ranges) : rangesText(ranges);
      });
      await context.stdout.write(text);
      exit(0);
    });
}

async function all<View>(read: (from: number) => Promise<SubBatchPage<View>>): Promise<View[]> {
  const views: View[] = [];
  for (let from: number | null = 0; from !== null; ) {
    const page: SubBatchPage<View> = await read(from);
    views.push(...page.items);
    from = page.next;
  }
  return views;
}

function json(views: readonly unknown[]): string {
  return `${exactJsonText(views, 2)}\n`;
}

function rangesText(ranges: readonly RangeView[]): string {
  const header = ['range', 'state', 'records', 'first line', 'bytes', 'rejected', 'failures', 'says'];
  const rows = ranges.map((one) => [
    ...[String(one.range), one.state, String(one.records), String(one.firstLine), String(one.bytes)],
    ...[cell(one.rejected), String(one.failures), one.says ?? ''],
  ]);
  return tableText(header, rows);
}

function shardsText(shards: readonly ShardView[]): string {
  const header = ['shard', 'mode', 'state', 'records', 'created', 'updated', 'unchanged', 'failures', 'says'];
  const rows = shards.map((one) => [
    ...[String(one.shard), one.mode, one.state, cell(one.records)],
    ...(['created', 'updated', 'unchanged'] as const).map((outcome) => cell(one.lines?.[outcome] ?? null)),
    ...[String(one.failures), one.says ?? ''],
  ]);
  return tableText(header, rows);
}

function cell(count: number | null): string {
  return count === null ? '-' : String(count);
}
