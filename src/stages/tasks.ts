/** Every task a worker thread can run, by name. Arguments and results are plain data. */

import { finish } from './finish.task.ts';
import { range } from './intermediate.task.ts';
import { inspect, scan } from './pick.task.ts';
import { inflate } from './picking/inflate.task.ts';
import { declareModule } from './picking/module.task.ts';
import { preview, previewSmall } from './preview.task.ts';
import { register } from './registering.task.ts';
import { small } from './small.task.ts';
import type { TaskContext } from './taskContext.ts';

export const TASKS = {
  inspect,
  inflate,
  declareModule,
  scan,
  range,
  preview,
  register,
  previewSmall,
  small,
  finish,
  freeStaging,
  tidyDebts,
};

export type TaskTable = typeof TASKS;

async function tidyDebts(_args: null, context: TaskContext): Promise<boolean> {
  return await context.debts.tidy();
}

async function freeStaging(args: { readonly batch: string }, context: TaskContext): Promise<void> {
  await context.staging.free(args.batch);
}
