/**
 * Credits: a bounded right to hold something (bytes, items). Whoever wants to hold `n` waits until `n` are free and
 * gives them back when done; waiters are served in the order they came, so a large one is not starved by small ones.
 */
import { assert } from '../core/assert.ts';

export class Credits {
  readonly total: number;
  #free: number;
  readonly #waiting: { readonly n: number; readonly go: () => void }[] = [];

  constructor(total: number) {
    assert(total > 0, 'credits need a positive total');
    this.total = total;
    this.#free = total;
  }

  get free(): number {
    return this.#free;
  }

  /** Takes `n` credits; what asks for more than there are gets all of them, alone. */
  async take(n: number): Promise<() => void> {
    const want = Math.min(n, this.total);
    if (this.#waiting.length > 0 || this.#free < want) {
      await new Promise<void>((go) => this.#waiting.push({ n: want, go }));
    } else {
      this.#free -= want;
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#free += want;
      this.#serve();
    };
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined && first.n <= this.#free; first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#free -= first.n;
      first.go();
    }
  }
}
