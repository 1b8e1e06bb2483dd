/** `remessa batch ID`: all there is to know of one batch. */
import type { Command } from 'commander';
import type { Batch } from '../io/ports/registry.ts';
import { type PreviewView, previewView } from '../stages/batch/previewView.ts';
import { batchView, progressOf, type ReceiptView, type WorkProgress } from '../stages/batch/views.ts';
import type { CliContext } from './context.ts';
import { centsText, exactJsonText, printable } from './format.ts';
import { previewText } from './preview.ts';
import { batchOf, withStores } from './reading.ts';

export function addBatchCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('batch')
    .description('show one batch: its state, how far it is, its preview where it is to be approved, and its receipt')
    .argument('<id>', 'the batch')
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: { readonly json?: true }) => {
      const view = await withStores(context, 'read', async (stores) => {
        const batch = await batchOf(stores, id);
        const { receipt, ...seen } = batchView(batch);
        return {
          ...seen,
          number: batch.number,
          inLine: batch.inLine,
          small: batch.small,
          turn: batch.turn,
          seconds: stageSeconds(batch),
          progress: await progressOf(stores.registry, batch),
          preview: (await previewView(stores.registry, batch)) ?? null,
          receipt,
        };
      });
      await context.stdout.write(options.json === true ? `${exactJsonText(view, 2)}\n` : batchText(view));
      exit(0);
    });
}

/** Seconds from coming to each state to coming to the next, for those it has left. */
function stageSeconds(batch: Batch): Readonly<Record<string, number>> {
  const entered = Object.entries(batch.enteredMs).sort(([, a], [, b]) => a - b);
  return Object.fromEntries(
    entered.slice(0, -1).map(([state, atMs], i) => [state, ((entered[i + 1]?.[1] ?? atMs) - atMs) / 1000]),
  );
}

type FullView = Omit<ReturnType<typeof batchView>, 'receipt'> & {
  readonly number: number;
  readonly inLine: boolean;
  readonly small: boolean;
  readonly turn: number | null;
  readonly seconds: Readonly<Record<string, number>>;
  readonly progress: WorkProgress | null;
  readonly preview: PreviewView | null;
  readonly receipt: ReceiptView | null;
};

function batchText(view: FullView): string {
  const facts: [string, string][] = [
    ['batch', view.id],
    ['client', view.client],
    ['file', view.file],
    ['state', view.dryRun ? `${view.state} (dry run)` : view.state],
    ['accepted', view.acceptedAt],
    ['updated', view.updatedAt],
    ['business date', view.businessDate],
    ['profile', profileText(view)],
    ['place in line', view.inLine ? String(view.number) : `${view.number} (has left the line)`],
    ['turn', view.turn === null ? 'none taken' : String(view.turn)],
    ['bytes', String(view.bytes)],
    ['records', String(view.records)],
  ];
  if (view.progress !== null) {
    facts.push(['ranges done', `${view.progress.ranges.done} of ${view.progress.ranges.total}`]);
    facts.push(['shards done', `${view.progress.shards.done} of ${view.progress.shards.total}`]);
  }
  if (view.approval !== null) facts.push(['approval', approvalText(view.id, view.state, view.approval)]);
  for (const [state, seconds] of Object.entries(view.seconds)) facts.push([`seconds ${state}`, seconds.toFixed(3)]);
  for (const { message } of view.warnings) facts.push(['warning', message]);
  if (view.failure !== null) facts.push(['failure', view.failure.message]);
  const parts = [factsText(facts)];
  if (view.preview !== null) parts.push(previewText(view.preview));
  if (view.receipt !== null) parts.push(`receipt\n${receiptText(view.receipt)}`);
  return parts.join('\n');
}

function approvalText(id: string, state: string, approval: NonNullable<FullView['approval']>): string {
  const { standing, until, by, at } = approval;
  if (standing === 'approved') return `given by ${by ?? 'somebody'}, ${at ?? ''}`;
  if (state !== 'awaiting_approval') return standing.replace('_', ' ');
  return `required until ${until ?? 'it is decided'}: \`remessa approve ${id}\` or \`remessa discard ${id}\``;
}

function profileText({ profile, profileSource }: Pick<FullView, 'profile' | 'profileSource'>): string {
  if (profileSource === null) return profile;
  const { url, etag } = profileSource;
  return `${profile}, from ${printable(url)}${etag === null ? '' : `, ETag ${printable(etag)}`}`;
}

function factsText(facts: readonly (readonly [string, string])[], indent = ''): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}\n`).join('');
}

/**
 * The receipt as a person reads it: one line an outcome with its records and its money, then why records were rejected
 * or warned about. Whatever a later build adds is shown as JSON, never left out.
 */
export function receiptText(receipt: ReceiptView): string {
  const { lines, cents, rejectedBy, warnedBy, warnings, ...rest } = receipt;
  const counts = entriesOf(lines);
  const money = new Map(entriesOf(cents));
  const facts: [string, string][] = counts.map(([name, count]) => {
    const amount = money.get(name);
    return [name, amount === undefined ? plain(count) : `${plain(count)}  (${moneyText(amount)})`];
  });
  for (const [title, codes] of [
    ['rejected by', rejectedBy],
    ['warned by', warnedBy],
  ] as const) {
    for (const [code, count] of entriesOf(codes)) facts.push([`${title} ${code}`, plain(count)]);
  }
  if (Array.isArray(warnings)) {
    for (const { message } of warnings as readonly { readonly message: unknown }[])
      facts.push(['warning', plain(message)]);
  }
  for (const [name, value] of Object.entries(rest)) {
    if (SHOWN_ABOVE.has(name) || value === null) continue;
    facts.push([name, plain(value)]);
  }
  return facts.length === 0 ? '' : factsText(facts, '  ');
}

const SHOWN_ABOVE: ReadonlySet<string> = new Set(['batch', 'client', 'file', 'bytes', 'acceptedAt', 'businessDate']);

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : exactJsonText(value);
}

/** Totals may be written as integers or, beyond 2^53, as text of digits. */
function moneyText(value: unknown): string {
  if (typeof value === 'bigint') return centsText(value);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return centsText(value);
  return typeof value === 'string' && /^-?[0-9]+$/.test(value) ? centsText(BigInt(value)) : plain(value);
}
