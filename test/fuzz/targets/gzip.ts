/**
 * Gzip: members as they are made, cut, joined and spoilt. What is taken equals what another library inflates to; whatever
 * else it is, it ends with a fault of gzip. Never fewer lines without a word.
 */
import { deflateRawSync, gzipSync } from 'node:zlib';
import { type Settings, withDefaults } from '../../../src/config/schema.ts';
import { FAULTS, isFault } from '../../../src/core/faults.ts';
import { inflate } from '../../../src/stages/picking/inflate.task.ts';
import type { TaskContext } from '../../../src/stages/taskContext.ts';
import { byteString, bytesOf } from '../../oracle/grammar.ts';
import type { Random } from '../../oracle/random.ts';
import { MemoryObjects } from '../../support/memoryStores.ts';
import { targetSource } from '../fuzz.ts';
import { mutatedText } from '../mutate.ts';

interface Gzip {
  readonly bytes: string;
  /** What it inflates to, where nobody touched it. */
  readonly text?: string;
}

const SETTINGS: Settings = {
  ...withDefaults({}, 1),
  gzipInflatedBytesMax: 60_000,
  gzipMembersMax: 5,
  gzipRatioMax: 200,
};

function member(random: Random, text: Uint8Array): Uint8Array {
  const plain = gzipSync(text, { level: random.integer(0, 9) });
  if (random.chance(0.6)) return plain;
  // A header with everything that may stand in one (RFC 1952): extra field, name, comment, its own CRC left out.
  const flags = random.integer(0, 7) << 2;
  const parts: Uint8Array[] = [Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3)];
  if ((flags & 4) !== 0) parts.push(Uint8Array.of(3, 0, 1, 2, 3));
  if ((flags & 8) !== 0) parts.push(Buffer.from('debts.csv\0'));
  if ((flags & 16) !== 0) parts.push(Buffer.from('a comment\0'));
  return Buffer.concat([...parts, deflateRawSync(text), plain.subarray(-8)]);
}

const GZIP_FAULTS = new Set(Object.keys(FAULTS).filter((code) => code.startsWith('GZIP_')));

type Inflate = typeof inflate;

/** Ends at the first member, as if nothing could follow. */
const firstAlone: Inflate = async (args, context) => {
  const objects = context.objects as MemoryObjects;
  const bytes = objects.bytesOf(args.source.key);
  const next = Buffer.from(bytes).indexOf(Buffer.from([0x1f, 0x8b, 8]), 18);
  if (next < 0) return await inflate(args, context);
  const source = objects.set('first', bytes.subarray(0, next));
  return await inflate({ ...args, source }, context);
};

export const GZIP = targetSource<Gzip>({
  name: 'gzip',
  plants: ['first member alone'],
  async open(plant) {
    const subject = plant === undefined ? inflate : firstAlone;
    return {
      make(random) {
        const texts = Array.from({ length: random.integer(1, 4) }, () =>
          random.chance(0.1) ? '' : `${random.integer(0, 1e9)},Ana\n`.repeat(random.integer(1, 60)),
        );
        const text = texts.join('');
        const bytes = byteString(Buffer.concat(texts.map((one) => member(random, Buffer.from(one)))));
        return random.chance(0.3) ? { bytes, text } : { bytes: mutatedText(random, bytes, 2) };
      },
      async judge({ bytes, text }) {
        const objects = new MemoryObjects();
        const source = objects.set('raw', bytesOf(bytes));
        const context = { objects, settings: SETTINGS } as unknown as TaskContext;
        let inflated: string;
        try {
          const info = await subject({ source, key: 'work' }, context);
          inflated = byteString(objects.bytesOf(info.key));
          if (info.bytes !== inflated.length) return 'another size than it wrote';
        } catch (error) {
          if (!isFault(error) || !GZIP_FAULTS.has(error.code)) throw error;
          return text === undefined ? undefined : `a good file is refused: ${error.message}`;
        }
        if (text !== undefined) return inflated === text ? undefined : 'it inflates to something else';
        return inflated === (await second(bytesOf(bytes))) ? undefined : 'another library reads it otherwise';
      },
    };
  },
});

/** The second opinion: the web's own stream, which refuses what follows the last member. */
async function second(bytes: Uint8Array): Promise<string> {
  const { gunzipSync } = await import('node:zlib');
  return byteString(gunzipSync(bytes));
}
