/**
 * What waits for a thread, in fair order: the client that was served longest ago goes first, and within a client what came
 * first. So a client's few pieces of work never wait behind the many of another, and no client can keep coming back
 * before one that waits.
 *
 * Invariant: an item is given out once, or removed. Who was served when is remembered for the last `CLIENTS_KEPT` clients;
 * one that is not among them was served longer ago than all of them.
 */
const CLIENTS_KEPT = 4096;

interface Waiting<T> {
  readonly client: string;
  readonly item: T;
}

export class FairQueue<T> {
  /** In the order of coming. There are no more than consumers have slots, so they are looked through. */
  #waiting: Waiting<T>[] = [];
  /** The number of the last service of each client, the oldest first. */
  readonly #served = new Map<string, number>();
  #services = 0;

  get size(): number {
    return this.#waiting.length;
  }

  push(client: string, item: T): void {
    this.#waiting.push({ client, item });
  }

  /** The next of those that `may` go, or `undefined`. */
  take(may: (item: T) => boolean = () => true): T | undefined {
    let next: Waiting<T> | undefined;
    let nextServed = Number.POSITIVE_INFINITY;
    for (const one of this.#waiting) {
      const served = this.#served.get(one.client) ?? 0;
      if (served < nextServed && may(one.item)) {
        next = one;
        nextServed = served;
      }
    }
    if (next === undefined) return undefined;
    this.remove(next.item);
    this.#note(next.client);
    return next.item;
  }

  remove(item: T): void {
    this.#waiting = this.#waiting.filter((one) => one.item !== item);
  }

  #note(client: string): void {
    this.#served.delete(client);
    this.#served.set(client, ++this.#services);
    for (const oldest of this.#served.keys()) {
      if (this.#served.size <= CLIENTS_KEPT) return;
      this.#served.delete(oldest);
    }
  }
}
