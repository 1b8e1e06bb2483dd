/** The picker's look at a module, in a thread: what it declares, for the plan to freeze. */
import { assert } from '../../core/assert.ts';
import type { ModuleDeclaration } from '../../engine/modules.ts';
import type { TaskContext } from '../taskContext.ts';

export async function declareModule(
  args: { readonly module: string; readonly watch: SharedArrayBuffer },
  context: TaskContext,
): Promise<ModuleDeclaration> {
  const { modules } = context;
  assert(modules !== undefined, 'a thread that is given a module can load it');
  return (await modules.open(args.module, args.watch)).declared;
}
