/** A worker that loads modules and runs them once, for what only a thread of its own can show. */

import { Modules } from '../../src/engine/modules.ts';
import { answerOf, type TaskAnswer, type TaskCall } from '../../src/engine/pool.ts';

export interface ModuleCall {
  readonly folder: string;
  readonly name: string;
  readonly watch: SharedArrayBuffer;
  readonly version?: string;
  /** Runs `record` over it, where it is there. */
  readonly fields?: Readonly<Record<string, string>>;
}

const stores = new Map<string, Modules>();

async function call({ folder, name, watch, version, fields }: ModuleCall): Promise<unknown> {
  const modules = stores.get(folder) ?? new Modules(folder);
  stores.set(folder, modules);
  const loaded = await modules.open(name, watch, version);
  if (fields === undefined) return loaded.declared;
  const module = loaded.watched(watch);
  module.enter(7);
  try {
    return { gives: module.record({ line: 7, fields, raw: '' }), version: loaded.declared.version };
  } catch (thrown) {
    return { says: module.describe(thrown), tells: loaded.tell(thrown) };
  } finally {
    module.leave();
  }
}

export const TASKS = { call };

export function runTask({ args }: TaskCall): Promise<TaskAnswer> {
  return answerOf(() => call(args as ModuleCall));
}
