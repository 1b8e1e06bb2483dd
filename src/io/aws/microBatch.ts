/**
 * Asks that are made at about the same time, bundled into one call of a service that takes several.
 *
 * Promises
 * - A lone ask goes out in the same turn of the event loop: nothing waits for company. Asks of that turn share a call; once
 *   `callsMax` calls are under way, what comes meanwhile is gathered and goes with the next.
 * - A call has `sizeMax` asks at most; every ask gets its own answer, or the error of its call.
 */
import { setImmediate } from 'node:timers';
import { assert } from '../../core/assert.ts';

interface Waiting<Ask, Answer> {
  readonly ask: Ask;
  done(answer: Answer): void;
  failed(error: unknown): void;
}

export class MicroBatch<Ask, Answer> {
  readonly #options: { readonly sizeMax: number; readonly callsMax: number };
  readonly #call: (asks: readonly Ask[]) => Promise<readonly Answer[]>;
  #waiting: Waiting<Ask, Answer>[] = [];
  #underWay = 0;
  #scheduled = false;

  /** `call` answers as many as it is asked, in that order. */
  constructor(
    options: { readonly sizeMax: number; readonly callsMax: number },
    call: (asks: readonly Ask[]) => Promise<readonly Answer[]>,
  ) {
    this.#options = options;
    this.#call = call;
  }

  ask(ask: Ask): Promise<Answer> {
    return new Promise((done, failed) => {
      this.#waiting.push({ ask, done, failed });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= this.#options.callsMax) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0 && this.#underWay < this.#options.callsMax) void this.#send();
    });
  }

  async #send(): Promise<void> {
    const some = this.#waiting.splice(0, this.#options.sizeMax);
    this.#underWay += 1;
    try {
      const answers = await this.#call(some.map(({ ask }) => ask));
      assert(answers.length === some.length, 'a call answers as many as it is asked');
      for (const [i, { done }] of some.entries()) done(answers[i] as Answer);
    } catch (error) {
      for (const { failed } of some) failed(error);
    } finally {
      this.#underWay -= 1;
      if (this.#waiting.length > 0) this.#schedule();
    }
  }
}
