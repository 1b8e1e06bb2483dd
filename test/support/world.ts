/**
 * A whole engine in memory: every store a fake, every task the real one. `process` gives another engine process over the
 * same stores; `drain` handles messages one after another until none is left.
 */
import { deriveLimits, type Limits } from '../../src/config/limits.ts';
import { type Settings, withDefaults } from '../../src/config/schema.ts';
import { assert } from '../../src/core/assert.ts';
import type { Telemetry, TelemetryEvent } from '../../src/core/telemetry.ts';
import { Credits } from '../../src/engine/credits.ts';
import {
  CLIENT_ID,
  type ClientRecord,
  type ClientStore,
  type ProfileRecord,
  STORED_PROFILE_NAME,
} from '../../src/io/ports/clients.ts';
import type { Batch, BatchState } from '../../src/io/ports/registry.ts';
import type { RulesService } from '../../src/io/ports/rules.ts';
import { type AcceptedObject, acceptObject } from '../../src/stages/accept.ts';
import { type AnswerKind, renderAnswer } from '../../src/stages/answers/answers.ts';
import { QUEUES, type QueueName } from '../../src/stages/batch/messages.ts';
import type { StageContext } from '../../src/stages/context.ts';
import { handlerOf } from '../../src/stages/handlers.ts';
import { Rulings } from '../../src/stages/picking/rulings.ts';
import { sweep } from '../../src/stages/sweep.ts';
import { FakeClock } from './clock.ts';
import { InlinePool } from './inlinePool.ts';
import { MemoryDeliveries } from './memoryDeliveries.ts';
import { MemoryQueue } from './memoryQueue.ts';
import { MemoryRegistry, RegistryState } from './memoryRegistry.ts';
import { MemoryDebts, MemoryObjects, MemoryStaging } from './memoryStores.ts';
import { HeldModules } from './modules.ts';
import { Life } from './mortal.ts';
import { briefly, type Pause, seededBytes } from './pause.ts';

export class MemoryClients implements ClientStore {
  readonly #clients = new Map<string, ClientRecord>();
  readonly #profiles: ProfileRecord[] = [];

  async add(client: ClientRecord): Promise<boolean> {
    assert(CLIENT_ID.test(client.id), 'a client id is well formed');
    if (this.#clients.has(client.id)) return false;
    this.#clients.set(client.id, { ...client });
    return true;
  }

  async update(client: ClientRecord): Promise<boolean> {
    if (!this.#clients.has(client.id)) return false;
    this.#clients.set(client.id, { ...client });
    return true;
  }

  async get(id: string): Promise<ClientRecord | undefined> {
    return this.#clients.get(id);
  }

  async list(): Promise<ClientRecord[]> {
    return [...this.#clients.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async addProfile(profile: ProfileRecord): Promise<boolean> {
    assert(STORED_PROFILE_NAME.test(profile.name) && profile.version >= 1, 'a profile is well formed');
    if (this.#profiles.some(({ name, version }) => name === profile.name && version === profile.version)) return false;
    this.#profiles.push({ ...profile });
    this.#profiles.sort((a, b) => (a.name === b.name ? a.version - b.version : a.name < b.name ? -1 : 1));
    return true;
  }

  async getProfile(name: string, version?: number): Promise<ProfileRecord | undefined> {
    return this.#profiles.findLast((one) => one.name === name && (version === undefined || one.version === version));
  }

  async listProfiles(): Promise<ProfileRecord[]> {
    return [...this.#profiles];
  }
}

/** One engine process: its context, the tasks its pool began, and its life. */
export type Process = StageContext & { readonly tasks: InlinePool; readonly life: Life };

export interface WorldOptions {
  readonly settings?: Partial<Settings>;
  readonly limits?: Partial<Limits>;
  readonly pause?: Pause;
  readonly seed?: number;
}

/** Turns every way of the engine into a short one: ranges of some lines, chunks of some records, blocks of some entries. */
export const TINY: WorldOptions = {
  settings: { rangeBytes: 400, recordBytesMax: 1024, readBytes: 100, shardRecords: 5, smallRecordsMax: 0, threads: 2 },
  limits: { chunkRecords: 3, chunkTextBytes: 4096, entryBlockBytes: 64, pieceRecordsFor: () => 12 },
};

export class World {
  readonly settings: Settings;
  readonly limits: Limits;
  readonly clock = new FakeClock();
  readonly events: TelemetryEvent[] = [];
  readonly telemetry: Telemetry = { emit: (event) => this.events.push(event) };
  readonly state = new RegistryState();
  readonly queue: MemoryQueue;
  readonly objects: MemoryObjects;
  readonly staging: MemoryStaging;
  readonly debts: MemoryDebts;
  readonly clients = new MemoryClients();
  readonly deliveries = new MemoryDeliveries();
  /** What profiles may name; all processes have the same. */
  readonly modules = new HeldModules();
  /** The rules service of all processes; each remembers by itself what it was answered. */
  rulesService: RulesService | undefined;
  readonly #pause: Pause;
  #seed: number;
  #files = 0;

  constructor(options: WorldOptions = {}) {
    this.#pause = options.pause ?? briefly;
    this.#seed = options.seed ?? 1;
    this.settings = withDefaults(options.settings ?? {}, 2);
    this.limits = { ...deriveLimits(this.settings), ...options.limits };
    this.queue = new MemoryQueue(this.clock, { pause: this.#pause, receivesMax: this.settings.receivesMax });
    this.objects = new MemoryObjects(this.#pause);
    this.staging = new MemoryStaging(this.#pause);
    this.debts = new MemoryDebts(this.#pause);
  }

  /** Another process over the same stores, with a pool of its own; it dies when its life ends. */
  process(life = new Life()): Process {
    const { settings, limits } = this;
    const objects = life.owns(this.objects);
    const staging = life.owns(this.staging);
    const debts = life.owns(this.debts);
    const tasks = new InlinePool(
      { settings, limits, objects, staging, debts, modules: this.modules },
      settings.threads,
    );
    this.#seed += 1;
    const { clock, clients, telemetry, rulesService: service } = this;
    return {
      ...(service === undefined ? {} : { rulings: new Rulings({ settings, service, clients, clock, telemetry }) }),
      settings,
      limits,
      clock: this.clock,
      random: seededBytes(this.#seed),
      telemetry: this.telemetry,
      registry: life.owns(new MemoryRegistry(this.state, this.#pause)),
      queue: life.owns(this.queue),
      objects,
      clients: this.clients,
      deliveries: life.owns(this.deliveries),
      pool: tasks.asPool(),
      scanCredits: new Credits(settings.threads * 2),
      tasks,
      life,
    };
  }

  /** Stores a file and accepts it. */
  async accept(context: StageContext, file: string | Uint8Array, change: Partial<AcceptedObject> = {}): Promise<Batch> {
    this.#files += 1;
    const bytes = typeof file === 'string' ? new TextEncoder().encode(file) : file;
    const client = change.client ?? 'acme';
    const stored = this.objects.set(`raw/${client}/f-${this.#files}`, bytes);
    return await acceptObject(context, {
      ...stored,
      client,
      file: 'debts.csv',
      bucket: 'raw',
      version: stored.etag,
      asOf: '2026-08-01',
      ...change,
    });
  }

  /**
   * Handles messages one after another until none is left to receive, now or after a delay, or until the process dies;
   * answers how many were handled.
   */
  async drain(context: Process, messagesMax = 10_000): Promise<number> {
    let handled = 0;
    for (let idle = 0; idle < 2 && !context.life.over; ) {
      let found = false;
      for (const queue of QUEUES) {
        if (!(await this.handleOne(context, queue))) continue;
        found = true;
        handled += 1;
        if (handled > messagesMax) throw new Error('messages come without end');
      }
      if (found) idle = 0;
      else {
        idle += 1;
        await this.clock.advance(this.settings.retryMsMax);
      }
    }
    return handled;
  }

  /** Handles the next message of a queue, if there is one, as far as the process lives; whether there was one. */
  async handleOne(context: Process, queue: QueueName): Promise<boolean> {
    const [message] = await this.queue.receive(queue, { max: 1, waitMs: 0, leaseMs: this.settings.leaseMs });
    if (message === undefined) return false;
    const verdict = await Promise.race([handlerOf(context)(message, new AbortController().signal), context.life.ended]);
    if (verdict === undefined) return true;
    if (verdict.done) await this.queue.ack(queue, message);
    else await this.queue.release(queue, message, verdict.retryMs);
    return true;
  }

  /** What a new process does after others died: their leases run out, and the sweep asks what is owed. */
  async recover(context: Process): Promise<void> {
    this.queue.freeAll();
    await sweep(context, 0);
    await this.drain(context);
  }

  stateOf(batch: Pick<Batch, 'id'>): BatchState | undefined {
    return this.state.batches.get(batch.id)?.state;
  }

  stored(batch: Pick<Batch, 'id'>): Batch {
    const stored = this.state.batches.get(batch.id);
    if (stored === undefined) throw new Error(`no batch ${batch.id}`);
    return stored;
  }

  /** The receipt as JSON reads it: cents as numbers. */
  receiptOf(batch: Pick<Batch, 'id'>) {
    return JSON.parse(this.stored(batch).receipt ?? 'null');
  }

  async answer(context: StageContext, batch: Pick<Batch, 'id'>, kind: AnswerKind): Promise<string> {
    const blocks: Uint8Array[] = [];
    for await (const block of renderAnswer(context, batch.id, kind)) blocks.push(block.slice());
    return Buffer.concat(blocks).toString('utf8');
  }
}
