/**
 * Feeds the kernel with a range, chunk by chunk, through one buffer that is made once per worker: what the kernel did
 * not consume (the beginning of a record) is carried to the front, the rest is filled up from the reader.
 *
 * Memory: one buffer of `readBytes + recordBytesMax`, whatever the range's size. The CRC covers every byte that was read.
 */
import { assert } from '../core/assert.ts';
import type { RangeReader } from '../io/ports/objects.ts';
import { crc32 } from '../kernel/crc.ts';

export interface FeedTarget {
  feed(bytes: Uint8Array, from: number, to: number, last: boolean): number;
  readonly full: boolean;
}

/**
 * Reads the reader to its end. `drain` is called whenever the target says it is full, and must empty it.
 * @returns bytes read and their CRC-32
 */
export async function feedRange(
  reader: RangeReader,
  target: FeedTarget,
  buffer: Uint8Array,
  rangeBytes: number,
  drain: () => Promise<void>,
): Promise<{ readonly bytes: number; readonly crc: number }> {
  let read = 0;
  let crc = 0;
  let held = 0;
  for (;;) {
    const want = Math.min(buffer.length - held, rangeBytes - read);
    const got = want === 0 ? 0 : await reader.read(buffer.subarray(held, held + want));
    crc = crc32(buffer.subarray(held, held + got), crc);
    read += got;
    held += got;
    const last = read === rangeBytes || got === 0;
    let at = 0;
    for (;;) {
      const next = target.feed(buffer, at, held, last);
      const moved = next > at;
      at = next;
      if (target.full) {
        await drain();
        continue;
      }
      if (!moved || at === held) break;
    }
    if (last) {
      assert(at === held, 'the kernel consumed the whole range');
      return { bytes: read, crc };
    }
    assert(at > 0 || held < buffer.length, 'a record fits in the buffer');
    buffer.copyWithin(0, at, held);
    held -= at;
  }
}
