/**
 * Inflates a gzip object into a work object, strictly, within limits (RFC 1952).
 *
 * Node's gunzip ends cleanly on data cut between members and on trailing bytes, and would lose lines without a word. So
 * members are walked here: each has a whole header, its trailer's CRC-32 and length are checked, and after the last
 * nothing may follow. Caps: inflated bytes, ratio, members. Memory: one input block and what it inflates to.
 */
import { once } from 'node:events';
import { createInflateRaw, type InflateRaw } from 'node:zlib';
import { detail } from '../../core/catalogue.ts';
import { Fault } from '../../core/faults.ts';
import type { ObjectInfo, ObjectWriter, RangeReader } from '../../io/ports/objects.ts';
import { crc32 } from '../../kernel/crc.ts';
import type { SourceObject } from '../pick.task.ts';
import type { TaskContext } from '../taskContext.ts';

/** Small, because one block may inflate to a thousand times its size before the ratio is looked at. */
const INPUT_BLOCK_BYTES = 32 * 1024;
/** Below this size no ratio is judged: tiny files of one repeated line are no bombs. */
const RATIO_FREE_BYTES = 16 * 1024 * 1024;

export async function inflate(
  args: { readonly source: SourceObject; readonly key: string },
  context: TaskContext,
): Promise<{ readonly key: string; readonly etag: string; readonly bytes: number }> {
  const reader = await context.objects.openRange(args.source, 0, args.source.bytes);
  const writer = await context.objects.create(args.key);
  try {
    const info = await inflateMembers(new Input(reader), writer, context.settings);
    return { key: info.key, etag: info.etag, bytes: info.bytes };
  } finally {
    await reader.close();
    await writer.abort();
  }
}

export interface InflateLimits {
  readonly gzipInflatedBytesMax: number;
  readonly gzipRatioMax: number;
  readonly gzipMembersMax: number;
}

async function inflateMembers(input: Input, writer: ObjectWriter, limits: InflateLimits): Promise<ObjectInfo> {
  let inflated = 0;
  const allow = (more: number): void => {
    inflated += more;
    if (inflated > limits.gzipInflatedBytesMax) {
      throw new Fault('GZIP_BOMB', detail('MORE_THAN_BYTES', limits.gzipInflatedBytesMax), { byte: input.consumed });
    }
    if (inflated > RATIO_FREE_BYTES && inflated > limits.gzipRatioMax * input.fetched) {
      throw new Fault('GZIP_BOMB', detail('MORE_THAN_TIMES', limits.gzipRatioMax), { byte: input.consumed });
    }
  };
  for (let members = 1; ; members++) {
    if (members > limits.gzipMembersMax) {
      throw new Fault('GZIP_BOMB', detail('MORE_THAN_MEMBERS', limits.gzipMembersMax), { byte: input.consumed });
    }
    await skipHeader(input, members === 1);
    await inflateBody(input, writer, allow);
    if (!(await input.more())) return await writer.commit();
  }
}

/** The input as a byte source with a view of the block in hand. Offsets are bytes from the object's start. */
class Input {
  readonly #reader: RangeReader;
  readonly #block = new Uint8Array(INPUT_BLOCK_BYTES);
  #at = 0;
  #end = 0;
  fetched = 0;

  constructor(reader: RangeReader) {
    this.#reader = reader;
  }

  get consumed(): number {
    return this.fetched - (this.#end - this.#at);
  }

  /** Whether a byte is left. */
  async more(): Promise<boolean> {
    if (this.#at < this.#end) return true;
    this.#at = 0;
    this.#end = await this.#reader.read(this.#block);
    this.fetched += this.#end;
    return this.#end > 0;
  }

  /** The bytes in hand; `advance` says how many of them were used. */
  get view(): Uint8Array {
    return this.#block.subarray(this.#at, this.#end);
  }

  advance(bytes: number): void {
    this.#at += bytes;
  }

  async byte(): Promise<number> {
    if (!(await this.more())) throw new Fault('GZIP_TRUNCATED', '', { byte: this.consumed });
    return this.#block[this.#at++] as number;
  }

  async uint32(): Promise<number> {
    let value = 0;
    for (let shift = 0; shift < 32; shift += 8) value |= (await this.byte()) << shift;
    return value >>> 0;
  }
}

const FLAG_HEADER_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
const FLAGS_RESERVED = 0xe0;

async function skipHeader(input: Input, first: boolean): Promise<void> {
  const start = input.consumed;
  const foreign = (): Fault => new Fault(first ? 'GZIP_CORRUPT' : 'GZIP_TRAILING', '', { byte: start });
  if ((await input.byte()) !== 0x1f || (await input.byte()) !== 0x8b) throw foreign();
  if ((await input.byte()) !== 8) throw foreign();
  const flags = await input.byte();
  if ((flags & FLAGS_RESERVED) !== 0) throw foreign();
  const one = new Uint8Array(1);
  let crc = crc32(Uint8Array.of(0x1f, 0x8b, 8, flags));
  const next = async (): Promise<number> => {
    const byte = await input.byte();
    if ((flags & FLAG_HEADER_CRC) !== 0) {
      one[0] = byte;
      crc = crc32(one, crc);
    }
    return byte;
  };
  for (let i = 0; i < 6; i++) await next();
  if ((flags & FLAG_EXTRA) !== 0) {
    const length = (await next()) | ((await next()) << 8);
    for (let i = 0; i < length; i++) await next();
  }
  if ((flags & FLAG_NAME) !== 0) while ((await next()) !== 0);
  if ((flags & FLAG_COMMENT) !== 0) while ((await next()) !== 0);
  if ((flags & FLAG_HEADER_CRC) !== 0) {
    const stored = (await input.byte()) | ((await input.byte()) << 8);
    if (stored !== (crc & 0xffff)) {
      throw new Fault('GZIP_CORRUPT', detail('GZIP_HEADER_CHECKSUM'), { byte: start });
    }
  }
}

async function inflateBody(input: Input, writer: ObjectWriter, allow: (bytes: number) => void): Promise<void> {
  const raw = createInflateRaw({ chunkSize: 256 * 1024 });
  const out = new Output(raw, allow);
  try {
    let fed = 0;
    // zlib leaves input untouched once the deflate stream has ended: then it consumed less than it was fed.
    while (raw.bytesWritten === fed) {
      if (!(await input.more())) throw new Fault('GZIP_TRUNCATED', '', { byte: input.consumed });
      const block = input.view;
      fed += block.length;
      await out.feed(block);
      input.advance(block.length - (fed - raw.bytesWritten));
      await out.drain(writer);
    }
    const crc = await input.uint32();
    const length = await input.uint32();
    if (crc !== out.crc || length !== out.bytes % 2 ** 32) {
      throw new Fault('GZIP_CORRUPT', detail('GZIP_MEMBER_CHECKSUM'), { byte: input.consumed });
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
      throw new Fault('GZIP_CORRUPT', String(error.code), { byte: input.consumed }, error);
    }
    throw error;
  } finally {
    raw.destroy();
  }
}

/** Collects what one member inflates to. */
class Output {
  crc = 0;
  bytes = 0;
  readonly #raw: InflateRaw;
  #blocks: Uint8Array[] = [];
  #failure: unknown;

  constructor(raw: InflateRaw, allow: (bytes: number) => void) {
    this.#raw = raw;
    raw.on('error', (error) => {
      this.#failure ??= error;
    });
    raw.on('data', (block: Uint8Array) => {
      if (this.#failure !== undefined) return;
      try {
        allow(block.length);
        this.#blocks.push(block);
      } catch (error) {
        this.#failure = error;
        this.#blocks = [];
        raw.destroy();
      }
    });
  }

  async feed(block: Uint8Array): Promise<void> {
    const closed = new AbortController();
    await Promise.race([
      new Promise<void>((fed) => this.#raw.write(block, () => fed())),
      once(this.#raw, 'close', { signal: closed.signal }).catch(() => {}),
    ]);
    closed.abort();
    // The last data event of a write may come a turn after its callback.
    await new Promise<void>((turn) => setImmediate(turn));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async drain(writer: ObjectWriter): Promise<void> {
    const blocks = this.#blocks;
    this.#blocks = [];
    for (const block of blocks) {
      this.crc = crc32(block, this.crc);
      this.bytes += block.length;
      await writer.write(block);
    }
  }
}
