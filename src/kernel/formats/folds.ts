/** What folds the pieces of each kind of file into the plan of its split. */
import type { RecordFormat } from '../plan.ts';
import { type FileFold, SplitFold, type SplitOptions } from '../split.ts';
import { CnabFold } from './cnabFold.ts';

export function createFold(options: Omit<SplitOptions, 'lines'>, format: RecordFormat | undefined): FileFold {
  if (format === undefined) return new SplitFold(options);
  if (format.kind === 'cnab-240' || format.kind === 'cnab-400') return new CnabFold(options, format);
  return new SplitFold({ ...options, lines: true });
}
