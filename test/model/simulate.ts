/**
 * Runs one history to its end: processes over shared stores, clients who bring files and ask again until they are answered,
 * an operator who redrives what stalled. What is left at the end, and what was seen on the way, is for the verdict.
 */

import { isFault } from '../../src/core/faults.ts';
import { readProfile } from '../../src/engine/profiles.ts';
import { type Batch, FINAL_STATES } from '../../src/io/ports/registry.ts';
import { DUPLICATES_POLICIES } from '../../src/kernel/plan.ts';
import { acceptObject } from '../../src/stages/accept.ts';
import { discardBatch } from '../../src/stages/batch/approve.ts';
import { redriveBatch } from '../../src/stages/batch/cancel.ts';
import { Random } from '../oracle/random.ts';
import { fileOf } from '../support/files.ts';
import { World } from '../support/world.ts';
import { type Answer, ASKING_PROFILES, asks } from './approvals.ts';
import type { History, SimFile } from './history.ts';
import { Mishaps } from './mishaps.ts';
import { type Mutation, SOUND } from './mutations.ts';
import { Listener, type Shared, SimProcess, Standing } from './process.ts';
import { type Life, Scheduler } from './scheduler.ts';
import { SimQueue } from './simQueue.ts';
import { type Violation, verdictOf } from './verdict.ts';

export const BUSINESS_DATE = '2026-08-01';
const NOTIFYING = { events: 'sns', notifyPollMs: 20_000, notifyRetryMsMax: 20_000 } as const;
const APPROVAL_MS_MAX = 200_000;
const STEPS_MAX = 150_000;
/** A client who gets no answer asks again. */
const PATIENCE_MS = 40_000;
const OPERATOR_LOOKS_MS = 45_000;

/** States after which nobody is asked any more. */
const PAST_ASKING: ReadonlySet<string> = new Set(['registering', ...FINAL_STATES]);

/** How a file fared, as its client saw it. */
export interface Told {
  readonly file: SimFile;
  readonly key: string;
  /** Whether it is to be approved before it registers. */
  readonly asked: boolean;
  id: string | undefined;
  /** Steps of the scheduler. */
  begunAt: number;
  acceptedAt: number;
  /** What was answered to who asked to cancel it. */
  cancel: 'cancelled' | 'refused' | undefined;
  /** What was answered to those who decided about it, and between which steps. */
  readonly decisions: {
    readonly what: 'approved' | 'discarded' | 'refused';
    readonly from: number;
    readonly to: number;
  }[];
}

export interface Ended {
  readonly history: History;
  readonly world: World;
  readonly queue: SimQueue;
  readonly how: 'over' | 'endless' | 'stuck';
  readonly told: readonly Told[];
  readonly mishaps: Mishaps;
  readonly steps: number;
  /** A result that stood and was replaced. */
  readonly replaced: string | undefined;
  readonly listener: Listener;
}

export async function simulate(history: History, mutation: Mutation = SOUND): Promise<Ended> {
  const random = new Random(history.seed ^ 0x2545f491);
  const scheduler = new Scheduler(random);
  const world = new World({
    settings: {
      rangeBytes: 200,
      recordBytesMax: 1024,
      readBytes: 100,
      shardRecords: 4,
      threads: 2,
      smallRecordsMax: history.smallRecordsMax,
      linePage: 2,
      pollMsMax: 20_000,
      sweepMs: 20_000,
      retryMsMax: 5000,
      approvalMsMax: APPROVAL_MS_MAX,
      ...(history.notified ? NOTIFYING : {}),
    },
    limits: { chunkRecords: 3, chunkTextBytes: 4096, entryBlockBytes: 64, pieceRecordsFor: () => 6 },
  });
  // The checker of documents is loaded before time begins to be counted in steps.
  await readProfile(JSON.stringify(ASKING_PROFILES.always));
  for (const [name, asking] of [['plain', { format: 1 }], ...Object.entries(ASKING_PROFILES)] as const) {
    for (const duplicates of DUPLICATES_POLICIES) {
      const document = JSON.stringify({ ...asking, duplicates });
      await world.clients.addProfile({ name: `${name}-${duplicates}`, version: 1, document, createdAtMs: 0 });
    }
  }
  const network: Life = { dead: false, stoppedUntilMs: 0, wallOffMs: 0 };
  const { receivesMax } = world.settings;
  const queue = new SimQueue(scheduler.clock(network), random, { ...history, receivesMax });
  const mishaps = new Mishaps(history, scheduler);
  const listener = new Listener();
  const shared: Shared = {
    world,
    queue,
    scheduler,
    random,
    mishaps,
    mutation,
    standing: new Standing(),
    notified: history.notified,
    listener,
  };
  const processes: SimProcess[] = [];
  mishaps.onCrash = (life) => {
    void scheduler.after(random.integer(1, 60_000)).then(() => {
      processes[processes.findIndex((process) => process.life === life)] = new SimProcess(shared);
    });
  };
  for (let index = 0; index < history.processes; index++) processes.push(new SimProcess(shared));
  const people = new People(shared, processes, scheduler.clock(network));
  const told = history.files.map((file, index) => people.bring(file, index));
  people.operate();
  const isOver = (): boolean => {
    const batches = [...world.state.batches.values()];
    const settled = batches.every((batch) => FINAL_STATES.has(batch.state) && batch.owed.length === 0);
    if (history.notified && batches.some((batch) => !listener.knows(batch))) return false;
    return people.busy === 0 && settled && queue.ids().length === 0 && processes.every(({ roles }) => roles.busy === 0);
  };
  const how = await scheduler.run(isOver, STEPS_MAX);
  return {
    history,
    world,
    queue,
    how,
    told,
    mishaps,
    steps: scheduler.steps,
    replaced: shared.standing.replaced,
    listener,
  };
}

/** Runs a history and judges it. */
export async function violationOf(history: History, mutation: Mutation = SOUND): Promise<Violation | undefined> {
  return await verdictOf(await simulate(history, mutation));
}

/** Those outside: they reach some living process each time, and may get no answer. */
class People {
  /** Who has not had an answer yet. */
  busy = 0;
  readonly #shared: Shared;
  readonly #processes: readonly SimProcess[];
  readonly #clock: ReturnType<Scheduler['clock']>;

  constructor(shared: Shared, processes: readonly SimProcess[], clock: ReturnType<Scheduler['clock']>) {
    this.#shared = shared;
    this.#processes = processes;
    this.#clock = clock;
  }

  bring(file: SimFile, index: number): Told {
    const { world, scheduler, mutation } = this.#shared;
    const key = `raw/${file.client}/f-${index}`;
    const asked = !file.dryRun && asks(file.asking, file.lines);
    const told: Told = { file, key, asked, id: undefined, begunAt: 0, acceptedAt: 0, cancel: undefined, decisions: [] };
    const stored = world.objects.set(key, new TextEncoder().encode(textOf(file)));
    const accept = async (process: SimProcess): Promise<Batch> =>
      await acceptObject(process.context, {
        ...stored,
        client: file.client,
        file: `f-${index}.csv`,
        bucket: 'raw',
        version: stored.etag,
        asOf: BUSINESS_DATE,
        dryRun: file.dryRun,
        ...profileOf(file),
      });
    this.#at(file.atMs, async () => {
      told.begunAt = scheduler.steps;
      told.id = (await this.#insist(accept)).id;
      told.acceptedAt = scheduler.steps;
    });
    if (file.againAtMs !== null) this.#at(file.againAtMs, () => this.#insist(accept));
    if (file.cancelAtMs !== null) {
      this.#at(file.cancelAtMs, async () => {
        while (told.id === undefined) await scheduler.after(10);
        const id = told.id;
        told.cancel = await this.#insist(async ({ context }) => {
          const batch = await context.registry.get(id);
          if (batch === undefined) throw new Error('an accepted batch is not there');
          try {
            await mutation.cancel(context, batch);
            return 'cancelled';
          } catch (error) {
            if (isFault(error) && error.code === 'NOT_IN_THIS_STATE') return 'refused';
            throw error;
          }
        });
      });
    }
    for (const answer of file.asking?.answers ?? []) this.#at(file.atMs, () => this.#decide(told, answer));
    return told;
  }

  /** Who looks waits until the batch waits for them, or has ended by itself. */
  async #decide(told: Told, { says, looks, afterMs }: Answer): Promise<void> {
    const { world, scheduler, mutation } = this.#shared;
    while (told.id === undefined) await scheduler.after(500);
    const id = told.id;
    const waits = () => world.state.batches.get(id)?.state === 'awaiting_approval';
    const isThrough = () => world.state.history.some(({ batch, state }) => batch === id && PAST_ASKING.has(state));
    while (looks && !waits() && !isThrough()) await scheduler.after(500);
    await scheduler.after(afterMs);
    const from = scheduler.steps;
    const what = await this.#insist(async ({ context }) => {
      try {
        if (says === 'approve') await mutation.approve(context, id, 'somebody');
        else await discardBatch(context, id, 'not this one');
        return says === 'approve' ? 'approved' : 'discarded';
      } catch (error) {
        if (isFault(error) && error.code === 'NOT_IN_THIS_STATE') return 'refused';
        throw error;
      }
    });
    told.decisions.push({ what, from, to: scheduler.steps });
  }

  /** Looks for stalled batches now and then, and redrives them. */
  operate(): void {
    const { world, scheduler } = this.#shared;
    const look = async (): Promise<void> => {
      await scheduler.after(OPERATOR_LOOKS_MS);
      for (const batch of [...world.state.batches.values()].filter(({ state }) => state === 'stalled')) {
        const process = this.#anyone();
        if (process === undefined) continue;
        this.busy += 1;
        await this.#patiently(redriveBatch(process.context, batch)).catch(() => {});
        this.busy -= 1;
      }
      void look();
    };
    void look();
  }

  #at(atMs: number, act: () => Promise<unknown>): void {
    this.busy += 1;
    void this.#shared.scheduler
      .after(atMs)
      .then(act)
      .then(() => {
        this.busy -= 1;
      });
  }

  async #insist<T>(ask: (process: SimProcess) => Promise<T>): Promise<T> {
    for (;;) {
      const process = this.#anyone();
      if (process !== undefined) {
        try {
          const answer = await this.#patiently(ask(process).then((value) => ({ value })));
          if (answer !== undefined) return answer.value;
        } catch (error) {
          if (!isFault(error)) throw error;
        }
      }
      await this.#shared.scheduler.after(1000);
    }
  }

  async #patiently<T>(answer: Promise<T>): Promise<T | undefined> {
    const settled = new AbortController();
    try {
      return await Promise.race([answer, this.#clock.sleep(PATIENCE_MS, settled.signal).then(() => undefined)]);
    } finally {
      settled.abort();
    }
  }

  #anyone(): SimProcess | undefined {
    const alive = this.#processes.filter(({ life }) => !life.dead);
    return alive.length === 0 ? undefined : this.#shared.random.pick(alive);
  }
}

function textOf(file: SimFile): string {
  const text = fileOf(...file.lines);
  if (file.broken === 'header') return text.replace('cpf', 'foreign');
  return file.broken === 'quote' ? `${text}"never,closed` : text;
}

/** What asks for approval and the policy of duplicates together make the profile; most files have the default one. */
function profileOf({ asking, duplicates }: SimFile): { readonly profile?: string } {
  if (asking === null && duplicates === 'first') return {};
  return { profile: `${asking?.profile ?? 'plain'}-${duplicates}` };
}
