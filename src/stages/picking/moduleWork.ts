/**
 * Work of a thread in which a module of the operator's has its hand, watched from the main thread.
 *
 * Promises: a module that has one record in hand for longer than `codeRecordMs` is ended with its thread, which the pool
 * replaces; what is told then, and where a thread ends by itself while the module has something in hand, names the module
 * and the line.
 *
 * Faults: `CODE_ENDLESS`, `CODE_CRASHED`, and those of the work.
 */
import { detail } from '../../core/catalogue.ts';
import { Fault, isFault, type Place } from '../../core/faults.ts';
import { makeWatch, WatchingSide } from '../../engine/moduleWatch.ts';
import type { StageContext } from '../context.ts';

/** How often it is looked at within the time that a record may take. */
const LOOKS = 4;

export async function withModule<T>(
  context: Pick<StageContext, 'settings' | 'clock'>,
  module: string,
  place: Place,
  signal: AbortSignal,
  work: (watch: SharedArrayBuffer, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, settings } = context;
  const watch = makeWatch();
  const watching = new WatchingSide(watch);
  const ended = new AbortController();
  const done = new AbortController();
  const look = async (): Promise<void> => {
    while (!done.signal.aborted) {
      await clock.sleep(Math.ceil(settings.codeRecordMs / LOOKS), done.signal);
      if (!done.signal.aborted && watching.look(clock.monotonicMs()) >= settings.codeRecordMs) ended.abort();
      if (ended.signal.aborted) return;
    }
  };
  const looking = look();
  const at = (): Place => (watching.line > 0 ? { ...place, line: watching.line } : place);
  try {
    return await work(watch, AbortSignal.any([signal, ended.signal]));
  } catch (error) {
    if (ended.signal.aborted && !signal.aborted) {
      throw new Fault('CODE_ENDLESS', detail('MODULE_MS', module, settings.codeRecordMs), at(), error);
    }
    if (isFault(error) && error.code === 'WORKER_DIED' && watching.isInside) {
      throw new Fault('CODE_CRASHED', detail('MODULE', module), at(), error);
    }
    throw error;
  } finally {
    done.abort();
    await looking;
  }
}
