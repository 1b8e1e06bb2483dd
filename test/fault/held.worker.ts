/**
 * A worker thread whose store stands still for one client: the real one, but that registering a shard of that client waits
 * until the gate is opened. It counts how many wait.
 */
import { Piscina } from 'piscina';
import type { TaskAnswer, TaskCall } from '../../src/engine/pool.ts';
import { runTask as runForReal, type WorkerSetup } from '../../src/roles/worker.ts';

export interface HeldSetup extends WorkerSetup {
  readonly client: string;
  /** Word 0 is 1 once the gate is open; word 1 is how many shards have come to it. */
  readonly gate: Int32Array<SharedArrayBuffer>;
}

export async function runTask(call: TaskCall): Promise<TaskAnswer> {
  const { client, gate } = Piscina.workerData as HeldSetup;
  if (call.task === 'register' && (call.args as { readonly client: string }).client === client) {
    Atomics.add(gate, 1, 1);
    await Atomics.waitAsync(gate, 0, 0).value;
  }
  return await runForReal(call);
}
