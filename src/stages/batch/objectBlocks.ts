/** The bytes of a stored object as a stream of blocks, for what takes them as they come. Faults: those of `openRange`. */
import type { ObjectPin, ObjectStore } from '../../io/ports/objects.ts';

const BLOCK_BYTES = 256 * 1024;

/** `bytes` from the beginning, in blocks of at most 256 KiB, each a buffer of its own. */
export async function* objectBlocks(
  objects: Pick<ObjectStore, 'openRange'>,
  object: ObjectPin & { readonly bytes: number },
): AsyncGenerator<Uint8Array> {
  const reader = await objects.openRange(object, 0, object.bytes);
  try {
    for (;;) {
      const block = new Uint8Array(BLOCK_BYTES);
      const got = await reader.read(block);
      if (got === 0) return;
      yield block.subarray(0, got);
    }
  } finally {
    await reader.close();
  }
}
