/**
 * What happens to a batch, as server-sent events: one `batch` event with the whole view whenever it changed, `end` once
 * the batch is final. The stream begins with the present state, so a client that was cut off loses nothing by coming again.
 */
import { exactJsonText } from '../../core/text.ts';
import { FINAL_STATES } from '../../io/ports/registry.ts';
import type { ApiContext } from '../context.ts';
import { fullBatchView } from './views.ts';

const LOOK_MS = 500;
const HEARTBEAT_MS = 15_000;

export async function* batchEvents(context: ApiContext, id: string, signal: AbortSignal): AsyncGenerator<string> {
  const { registry, clock } = context;
  let shown = '';
  let writtenMs = clock.monotonicMs();
  yield 'retry: 2000\n\n';
  while (!signal.aborted) {
    const batch = await registry.get(id);
    if (batch === undefined) return;
    const view = await fullBatchView(context, batch);
    // The seconds of a stage under way grow by themselves: they are no change.
    const { progress, ...rest } = view;
    const changed = exactJsonText({ ...rest, done: progress.stages.map(({ state, done }) => [state, done]) });
    const isFinal = FINAL_STATES.has(batch.state);
    const nowMs = clock.monotonicMs();
    if (changed !== shown || isFinal) {
      shown = changed;
      writtenMs = nowMs;
      yield `event: ${isFinal ? 'end' : 'batch'}\nid: ${batch.revision}\ndata: ${exactJsonText(view)}\n\n`;
    } else if (nowMs - writtenMs >= HEARTBEAT_MS) {
      writtenMs = nowMs;
      yield ': still here\n\n';
    }
    if (isFinal) return;
    await clock.sleep(LOOK_MS, signal);
  }
}

/** Bounds the streams that are open at once: one caller's, and all. */
export class StreamSlots {
  readonly #perCallerMax: number;
  readonly #max: number;
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(perCallerMax: number, max: number) {
    this.#perCallerMax = perCallerMax;
    this.#max = max;
  }

  /** What gives the slot back, once; `undefined` where there is none. */
  take(caller: string): (() => void) | undefined {
    const taken = this.#taken.get(caller) ?? 0;
    if (taken >= this.#perCallerMax || this.#all >= this.#max) return undefined;
    this.#taken.set(caller, taken + 1);
    this.#all += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#all -= 1;
      const left = (this.#taken.get(caller) ?? 1) - 1;
      if (left === 0) this.#taken.delete(caller);
      else this.#taken.set(caller, left);
    };
  }
}
