/**
 * What a batch leaves on its way, spoilt: one bit of a manifest, a part, the staged table or the file itself, or of a staged
 * page, or two pages exchanged, at any step. The batch ends as if nothing had happened, or it fails or stalls with a
 * reason; it never registers, and never answers, anything else.
 */
import { crc32 } from 'node:zlib';
import { QUEUES } from '../../../src/stages/batch/messages.ts';
import { fileOf } from '../../support/files.ts';
import { type Process, TINY, World } from '../../support/world.ts';
import { targetSource } from '../fuzz.ts';

interface Damage {
  /** After so many messages. */
  readonly after: number;
  /** Which of all that is stored then, and which of its bits, as shares. */
  readonly which: number;
  readonly where: number;
  readonly how: 'bit' | 'exchange';
}

const ID = 'b-spoilt';
const FILE = fileOf(
  ...Array.from({ length: 40 }, (_, k) => ({
    ref: `R-${k % 37}`,
    amount: `${k + 1}.50`,
    ...(k % 9 === 4 ? { cpf: '1' } : {}),
  })),
);
/** Ends of a batch whose stored bytes were found to be wrong. */
const CODES =
  /^(STORE_CORRUPT|RANGE_CORRUPT|RECORDS_DISAGREE|EQUATIONS_FAIL|OUTCOMES_DISAGREE|STAGED_PAGES_SHORT|OBJECT_CHANGED|WORK_POISONED)$/;

interface Ended {
  readonly state: string;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly answers: string;
  /** What the answers copy from the file: its own bytes, kept by the store's pin alone once they are parsed. */
  readonly copies: string;
  readonly debts: readonly string[];
  readonly bug: string | undefined;
  readonly handled: number;
  /** Whether it was the file itself. */
  readonly spoiltFile: boolean;
}

interface Blind {
  /** Takes damage as what was always there: the plant. */
  readonly mends: boolean;
}

async function run(damage: Damage | undefined, { mends }: Blind): Promise<Ended> {
  const world = new World(TINY);
  const context = world.process();
  await world.accept(context, FILE, { id: ID });
  let handled = 0;
  let done = false;
  let spoiltFile = false;
  for (let idle = 0; idle < 2; ) {
    let any = false;
    for (const queue of QUEUES) {
      if (damage !== undefined && !done && handled >= damage.after) {
        const spoilt = spoil(world, damage, mends);
        done = spoilt !== undefined;
        spoiltFile ||= spoilt === world.stored({ id: ID }).key;
      }
      if (!(await world.handleOne(context, queue))) continue;
      any = true;
      handled += 1;
    }
    if (any) idle = 0;
    else {
      idle += 1;
      await world.clock.advance(world.settings.retryMsMax);
    }
  }
  return { ...(await endOf(world, context)), handled, spoiltFile };
}

async function endOf(world: World, context: Process): Promise<Omit<Ended, 'handled' | 'spoiltFile'>> {
  const { state, failure } = world.stored({ id: ID });
  let answers = '';
  let copies = '';
  if (state === 'completed') {
    answers = await world.answer(context, { id: ID }, 'retorno');
    for (const kind of ['rejects', 'resubmit'] as const) copies += await world.answer(context, { id: ID }, kind);
    const { acceptedAt: _a, finishedAt: _f, seconds: _s, linesPerSecond: _l, ...receipt } = world.receiptOf({ id: ID });
    answers += JSON.stringify(receipt);
  }
  const debts = world.debts.all('acme').map(({ createdAtMs: _c, changedAtMs: _d, ...debt }) => JSON.stringify(debt));
  const bug = world.events.find(({ name, fields }) => name === 'work.failed' && fields['code'] === 'BUG');
  return { state, failure, answers, copies, debts, bug: bug === undefined ? undefined : JSON.stringify(bug.fields) };
}

/** Spoils one of the things that are stored now and says which; `undefined` where there is none yet. */
function spoil(world: World, { which, where, how }: Damage, mends: boolean): string | undefined {
  const { objects } = world;
  const stored = world.stored({ id: ID });
  const pages = world.staging.pagesOf(ID);
  const keys = objects.keys().filter((key) => /^(manifests|parts)\//.test(key));
  // Before it was looked at, a file with another byte is another file.
  if (stored.manifestKey !== null) keys.push(stored.key);
  const count = keys.length + pages.length;
  if (count === 0) return undefined;
  const chosen = Math.floor(which * count);
  const key = keys[chosen];
  if (key !== undefined) {
    objects.corrupt(key, (bytes) => flip(bytes, where));
    return key;
  }
  const page = pages[chosen - keys.length] as Uint8Array;
  const other = pages[Math.floor(where * pages.length)] as Uint8Array;
  if (how === 'exchange' && page.length === other.length) {
    const held = page.slice();
    page.set(other);
    other.set(held);
  } else flip(page, where);
  if (mends) resum(page);
  return 'a page';
}

function flip(bytes: Uint8Array, where: number): void {
  const bit = Math.floor(where * bytes.length * 8);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
}

/** The page's CRC as it would have to be (kernel/pages.ts): over all that follows it. */
function resum(page: Uint8Array): void {
  new DataView(page.buffer, page.byteOffset, page.length).setUint32(4, crc32(page.subarray(8)), true);
}

function firstDifference(got: string, wanted: string): string {
  const [left, right] = [got.split('\n'), wanted.split('\n')];
  const at = left.findIndex((row, index) => row !== right[index]);
  return `${left[at]} instead of ${right[at]}`;
}

export const STORED = targetSource<Damage>({
  name: 'stored',
  plants: ['no sums of pages'],
  async open(plant) {
    const blind = { mends: plant !== undefined };
    const calm = await run(undefined, blind);
    return {
      make: (random) => ({
        after: random.integer(0, calm.handled),
        which: random.next(),
        where: random.next(),
        how: random.pick(['bit', 'bit', 'exchange'] as const),
      }),
      async judge(damage) {
        const { state, failure, answers, copies, debts, bug, spoiltFile } = await run(damage, blind);
        if (bug !== undefined) return `a bug: ${bug}`;
        if (state === 'completed') {
          if (answers !== calm.answers)
            return `it completed with other answers: ${firstDifference(answers, calm.answers)}`;
          if (copies !== calm.copies && !spoiltFile) return 'it completed with other copies of what it rejected';
          return debts.join() === calm.debts.join() ? undefined : 'it completed with other debts';
        }
        if (state !== 'failed' && state !== 'stalled') return `it ended ${state}`;
        if (failure === null || !CODES.test(failure.code)) return `it ended for another reason: ${failure?.message}`;
        const right = new Set(calm.debts);
        const wrong = debts.find((debt) => !right.has(debt));
        return wrong === undefined ? undefined : `it registered ${wrong}`;
      },
    };
  },
});
