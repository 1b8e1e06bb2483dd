/**
 * Whether a module is at work on a record, and on which: written by the thread that runs it, read by the thread that watches
 * it, in memory that both share. The thread that runs it may be in an endless loop, so it cannot be asked.
 *
 * Layout: i32 how often the module was entered and left (odd: it has something in hand), f64 at byte 8 the line of that.
 */

const BYTES = 16;
const LINE_AT = 8;

export function makeWatch(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

/** In the thread that runs the module. */
export class WatchedSide {
  readonly #count: Int32Array;
  readonly #line: Float64Array;
  #turns: number;

  constructor(shared: SharedArrayBuffer) {
    this.#count = new Int32Array(shared, 0, 1);
    this.#line = new Float64Array(shared, LINE_AT, 1);
    this.#turns = Atomics.load(this.#count, 0);
  }

  enter(line: number): void {
    this.#line[0] = line;
    this.#turns = (this.#turns + 1) | 0;
    Atomics.store(this.#count, 0, this.#turns);
  }

  leave(): void {
    this.#turns = (this.#turns + 1) | 0;
    Atomics.store(this.#count, 0, this.#turns);
  }
}

/** In the thread that watches. */
export class WatchingSide {
  readonly #count: Int32Array;
  readonly #line: Float64Array;
  #seen = 0;
  #sinceMs = 0;

  constructor(shared: SharedArrayBuffer) {
    this.#count = new Int32Array(shared, 0, 1);
    this.#line = new Float64Array(shared, LINE_AT, 1);
  }

  /** Whether the module has something in hand. */
  get isInside(): boolean {
    return (Atomics.load(this.#count, 0) & 1) !== 0;
  }

  /** Of what it has in hand, or had last; 0 while it is loaded. */
  get line(): number {
    return this.#line[0] as number;
  }

  /** For how long it was seen with the same thing in hand, as of `nowMs`; 0 where it has nothing. */
  look(nowMs: number): number {
    const count = Atomics.load(this.#count, 0);
    if (count !== this.#seen) {
      this.#seen = count;
      this.#sinceMs = nowMs;
    }
    return (count & 1) === 0 ? 0 : nowMs - this.#sinceMs;
  }
}
