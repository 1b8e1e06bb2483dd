/** `remessa clients add | list | show | set`: the clients and the rules that hold for each. */
import type { Command } from 'commander';
import { Fault } from '../core/faults.ts';
import { DEFAULT_LANGUAGE, LANGUAGES } from '../core/language.ts';
import { DEFAULT_PROFILE } from '../engine/profiles.ts';
import { type ClientRecord, PROFILE_NAME } from '../io/ports/clients.ts';
import type { CliContext, Stores } from './context.ts';
import { centsText, exactJsonText, instantText, printable, readCents, tableText } from './format.ts';
import { addNotifyCommand } from './notify.ts';
import { checkedClientId, clientOf, readLanguage, withStores } from './reading.ts';

/** The least and the most that any amount can be: one cent, and below 10^13. */
const AMOUNT_CENTS_MIN = 1;
const AMOUNT_CENTS_MAX = 999_999_999_999_999;
const NAME_CHARACTERS_MAX = 120;

interface ClientOptions {
  readonly name?: string;
  readonly profile?: string;
  readonly amountMin?: string;
  readonly amountMax?: string;
  readonly language?: string;
}

export function addClientsCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  const clients = program.command('clients').description('add, list, show and change clients');
  const bounds = (command: Command): Command =>
    command
      .option(
        '--profile <name>',
        'how its files are read; each batch keeps the version that is the newest when it is accepted',
      )
      .option('--amount-min <amount>', 'the least amount of a debt, such as 10.00')
      .option('--amount-max <amount>', 'the greatest amount of a debt')
      .option(
        '--language <language>',
        `of the messages in its answers, where a profile says none: ${LANGUAGES.join(' or ')}`,
      );

  bounds(
    clients
      .command('add')
      .description('add a client')
      .argument('<id>', '1 to 40 characters of a-z, 0-9 and -')
      .requiredOption('--name <name>', 'what people call it'),
  ).action(async (id: string, options: ClientOptions) => {
    await addClient(context, id, options);
    exit(0);
  });

  addNotifyCommand(clients, context, exit);

  clients
    .command('list')
    .description('list all clients')
    .option('--json', 'print a JSON array')
    .action(async (options: { readonly json?: true }) => {
      await listClients(context, options.json === true);
      exit(0);
    });

  clients
    .command('show')
    .description('show one client, as JSON')
    .argument('<id>', 'the client')
    .action(async (id: string) => {
      const client = await withStores(context, 'read', (stores) => clientOf(stores, id));
      await context.stdout.write(`${exactJsonText(clientView(client), 2)}\n`);
      exit(0);
    });

  bounds(
    clients
      .command('set')
      .description('change what is known of a client; batches accepted earlier keep the rules they were accepted under')
      .argument('<id>', 'the client')
      .option('--name <name>', 'what people call it'),
  ).action(async (id: string, options: ClientOptions) => {
    await setClient(context, id, options);
    exit(0);
  });
}

async function addClient(context: CliContext, id: string, options: ClientOptions): Promise<void> {
  const client = changed(
    {
      id: checkedClientId(id),
      name: '',
      profile: DEFAULT_PROFILE,
      amountCentsMin: AMOUNT_CENTS_MIN,
      amountCentsMax: AMOUNT_CENTS_MAX,
      createdAtMs: context.clock.nowMs(),
    },
    options,
  );
  const added = await withStores(context, 'write', async (stores) => {
    await assertProfile(context, stores, client);
    return await stores.clients.add(client);
  });
  if (!added) throw new Fault('USAGE', `client ${id} exists already; change it with \`remessa clients set\``);
  await context.stderr.write(`client ${id} added\n`);
}

async function setClient(context: CliContext, id: string, options: ClientOptions): Promise<void> {
  if (Object.values(options).every((option) => option === undefined)) {
    throw new Fault('USAGE', 'name what is to change: --name, --profile, --amount-min, --amount-max or --language');
  }
  await withStores(context, 'write', async (stores) => {
    const client = changed(await clientOf(stores, id), options);
    await assertProfile(context, stores, client);
    if (!(await stores.clients.update(client))) throw new Fault('CLIENT_UNKNOWN', `client ${id}`);
  });
  await context.stderr.write(`client ${id} changed\n`);
}

async function listClients(context: CliContext, json: boolean): Promise<void> {
  const clients = await withStores(context, 'read', (stores) => stores.clients.list());
  const views = clients.map(clientView);
  if (json) {
    await context.stdout.write(`${exactJsonText(views, 2)}\n`);
    return;
  }
  if (views.length === 0) {
    await context.stderr.write('no clients; add one with `remessa clients add`\n');
    return;
  }
  const rows = views.map((view) => [
    view.id,
    view.profile,
    view.amountMin,
    view.amountMax,
    view.language,
    view.createdAt,
    printable(view.name),
  ]);
  await context.stdout.write(
    tableText(['id', 'profile', 'amount min', 'amount max', 'language', 'created at', 'name'], rows),
  );
}

function clientView(client: ClientRecord) {
  return {
    id: client.id,
    name: client.name,
    profile: client.profile,
    amountMin: centsText(client.amountCentsMin),
    amountMax: centsText(client.amountCentsMax),
    language: client.language ?? DEFAULT_LANGUAGE,
    createdAt: instantText(client.createdAtMs),
  };
}

/** The client with what the options say, checked as a whole. Faults: `USAGE`. */
function changed(client: ClientRecord, options: ClientOptions): ClientRecord {
  const next: ClientRecord = {
    ...client,
    ...(options.name === undefined ? {} : { name: readName(options.name) }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.amountMin === undefined ? {} : { amountCentsMin: readBound('--amount-min', options.amountMin) }),
    ...(options.amountMax === undefined ? {} : { amountCentsMax: readBound('--amount-max', options.amountMax) }),
    ...(options.language === undefined ? {} : { language: readLanguage(options.language) }),
  };
  if (next.amountCentsMin > next.amountCentsMax) {
    throw new Fault(
      'USAGE',
      `the least amount (${centsText(next.amountCentsMin)}) is above the greatest (${centsText(next.amountCentsMax)})`,
    );
  }
  return next;
}

/** Faults: `PROFILE_UNKNOWN`. What the rules service knows is asked when a batch is picked. */
async function assertProfile(context: CliContext, stores: Stores, { profile }: ClientRecord): Promise<void> {
  if (profile === DEFAULT_PROFILE || (context.settings.rulesUrl !== '' && PROFILE_NAME.test(profile))) return;
  if ((await stores.clients.getProfile(profile)) !== undefined) return;
  throw new Fault('PROFILE_UNKNOWN', printable(profile));
}

function readName(written: string): string {
  const name = written.trim();
  if (name === '' || [...name].length > NAME_CHARACTERS_MAX || printable(name) !== name) {
    throw new Fault('USAGE', `--name takes 1 to ${NAME_CHARACTERS_MAX} printable characters`);
  }
  return name;
}

function readBound(option: string, written: string): number {
  const cents = readCents(written);
  if (cents === undefined || cents < AMOUNT_CENTS_MIN) {
    throw new Fault(
      'USAGE',
      `${option} takes an amount from 0.01 to 9999999999999.99, written 1234, 1234.5 or 1234.56`,
    );
  }
  return cents;
}
