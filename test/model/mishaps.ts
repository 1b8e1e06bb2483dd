/** What goes wrong in a history, drawn from its seed by a stream of its own: sparing one leaves the draws of the others. */
import { Fault } from '../../src/core/faults.ts';
import type { PortCall } from '../fault/interpose.ts';
import { Random } from '../oracle/random.ts';
import type { History, Mishap } from './history.ts';
import type { Life, Scheduler } from './scheduler.ts';

/** Nothing goes wrong after so long: then everything must come to its end. */
const MISHAPS_UNTIL_MS = 180_000;

/** How much likelier mishaps are where they hurt most: who stops between reading debts and writing them comes back a zombie. */
const AT_DEBTS = 6;
const AT_TASKS = 3;

export class Mishaps {
  /** Those that happened, by number. */
  readonly happened: { readonly number: number; readonly kind: Mishap; readonly atMs: number }[] = [];
  /** Called with who dies. */
  onCrash: (life: Life) => void = () => {};
  /** What became of work because threads died: poison may follow. */
  workersDied = 0;
  readonly #history: History;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #spared: ReadonlySet<number>;
  #drawn = 0;

  constructor(history: History, scheduler: Scheduler) {
    this.#history = history;
    this.#scheduler = scheduler;
    this.#random = new Random(history.seed ^ 0x5bd1e995);
    this.#spared = new Set(history.spared);
  }

  /** Of one call to a store. */
  fateOf(life: Life, { port }: PortCall): Mishap | 'pass' {
    const kind = this.#draw(port === 'debts' ? AT_DEBTS : 1);
    if (kind === undefined || kind === 'worker') return 'pass';
    const random = this.#random;
    if (kind === 'crash') {
      life.dead = true;
      this.onCrash(life);
    } else if (kind === 'stop') life.stoppedUntilMs = this.#scheduler.nowMs + random.integer(1, 120_000);
    else if (kind === 'clock') life.wallOffMs = random.integer(-600_000, 600_000);
    return kind;
  }

  beforeTask(): void {
    if (this.#draw(AT_TASKS) !== 'worker') return;
    this.workersDied += 1;
    throw new Fault('WORKER_DIED', 'injected');
  }

  #draw(times: number): Mishap | undefined {
    const { mishapShare, mishaps, mishapsMax } = this.#history;
    const random = this.#random;
    if (mishaps.length === 0 || this.#drawn >= mishapsMax || this.#scheduler.elapsedMs > MISHAPS_UNTIL_MS)
      return undefined;
    if (!random.chance(mishapShare * times)) return undefined;
    const kind = random.pick(mishaps);
    this.#drawn += 1;
    if (this.#spared.has(this.#drawn)) return undefined;
    this.happened.push({ number: this.#drawn, kind, atMs: this.#scheduler.elapsedMs });
    return kind;
  }
}
