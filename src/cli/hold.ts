/** `remessa hold add | list | lift`: legal holds, which forbid erasing a client's or a person's data; who, why and when. */
import type { Command } from 'commander';
import { maskedDocument } from '../core/documents.ts';
import { Fault } from '../core/faults.ts';
import { attemptId } from '../core/ids.ts';
import type { Hold } from '../io/ports/privacy.ts';
import { personOf } from '../stages/privacy/person.ts';
import type { CliContext } from './context.ts';
import { instantText, printable, tableText } from './format.ts';
import { addDocumentOptions, clientOf, type DocumentOptions, documentOf, withStores } from './reading.ts';

const TEXT_CHARACTERS_MAX = 500;

interface AddOptions extends DocumentOptions {
  readonly client: string;
  readonly by: string;
  readonly why: string;
}

export function addHoldCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  const hold = program.command('hold').description('legal holds: what must not be erased');

  const add = hold
    .command('add')
    .description('forbid erasing a client, or one person of it')
    .requiredOption('--client <id>', 'whose data');
  addDocumentOptions(add, 'only of one person')
    .requiredOption('--by <name>', 'who asks for it')
    .requiredOption('--why <reason>', 'why, such as the number of a case')
    .action(async (options: AddOptions) => {
      const document = documentOf(options);
      const record: Hold = {
        kind: 'hold',
        client: options.client,
        id: `h-${attemptId(context.random)}`,
        revision: 1,
        person: document === undefined ? null : personOf(options.client, document),
        personText: document === undefined ? null : maskedDocument(document),
        by: readText('--by', options.by),
        why: readText('--why', options.why),
        atMs: context.clock.nowMs(),
        lifted: null,
      };
      const running = await withStores(context, 'write', async (stores) => {
        await clientOf(stores, options.client);
        await stores.privacy.add(record);
        const erasures = (await stores.privacy.list(options.client)).filter((one) => one.kind === 'erasure');
        return erasures.find(({ state }) => state === 'running');
      });
      await context.stdout.write(`${record.id}\n`);
      if (running !== undefined) {
        await context.stderr.write(
          `an erasure of this client had begun before (${running.id}); it may go on to its end\n`,
        );
      }
      exit(0);
    });

  hold
    .command('list')
    .description('list holds, those that were lifted too')
    .option('--client <id>', 'only of one client')
    .option('--json', 'print a JSON array')
    .action(async (options: { readonly client?: string; readonly json?: true }) => {
      const holds = await withStores(context, 'read', async (stores) => {
        const clients =
          options.client === undefined
            ? (await stores.clients.list()).map(({ id }) => id)
            : [(await clientOf(stores, options.client)).id];
        const all = await Promise.all(clients.map((client) => stores.privacy.list(client)));
        return all.flat().filter((one) => one.kind === 'hold');
      });
      if (options.json === true) await context.stdout.write(`${JSON.stringify(holds.map(holdView), null, 2)}\n`);
      else if (holds.length === 0) await context.stderr.write('no holds\n');
      else await context.stdout.write(textOf(holds));
      exit(0);
    });

  hold
    .command('lift')
    .description('end a hold; it stays on record')
    .argument('<id>', 'the hold')
    .requiredOption('--client <id>', 'whose data it holds')
    .requiredOption('--by <name>', 'who asks for it')
    .requiredOption('--why <reason>', 'why')
    .action(async (id: string, options: Omit<AddOptions, keyof DocumentOptions>) => {
      const lifted = {
        by: readText('--by', options.by),
        why: readText('--why', options.why),
        atMs: context.clock.nowMs(),
      };
      await withStores(context, 'write', async (stores) => {
        const found = (await stores.privacy.list(options.client)).find((one) => one.kind === 'hold' && one.id === id);
        if (found === undefined || found.kind !== 'hold') throw new Fault('HOLD_UNKNOWN');
        if (found.lifted !== null) throw new Fault('HOLD_UNKNOWN', 'it was lifted before');
        if (!(await stores.privacy.replace({ ...found, lifted }, found.revision))) {
          throw new Fault('STORE_BUSY', 'somebody else changed the hold at this moment');
        }
      });
      await context.stderr.write(`${printable(id)} is lifted\n`);
      exit(0);
    });
}

function readText(option: string, written: string): string {
  const text = written.trim();
  if (text === '' || [...text].length > TEXT_CHARACTERS_MAX || printable(text) !== text) {
    throw new Fault('USAGE', `${option} takes 1 to ${TEXT_CHARACTERS_MAX} printable characters`);
  }
  return text;
}

function holdView({ id, client, personText: person, by, why, atMs, lifted }: Hold) {
  return {
    id,
    client,
    person,
    by,
    why,
    at: instantText(atMs),
    lifted: lifted === null ? null : { by: lifted.by, why: lifted.why, at: instantText(lifted.atMs) },
  };
}

function textOf(holds: readonly Hold[]): string {
  return tableText(
    ['id', 'client', 'person', 'since', 'lifted', 'by', 'why'],
    holds.map(({ id, client, personText: person, atMs, lifted, by, why }) => [
      id,
      client,
      person ?? 'all',
      instantText(atMs),
      lifted === null ? '' : instantText(lifted.atMs),
      by,
      why,
    ]),
  );
}
