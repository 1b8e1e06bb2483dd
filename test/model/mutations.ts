/**
 * Twelve planted bugs, one for each invariant that the engine stands on. Each changes what a store or an operator does, as a
 * driver or a build with that mistake would; the simulation must find every one.
 */
import { Fault, isFault } from '../../src/core/faults.ts';
import type { DebtStore } from '../../src/io/ports/debts.ts';
import type { WorkQueue } from '../../src/io/ports/queue.ts';
import type { Batch, Registry } from '../../src/io/ports/registry.ts';
import type { StagingStore } from '../../src/io/ports/staging.ts';
import { approveBatch } from '../../src/stages/batch/approve.ts';
import { sendOwed } from '../../src/stages/batch/batches.ts';
import { cancelBatch } from '../../src/stages/batch/cancel.ts';
import { failureReceipt } from '../../src/stages/batch/receipt.ts';
import type { StageContext } from '../../src/stages/context.ts';
import type { MemoryDebts } from '../support/memoryStores.ts';

export interface Mutation {
  readonly says: string;
  registry(registry: Registry): Registry;
  debts(debts: MemoryDebts): DebtStore;
  staging(staging: StagingStore): StagingStore;
  queue(queue: WorkQueue): WorkQueue;
  cancel(context: StageContext, batch: Batch): Promise<Batch>;
  approve(context: StageContext, id: string, by: string): Promise<Batch>;
}

/** The engine as it is. */
export const SOUND: Mutation = {
  says: 'nothing is planted',
  registry: (registry) => registry,
  debts: (debts) => debts,
  staging: (staging) => staging,
  queue: (queue) => queue,
  cancel: cancelBatch,
  approve: approveBatch,
};

export const MUTATIONS: readonly Mutation[] = [
  {
    ...SOUND,
    says: 'a debt is written though it carries a later turn',
    debts: (debts) =>
      patched(debts, {
        async write(_client, _turn, rows) {
          for (const row of rows) debts.set(row);
          return 'written';
        },
      }),
  },
  {
    ...SOUND,
    says: 'a batch is replaced whatever its revision',
    registry: (registry) =>
      patched(registry, {
        async replace(batch) {
          for (;;) {
            const stored = await registry.get(batch.id);
            if (stored === undefined) return false;
            if (await registry.replace(batch, stored.revision)) return true;
          }
        },
      }),
  },
  {
    ...SOUND,
    says: 'the last result of a piece of work stands, not the first',
    registry: (registry) =>
      patched(registry, {
        async putResult(batch, kind, work, body) {
          const others = (await registry.listResults(batch, kind)).filter((result) => result.work !== work);
          await registry.dropResults(batch, [kind]);
          for (const other of others) await registry.putResult(batch, kind, other.work, other.body);
          return await registry.putResult(batch, kind, work, body);
        },
      }),
  },
  {
    ...SOUND,
    says: 'a message is acknowledged before its effect, and nobody sweeps',
    registry: (registry) => patched(registry, { open: async () => ({ batches: [] }) }),
    queue: (queue) =>
      patched(queue, {
        async receive(name, options) {
          const messages = await queue.receive(name, options);
          for (const message of messages) await queue.ack(name, message);
          return messages;
        },
      }),
  },
  {
    ...SOUND,
    says: 'what a transition owes is not recorded with it',
    registry: (registry) =>
      patched(registry, { replace: (batch, revision) => registry.replace({ ...batch, owed: [] }, revision) }),
  },
  {
    ...SOUND,
    says: 'the line is served from its end',
    registry: (registry) =>
      patched(registry, {
        lineHead: async (client, max, after) => (await registry.lineHead(client, 1000, after)).reverse().slice(0, max),
      }),
  },
  {
    ...SOUND,
    says: 'the sweep sees no open batch, and sent messages may be lost',
    registry: (registry) => patched(registry, { open: async () => ({ batches: [] }) }),
    queue: (queue) => {
      let sent = 0;
      return patched(queue, {
        async send(name, messages) {
          sent += 1;
          if (sent % 10 !== 0) await queue.send(name, messages);
        },
      });
    },
  },
  {
    ...SOUND,
    says: 'results are counted as they come, the same one twice',
    registry: (registry) => {
      const counted = new Map<string, number>();
      return patched(registry, {
        async putResult(batch, kind, work, body) {
          counted.set(`${batch} ${kind}`, (counted.get(`${batch} ${kind}`) ?? 0) + 1);
          return await registry.putResult(batch, kind, work, body);
        },
        async countResults(batch, kind) {
          return Math.max(await registry.countResults(batch, kind), counted.get(`${batch} ${kind}`) ?? 0);
        },
        // What a stage that trusts its counter reads: as many as were counted.
        async listResults(batch, kind, page) {
          const results = await registry.listResults(batch, kind, page);
          const more = (counted.get(`${batch} ${kind}`) ?? 0) - (await registry.countResults(batch, kind));
          return more > 0 && kind === 'shard' ? [...results, ...results.slice(0, more)] : results;
        },
      });
    },
  },
  {
    ...SOUND,
    says: 'a run of small batches takes one turn of the client, whose numbers are then given again',
    registry: (registry) =>
      patched(registry, {
        takeTurns: (client, expected, next) => registry.takeTurns(client, expected, { ...next, turn: expected + 1 }),
      }),
  },
  {
    ...SOUND,
    says: 'a batch is cancelled after its registering has begun',
    async cancel(context, before) {
      if (before.state !== 'registering' && before.state !== 'stalled') return await cancelBatch(context, before);
      const failure = { code: 'CANCELLED', message: 'asked too late' };
      const receipt = failureReceipt(before, 'cancelled', failure, context.clock.nowMs());
      const owed = ['free', 'line'] as const;
      const next: Batch = { ...before, state: 'cancelled', inLine: false, owed, failure, receipt };
      if (!(await context.registry.replace(next, before.revision))) throw new Fault('STORE_BUSY', 'moved meanwhile');
      const cancelled = { ...next, revision: before.revision + 1 };
      await sendOwed(context, cancelled);
      return cancelled;
    },
  },
  {
    ...SOUND,
    says: 'a batch that was approved goes back to the place in line that it had',
    registry: (registry) =>
      patched(registry, {
        async requeue(batch, revision) {
          return (await registry.replace(batch, revision)) ? { ...batch, revision: revision + 1 } : undefined;
        },
      }),
  },
  {
    ...SOUND,
    says: 'a batch is approved by whoever asked first, though it was discarded or its time was over',
    async approve(context, id, by) {
      try {
        return await approveBatch(context, id, by);
      } catch (error) {
        const batch = await context.registry.get(id);
        if (!isFault(error) || batch?.failure?.code !== 'DISCARDED') throw error;
        const { failure, receipt, ...rest } = batch;
        const approval = { standing: 'approved', by } as const;
        const next: Batch = { ...rest, failure: null, receipt: null, state: 'staged', inLine: true, approval };
        const back = await context.registry.requeue({ ...next, owed: ['line'] }, batch.revision);
        if (back === undefined) throw error;
        await sendOwed(context, back);
        return back;
      }
    },
  },
];

/** A driver of which some methods are others. */
export function patched<D extends object>(driver: D, others: Partial<D>): D {
  return new Proxy(driver, {
    get(target, name) {
      const other: unknown = Reflect.get(others, name);
      if (other !== undefined) return other;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}
