/**
 * One engine process of a simulation: the real roles and tasks over stores whose every call goes through the scheduler and
 * may meet a mishap. A process can die at any call and come back as a new one; it can be stopped and woken much later.
 */
import { Credits } from '../../src/engine/credits.ts';
import type { EventPublisher, OutgoingEvent } from '../../src/io/ports/events.ts';
import type { Batch, Registry } from '../../src/io/ports/registry.ts';
import { type Role, type RunningRoles, startRoles } from '../../src/roles/roles.ts';
import type { StageContext } from '../../src/stages/context.ts';
import { injected, mayRepeat, UNTOUCHED } from '../fault/faulty.ts';
import { type Between, interposed, type PortCall } from '../fault/interpose.ts';
import type { Random } from '../oracle/random.ts';
import { InlinePool } from '../support/inlinePool.ts';
import { MemoryRegistry } from '../support/memoryRegistry.ts';
import { seededBytes } from '../support/pause.ts';
import type { World } from '../support/world.ts';
import type { Mishaps } from './mishaps.ts';
import { type Mutation, patched } from './mutations.ts';
import type { Life, Scheduler } from './scheduler.ts';
import type { SimQueue } from './simQueue.ts';

/** What all processes of a history share. */
export interface Shared {
  readonly world: World;
  readonly queue: SimQueue;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly mishaps: Mishaps;
  readonly mutation: Mutation;
  readonly standing: Standing;
  readonly notified: boolean;
  readonly listener: Listener;
}

/** Hears the events of batches, and keeps the ids under which each batch's end was told. */
export class Listener implements EventPublisher {
  readonly heard = new Map<string, Set<string>>();

  async publish(events: readonly OutgoingEvent[]): Promise<void> {
    for (const { id, type, detail } of events) {
      const batch = String(detail['batch']);
      this.heard.set(batch, (this.heard.get(batch) ?? new Set()).add(`${type} ${id}`));
    }
  }

  /** Whether the batch's end was told, and before it that it waited, where it did. */
  knows({ id, state, enteredMs }: Batch): boolean {
    const told = [...(this.heard.get(id) ?? [])];
    const waited = enteredMs.awaiting_approval !== undefined;
    return [state, ...(waited ? ['awaiting_approval'] : [])].every((one) =>
      told.some((event) => event.startsWith(`batch.${one} `)),
    );
  }

  async close(): Promise<void> {}
}

/** No client of a simulation has a webhook or an address. */
const NOBODY = {
  webhooks: { post: () => Promise.reject(new Error('a webhook was called')), close: async () => {} },
  mail: { send: () => Promise.reject(new Error('a mail was sent')), close: async () => {} },
};

/** The results that were ever answered to stand, and whether another one was answered in place of one of them. */
export class Standing {
  readonly #bodies = new Map<string, string>();
  replaced: string | undefined;

  see(work: string, body: string): void {
    if ((this.#bodies.get(work) ?? body) !== body) this.replaced = work;
    this.#bodies.set(work, body);
  }

  forget(batch: string, kinds: readonly string[]): void {
    for (const work of this.#bodies.keys()) {
      if (kinds.some((kind) => work.startsWith(`${batch} ${kind} `))) this.#bodies.delete(work);
    }
  }
}

const ROLES: readonly Role[] = ['picker', 'intermediate', 'registering', 'batch'];

const LATE_MS_MAX = 90_000;

export class SimProcess {
  readonly life: Life = { dead: false, stoppedUntilMs: 0, wallOffMs: 0 };
  readonly context: StageContext;
  readonly roles: RunningRoles;
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
    const { world, queue, scheduler, random, mutation, mishaps } = shared;
    const { settings, limits } = world;
    const between = this.#between.bind(this) as Between;
    const registry = watched(mutation.registry(new MemoryRegistry(world.state)), shared.standing);
    const plane = {
      objects: interposed('objects', world.objects, between),
      staging: interposed('staging', mutation.staging(world.staging), between),
      debts: interposed('debts', mutation.debts(world.debts), between),
    };
    const tasks = new InlinePool({ settings, limits, ...plane }, settings.threads);
    tasks.before = () => mishaps.beforeTask();
    this.context = {
      ...world.process(),
      clock: scheduler.clock(this.life),
      random: seededBytes(random.integer(0, 2 ** 31)),
      registry: interposed('registry', registry, between),
      queue: interposed('queue', mutation.queue(queue), between),
      clients: interposed('clients', world.clients, between),
      deliveries: interposed('deliveries', world.deliveries, between),
      objects: plane.objects,
      pool: tasks.asPool(),
      scanCredits: new Credits(settings.threads * 2),
    };
    const events = interposed('events', shared.listener, between);
    this.roles = shared.notified
      ? startRoles(this.context, new Set([...ROLES, 'notifier']), undefined, { ...NOBODY, events: [events] })
      : startRoles(this.context, new Set(ROLES), undefined);
  }

  /** A call is under way, acts, and its answer is under way; every one of these may be the last of the process. */
  async #between<T>(call: PortCall, act: () => Promise<T>): Promise<T> {
    const { scheduler, mishaps, random } = this.#shared;
    if (this.life.dead) return await never();
    if (UNTOUCHED.has(call.method)) return await act();
    const fate = mishaps.fateOf(this.life, call);
    if (fate === 'fail') {
      await scheduler.turn(this.life);
      throw injected();
    }
    await this.#way(fate === 'delay');
    if (this.life.dead) {
      // What was under way when its sender died arrives all the same, perhaps much later, or not.
      if (random.chance(0.5)) return await never();
      await scheduler.after(random.integer(0, LATE_MS_MAX));
    }
    const answer = await act();
    if (fate === 'twice' && mayRepeat(call)) this.#again(act);
    await scheduler.turn(this.life);
    if (fate === 'lose') throw injected();
    return answer;
  }

  async #way(delayed: boolean): Promise<void> {
    const { scheduler, random } = this.#shared;
    if (delayed) await scheduler.after(random.integer(1, LATE_MS_MAX));
    else await scheduler.turn();
  }

  #again(act: () => Promise<unknown>): void {
    this.#way(true)
      .then(act)
      .catch(() => {});
  }
}

function watched(registry: Registry, standing: Standing): Registry {
  return patched(registry, {
    async putResult(batch, kind, work, body) {
      const answer = await registry.putResult(batch, kind, work, body);
      standing.see(`${batch} ${kind} ${work}`, answer.body);
      return answer;
    },
    async dropResults(batch, kinds) {
      await registry.dropResults(batch, kinds);
      standing.forget(batch, kinds);
    },
  });
}

function never(): Promise<never> {
  return new Promise(() => {});
}
