/**
 * Deliveries in DynamoDB (port: deliveries), in the registry's table.
 *
 *   openDynamoDeliveries(options: { table: string; keepMs: number }, deps: TableDeps): DeliveryStore
 *
 * - A delivery is one item: `pk` is `dlv#client`, `sk` its id; its JSON, revision and, for what runs out, `ttl`.
 * - That one is due is told by a pointer of its own: `pk` `dlv-due`, `sk` `time#client#id`, time in 14 digits. A pointer is
 *   written before the item that it points to, and removed after; one that leads nowhere changes nothing, and is removed once
 *   it has been due for a while (its item may be just about to be written).
 * - `tok` says who wrote last: an answer that was lost is known again by it.
 *
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`, `STORE_CORRUPT`.
 */
import { attemptId } from '../../../core/ids.ts';
import type { Delivery, DeliveryStore } from '../../ports/deliveries.ts';
import { TTL_ATTRIBUTE } from '../names.ts';
import { textItem, textOf, textValues } from '../registry/items.ts';
import { type Item, type Key, KeyedTable, type TableDeps } from './keyedTable.ts';

const DUE = 'dlv-due';
const TIME_DIGITS = 14;
/** Between a pointer and its item lies one call. */
const STALE_MS = 300_000;
const LIST_PAGE = 100;

export function openDynamoDeliveries(
  options: { readonly table: string; readonly keepMs: number },
  deps: TableDeps,
): DeliveryStore {
  const table = new KeyedTable(options.table, deps);

  async function get(client: string, id: string): Promise<Delivery | undefined> {
    const item = await table.get(keyOf(client, id));
    return item === undefined ? undefined : deliveryOf(item);
  }

  /** Seconds; pending ones live as long as that too, for none is tried for longer. */
  function ttlOf(delivery: Delivery): Item {
    return { [TTL_ATTRIBUTE]: { N: String(Math.ceil((delivery.createdAtMs + options.keepMs) / 1000)) } };
  }

  async function* ofClient(client: string, newestFirst: boolean): AsyncGenerator<Delivery> {
    for await (const page of table.query({ pk: partitionOf(client), newestFirst, pageItems: LIST_PAGE })) {
      for (const item of page) yield deliveryOf(item);
    }
  }

  return {
    async add(deliveries) {
      for (const delivery of deliveries) {
        if (delivery.state === 'pending') await table.put(pointerOf(delivery), ttlOf(delivery));
        const item = {
          ...textItem(JSON.stringify(delivery)),
          rev: { N: String(delivery.revision) },
          ...ttlOf(delivery),
        };
        await table.putNew(keyOf(delivery.client, delivery.id), item);
      }
    },
    async replace(delivery, expectedRevision) {
      const before = await get(delivery.client, delivery.id);
      if (before === undefined || before.revision !== expectedRevision) return false;
      const next = { ...delivery, revision: expectedRevision + 1 };
      if (next.state === 'pending') await table.put(pointerOf(next), ttlOf(next));
      const token = attemptId(deps.random);
      const key = keyOf(next.client, next.id);
      const { set, remove, value } = textValues(JSON.stringify(next));
      const done =
        (await table.update(key, {
          set: `SET ${set} = :body, rev = :next, tok = :tok REMOVE ${remove}`,
          when: 'rev = :rev',
          values: {
            ':body': value,
            ':rev': { N: String(expectedRevision) },
            ':next': { N: String(next.revision) },
            ':tok': { S: token },
          },
        })) || (await table.get(key))?.['tok']?.S === token;
      const stays = next.state === 'pending' && next.nextAtMs === before.nextAtMs;
      if (done && before.state === 'pending' && !stays) await table.remove(pointerOf(before));
      return done;
    },
    get,
    async due(nowMs, max) {
      const found: Delivery[] = [];
      const to = `${timeText(nowMs)}~`;
      for await (const pointers of table.query({ pk: DUE, to, pageItems: max, only: ['pk', 'sk'] })) {
        const places = pointers.map((pointer) => placeOf(pointer['sk']?.S ?? ''));
        const keys = new Map(places.map(({ client, id }) => [`${client}#${id}`, keyOf(client, id)]));
        const items = await table.getMany([...keys.values()]);
        const byName = new Map(
          items.map(deliveryOf).map((delivery) => [`${delivery.client}#${delivery.id}`, delivery]),
        );
        for (const place of places) {
          const delivery = byName.get(`${place.client}#${place.id}`);
          if (delivery?.state === 'pending' && delivery.nextAtMs === place.atMs) found.push(delivery);
          else if (nowMs - place.atMs > STALE_MS) await table.remove({ pk: DUE, sk: place.sk });
        }
        if (found.length >= max) break;
      }
      return found.slice(0, max);
    },
    async pending(client, channel, max) {
      const found: Delivery[] = [];
      for await (const delivery of ofClient(client, false)) {
        if (delivery.state === 'pending' && delivery.channel === channel) found.push(delivery);
        if (found.length === max) break;
      }
      return found;
    },
    async list({ client, batch, state, limit }) {
      const found: Delivery[] = [];
      for await (const delivery of ofClient(client, true)) {
        if ((batch ?? delivery.batch) !== delivery.batch || (state ?? delivery.state) !== delivery.state) continue;
        found.push(delivery);
        if (found.length >= limit) break;
      }
      return found;
    },
    async remove(client, batches) {
      let removed = 0;
      for await (const delivery of ofClient(client, false)) {
        if (batches?.has(delivery.batch) === false) continue;
        await table.remove(keyOf(client, delivery.id));
        if (delivery.state === 'pending') await table.remove(pointerOf(delivery));
        removed += 1;
      }
      return removed;
    },
    /** Items run out by themselves. */
    sweep: async () => 0,
  };
}

function partitionOf(client: string): string {
  return `dlv#${client}`;
}

function keyOf(client: string, id: string): Key {
  return { pk: partitionOf(client), sk: id };
}

function timeText(atMs: number): string {
  return String(atMs).padStart(TIME_DIGITS, '0');
}

function pointerOf({ nextAtMs, client, id }: Delivery): Key {
  return { pk: DUE, sk: `${timeText(nextAtMs)}#${client}#${id}` };
}

function placeOf(sk: string): {
  readonly sk: string;
  readonly atMs: number;
  readonly client: string;
  readonly id: string;
} {
  const [time = '', client = '', id = ''] = sk.split('#');
  return { sk, atMs: Number(time), client, id };
}

function deliveryOf(item: Item): Delivery {
  return JSON.parse(textOf(item)) as Delivery;
}
