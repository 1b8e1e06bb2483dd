/**
 * A process that dies at a chosen call to a store. Every call is two steps: before it acts and after it acted. From the
 * step of its death on nothing it does acts any more and nothing answers: what it awaited never comes.
 */

export class Life {
  steps = 0;
  readonly #stepsMax: number;
  #hasEnded = false;
  #die: () => void = () => {};
  /** Settles with the death. */
  readonly ended: Promise<void>;

  /** Dies at step `stepsMax`, counted from 1; a life without it never ends. */
  constructor(stepsMax = Number.POSITIVE_INFINITY) {
    this.#stepsMax = stepsMax;
    this.ended = new Promise((die) => {
      this.#die = die;
    });
  }

  get over(): boolean {
    return this.#hasEnded || this.steps >= this.#stepsMax;
  }

  /** Dies now. */
  end(): void {
    this.#hasEnded = true;
    this.#die();
  }

  /** One step; whether it is still alive after it. */
  step(): boolean {
    if (this.over) return false;
    this.steps += 1;
    if (this.over) this.#die();
    return !this.over;
  }

  /** The store as the mortal process sees it; what it opens there (readers, writers) is as mortal. */
  owns<T extends object>(store: T): T {
    return new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]): unknown => this.#call(() => member.apply(target, args) as unknown);
      },
    });
  }

  #call(act: () => unknown): unknown {
    if (!this.step()) return never();
    const answer = act();
    if (!(answer instanceof Promise)) return answer;
    return answer.then((value: unknown) => {
      if (!this.step()) return never();
      return hasMethods(value) ? this.owns(value) : value;
    });
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function hasMethods(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && Object.values(value).some((member) => typeof member === 'function')
  );
}
