/** A world of two clients that are told of the ends of their batches, and what they were told. */
import type { Fault } from '../../src/core/faults.ts';
import type { ClientNotify } from '../../src/io/ports/clients.ts';
import type { Delivery } from '../../src/io/ports/deliveries.ts';
import type { OutgoingEvent } from '../../src/io/ports/events.ts';
import type { Mail } from '../../src/io/ports/mail.ts';
import type { WebhookPost } from '../../src/io/ports/webhook.ts';
import { type Channels, Deliverer } from '../../src/stages/notices/deliver.ts';
import { fileOf } from './files.ts';
import { type Process, World, type WorldOptions } from './world.ts';

export const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
export const WEBHOOK: ClientNotify = {
  kinds: ['completed', 'completed_with_rejects', 'failed', 'cancelled'],
  webhook: { url: 'https://hook.example/', secrets: [SECRET] },
};
export const MAIL: ClientNotify = { ...WEBHOOK, mail: { to: ['ana@loja.example'], language: 'pt-BR' } };
export const CPF = '52998224725';

/** What was told, and how the next attempts end. */
export class Told implements Channels {
  readonly posts: WebhookPost[] = [];
  readonly mails: Mail[] = [];
  readonly published: OutgoingEvent[] = [];
  fault: (id: string) => Fault | undefined = () => undefined;
  /** Posts wait for it before they end. */
  gate: Promise<void> | undefined;
  readonly webhooks = {
    post: async (post: WebhookPost) => {
      this.posts.push(post);
      await this.gate;
      this.#end(post.id);
    },
    close: async () => {},
  };
  readonly mail = {
    send: async (mail: Mail) => {
      this.mails.push(mail);
      this.#end(mail.id);
    },
    close: async () => {},
  };
  readonly events = [
    {
      publish: async (events: readonly OutgoingEvent[]) => {
        this.published.push(...events);
        this.#end(events[0]?.id ?? '');
      },
      close: async () => {},
    },
  ];

  #end(id: string): void {
    const fault = this.fault(id);
    if (fault !== undefined) throw fault;
  }
}

export const SIGNAL = new AbortController().signal;

export async function worldWith(notify: ClientNotify | undefined, options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  world.state.installation.hashSeed = 7;
  for (const id of ['acme', 'beta']) {
    await world.clients.add({
      id,
      name: id,
      profile: 'default',
      amountCentsMin: 1,
      amountCentsMax: 1e12,
      createdAtMs: 0,
      ...(notify === undefined ? {} : { notify }),
    });
  }
  return world;
}

/** Looks until nothing is due any more; time goes on between looks. */
export async function deliverAll(world: World, context: Process, told: Channels, looks = 200): Promise<void> {
  const deliverer = new Deliverer(context, told);
  for (let look = 0; look < looks; look++) {
    // What a dead process awaits never comes.
    const looked = deliverer.look(SIGNAL).then(() => deliverer.quiet());
    await Promise.race([looked, context.life.ended]);
    if (context.life.over) return;
    const left = [...(await world.deliveries.due(Number.MAX_SAFE_INTEGER, 1))];
    if (left.length === 0) return;
    await world.clock.advance(60_000);
  }
}

export async function all(world: World): Promise<Delivery[]> {
  const filter = { limit: 1000 };
  return [
    ...(await world.deliveries.list({ client: 'acme', ...filter })),
    ...(await world.deliveries.list({ client: 'beta', ...filter })),
  ];
}

/** `count` good lines, from reference R-`from` on. */
export function refs(count: number, amount: string, from = 0) {
  return Array.from({ length: count }, (_, i) => ({ ref: `R-${from + i}`, amount }));
}

export const GOOD = fileOf(...refs(3, '10.00'));
export const REJECTED = fileOf({ ref: 'R-1' }, { ref: 'R-2', due: 'never' });
export const BROKEN = 'external_ref,debtor_name\n';
