/**
 * Whose turn it is to write among the threads of one process. SQLite has one writer at a time and makes the others poll,
 * with sleeps that grow to 100 ms; here they are woken as soon as the writer is done.
 *
 * It is a hint and nothing more: SQLite's own lock keeps writers apart. So a holder that died, or is stuck for longer than
 * `stuckMs`, is passed over by whoever waits, and its own late release does nothing.
 *
 * The shared memory: word 0 is the holder's token (0 nobody), word 1 the last token given out.
 */
export const WRITE_TURN_BYTES = 8;

const HOLDER = 0;
const LAST_TOKEN = 1;

export class WriteTurn {
  readonly #words: Int32Array;
  readonly #stuckMs: number;

  /** `shared` is `WRITE_TURN_BYTES` long, zero at first, the same for all threads. */
  constructor(shared: SharedArrayBuffer, stuckMs = 2_000) {
    this.#words = new Int32Array(shared);
    this.#stuckMs = stuckMs;
  }

  /** Runs `work` when nobody else's is running. Blocks the thread while it waits. */
  hold<T>(work: () => T): T {
    const token = this.#take();
    try {
      return work();
    } finally {
      if (Atomics.compareExchange(this.#words, HOLDER, token, 0) === token) Atomics.notify(this.#words, HOLDER, 1);
    }
  }

  #take(): number {
    const words = this.#words;
    // Tokens wrap round after 2^32 turns; 0 means nobody.
    const token = Atomics.add(words, LAST_TOKEN, 1) + 1 || Atomics.add(words, LAST_TOKEN, 1) + 1;
    for (;;) {
      const holder = Atomics.compareExchange(words, HOLDER, 0, token);
      if (holder === 0) return token;
      // Returns early when the holder changes; a holder that is the same after `stuckMs` is passed over.
      if (Atomics.wait(words, HOLDER, holder, this.#stuckMs) !== 'timed-out') continue;
      if (Atomics.compareExchange(words, HOLDER, holder, token) === holder) return token;
    }
  }
}
