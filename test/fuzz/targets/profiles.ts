/**
 * Documents of profiles, and what a profile makes of a file. A document is taken or refused with `PROFILE_INVALID` and
 * nothing else; one that was taken reads whatever comes, every byte of it, to an end that adds up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFault } from '../../../src/core/faults.ts';
import { readProfile } from '../../../src/engine/profiles.ts';
import { byteString, bytesOf } from '../../oracle/grammar.ts';
import { madeProfile, madeProfileFile } from '../../oracle/profiles.ts';
import type { Random } from '../../oracle/random.ts';
import { TINY, World } from '../../support/world.ts';
import { targetSource } from '../fuzz.ts';
import { jsonText, mutatedJson, mutatedText } from '../mutate.ts';

interface Profiled {
  readonly document: string;
  readonly file: string;
}

interface Pair {
  readonly document: unknown;
  readonly file: string;
}

const FIXTURES = join(import.meta.dirname, '../../../fixtures/profiles');
const FILE_BYTES = 3000;

/** Every profile that is shipped, with the beginning of its file, cut after a line. */
function shipped(): Pair[] {
  const names = readdirSync(FIXTURES).filter((name) => /^[a-z0-9-]+\.json$/.test(name));
  return names.map((name) => {
    const stem = name.slice(0, -'.json'.length);
    const input = readdirSync(FIXTURES).find(
      (other) => other.startsWith(`${stem}.`) && !/\.(json|retorno\.csv)$/.test(other),
    );
    const text = input === undefined ? '' : byteString(readFileSync(join(FIXTURES, input))).slice(0, FILE_BYTES);
    return {
      document: JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')),
      file: text.slice(0, text.lastIndexOf('\n') + 1),
    };
  });
}

function madePair(random: Random): Pair {
  const document = madeProfile(random, false);
  const { bytes } = madeProfileFile(random, document, random.integer(1, 8));
  const names = Object.keys(document.columns ?? {}).join(document.dialect?.delimiter ?? ',');
  return { document, file: `${names}\n${byteString(bytes)}` };
}

type Read = typeof readProfile;

async function judged({ document, file }: Profiled, read: Read): Promise<string | undefined> {
  try {
    await read(document);
  } catch (error) {
    if (!isFault(error) || error.code !== 'PROFILE_INVALID') return `reading the document throws ${String(error)}`;
    return error.message.length > error.code.length + 2 ? undefined : 'a refusal that says nothing';
  }
  const world = new World({
    ...TINY,
    settings: { ...TINY.settings, smallRecordsMax: file.length % 2 === 0 ? 0 : 1000 },
  });
  const context = world.process();
  await world.clients.addProfile({ name: 'p', version: 1, document, createdAtMs: 0 });
  const batch = await world.accept(context, bytesOf(file), { profile: 'p' });
  await world.drain(context);
  const bug = world.events.find(({ name, fields }) => name === 'work.failed' && fields['code'] === 'BUG');
  if (bug !== undefined) return `a bug: ${JSON.stringify(bug.fields)}`;
  const { state, failure, records } = world.stored(batch);
  if (state === 'failed') return failure?.code === 'WORK_POISONED' ? `poison: ${failure.message}` : undefined;
  if (state !== 'completed') return `it ended ${state}: ${failure?.message}`;
  const { lines } = world.receiptOf(batch);
  const sum = lines.created + lines.updated + lines.unchanged + lines.duplicate + lines.rejected;
  if (sum !== lines.total || sum !== records) return `${sum} outcomes of ${lines.total} records, ${records} scanned`;
  const rows = (await world.answer(context, batch, 'retorno')).split('\n').length - 2;
  return rows < sum ? `${rows} rows of the retorno for ${sum} records` : undefined;
}

/** Believes a document that says it is one. */
const trusting: Read = async (json) => {
  const document = JSON.parse(json) as { readonly columns: Record<string, { readonly name: string }> };
  return { document, compiled: Object.values(document.columns).map(({ name }) => name.trim()) } as unknown as Awaited<
    ReturnType<Read>
  >;
};

export const PROFILES = targetSource<Profiled>({
  name: 'profiles',
  plants: ['trusting'],
  async open(plant) {
    const pairs = shipped();
    return {
      make(random) {
        const { document, file } = random.chance(0.5) ? random.pick(pairs) : madePair(random);
        const changed = random.chance(0.5) ? mutatedJson(random, document, 3) : document;
        const text = random.chance(0.8) ? JSON.stringify(changed) : jsonText(random, changed);
        return { document: text ?? 'null', file: random.chance(0.5) ? mutatedText(random, file, 6) : file };
      },
      judge: (input) => judged(input, plant === undefined ? readProfile : trusting),
    };
  },
});
