/**
 * What the open ranges of one store may have of its connections and of memory.
 *
 * A range that is read as one stream keeps a connection until its last byte is read, also while nobody reads. A merge has a
 * range open for each shard, and as many streams as there are shards would take all connections and wait for each other
 * for ever. So the first `streamsMax` are streams, and the others take windows: a part of the range at a time, gathered whole,
 * its connection given back at once.
 *
 * Invariant: windows together are at most `windowsBytes` and `WINDOW_BYTES_MIN` for each reader. Sizes in bytes.
 */

/** No window is smaller: a request costs its way there and back. */
export const WINDOW_BYTES_MIN = 8 * 1024;
const WINDOW_BYTES_MAX = 256 * 1024;
/** A window takes this part of what is left, so that those who come later find some. */
const PART_OF_LEFT = 8;

export class ReadShares {
  readonly #streamsMax: number;
  readonly #windowsBytes: number;
  #streams = 0;
  #heldBytes = 0;

  constructor({ streamsMax, windowsBytes }: { readonly streamsMax: number; readonly windowsBytes: number }) {
    this.#streamsMax = streamsMax;
    this.#windowsBytes = windowsBytes;
  }

  /** Whether there may be one stream more. */
  takeStream(): boolean {
    if (this.#streams >= this.#streamsMax) return false;
    this.#streams += 1;
    return true;
  }

  giveStream(): void {
    this.#streams -= 1;
  }

  takeWindow(): number {
    const left = Math.max(0, this.#windowsBytes - this.#heldBytes);
    const bytes = Math.max(WINDOW_BYTES_MIN, Math.min(WINDOW_BYTES_MAX, Math.floor(left / PART_OF_LEFT)));
    this.#heldBytes += bytes;
    return bytes;
  }

  giveWindow(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}
