/** `remessa deliveries` and `remessa redeliver ID`: what was told to whom, attempt by attempt, and telling it once more. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { Fault } from '../core/faults.ts';
import { DELIVERY_STATES, type Delivery, type DeliveryState } from '../io/ports/deliveries.ts';
import { redelivered } from '../stages/notices/deliver.ts';
import type { CliContext, Stores } from './context.ts';
import { instantText, printable, tableText } from './format.ts';
import { checkedClientId, withStores } from './reading.ts';

const LIMIT = 50;
const LIMIT_MAX = 10_000;

interface ListOptions {
  readonly client?: string;
  readonly batch?: string;
  readonly state?: DeliveryState;
  readonly limit: number;
  readonly json?: true;
}

export function addDeliveriesCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('deliveries')
    .description('list what clients were told, newest first, with the attempts')
    .option('--client <id>', 'only of one client', checkedClientId)
    .option('--batch <id>', 'only about one batch')
    .addOption(new Option('--state <state>', 'only in one state').choices([...DELIVERY_STATES]))
    .option('--limit <n>', 'at most so many of a client', readLimit, LIMIT)
    .option('--json', 'print a JSON array, with every attempt that is kept')
    .action(async (options: ListOptions) => {
      const found = await withStores(context, 'read', (stores) => listed(stores, options));
      if (options.json === true) await context.stdout.write(`${JSON.stringify(found.map(deliveryView), null, 2)}\n`);
      else if (found.length === 0) await context.stderr.write('no deliveries\n');
      else await context.stdout.write(textOf(found));
      exit(0);
    });

  program
    .command('redeliver')
    .description('let a delivery be tried anew, whether it was delivered, failed or waits')
    .argument('<id>', 'the delivery, as `remessa deliveries` lists it')
    .option('--client <id>', 'whose it is; found by itself where absent', checkedClientId)
    .action(async (id: string, options: { readonly client?: string }) => {
      await withStores(context, 'write', async (stores) => {
        for (let tries = 0; ; tries++) {
          const delivery = await deliveryOf(stores, id, options.client);
          const next = redelivered(delivery, context.clock.nowMs());
          if (await stores.deliveries.replace(next, delivery.revision)) return;
          if (tries === REPLACE_TRIES) throw new Fault('STORE_BUSY', 'the delivery is being tried at this moment');
        }
      });
      await context.stderr.write(`${printable(id)} will be tried again\n`);
      exit(0);
    });
}

const REPLACE_TRIES = 10;

async function clientsOf(stores: Stores, client: string | undefined): Promise<string[]> {
  return client === undefined ? (await stores.clients.list()).map(({ id }) => id) : [client];
}

async function listed(stores: Stores, options: ListOptions): Promise<Delivery[]> {
  const { batch, state, limit } = options;
  const found: Delivery[] = [];
  for (const client of await clientsOf(stores, options.client)) {
    found.push(
      ...(await stores.deliveries.list({
        client,
        limit,
        ...(batch === undefined ? {} : { batch }),
        ...(state === undefined ? {} : { state }),
      })),
    );
  }
  return found.sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
}

/** Faults: `DELIVERY_UNKNOWN`. */
async function deliveryOf(stores: Stores, id: string, client: string | undefined): Promise<Delivery> {
  for (const one of await clientsOf(stores, client)) {
    const delivery = await stores.deliveries.get(one, id);
    if (delivery !== undefined) return delivery;
  }
  throw new Fault('DELIVERY_UNKNOWN');
}

function deliveryView(delivery: Delivery) {
  const { id, event, client, batch, channel, state, tries, attempts, createdAtMs, nextAtMs } = delivery;
  return {
    id,
    event,
    client,
    batch,
    channel,
    state,
    tries,
    createdAt: instantText(createdAtMs),
    nextAt: state === 'pending' ? instantText(nextAtMs) : null,
    attempts: attempts.map(({ atMs, ms, says }) => ({ at: instantText(atMs), ms, says })),
  };
}

function textOf(deliveries: readonly Delivery[]): string {
  return tableText(
    ['id', 'client', 'batch', 'channel', 'state', 'tries', 'last attempt'],
    deliveries.map(({ id, client, batch, channel, state, tries, attempts }) => [
      id,
      client,
      batch,
      channel,
      state,
      String(tries),
      printable(attempts.at(-1)?.says ?? ''),
    ]),
  );
}

function readLimit(written: string): number {
  const limit = Number(written);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
    throw new InvalidArgumentError(`A limit is a number from 1 to ${LIMIT_MAX}.`);
  }
  return limit;
}
