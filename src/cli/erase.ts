/**
 * `remessa erase --client ID [--cpf CPF | --cnpj CNPJ]`: removes a client's data, or one person's, from every store, and reports what was
 * done. Exit 1, with the reason, where a legal hold forbids it or work is on its way. Run again it ends what was interrupted.
 */
import type { Command } from 'commander';
import type { Erasure } from '../io/ports/privacy.ts';
import { erase } from '../stages/privacy/erase.ts';
import type { CliContext } from './context.ts';
import { instantText } from './format.ts';
import { addDocumentOptions, checkedClientId, type DocumentOptions, documentOf, withStores } from './reading.ts';

interface EraseOptions extends DocumentOptions {
  readonly client: string;
  readonly json?: true;
}

/** What stays, for whoever answers the person who asked. */
const STAYS = [
  'of each debt a tombstone: its reference, batch, line and turn, so that later files cannot register it again',
  'of each batch its numbers: states, times, counts, sums, codes',
  'the record of this erasure and of holds',
];

export function addEraseCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  const command = program
    .command('erase')
    .description("erase a client's data, or one person's, from every store, and report what was done")
    .requiredOption('--client <id>', 'whose data');
  addDocumentOptions(command, 'only of one person')
    .option('--json', 'print the report as JSON')
    .action(async (options: EraseOptions) => {
      const client = checkedClientId(options.client);
      const document = documentOf(options);
      const wish = document === undefined ? { client } : { client, document };
      const done = await withStores(context, 'write', (stores) => erase({ ...stores, clock: context.clock }, wish));
      await context.stdout.write(options.json === true ? `${JSON.stringify(reportOf(done), null, 2)}\n` : textOf(done));
      exit(0);
    });
}

function reportOf(done: Erasure) {
  return {
    id: done.id,
    client: done.client,
    person: done.personText,
    state: done.state,
    startedAt: instantText(done.startedAtMs),
    endedAt: done.endedAtMs === null ? null : instantText(done.endedAtMs),
    runs: done.runs,
    erased: done.counts,
    stays: STAYS,
  };
}

function textOf(done: Erasure): string {
  const { debts, batches, objects, submissions, deliveries, keys, answers = 0 } = done.counts;
  const lines = [
    `erasure ${done.id} of ${done.client}${done.personText === null ? '' : `, person ${done.personText}`}: ${done.state}`,
    `  debts made tombstones     ${debts}`,
    `  batches left with numbers ${batches}`,
    `  stored files removed      ${objects}`,
    `  submissions removed       ${submissions}`,
    `  deliveries removed        ${deliveries}`,
    `  API keys ended            ${keys}`,
    `  kept answers removed      ${answers}`,
    'what stays:',
    ...STAYS.map((one) => `  - ${one}`),
  ];
  return `${lines.join('\n')}\n`;
}
