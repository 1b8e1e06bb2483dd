/**
 * `remessa keys issue | list | rotate | revoke`: the keys with which clients and operators call the API.
 *
 * Promises: a token is printed once, alone on standard output, and kept nowhere; what is listed is the prefix. A change
 * counts for the very next request of a running daemon on the same folder.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { Fault } from '../core/faults.ts';
import { CLIENT_ID } from '../io/ports/clients.ts';
import type { KeyRecord, KeyStore } from '../io/ports/keys.ts';
import { issueKey, keyIdOf, keyPrefix, type NewKey } from '../stages/intake/apiKeys.ts';
import type { CliContext, Stores } from './context.ts';
import { exactJsonText, instantText, printable, tableText } from './format.ts';
import { clientOf, withStores } from './reading.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NAME_CHARACTERS_MAX = 120;

interface IssueOptions {
  readonly client?: string;
  readonly operator?: true;
  readonly name: string;
  readonly days?: number;
  readonly json?: true;
}

export function addKeysCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  const keys = program.command('keys').description('issue, list, rotate and revoke API keys');

  keys
    .command('issue')
    .description('make a key and print its token, which is shown this once')
    .option('--client <id>', 'the client whose data the key reaches')
    .option('--operator', 'a key for operators: it reaches every client')
    .option('--name <name>', 'what people call it', readName, '')
    .option('--days <n>', 'how many days it counts; without end by default', readDays)
    .option('--json', 'print one JSON object')
    .action(async (options: IssueOptions) => {
      const wanted = wantedKey(context, options);
      await print(context, options, async (stores) => {
        if (wanted.client !== null) await clientOf(stores, wanted.client);
        return await issueKey(stores.keys, context, wanted);
      });
      exit(0);
    });

  keys
    .command('list')
    .description('list keys by their prefix')
    .option('--client <id>', 'only those of one client')
    .option('--json', 'print a JSON array')
    .action(async (options: { readonly client?: string; readonly json?: true }) => {
      const all = await withStores(context, 'read', (stores) => stores.keys.list(options.client));
      await list(context, all, options.json === true);
      exit(0);
    });

  keys
    .command('rotate')
    .description('make a new key like an old one, which ends after the hours given')
    .argument('<key>', 'the prefix of the old key')
    .option('--hours <n>', 'how many hours the old key still counts', readHours, 24)
    .option('--json', 'print one JSON object')
    .action(async (written: string, options: { readonly hours: number; readonly json?: true }) => {
      await print(context, options, async (stores) => {
        const store = stores.keys;
        const old = await keyOf(store, written);
        const { scope, client, name } = old;
        // A key that was to end goes on for as long as the old one was meant to.
        const lifeMs = old.endsAtMs === null ? null : old.endsAtMs - old.createdAtMs;
        const nowMs = context.clock.nowMs();
        if (old.endsAtMs !== null && old.endsAtMs <= nowMs) {
          throw new Fault('USAGE', `${keyPrefix(old.id)} has ended; issue a new key`);
        }
        const endsAtMs = lifeMs === null ? null : nowMs + lifeMs;
        const issued = await issueKey(store, context, { scope, client, name, endsAtMs });
        await store.end(old.id, nowMs + options.hours * HOUR_MS);
        return issued;
      });
      exit(0);
    });

  keys
    .command('revoke')
    .description('end a key now')
    .argument('<key>', 'its prefix')
    .action(async (written: string) => {
      await withStores(context, 'write', async (stores) => {
        const store = stores.keys;
        const { id } = await keyOf(store, written);
        await store.end(id, context.clock.nowMs());
        await context.stderr.write(`${keyPrefix(id)} is revoked\n`);
      });
      exit(0);
    });
}

async function keyOf(store: KeyStore, written: string): Promise<KeyRecord> {
  const key = await store.get(keyIdOf(written));
  if (key === undefined) throw new Fault('KEY_UNKNOWN');
  return key;
}

function wantedKey(context: CliContext, { client, operator, name, days }: IssueOptions): NewKey {
  if ((client === undefined) === (operator === undefined)) {
    throw new Fault('USAGE', 'a key is for a client or for operators: give --client or --operator');
  }
  if (client !== undefined && !CLIENT_ID.test(client)) throw new Fault('USAGE', '--client takes the id of a client');
  const endsAtMs = days === undefined ? null : context.clock.nowMs() + days * DAY_MS;
  return { scope: client === undefined ? 'operator' : 'client', client: client ?? null, name, endsAtMs };
}

async function print(
  context: CliContext,
  options: { readonly json?: true },
  make: (stores: Stores) => Promise<{ readonly key: KeyRecord; readonly token: string }>,
): Promise<void> {
  const { key, token } = await withStores(context, 'write', make);
  if (options.json === true) {
    await context.stdout.write(`${exactJsonText({ ...viewOf(key), token }, 2)}\n`);
    return;
  }
  await context.stderr.write('keep the token now: it is shown once and stored nowhere\n');
  await context.stdout.write(`${token}\n`);
}

async function list(context: CliContext, keys: readonly KeyRecord[], json: boolean): Promise<void> {
  if (json) {
    await context.stdout.write(`${exactJsonText(keys.map(viewOf), 2)}\n`);
    return;
  }
  if (keys.length === 0) {
    await context.stderr.write('no keys; make one with `remessa keys issue`\n');
    return;
  }
  const nowMs = context.clock.nowMs();
  const rows = keys.map((key) => {
    const view = viewOf(key);
    const ended = key.endsAtMs !== null && key.endsAtMs <= nowMs;
    const ends = view.endsAt ?? 'never';
    return [view.prefix, view.client ?? '(operator)', view.createdAt, ended ? `${ends} (ended)` : ends, view.name];
  });
  await context.stdout.write(tableText(['key', 'client', 'created at', 'ends at', 'name'], rows));
}

function viewOf(key: KeyRecord) {
  return {
    prefix: keyPrefix(key.id),
    scope: key.scope,
    client: key.client,
    name: printable(key.name),
    createdAt: instantText(key.createdAtMs),
    endsAt: key.endsAtMs === null ? null : instantText(key.endsAtMs),
  };
}

function readName(written: string): string {
  const name = written.trim();
  if ([...name].length <= NAME_CHARACTERS_MAX && printable(name) === name) return name;
  throw new InvalidArgumentError(`It takes at most ${NAME_CHARACTERS_MAX} printable characters.`);
}

function readDays(written: string): number {
  const days = /^[0-9]{1,4}$/.test(written) ? Number(written) : 0;
  if (days >= 1 && days <= 3650) return days;
  throw new InvalidArgumentError('It is from 1 to 3650.');
}

function readHours(written: string): number {
  const hours = /^[0-9]{1,4}$/.test(written) ? Number(written) : -1;
  if (hours >= 0 && hours <= 8760) return hours;
  throw new InvalidArgumentError('It is from 0 to 8760.');
}
